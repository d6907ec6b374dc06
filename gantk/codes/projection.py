"""Conditional projection: what is left of a direction when others must not move.

Legend: C conditions, D the width of a code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gantk.errors import UsageError


def project(vector: npt.ArrayLike, conditions: Sequence[npt.ArrayLike]) -> npt.NDArray[np.float64]:
    """Remove from a direction what lies in the span of the conditions, and give it unit length (HiGAN, section 3.3).

    The conditions are orthonormalised by a singular value decomposition that drops dependent ones, so that nearly or
    exactly repeated conditions do no harm. A wp-direction is projected row by row.

    Args:
        vector: [..., D].
        conditions: any number of arrays [..., D] that broadcast to it: an array of directions for each.

    Returns:
        float64, in the shape of `vector`, each [D] of unit length.

    Raises:
        UsageError: widths differ, or the direction lies in the span of the conditions, so that nothing is left.
    """
    primal = np.asarray(vector, dtype=np.float64)
    shape, dim = primal.shape, primal.shape[-1]
    stacked = [np.asarray(condition, dtype=np.float64) for condition in conditions]
    for condition in stacked:
        if condition.shape[-1] != dim:
            raise UsageError(f"A condition is {condition.shape[-1]} wide and the direction {dim}: they must be alike.")
    result = np.empty(shape).reshape(-1, dim)
    for index, row in enumerate(primal.reshape(-1, dim)):
        rows = [_row_of(condition, shape, index) for condition in stacked]
        result[index] = _project_row(row, np.stack(rows) if rows else np.empty((0, dim)))
    return result.reshape(shape)


def _row_of(condition: npt.NDArray[np.float64], shape: tuple[int, ...], index: int) -> npt.NDArray[np.float64]:
    try:
        return np.broadcast_to(condition, shape).reshape(-1, shape[-1])[index]
    except ValueError:
        raise UsageError(f"A condition of shape {condition.shape} does not fit a direction of shape {shape}.") from None


def _project_row(row_D: npt.NDArray[np.float64], conditions_CD: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    length = float(np.linalg.norm(row_D))
    if len(conditions_CD):
        norms = np.linalg.norm(conditions_CD, axis=1, keepdims=True)
        _, values, basis = np.linalg.svd(conditions_CD / np.maximum(norms, 1e-30), full_matrices=False)
        # 1e-6: a copy in float32 of another condition is dropped, an angle of 1e-4 is kept
        basis = basis[values > 1e-6 * max(float(values[0]), 1e-30)]
        row_D = row_D - basis.T @ (basis @ row_D)
        row_D = row_D - basis.T @ (basis @ row_D)  # again: the first pass leaves rounding when little remains
    left = float(np.linalg.norm(row_D))
    if left <= 1e-6 * max(length, 1e-30):
        raise UsageError("Nothing of the direction is left: it lies in the span of its conditions. Drop one of them.")
    return row_D / left
