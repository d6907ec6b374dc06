"""How numbers are counted into bins, whatever their size."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def histogram(value_N: npt.NDArray[np.float64], bins: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Counts [bins] and edges [bins + 1] of finite numbers.

    Numbers that lie closer together than their digits can be divided into bins get a wider range, in which all fall
    into the first bin.
    """
    low, high = float(value_N.min()), float(value_N.max())
    least = 2 * bins * float(np.spacing(max(abs(low), abs(high))))
    if high - low < least:
        high = low + max(1.0, least)
    return np.histogram(value_N, bins, (low, high))
