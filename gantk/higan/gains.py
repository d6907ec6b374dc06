"""What rescored samples say: HiGAN's gain with intervals, the same in standard deviations, and what else moves.

Legend: N samples, B boundaries, T distances, R random directions, S spaces, L rows of wp, A attributes;
P = 1 + L places of an edit: all rows, then each row alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MOST_COLUMNS = 40  # attributes in the picture of what else moves; the strongest where there are more


@dataclass(frozen=True)
class Gain:
    """HiGAN's score of one boundary, all rows moved or one row.

    Attributes:
        gain: mean of the positive part of the change.
        low, high: 95 % bootstrap interval of the gain over the samples.
        signed: mean change, with its own interval.
    """

    gain: float
    low: float
    high: float
    signed: float
    signed_low: float
    signed_high: float


def gains(scores_NP: Array, resamples: int = 1000, seed: int = 0) -> list[Gain]:
    """Gains of every column of a score table [N, 1 + P] over its first, the score as drawn.

    The interval is the percentile bootstrap over samples, seeded, the same resamples for every column.
    """
    change_NP = scores_NP[:, 1:].astype(np.float64) - scores_NP[:, :1]
    n = len(change_NP)
    random = np.random.Generator(np.random.Philox(key=np.array([seed, 0xB007], dtype=np.uint64)))
    values = np.concatenate([np.maximum(change_NP, 0), change_NP], axis=1)
    means = np.empty((resamples, values.shape[1]))
    step = max(1, min(100, 400_000 // max(n, 1)))  # in slices: [resamples, N] of counts would be large for a large N
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        weight = random.multinomial(n, np.full(n, 1.0 / n), size=stop - start)
        means[start:stop] = weight @ values / n
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    mean, places = values.mean(axis=0), change_NP.shape[1]
    return [
        Gain(*(float(x) for x in (mean[p], low[p], high[p], mean[places + p], low[places + p], high[places + p])))
        for p in range(places)
    ]


def deviations(base: Array) -> Array:
    """The standard deviation [A] of every field of a structured array of scores."""
    return np.array([np.asarray(base[name], dtype=np.float64).std() for name in base.dtype.names or ()])


def standardize(change: Array, std_A: Array) -> Array:
    """Changes [..., A] in standard deviations of the attributes; 0 where one never varies."""
    return np.divide(change, std_A, out=np.zeros(np.broadcast_shapes(change.shape, std_A.shape)), where=std_A > 0)


@dataclass(frozen=True)
class Boundary:
    """What a table or page says of one boundary; see `boundary_result`."""

    name: str
    space: str
    attribute: int
    places: tuple[Gain, ...]
    standardized: float
    null: float
    null_high: float
    responses: tuple[tuple[float, float], ...]


def boundary_result(
    name: str, space: str, attribute: int, scores_NP: Array, std: float, null_R: Array, responses: Mapping[float, float]
) -> Boundary:
    """Put together what is known of one boundary.

    Args:
        attribute: column of its attribute.
        scores_NP: its score table [N, 1 + P].
        std: of the attribute over the samples as drawn.
        null_R: gains of random directions on the same attribute; empty where none were tried.
        responses: mean change by distance.
    """
    places = tuple(gains(scores_NP))
    return Boundary(
        name,
        space,
        attribute,
        places,
        standardized=places[0].gain / std if std > 0 else float("nan"),
        null=float(null_R.mean()) if len(null_R) else float("nan"),
        null_high=float(np.quantile(null_R, 0.95)) if len(null_R) else float("nan"),
        responses=tuple(sorted(responses.items())),
    )


def for_page(boundary: Boundary, layer_names: Sequence[str]) -> dict[str, Any]:
    """A boundary in the form the page reads."""
    whole = boundary.places[0]
    return {
        "name": boundary.name,
        "space": boundary.space,
        "gain": whole.gain,
        "gain_ci": [whole.low, whole.high],
        "signed": whole.signed,
        "signed_ci": [whole.signed_low, whole.signed_high],
        "standardized": boundary.standardized,
        "null": boundary.null,
        "null_high": boundary.null_high,
        "responses": boundary.responses,
        "layers": [
            {"index": row, "name": layer_names[row], "gain": place.gain, "ci": [place.low, place.high]}
            for row, place in enumerate(boundary.places[1:])
        ],
    }


def cross_effect(
    change_BA: Array, names: Sequence[str], attributes: Sequence[str], own: Sequence[int]
) -> dict[str, Any]:
    """Changes of all attributes in the form the page reads: the boundaries' own attributes first, in their order.

    Where there are too many attributes for a picture, those that move most are shown.
    """
    first = list(dict.fromkeys(own))
    rest = [column for column in range(len(attributes)) if column not in first]
    if len(first) + len(rest) > MOST_COLUMNS:
        strength = np.abs(change_BA).max(axis=0)
        rest = sorted(rest, key=lambda column: -strength[column])[: max(0, MOST_COLUMNS - len(first))]
    columns = first + rest
    return {
        "boundaries": list(names),
        "attributes": [attributes[column] for column in columns],
        "values": change_BA[:, columns],
        "standardized": True,
    }


def as_csv(boundaries: Sequence[Boundary], attributes: Sequence[str]) -> str:
    """The ranking as a table: one line per boundary by decreasing gain, layers as further columns."""
    layers = max((len(boundary.places) - 1 for boundary in boundaries), default=0)
    head = ["rank", "boundary", "space", "attribute", "gain", "gain_low", "gain_high", "signed", "signed_low"]
    head += ["signed_high", "in_std", "random", "random_95", *(f"layer_{row:02d}" for row in range(layers))]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    for rank, boundary in enumerate(ranked(boundaries), 1):
        whole = boundary.places[0]
        numbers = [whole.gain, whole.low, whole.high, whole.signed, whole.signed_low, whole.signed_high]
        numbers += [boundary.standardized, boundary.null, boundary.null_high]
        numbers += [place.gain for place in boundary.places[1:]]
        row = [rank, boundary.name, boundary.space, attributes[boundary.attribute]]
        writer.writerow(row + [f"{number:.6g}" if np.isfinite(number) else "" for number in numbers])
    return buffer.getvalue()


def ranked(boundaries: Sequence[Boundary]) -> list[Boundary]:
    """By decreasing gain."""
    return sorted(boundaries, key=lambda boundary: -boundary.places[0].gain)


def findings(boundaries: Sequence[Boundary], attributes: Sequence[str]) -> list[str]:
    """Sentences for the head of the page: what moves most, what is within noise, where it is stored."""
    if not boundaries:
        return []
    found = []
    best = max(boundaries, key=lambda boundary: np.nan_to_num(boundary.standardized, nan=-np.inf))
    if np.isfinite(best.standardized):
        found.append(
            f"`{best.name}` moves its attribute most: by {best.standardized:.2g} standard deviations of "
            f"`{attributes[best.attribute]}`."
        )
    noise = [boundary.name for boundary in boundaries if boundary.places[0].gain <= boundary.null_high]
    if noise:
        listed = ", ".join(f"`{name}`" for name in noise)
        found.append(f"No better than random directions of the same length: {listed}.")
    elif all(np.isfinite(boundary.null_high) for boundary in boundaries):
        found.append("Every boundary raises its attribute more than 95 % of random directions of the same length do.")
    return found
