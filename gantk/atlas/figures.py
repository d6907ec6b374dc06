"""The figures of the yardstick, from arrays.

Legend: N samples, A attributes, R regions, P numbers of pooled features, F features, M moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.atlas.results import HowFar, Steadiness, What, Where
from gantk.predictors.departure import KEPT
from gantk.predictors.selectivity import selectivity

SHARE, LIFT = 0.1, 1.5  # of the change, and locality: less, and a region is not named

Array = npt.NDArray[Any]


def what_of(both: Sequence[Array], deviation_A: Array, floor_A: Array) -> What:
    """Changes of attributes, from the scores [N, A] at +t and -t."""
    half_NA = (both[0] - both[1]) / 2 / deviation_A
    change_A = half_NA.mean(0)
    error_A = np.full(len(change_A), np.nan)
    if len(half_NA) > 1:
        error_A = 1.96 * half_NA.std(0, ddof=1) / np.sqrt(len(half_NA))
    size_A = np.abs(change_A)
    above = size_A >= np.nan_to_num(floor_A)
    if not len(size_A) or not (above & (size_A > 0)).any():
        return What(change_A, error_A, floor_A, -1, 0.0)
    own = int(np.where(above, size_A, -1).argmax())
    return What(change_A, error_A, floor_A, own, float(selectivity(size_A[None], [own])[0]))


def floor_of(changes: Sequence[Array]) -> Array:
    """95th percentile of |change| of every attribute over random moves, [A]."""
    found: Array = np.quantile(np.abs(np.stack(changes)), 0.95, axis=0)
    return found


def where_of(heat_HW: Array, share_R: Array, area_R: Array) -> Where:
    """Locality of every region, and the region to name."""
    locality_R = np.full(len(share_R), np.nan)
    seen = (area_R > 0) & (area_R < 1)
    inside = share_R[seen] / area_R[seen]
    outside = (1 - share_R[seen]) / (1 - area_R[seen])
    locality_R[seen] = inside / np.maximum(outside, 1e-12)
    named = named_regions(share_R, area_R, locality_R)
    return Where(heat_HW, share_R, area_R, locality_R, named[0] if named else -1)


def named_regions(share_R: Array, area_R: Array, locality_R: Array) -> list[int]:
    """The regions worth naming, by share * log(share / area), what each adds to the divergence of change from area.

    So that neither a large region that changes little more than the rest comes first nor one of a few pixels.
    """
    gain_R = share_R * np.log(np.maximum(share_R, 1e-12) / np.maximum(area_R, 1e-12))
    worth = (share_R >= SHARE) & (np.nan_to_num(locality_R) >= LIFT)
    return [int(region) for region in np.argsort(-gain_R, kind="stable") if worth[region]]


def steadiness_of(plus_NP: Array, minus_NP: Array, plus2_NP: Array, minus2_NP: Array) -> Steadiness:
    """From the changes of all samples at t, -t, 2 t and -2 t."""
    cosine = float(np.mean([mean_cosine(plus_NP), mean_cosine(minus_NP)]))
    bends = [_cosines(near, far - near) for near, far in ((plus_NP, plus2_NP), (minus_NP, minus2_NP))]
    return Steadiness(
        cosine, float(1 - np.mean(bends)), float(-np.mean(_cosines(plus_NP, minus_NP))), mean_cosine(plus_NP - minus_NP)
    )


def mean_cosine(change_NP: Array) -> float:
    """Mean cosine between two different samples' changes: (|sum u|^2 - N) / (N (N - 1)) of unit vectors u."""
    length = np.linalg.norm(change_NP, axis=1, keepdims=True)
    unit = change_NP[length[:, 0] > 0] / length[length[:, 0] > 0]
    count = len(unit)
    if count < 2:
        return 0.0
    return float((np.square(unit.sum(0)).sum() - count) / (count * (count - 1)))


def _cosines(a_NP: Array, b_NP: Array) -> Array:
    lengths = np.linalg.norm(a_NP, axis=1) * np.linalg.norm(b_NP, axis=1)
    found: Array = (a_NP * b_NP).sum(1) / np.maximum(lengths, 1e-30)
    return found


def far_of(strengths: Array, near: Array) -> HowFar:
    """Where the share of near samples first falls below `KEPT`, on straight lines between what was tried."""
    beyond = np.flatnonzero(near < KEPT)
    if not len(beyond):
        return HowFar(strengths, near, float(strengths[-1]), False)
    i = int(beyond[0])
    low, high = near[i - 1], near[i]
    limit = strengths[i - 1] + (strengths[i] - strengths[i - 1]) * (low - KEPT) / max(low - high, 1e-12)
    return HowFar(strengths, near, float(limit), True)
