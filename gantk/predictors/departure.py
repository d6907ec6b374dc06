"""How far edited samples have gone from what a generator draws unedited, by their features.

Shape legend: N samples, F features, K steps of an edit.

Two figures, since they answer different questions. The *distance* (an unbiased kernel distance, in units of what two
sets of unedited samples differ by) says whether a set of edited samples can be told from unedited ones at all: an edit
that works can be, as all of its samples have what few had. The *share near* says whether single edited samples still
look like something that the generator draws: it falls only where pictures leave the world that the network knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError
from gantk.predictors.manifolds import Distances, radii
from gantk.predictors.set_distances import kernel_distance, pairwise

Features = npt.NDArray[np.float64]

LEAST, NEIGHBOURS, SPLITS = 20, 5, 40
USUAL = 0.05  # share of splits of unedited samples that differ by more than one unit
KEPT = 0.9  # share near, over that of unedited samples, down to which an edit stays in what the generator draws


@dataclass(frozen=True)
class Departure:
    """One step of an edit.

    Attributes:
        distance: of the step, in units of the space.
        apart: kernel distance of the edited samples to unedited ones of other codes, over what 95 % of splits of
            unedited samples stay below; up to about 1 they cannot be told apart.
        near: share of edited samples within reach of an unedited one, over the same share of unedited samples.
    """

    distance: float
    apart: float
    near: float


def departures(
    unedited_NF: npt.NDArray[Any],
    other_NF: npt.NDArray[Any],
    edited: Sequence[tuple[float, npt.NDArray[Any]]],
    seed: int = 0,
) -> tuple[Departure, ...]:
    """Where edited samples are, step by step.

    Args:
        unedited_NF: features of the samples before the edit.
        other_NF: of as many unedited samples of other codes: what edited ones are compared with.
        edited: distance of a step, features [N, F] of the samples after it.
        seed: of the splits.

    Raises:
        GantkError: fewer than 20 samples, or sets of different sizes.
    """
    n = len(unedited_NF)
    if n < LEAST or any(np.shape(part) != np.shape(unedited_NF) for part in (other_NF, *(x for _, x in edited))):
        raise GantkError(
            f"Sets of one size, at least {LEAST} samples each, are needed: there are {n} and {len(other_NF)}."
        )
    before, reference = (np.asarray(part, np.float64) for part in (unedited_NF, other_NF))
    pool = np.concatenate([before, reference])
    random = np.random.default_rng(seed)
    orders = [random.permutation(2 * n) for _ in range(SPLITS)]
    usual = [kernel_distance(pool[order[:n]], pool[order[n:]]) for order in orders]
    unit = max(float(np.quantile(usual, 1 - USUAL)), 1e-12)
    around = Neighbourhood(before, reference)
    found = []
    for distance, features in edited:
        moved = np.asarray(features, np.float64)
        apart = kernel_distance(moved, reference) / unit
        found.append(Departure(float(distance), apart, around.near(moved)))
    return tuple(found)


def reach(found: Sequence[Departure]) -> tuple[float, float]:
    """The lowest and the highest distance up to which samples stay near what the generator draws; 0 for none."""
    ends = []
    for sign in (-1, 1):
        limit = 0.0
        for step in sorted((step for step in found if step.distance * sign > 0), key=lambda step: abs(step.distance)):
            if step.near < KEPT - 1e-9:  # shares that are equal but for rounding
                break
            limit = step.distance
        ends.append(limit)
    return ends[0], ends[1]


def told(name: str, found: Sequence[Departure]) -> str:
    """How far an edit may go, in one sentence."""
    low, high = reach(found)
    nearest = f"at least {KEPT * 100:.0f} % as many samples as of unedited ones are near what the generator draws"
    tried = [step.distance for step in found if step.distance]
    if not tried:
        return f"{name}: nothing was moved."
    if not low and not high:
        return f"{name}: at none of the distances tried, {min(tried):g} to {max(tried):g}, are {nearest}."
    whole = " That is all that was tried." if low == min([0.0, *tried]) and high == max([0.0, *tried]) else ""
    return f"{name}: from {low:g} to {high:g} {nearest}.{whole}"


class Neighbourhood:
    """What a generator draws unedited: balls around samples, each to its fifth nearest other.

    Args:
        unedited_NF: features of the samples before an edit: the share of them that is near is what counts as all.
        other_MF: of unedited samples of other codes, which the balls are around; six or more.
    """

    def __init__(self, unedited_NF: npt.NDArray[Any], other_MF: npt.NDArray[Any]) -> None:
        self._other_MF = np.asarray(other_MF, np.float64)
        self._reach_M: Distances = radii(pairwise(self._other_MF, self._other_MF), NEIGHBOURS)
        self._usual = max(self._share(unedited_NF), 1 / len(unedited_NF))

    def near(self, sample_NF: npt.NDArray[Any]) -> float:
        """Share of samples in a ball, over that of the unedited ones."""
        return self._share(sample_NF) / self._usual

    def _share(self, sample_NF: npt.NDArray[Any]) -> float:
        across_NM = pairwise(np.asarray(sample_NF, np.float64), self._other_MF)
        return float((across_NM <= self._reach_M).any(1).mean())
