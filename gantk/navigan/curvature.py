"""Products with the Hessian of a perceptual distance with respect to a weight, without finite differences.

The distance of an edited image from the unedited one is a squared length, sum |phi(w) - phi(w0)|^2, with zero residual
at w0; so the second-order term of its Hessian vanishes there and what is left is exactly

    H = 2/N sum_n J_n^T J_n,     J_n = d phi(G(z_n; w)) / d w at w0.

A product is one J v and one J^T (J v). J v is the derivative of the pullback u -> J^T u, which is linear: to
differentiate it is to transpose it back. So both ways walk graphs that were built once for a chunk of samples and serve
all vectors of a block; nothing before the layer is ever recomputed, and there is no step to choose.

Shape legend: N samples, P numbers of the weight, B vectors of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gantk.errors import GantkError
from gantk.navigan.metrics import Metric
from gantk.navigan.target import Prefix, Target
from gantk.navigan.transposable import FixedConvolutions

KEPT_NUMBERS = 1 << 28  # of cached states; beyond a gigabyte they are computed again for every block


class Curvature:
    """The Hessian of the mean distance over samples, as a linear map on weights.

    Args:
        codes: (start, stop) -> codes of these samples, as the target takes them.
        total: N.
        batch: samples per chunk.
        at_once: samples of a chunk that are differentiated at once; None is all of them.
    """

    def __init__(
        self,
        target: Target,
        metric: Metric,
        codes: Callable[[int, int], Tensor],
        total: int,
        batch: int,
        at_once: int | None = None,
    ) -> None:
        self.target, self.metric, self.total, self.batch = target, metric, total, batch
        self.at_once = min(batch, at_once or batch)
        self._codes = codes
        self._kept: dict[int, Prefix] = {}
        self._numbers = 0
        self._last: tuple[range, _Pullback] | None = None  # where all samples are one part, its graphs serve all blocks
        self.vectorize = target.weight.device.type == "cuda"  # a block at once; one after the other is faster on a CPU

    @property
    def chunks(self) -> int:
        return -(-self.total // self.batch)

    @property
    def dimension(self) -> int:
        return self.target.size

    def parts(self, chunk: int) -> list[range]:
        """The samples of a chunk, as many as are differentiated at once in each."""
        stop = min((chunk + 1) * self.batch, self.total)
        return [
            range(first, min(first + self.at_once, stop)) for first in range(chunk * self.batch, stop, self.at_once)
        ]

    def all_parts(self) -> list[range]:
        """The samples, as many as are differentiated at once in each."""
        return [part for chunk in range(self.chunks) for part in self.parts(chunk)]

    def prefix(self, part: range) -> Prefix:
        """The cached part of some samples."""
        found = self._kept.get(part.start)
        if found is None:
            found = self.target.prefix(self._codes(part.start, part.stop))
            self._numbers += found.numbers
            if self._numbers <= KEPT_NUMBERS:
                self._kept[part.start] = found
        return found

    def product(self, chunk: int, vector_BP: Tensor) -> Tensor:
        """This chunk's share of H v for each vector, [B, P]; the shares of all chunks sum to H v.

        Raises:
            GantkError: the network or the metric gave something that is not finite.
        """
        shares = [self._product(part, vector_BP) for part in self.parts(chunk)]
        return shares[0] if len(shares) == 1 else torch.stack(shares).sum(0)

    def _product(self, part: range, vector_BP: Tensor) -> Tensor:
        pull = self._pullback(part)
        if self.vectorize:
            result = pull.both(vector_BP, batched=True)
        else:
            result = torch.stack([pull.both(vector_P, batched=False) for vector_P in vector_BP])
        result = result * (2 / self.total)
        if not torch.isfinite(result).all():
            raise GantkError(
                f"The metric {self.metric.name} has a derivative that is not finite at samples {part.start} to "
                f"{part.stop - 1}: use another --metric or --metric-size, or leave these samples out."
            )
        return result

    def probes(self, chunk: int, seed: int) -> Tensor:
        """One random J^T u [P] of this chunk, scaled so that the expected squared length is its share of tr H."""
        source = torch.Generator().manual_seed(seed * 1_000_003 + chunk)
        pulled = []
        for part in self.parts(chunk):
            pull = self._pullback(part)
            signs = [
                (torch.randint(0, 2, each.shape, generator=source) * 2 - 1).to(each.device, each.dtype)
                for each in pull.outputs
            ]
            pulled.append(pull.back(signs))
        whole = pulled[0] if len(pulled) == 1 else torch.stack(pulled).sum(0)
        return whole * (2 / self.total) ** 0.5

    def _pullback(self, part: range) -> _Pullback:
        if self._last is not None and self._last[0] == part:
            return self._last[1]
        self._last = None  # its memory goes before the next one's comes
        weight = self.target.weight.detach().clone().requires_grad_(True)
        prefix = self.prefix(part)
        with FixedConvolutions():
            outputs = self.metric.embed(self.target.images(prefix, weight))
        if not all(torch.isfinite(each).all() for each in outputs):
            raise GantkError(
                f"The metric {self.metric.name} is not finite at samples {part.start} to {part.stop - 1}: is the "
                "network damaged, or the metric not made for such images?"
            )
        self._last = (part, _Pullback(weight, outputs))
        return self._last[1]


class _Pullback:
    """The graphs of phi(w) and of u -> J^T u at one chunk."""

    def __init__(self, weight: Tensor, outputs: Sequence[Tensor]) -> None:
        self.weight = weight
        # a part that does not depend on the weight (a map before the layer, say) has no derivative
        self.outputs = [part for part in outputs if part.requires_grad]
        self.shape = weight.shape
        self.duals = [torch.zeros_like(part, requires_grad=True) for part in self.outputs]
        (self.pulled,) = torch.autograd.grad(self.outputs, weight, self.duals, create_graph=True)

    def back(self, cotangents: Sequence[Tensor], batched: bool = False) -> Tensor:
        """J^T u."""
        (result,) = torch.autograd.grad(
            self.outputs, self.weight, cotangents, retain_graph=True, is_grads_batched=batched
        )
        return result.flatten(1) if batched else result.flatten()

    def forward(self, vector: Tensor, batched: bool = False) -> tuple[Tensor, ...]:
        """J v, by transposing the pullback."""
        shape = (len(vector), *self.shape) if batched else self.shape
        return torch.autograd.grad(
            self.pulled, self.duals, vector.reshape(shape), retain_graph=True, is_grads_batched=batched
        )

    def both(self, vector: Tensor, batched: bool) -> Tensor:
        """J^T J v."""
        return self.back(self.forward(vector, batched), batched)
