"""Directions that change a region most for what they change outside it: a generalised eigenproblem.

With A and B the mean squared changes per pixel inside and outside, a step v has the Rayleigh quotient
v^T A v / v^T B v, whose stationary points are A v = lambda B v (Zhu et al. 2022). B is nearly singular, and without a
ridge its null space wins: steps that change nothing anywhere. So B + tau tr(B) I is the denominator. Where B is nothing
but rounding (a step that truly stays inside), a share of tr(A) keeps the denominator positive.

Shape legend: d coordinates, K directions, R regions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gantk.comparators.factorisation import fixed_sign
from gantk.errors import GantkError, UsageError

TAU = 1e-3
ROUNDING = 1e-10  # of the change inside: less than that outside is the rounding of a difference of sums
SINGULAR = 1e-13  # smallest over largest eigenvalue: below it float64 cannot divide by B

SIGN_RULE = "positive: the region becomes brighter to first order; where it does not change, the largest component"

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solution:
    """Directions by decreasing eigenvalue.

    Attributes:
        vectors: float64 [K, d], unit length.
        eigenvalues: of the regularised problem, [K].
        quotients: v^T A v / v^T B v without the ridge, [K].
        change: root of v^T A v, [K]: what a step of length one changes inside, to first order (root mean square).
        condition: of B without the ridge: largest over smallest eigenvalue, inf where it is singular.
    """

    vectors: Array
    eigenvalues: Array
    quotients: Array
    change: Array
    condition: float


def solve(
    inside: Array, outside: Array, tau: float = TAU, count: int | None = None, bright: Array | None = None
) -> Solution:
    """Solve A v = lambda (B + tau tr(B) I) v for the largest eigenvalues.

    Args:
        inside, outside: A and B, [d, d].
        tau: of the ridge.
        count: K; None is all d.
        bright: how a step changes the region's brightness, [d]; it decides the signs.

    Raises:
        UsageError: nothing changes inside or outside, or B is singular and tau is zero.
    """
    from scipy.linalg import eigh

    a, b = (inside + inside.T) / 2, (outside + outside.T) / 2
    trace = float(np.trace(b))
    if not np.isfinite(trace) or not np.isfinite(a).all():
        raise UsageError("The Gram matrices hold numbers that are not finite: make the Jacobian again.")
    if float(np.trace(a)) <= 0:
        raise UsageError("Nothing in the region changes along any direction: choose other layers, or another region.")
    if not b.any():
        raise UsageError("Nothing outside the region changes along any direction, so there is nothing to compare with.")
    if tau < 0:
        raise UsageError(f"--tau {tau} is negative: give 0 or more ({TAU} by default).")
    spectrum = np.linalg.eigvalsh(b)
    low, high = float(spectrum[0]), float(spectrum[-1])
    if tau == 0 and low <= SINGULAR * high:
        rank = int((spectrum > SINGULAR * high).sum())
        raise UsageError(
            f"The background's Gram matrix is singular (rank {rank} of {len(b)}), so that its null space would win: "
            "give --tau above 0, or more samples."
        )
    dim = len(a)
    kept = dim if count is None else min(count, dim)
    floor = ROUNDING * float(np.trace(a)) if tau else 0.0
    ridge = b + (tau * max(trace, 0.0) + floor) * np.eye(dim)
    try:
        values, vectors_dK = eigh(a, ridge, subset_by_index=(dim - kept, dim - 1))
    except np.linalg.LinAlgError as error:
        raise GantkError(
            f"The Gram matrices have no directions ({error}): they are no sums of squares; find them again."
        ) from error
    vectors = vectors_dK.T[::-1]
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = oriented(vectors, bright)
    change, beside = rates(vectors, a), rates(vectors, b)
    with np.errstate(divide="ignore"):
        quotients = np.where(beside > 0, change / np.maximum(beside, 1e-300), np.inf)
    condition = high / low if low > SINGULAR * high else float("inf")
    return Solution(vectors, values[::-1].copy(), quotients, np.sqrt(change), condition)


def rates(vectors_Kd: Array, gram: Array) -> Array:
    """v^T G v for every row, [K], not below zero."""
    found: Array = np.maximum(np.einsum("kd,de,ke->k", vectors_Kd, gram, vectors_Kd), 0.0)
    return found


def oriented(vectors_Kd: Array, bright_d: Array | None) -> Array:
    """Rows with the sign of SIGN_RULE."""
    vectors = fixed_sign(vectors_Kd)
    if bright_d is None or not bright_d.any():
        return vectors
    rise = vectors @ bright_d
    clear = np.abs(rise) > 1e-6 * float(np.linalg.norm(bright_d))
    turned: Array = vectors * np.where(clear, np.where(rise < 0, -1.0, 1.0), 1.0)[:, None]
    return turned


def nearest(vectors_Kd: Array) -> float:
    """The largest |cos| between two of the directions, 0 for one alone: they are orthogonal in B, not in length."""
    cosines = np.abs(vectors_Kd @ vectors_Kd.T)
    np.fill_diagonal(cosines, 0.0)
    return float(cosines.max())
