"""What rescored samples say: HiGAN's gain with intervals, and changes in standard deviations.

Legend: N samples, B boundaries, T distances, R random directions, S spaces, L rows of wp, A attributes;
P = 1 + L places of an edit: all rows, then each row alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gantk.codes.directions import Direction
from gantk.codes.spread import unit_of
from gantk.higan.options import RescoreOptions
from gantk.higan.rescored import Gain, Rescored, RescoreResult
from gantk.runs.results import record
from gantk.runs.walk import Walk
from gantk.store.chunks import parts

if TYPE_CHECKING:
    from gantk.runs.stores import Store

Array = npt.NDArray[Any]

EFFECT, NULL, BASE = "rescore_effect", "rescore_null", "rescore_attribute"
SHOWN = 2  # samples that are rendered for the page
MOST_WALKED = 24  # boundaries that they are rendered along


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
    for start, stop in parts(0, resamples, step):
        weight = random.multinomial(n, np.full(n, 1.0 / n), size=stop - start)
        means[start:stop] = weight @ values / n
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    mean, places = values.mean(axis=0), change_NP.shape[1]
    return [
        Gain(
            gain=float(mean[p]),
            low=float(low[p]),
            high=float(high[p]),
            signed=float(mean[places + p]),
            signed_low=float(low[places + p]),
            signed_high=float(high[places + p]),
        )
        for p in range(places)
    ]


def deviations(base: Array) -> Array:
    """The standard deviation [A] of every field of a structured array of scores."""
    return np.array([np.asarray(base[name], dtype=np.float64).std() for name in base.dtype.names or ()])


def standardize(change: Array, std_A: Array) -> Array:
    """Changes [..., A] in standard deviations of the attributes; 0 where one never varies."""
    return np.divide(change, std_A, out=np.zeros(np.broadcast_shapes(change.shape, std_A.shape)), where=std_A > 0)


@record
class Subject:
    """One boundary as it is rescored.

    Attributes:
        attribute: that it is about.
        prefix: of its files.
        spread: standard deviation of samples along it, in the unit of its distances; None where it is not known.
    """

    name: str
    direction: Direction
    attribute: str
    prefix: str
    spread: float | None


@record
class RescoreFacts:
    """What the result of joined parts has to know beside the arrays.

    Attributes:
        layer_names: the layer that each row of wp feeds first.
        spaces: of the boundaries, in the order of `rescore_null`.
    """

    predictor: str
    layer_names: tuple[str, ...]
    spaces: tuple[str, ...]
    subjects: tuple[Subject, ...]


def conclude(arrays: Mapping[str, Array], facts: RescoreFacts, options: RescoreOptions, store: Store) -> RescoreResult:
    """The result of arrays that are whole; see `rescore`."""
    steps = shown_steps(options.distance[0])
    labels = [options.name_of(sample) for sample in range(min(SHOWN, len(arrays[BASE])))]
    return concluded(arrays, facts, options.distance, [_walk(each, steps, labels, store) for each in facts.subjects])


def shown_steps(distance: float) -> tuple[float, ...]:
    """The distances of the pictures: as drawn, half way, and the distance of the scores."""
    if not distance:
        return (0.0,)
    return (0.0, distance / 2, distance) if distance > 0 else (distance, distance / 2, 0.0)


def shown_name(prefix: str, sample: int, step: int) -> str:
    """The file of a picture of a boundary."""
    return f"steps/{prefix}_{sample}_{step}.png"


def _walk(each: Subject, steps: Sequence[float], labels: Sequence[str], store: Store) -> Walk | None:
    """The pictures of a boundary, where the first chunk rendered them."""
    names = [[shown_name(each.prefix, sample, step) for step in range(len(steps))] for sample in range(len(labels))]
    if not all(store.has_picture(name) for line in names for name in line):
        return None
    strips = tuple(store.strip(label, steps, line) for label, line in zip(labels, names, strict=True))
    unit = unit_of(each.direction)
    return Walk(name=each.name, space=each.direction.space, strips=strips, unit=unit, spread=each.spread)


def concluded(
    arrays: Mapping[str, Array], facts: RescoreFacts, distances: Sequence[float], walks: Sequence[Walk | None]
) -> RescoreResult:
    """The result of arrays that are whole.

    Args:
        distances: that were tried [T]; the first is the one of the scores.
        walks: of the boundaries.
    """
    base, effect = arrays[BASE], arrays[EFFECT]
    names = list(base.dtype.names or ())
    count, std_A = len(base), deviations(base)
    null = arrays[NULL][1] / count if NULL in arrays else None
    boundaries = []
    for b, subject in enumerate(facts.subjects):
        column, space = names.index(subject.attribute), subject.direction.space
        scores = arrays[f"{subject.prefix}_scores"]
        whole, *rows = gains(scores)
        boundaries.append(
            Rescored(
                name=subject.name,
                space=space,
                attribute=subject.attribute,
                direction=subject.direction,
                prefix=subject.prefix,
                deviation=float(std_A[column]),
                whole=whole,
                rows=tuple(rows),
                random=np.empty(0) if null is None else null[facts.spaces.index(space), :, column],
                responses=tuple(
                    sorted((float(d), float(effect[t, 0, b, 0, column] / count)) for t, d in enumerate(distances))
                ),
                scores=scores,
                walk=walks[b],
            )
        )
    return RescoreResult(
        num=count,
        distance=float(distances[0]),
        predictor=facts.predictor,
        attributes=tuple(names),
        deviations=std_A,
        layer_names=facts.layer_names,
        boundaries=tuple(boundaries),
        change=standardize(effect[0, 0] / count, std_A),
        attribute=base,
    )
