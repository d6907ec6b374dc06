"""Leading eigenpairs of a symmetric positive semi-definite operator by block Lanczos.

Full re-orthogonalisation (twice), Rayleigh-Ritz on the whole block Krylov space, and a stop on the residuals relative
to the last eigenvalue that is wanted. Everything but the products is small: for M basis vectors of length P the work
is 4 M^2 P operations in all.

Shape legend: P length of a vector, B vectors per block, M basis vectors so far, K wanted, S parts of an operator.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError

Operator = Callable[[int, Tensor], Tensor]  # (block, vectors [B, P]) -> parts [S, B, P] that sum to the products
TINY = 1e-6


@dataclass(frozen=True)
class Progress:
    """Where the search stands after a block."""

    products: int
    eigenvalues: list[float]  # the K leading Ritz values, fewer at first
    residual: float  # the largest residual of these over the smallest of them
    angle: float  # bound on the principal angle to the true leading subspace in degrees, 90 where there is none


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """The result of `block_lanczos`.

    Attributes:
        values: [K], descending.
        vectors: [K, P], orthonormal.
        residuals: [K], |H v - lambda v|.
        ritz: [M], all Ritz values, descending: those beyond K are lower bounds of further eigenvalues.
        basis: [M, P].
        parts: [S, M, M], the operator's parts in the basis, if there is more than one.
        products: how many were taken.
        converged: whether the stopping rule was met.
        angle: bound on the largest principal angle to the true leading subspace, degrees (Davis and Kahan 1970).
        history: after each block.
    """

    values: Tensor
    vectors: Tensor
    residuals: Tensor
    ritz: Tensor
    basis: Tensor
    parts: Tensor
    products: int
    converged: bool
    angle: float
    history: list[Progress]

    @property
    def captured(self) -> float:
        """The trace of the operator inside the basis."""
        return float(self.ritz.sum())


def block_lanczos(
    operator: Operator,
    dimension: int,
    k: int,
    *,
    block: int = 4,
    tolerance: float = 0.01,
    max_products: int | None = None,
    seed: int = 0,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    watch: Callable[[Progress], None] | None = None,
) -> Eigenpairs:
    """The K leading eigenpairs.

    Args:
        operator: called with the block's number and orthonormal vectors [B, P].
        block: B; at least the multiplicity expected.
        tolerance: stop when every wanted residual is below this share of the K-th eigenvalue.
        max_products: stop anyway; default 20 K.
        seed: of the random first block.

    Raises:
        UsageError: K or the block is not between 1 and P.
        GantkError: a product is not finite, or the operator is zero.
    """
    if not 1 <= k <= dimension:
        raise UsageError(f"{k} eigenvectors were asked for, and the weight has {dimension} numbers: choose 1 to that.")
    if block < 1:
        raise UsageError(f"A block of {block} vectors cannot be searched with: choose at least 1.")
    limit = min(dimension, max(max_products or 20 * k, k + block))
    source = torch.Generator().manual_seed(seed)

    def draw(count: int) -> Tensor:
        return torch.randn(count, dimension, generator=source, dtype=torch.float32).to(device, dtype)

    next_BP = torch.linalg.qr(draw(min(block, dimension)).T)[0].T.contiguous()
    basis = next_BP.new_zeros(0, dimension)
    small = torch.zeros(0, 0, dtype=torch.float64)
    parts: Tensor | None = None
    history: list[Progress] = []
    number, converged, scale = 0, False, 0.0
    values, weights, residual, angle, restarted = small, small, small, 90.0, False
    while True:
        part_SBP = operator(number, next_BP)
        if not torch.isfinite(part_SBP).all():
            raise GantkError("A product with the Hessian is not finite: is the metric not finite somewhere?")
        basis = torch.cat([basis, next_BP])
        m, b = len(basis), len(next_BP)
        columns_SMB = torch.stack([(basis @ part.T).double().cpu() for part in part_SBP])
        parts = _grown(parts, columns_SMB, m - b)
        rest = part_SBP.sum(0)
        small = parts.sum(0)
        for _ in range(2):
            rest = rest - (rest @ basis.T) @ basis
        scale = max(scale, float(part_SBP.sum(0).norm(dim=1).max()))
        if not scale > 0:
            raise GantkError("The Hessian is zero: no change of this weight moves what the metric sees.")
        next_BP, link_BB, exhausted = _next_block(rest, scale * TINY, basis, draw, min(block, dimension - m))
        values, weights = torch.linalg.eigh(small)
        values, weights = values.flip(0), weights.flip(1)
        found = min(k, m)
        misses_BK = link_BB.double().cpu() @ weights[m - b :, : min(m, found + 1)]
        residual = misses_BK.norm(dim=0)
        angle = _angle(values, misses_BK, found)
        worst = float(residual[:found].max() / values[found - 1].clamp_min(1e-300)) if found == k else math.inf
        history.append(Progress(m, values[:found].tolist(), worst, angle))
        if watch is not None:
            watch(history[-1])
        number += 1
        converged = found == k and worst <= tolerance
        if exhausted and converged and m < dimension:
            # residuals say nothing beyond this Krylov space: go on until a random block brings nothing new
            earlier = history[-2].eigenvalues if len(history) > 1 else []
            same = len(earlier) == k and abs(values[:k] - torch.tensor(earlier)).max() <= tolerance * values[k - 1]
            converged = same and restarted
        restarted = exhausted
        if converged or m >= limit or not len(next_BP):
            converged = converged or m >= dimension
            break
    count = min(k, len(basis))
    vectors = weights[:, :count].T.to(basis) @ basis
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    return Eigenpairs(
        values[:count], _signed(vectors), residual[:count], values, basis, parts, len(basis), converged, angle, history
    )


def _grown(parts: Tensor | None, columns_SMB: Tensor, old: int) -> Tensor:
    """The operator's parts in the basis with the newest block's columns, and by symmetry its rows."""
    s, m, _ = columns_SMB.shape
    grown = columns_SMB.new_zeros(s, m, m)
    if parts is not None:
        grown[:, :old, :old] = parts
    grown[:, :, old:] = columns_SMB
    grown[:, old:, :old] = columns_SMB[:, :old].transpose(1, 2)
    corner = grown[:, old:, old:]
    grown[:, old:, old:] = (corner + corner.transpose(1, 2)) / 2
    return grown


def _next_block(
    rest_BP: Tensor, least: float, basis: Tensor, draw: Callable[[int], Tensor], room: int
) -> tuple[Tensor, Tensor, bool]:
    """Orthonormal rows, R [B', B] with rest = R^T rows, and whether the Krylov space is exhausted somewhere.

    Directions that vanished give way to random ones with no link to what came before.
    """
    q_PB, r_BB = torch.linalg.qr(rest_BP.T)
    gone = r_BB.diagonal().abs() <= least
    if gone.any():
        q_PB, r_BB = q_PB.clone(), r_BB.clone()
        q_PB[:, gone] = draw(int(gone.sum())).T
        r_BB[gone] = 0
    # a vector that is little more than rounding is orthogonal to nothing: once more, and keep the way back
    for _ in range(2):
        q_PB = q_PB - basis.T @ (basis @ q_PB)
        q_PB = q_PB / q_PB.norm(dim=0)
    again_PB, way_BB = torch.linalg.qr(q_PB[:, :room])
    return again_PB.T.contiguous(), way_BB @ r_BB[:room], bool(gone.any())


def _angle(values: Tensor, misses_BK: Tensor, found: int) -> float:
    """Davis and Kahan's bound: the sine is at most the residuals' norm over the gap to the rest of the spectrum."""
    if len(values) <= found:
        return 90.0
    beyond = float(values[found] + misses_BK[:, found].norm())
    gap = float(values[found - 1]) - beyond
    if gap <= 0:
        return 90.0
    sine = float(torch.linalg.matrix_norm(misses_BK[:, :found], 2)) / gap
    return math.degrees(math.asin(min(1.0, sine)))


def _signed(vectors_KP: Tensor) -> Tensor:
    """Each vector with the sign that makes its largest entry positive: the same file from every machine."""
    largest = vectors_KP.gather(1, vectors_KP.abs().argmax(1, keepdim=True))
    return vectors_KP * torch.where(largest < 0, -1.0, 1.0).to(vectors_KP)


def overlap(parts: Tensor, k: int) -> float:
    """How far two halves of the samples agree: the share of one half's K leading directions in the other's.

    Both are found by Rayleigh-Ritz in the common basis, which costs no further product and overstates it a little: what
    a half alone would have led to outside the basis is not seen.
    """
    if parts.shape[0] != 2 or parts.shape[1] < k:
        return math.nan
    leading = [torch.linalg.eigh(part)[1][:, -k:] for part in parts]
    return float((leading[0].T @ leading[1]).square().sum() / k)
