"""What weight directions are made of: given vectors, or the singular vectors of the convolution.

Shape legend: O/I output and input channels, X x Y the kernel, R vectors of a basis, D directions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError


@dataclass(frozen=True, eq=False)
class VectorBasis:
    """Vectors [R, O, I, X, Y], each of length one."""

    vectors: Tensor

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.vectors.shape[1:])

    def combine(self, coefficients_DR: Tensor) -> Tensor:
        """Unit directions [D, O, I, X, Y]: normalise(sum_r c_r b_r), one matrix product; differentiable."""
        flat = coefficients_DR @ self.vectors.flatten(1).to(coefficients_DR)
        return _unit(flat).unflatten(1, self.shape)

    def one(self, index: int) -> Tensor:
        """Basis vector `index`, as it is."""
        return self.vectors[index]

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> VectorBasis:
        return VectorBasis(self.vectors.to(device, dtype or self.vectors.dtype))

    def tensors(self) -> dict[str, Tensor]:
        """What a file keeps."""
        return {"vectors": self.vectors}


@dataclass(frozen=True, eq=False)
class SvdBasis:
    """The singular vectors of a convolution flattened to [X Y I, O] (row ((x Y) + y) I + i), largest value first.

    Direction r alone is u_r v_r^T. They are kept as factors: all 512 of a large layer would take five gigabytes.
    """

    u: Tensor  # [X Y I, R]
    vh: Tensor  # [R, O]
    kernel: tuple[int, int]

    def __len__(self) -> int:
        return self.vh.shape[0]

    @property
    def shape(self) -> tuple[int, ...]:
        x, y = self.kernel
        return (self.vh.shape[1], self.u.shape[0] // (x * y), x, y)

    def combine(self, coefficients_DR: Tensor) -> Tensor:
        """Unit directions [D, O, I, X, Y]: normalise(U diag(e) V^T); differentiable."""
        u, vh = self.u.to(coefficients_DR), self.vh.to(coefficients_DR)
        flat = torch.einsum("mr,dr,ro->dmo", u, coefficients_DR, vh)
        return self._folded(_unit(flat.flatten(1)).unflatten(1, flat.shape[1:]))

    def one(self, index: int) -> Tensor:
        return self._folded(torch.outer(self.u[:, index], self.vh[index])[None])[0]

    def _folded(self, flat_DMO: Tensor) -> Tensor:
        x, y = self.kernel
        inputs = flat_DMO.shape[1] // (x * y)
        return flat_DMO.unflatten(1, (x, y, inputs)).permute(0, 4, 3, 1, 2).contiguous()

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> SvdBasis:
        kind = dtype or self.u.dtype
        return SvdBasis(self.u.to(device, kind), self.vh.to(device, kind), self.kernel)

    def tensors(self) -> dict[str, Tensor]:
        return {"u": self.u, "vh": self.vh}


Basis = VectorBasis | SvdBasis


def svd_basis(weight_OIXY: Tensor) -> tuple[SvdBasis, Tensor]:
    """The singular vectors of a convolution, and its singular values [R].

    Signs are arbitrary in a decomposition; here the largest entry of every u is positive.
    """
    outputs, _, x, y = weight_OIXY.shape
    flat_MO = weight_OIXY.detach().permute(2, 3, 1, 0).reshape(-1, outputs)
    if not torch.isfinite(flat_MO).all():
        raise GantkError("The weight holds numbers that are not finite, so it has no singular vectors.")
    u, s, vh = torch.linalg.svd(flat_MO.double(), full_matrices=False)
    sign = torch.sign(u.gather(0, u.abs().argmax(0, keepdim=True))[0])
    u, vh = u * sign, vh * sign[:, None]
    kind = weight_OIXY.dtype
    return SvdBasis(u.to(kind).contiguous(), vh.to(kind).contiguous(), (x, y)), s.to(kind)


def random_basis(shape: tuple[int, ...], count: int, seed: int = 0) -> VectorBasis:
    """Random orthonormal vectors: what found directions are compared with."""
    size = math.prod(shape)
    if not 1 <= count <= size:
        raise UsageError(f"{count} random directions of a weight of {size} numbers cannot be: choose 1 to {size}.")
    drawn = torch.randn(size, count, generator=torch.Generator().manual_seed(seed))
    return VectorBasis(torch.linalg.qr(drawn)[0].T.reshape(count, *shape).contiguous())


def _unit(flat_DP: Tensor) -> Tensor:
    return flat_DP / flat_DP.norm(dim=1, keepdim=True).clamp_min(1e-20)
