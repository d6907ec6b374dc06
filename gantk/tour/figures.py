"""Figures and sentences of the tour's HiGAN chapters: pure functions of what its commands left.

Legend: N samples, B boundaries, F factors, L rows of wp, D the width of w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.codes.directions import Direction
from gantk.predictors.selectivity import SELECTIVE, selectivity
from gantk.runs.claims import counted, listed
from gantk.world.renderer import FACTOR_NAMES, FACTORS

Array = npt.NDArray[Any]

GROUPS = ("layout", "objects", "attributes")


@dataclass(frozen=True)
class Test:
    """A boundary on samples it never saw."""

    accuracy: float
    auc: float


def test(direction: Direction, w_ND: Array, score_N: Array, threshold: float | None) -> Test:
    """Accuracy of the side of the boundary against score > threshold (the median where none is known), and AUC."""
    score_N = np.asarray(score_N, dtype=np.float64)
    middle = float(np.median(score_N)) if threshold is None else threshold
    signed_N = w_ND @ direction.vectors[0] + float(np.mean(direction.intercept or 0.0))
    high_N = score_N > middle
    if high_N.all() or not high_N.any():
        return Test(float("nan"), float("nan"))
    ranks_N = np.argsort(np.argsort(signed_N)) + 1.0
    above, below = int(high_N.sum()), int((~high_N).sum())
    auc = (ranks_N[high_N].sum() - above * (above + 1) / 2) / (above * below)
    return Test(float(((signed_N > 0) == high_N).mean()), float(auc))


def group_of(factor: str) -> str:
    """layout, objects or attributes."""
    return FACTORS[FACTOR_NAMES.index(factor)].group


def typical_distance(found: dict[str, Direction], w_ND: Array) -> float:
    """Two standard deviations of the samples along a boundary, the median over boundaries: they share one distance."""
    sample = np.asarray(w_ND[:2000])
    return 2.0 * float(np.median([(sample @ direction.vectors[0]).std() for direction in found.values()]))


def leaks(names: Sequence[str], attributes: Sequence[str], change_BF: Array, own: Sequence[int]) -> str:
    """A sentence about the strongest side effect; another where nothing else moves."""
    others = np.abs(change_BF).copy()
    others[np.arange(len(own)), list(own)] = 0
    if not others.any():
        return "No boundary changes any factor but its own."
    b, f = (int(index) for index in np.unravel_index(int(others.argmax()), others.shape))
    return (
        f"The strongest side effect is along `{names[b]}`: `{attributes[f]}` changes by {change_BF[b, f]:+.2f} "
        f"standard deviations, `{names[b]}` itself by {change_BF[b, own[b]]:+.2f}."
    )


def selective(names: Sequence[str], change_BF: Array, own: Sequence[int]) -> str:
    """A sentence about how many boundaries are selective."""
    count = int((selectivity(change_BF, own) >= SELECTIVE).sum())
    return (
        f"**{count} of {len(names)}** boundaries {'is' if count == 1 else 'are'} selective: along them their own "
        f"factor changes at least {SELECTIVE:g} times as much as any other, in standard deviations."
    )


def divides(found: dict[str, Test]) -> list[str]:
    """A sentence about how well boundaries divide samples that no search saw; none where nothing could be counted."""
    known = {name: test.auc for name, test in found.items() if np.isfinite(test.auc)}
    if not known:
        return []
    hardest = min(known, key=lambda name: known[name])
    low = "" if len(known) == 1 else f"; the lowest is that of `{hardest}` ({known[hardest]:.3f})"
    return [
        f"{counted(len(known), 'boundary', 'boundaries')} in w, one for each factor, divide samples that the search "
        f"never saw with a mean AUC of **{float(np.mean(list(known.values()))):.3f}**{low}."
    ]


def centre(gain_L: Array) -> float:
    """The mean row, weighted by the change there; nan where nothing changes."""
    total = float(gain_L.sum())
    return float((np.arange(len(gain_L)) * gain_L).sum() / total) if total > 0 else float("nan")


def where(names: Sequence[str], by_row: Array) -> list[str]:
    """A sentence about the rows that carry each group of factors, and whether they come in HiGAN's order."""
    centres = {}
    for group in GROUPS:
        rows = [
            by_row[b] / by_row[b].sum() for b in range(len(names)) if group_of(names[b]) == group and by_row[b].any()
        ]
        if rows:
            centres[group] = centre(np.mean(rows, axis=0))
    if not centres:
        return []
    shown = listed([f"{value:.1f} for {group}" for group, value in centres.items()])
    text = (
        "The mean row of wp that carries a group of factors, weighted by the change there and counted from the "
        f"coarsest, 0, is {shown}."
    )
    if len(centres) == len(GROUPS):
        rising = centres["layout"] < centres["objects"] < centres["attributes"]
        text += f" HiGAN's order, layout before objects before attributes, {'is' if rising else 'is not'} found here."
    return [text]
