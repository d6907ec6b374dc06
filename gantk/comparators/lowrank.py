"""LowRankGAN: local directions by projection to the background's null space (Zhu et al., NeurIPS 2021).

The Gram matrix of a region and that of its background are each split into a low-rank part and a sparse one, M = L + S,
by robust principal component analysis. Principal directions of the region's L are projected to what the background's L
leaves still: v -> N N^T v, with N its right singular vectors beyond its rank.

Shape legend: d coordinates, K directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gantk.comparators.factorisation import fixed_sign
from gantk.errors import UsageError

SPARSITY, WIDTH = 1 / 60, 512  # the authors' lambda, and the width it is for
STOP, MOST = 1e-7, 10_000

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LowRank:
    """Directions of a region.

    Attributes:
        vectors: projected, float64 [K, d], unit length.
        principal: not projected, [K, d].
        ranks: of the region's and the background's low-rank parts.
        kept: length that the projection left of each, [K]: near 0, the direction was the background's too.
    """

    vectors: Array
    principal: Array
    ranks: tuple[int, int]
    kept: Array


def low_rank_directions(inside: Array, outside: Array, count: int | None = None) -> LowRank:
    """Split both Gram matrices and project.

    Args:
        inside, outside: mean Gram matrices [d, d] of the region and its background.

    Raises:
        UsageError: the region's low-rank part is zero.
    """
    region, background = robust_pca(inside), robust_pca(outside)
    rank_f, rank_b = int(np.linalg.matrix_rank(region)), int(np.linalg.matrix_rank(background))
    if rank_f == 0:
        raise UsageError("The region's Gram matrix has no low-rank part: nothing in it changes.")
    dim = len(inside)
    principal = np.linalg.svd(region)[2][:rank_f][:count]
    null_ND = np.linalg.svd(background)[2][min(max(1, rank_b), dim - 1) :]
    projected = principal @ null_ND.T @ null_ND
    kept = np.linalg.norm(projected, axis=1)
    vectors = projected / np.maximum(kept, 1e-30)[:, None]
    return LowRank(fixed_sign(vectors), fixed_sign(principal), (rank_f, rank_b), kept)


def robust_pca(matrix: Array, sparsity: float | None = None) -> Array:
    """The low-rank part L of M = L + S: min |L|_* + sparsity |S|_1, by the alternating direction method of multipliers.

    The sparsity is the authors' 1/60 at d = 512, and grows like robust PCA's own rule 1 / sqrt(d) in narrower spaces.
    The penalty is d^2 / (4 |M|_1) with the induced 1-norm, as the authors have it; it stops when |M - L - S| is at
    most 1e-7 |M| (Frobenius), or after 10 000 steps.
    """
    scale = float(np.linalg.norm(matrix, 1))
    if scale == 0:
        return np.zeros_like(matrix)
    if sparsity is None:
        sparsity = SPARSITY * max(1.0, WIDTH / len(matrix)) ** 0.5
    penalty = matrix.size / (4 * scale)
    limit = STOP * float(np.linalg.norm(matrix))
    sparse, multiplier = np.zeros_like(matrix), np.zeros_like(matrix)
    low = matrix
    for _ in range(MOST):
        left, values, right = np.linalg.svd(matrix - sparse + multiplier / penalty, full_matrices=False)
        low = (left * np.maximum(values - 1 / penalty, 0)) @ right
        rest = matrix - low + multiplier / penalty
        sparse = np.sign(rest) * np.maximum(np.abs(rest) - sparsity / penalty, 0)
        gap = matrix - low - sparse
        multiplier = multiplier + penalty * gap
        if float(np.linalg.norm(gap)) <= limit:
            break
    return low
