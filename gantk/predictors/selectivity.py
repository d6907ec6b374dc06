"""Selectivity: how much more a direction changes its own attribute than any other.

The one definition behind the word "selective" on every page and in docs/glossary.md.

Legend: B directions, A attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

SELECTIVE = 2.0
"""A direction is selective where it changes its own attribute at least this many times as much as any other."""
HIGHEST = 1000.0
"""No selectivity is told beyond it: there, no other attribute moves."""


def selectivity(change_BA: npt.ArrayLike, own: Sequence[int]) -> npt.NDArray[np.float64]:
    """Change of a direction's own attribute over the largest change of another, [B]; 0 where its own never changes.

    Args:
        change_BA: mean change of every attribute along every direction, in the attribute's standard deviations.
        own: the place of each direction's own attribute.
    """
    size_BA: npt.NDArray[Any] = np.abs(np.asarray(change_BA, np.float64))
    place = (np.arange(len(size_BA)), np.asarray(own, int))
    mine_B = size_BA[place]
    others_BA = size_BA.copy()
    others_BA[place] = 0.0
    largest_B = others_BA.max(axis=1, initial=0.0)
    ratio_B = np.divide(mine_B, largest_B, out=np.full(len(size_BA), HIGHEST), where=largest_B > 0)
    return np.where(mine_B > 0, np.minimum(ratio_B, HIGHEST), 0.0)
