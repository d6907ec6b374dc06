"""Distances between two sets of features.

Legend: N samples, M real images, F features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError

Array = npt.NDArray[np.float64]

ROUNDING = 1e-12  # of a squared distance, as a share of the squared lengths: below it two images are the same
BLOCK = 1024  # rows at a time


def checked(sample_NF: npt.NDArray[Any], real_MF: npt.NDArray[Any], least: int = 2) -> tuple[Array, Array]:
    """Both sets in float64.

    Raises:
        GantkError: shapes that do not fit, too few rows, or values that are not finite.
    """
    a, b = np.asarray(sample_NF, np.float64), np.asarray(real_MF, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < least:
        raise GantkError(
            f"Features of shapes {a.shape} and {b.shape} cannot be compared: [N, F] and [M, F] with N, M >= {least} "
            "are needed."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise GantkError("Some features are not finite numbers, so there is nothing to compare.")
    return a, b


def kernel_distance(sample_NF: npt.NDArray[Any], real_MF: npt.NDArray[Any]) -> float:
    """Unbiased squared MMD with k(x, y) = (x . y / F + 1)^3 (Binkowski et al. 2018, equation 4); may be negative."""
    a, b = checked(sample_NF, real_MF)

    def kernel(x: Array, y: Array) -> Array:
        result: Array = (x @ y.T / x.shape[1] + 1) ** 3
        return result

    def within(x: Array) -> float:
        gram = kernel(x, x)
        return float(gram.sum() - np.trace(gram)) / (len(x) * (len(x) - 1))

    return within(a) + within(b) - 2 * float(kernel(a, b).mean())


def pairwise(a_NF: Array, b_MF: Array) -> npt.NDArray[np.float32]:
    """Euclidean distances [N, M], a block of rows at a time."""
    square_M = np.square(b_MF).sum(1)
    result = np.empty((len(a_NF), len(b_MF)), np.float32)
    for start in range(0, len(a_NF), BLOCK):
        rows = a_NF[start : start + BLOCK]
        sizes = np.square(rows).sum(1)[:, None] + square_M
        squared = sizes - 2 * rows @ b_MF.T
        squared[squared < ROUNDING * sizes] = 0
        result[start : start + BLOCK] = np.sqrt(squared)
    return result
