"""How good a boundary is, as numbers: accuracy, correlation, agreement of resampled boundaries.

Legend: N samples, R resampled boundaries, D the width of a code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Accuracy:
    """Correct and all samples of each class; shares are nan where there are none."""

    correct_positive: int
    num_positive: int
    correct_negative: int
    num_negative: int

    @property
    def positive(self) -> float:
        return _share(self.correct_positive, self.num_positive)

    @property
    def negative(self) -> float:
        return _share(self.correct_negative, self.num_negative)

    @property
    def overall(self) -> float:
        return _share(self.correct_positive + self.correct_negative, self.num_positive + self.num_negative)


def accuracy(distance_N: Numbers, positive_N: Flags) -> Accuracy:
    """Count the samples on the right side of a boundary; on the boundary is negative, as for the original."""
    right_N = (distance_N > 0) == positive_N
    return Accuracy(
        int((right_N & positive_N).sum()),
        int(positive_N.sum()),
        int((right_N & ~positive_N).sum()),
        int((~positive_N).sum()),
    )


def correlation(distance_N: Numbers, score_N: Numbers) -> float:
    """Return Pearson's correlation; nan where either is constant."""
    a, b = np.asarray(distance_N, dtype=np.float64), np.asarray(score_N, dtype=np.float64)
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def pairwise_cosines(normals_RD: Numbers) -> Numbers:
    """Return the cosine of every pair of unit vectors, [R (R - 1) / 2]."""
    vectors_RD = np.asarray(normals_RD, dtype=np.float64)
    first, second = np.triu_indices(len(vectors_RD), k=1)
    return np.asarray((vectors_RD[first] * vectors_RD[second]).sum(axis=1))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
