"""Optimisation of directions in a basis ("rectification"): combinations that a network can tell apart by their effect.

One step: for each sample of a batch draw a direction k and a strength t, render the sample as it is and with the weight
moved by t along direction k, and let the reconstructor say k and t from the two pictures. Both it and the
combinations learn from

    loss = label_weight * cross entropy(k) + shift_weight * mean |t' - t| / unit

with `unit` the scale of strengths, so that the weight does not depend on the layer; the released program has unit 1 in
raw weights and a weight of 0.25 that its scale of 60 makes a dominant one (`raw_strength`).

Shape legend: N samples of a batch, D directions, R vectors of the basis, O/I channels, K x K the kernel.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gantk.errors import GantkError, UsageError
from gantk.generators.uncompiled import Adam
from gantk.navigan.bases import Basis
from gantk.navigan.reconstructor import ShiftPredictor, check_size
from gantk.navigan.target import Prefix, Target
from gantk.store.chunks import parts
from gantk.store.seeding import random_uniform

HELD_OUT_BATCHES = 4
HELD_OUT = 1 << 40  # held-out samples are numbered from here on, where training never comes


@dataclass(frozen=True)
class TrainingPlan:
    """Settings of the optimisation; the defaults are the published ones where they do not depend on the layer.

    Attributes:
        directions: D.
        scale, least: strengths are uniform in +-scale, and at least `least` in size (those below are moved there).
        normal: strengths are scale times a standard normal number instead.
        label_weight, shift_weight: of the two losses.
        raw_strength: the loss is in raw strengths, as in the released program, and not over the scale.
        rate: of both Adams.
        predictor, predictor_size: of the reconstructor.
        identity: combinations start as the basis itself, not random.
    """

    directions: int
    scale: float
    least: float
    steps: int = 100_000
    batch: int = 32
    normal: bool = False
    label_weight: float = 1.0
    shift_weight: float = 0.25
    raw_strength: bool = False
    rate: float = 1e-4
    predictor: str = "resnet"
    predictor_size: int | None = None
    identity: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.scale > 0 or not 0 <= self.least <= self.scale:
            raise UsageError(f"Strengths from {self.least:g} to {self.scale:g} make no range: 0 <= least <= scale.")
        check_size(self.predictor, self.predictor_size)


class Rectifier(nn.Module):
    """What learns: the combinations and the reconstructor. Its forward pass is one step's losses."""

    def __init__(self, target: Target, basis: Basis, plan: TrainingPlan, channels: int = 3) -> None:
        super().__init__()
        if basis.shape != target.shape:
            raise GantkError(f"A basis of shape {list(basis.shape)} does not fit {target.layer}, {list(target.shape)}.")
        self._target, self.plan = [target], plan  # in a list: the generator is no part of what learns
        weight = target.weight
        self._basis = [basis.to(weight.device, weight.dtype)]
        source = torch.Generator().manual_seed(plan.seed)
        start = torch.randn(plan.directions, len(basis), generator=source)
        if plan.identity:
            start = torch.eye(plan.directions, len(basis)) + 0.01 * start / len(basis) ** 0.5
        self.coefficients = nn.Parameter(start.to(weight.device))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            predictor = ShiftPredictor(plan.directions, plan.predictor, channels, plan.predictor_size)
        self.predictor = predictor.to(weight.device)

    def pictures(self, codes: Tensor, index_N: Tensor, strength_N: Tensor) -> tuple[Tensor, Tensor]:
        """Samples as they are, without a graph, and moved, with one to the combinations, as the predictor sees them.

        Where the target draws fewer samples at once, what a part of them needs for its derivatives is computed again
        in the backward pass, so that no more than a part is held (Chen et al. 2016).
        """
        size = self._target[0].at_once(len(codes))
        if size == len(codes):
            return self._pair(codes, index_N, strength_N)
        pairs = []
        for first, last in parts(0, len(codes), size):
            own = (part[first:last] for part in (codes, index_N, strength_N))
            pairs.append(checkpoint(self._pair, *own, use_reentrant=False, preserve_rng_state=False))
        before, after = (torch.cat(pictures) for pictures in zip(*pairs, strict=True))
        return before, after

    def _pair(self, codes: Tensor, index_N: Tensor, strength_N: Tensor) -> tuple[Tensor, Tensor]:
        target = self._target[0]
        used, place_N = torch.unique(index_N, return_inverse=True)
        delta_NOIKK = self._basis[0].combine(self.coefficients[used])[place_N]
        with torch.autocast(codes.device.type, enabled=False):  # the layers that do not change are in full precision
            prefix = target.prefix(codes)
        with torch.no_grad():
            before = self._seen(target.images(prefix))
        return before, self._seen(moved_each(target, prefix, delta_NOIKK, strength_N))

    def _seen(self, image_NCHW: Tensor) -> Tensor:
        return self.predictor.resized(image_NCHW.clamp(-1, 1))

    def forward(self, codes: Tensor, index_N: Tensor, strength_N: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Cross entropy, mean strength error over the unit, and the share of directions that were told."""
        before, after = self.pictures(codes, index_N, strength_N)
        logits_ND, told_N = self.predictor(before, after)
        unit = 1.0 if self.plan.raw_strength else self.plan.scale
        entropy = F.cross_entropy(logits_ND.float(), index_N)
        error = (told_N.float() - strength_N / unit).abs().mean()
        return entropy, error, (logits_ND.argmax(1) == index_N).float().mean()


def moved_each(
    target: Target, prefix: Prefix, delta_NOIKK: Tensor, strength_N: Tensor, vectorize: bool | None = None
) -> Tensor:
    """Pictures [N, C, H, W] whose weights move each by its own delta; differentiable in it.

    Directions of a batch are all different, so kernels are per sample here: one pass under `vmap` on a GPU, one sample
    after the other on a CPU, where that is faster.
    """
    weight_NOIKK = target.weight.detach() + strength_N[:, None, None, None, None] * delta_NOIKK
    vectorize = target.weight.device.type == "cuda" if vectorize is None else vectorize
    if not vectorize:
        rows = range(len(prefix))
        return torch.cat([target.images(prefix.take(slice(row, row + 1)), weight_NOIKK[row]) for row in rows])
    kept = prefix.tensors()

    def one(weight_OIKK: Tensor, *own: Tensor) -> Tensor:
        return target.images(prefix.with_tensors([part.unsqueeze(0) for part in own]), weight_OIKK)[0]

    pictures: Tensor = torch.func.vmap(one)(weight_NOIKK, *kept)
    return pictures


def draw(plan: TrainingPlan, step: int, first: int, last: int, held_out: bool = False) -> tuple[Tensor, Tensor]:
    """Directions and strengths of samples first .. last - 1 of a step's batch; the same whatever the division."""
    start = step * plan.batch + first + (HELD_OUT if held_out else 0)
    uniform = torch.from_numpy(random_uniform(last - first, 2, plan.seed, start, "rectify"))
    index_N = (uniform[:, 0] * plan.directions).long().clamp(max=plan.directions - 1)
    if plan.normal:
        strength_N = plan.scale * torch.special.ndtri(uniform[:, 1])
    else:
        strength_N = plan.scale * (2 * uniform[:, 1] - 1)
    small = (strength_N.abs() < plan.least) & (strength_N != 0)
    strength_N = torch.where(small, torch.sign(strength_N) * plan.least, strength_N)
    return index_N, strength_N.float()


Codes = Callable[[int, int], Tensor]


class Trainer:
    """Steps of the optimisation on this process's share of every batch.

    Args:
        codes: (start, stop) -> codes of samples.
        rank, world: this process and how many there are; gradients are averaged over them.
        autocast: half precision of the network from the layer on, and of the predictor, or None.
    """

    def __init__(
        self,
        rectifier: Rectifier,
        codes: Codes,
        rank: int = 0,
        world: int = 1,
        autocast: torch.dtype | None = None,
    ) -> None:
        self.rectifier, self.plan, self.codes = rectifier, rectifier.plan, codes
        self.rank, self.world, self.autocast = rank, world, autocast
        if self.plan.batch % world:
            raise UsageError(f"A batch of {self.plan.batch} cannot be divided among {world} processes evenly.")
        self.device = rectifier.coefficients.device
        parallel: nn.Module = rectifier
        if world > 1:
            ids = [self.device.index] if self.device.type == "cuda" else None
            parallel = nn.parallel.DistributedDataParallel(rectifier, device_ids=ids)
        self._parallel = parallel
        groups = [{"params": [rectifier.coefficients]}, {"params": list(rectifier.predictor.parameters())}]
        self.optimizer = Adam(groups, lr=self.plan.rate)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=autocast is torch.float16)

    def step(self, number: int) -> tuple[float, float, float]:
        """One step; returns this process's cross entropy, strength error and accuracy.

        Raises:
            GantkError: the loss is not finite.
        """
        share = self.plan.batch // self.world
        first = self.rank * share
        entropy, error, accuracy = self._losses(self._parallel, number, first, first + share)
        loss = self.plan.label_weight * entropy + self.plan.shift_weight * error
        if not bool(torch.isfinite(loss)):
            raise GantkError(f"The loss is not finite at step {number}: lower --rate, or leave half precision out.")
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return float(entropy.detach()), float(error.detach()), float(accuracy)

    @property
    def held_out_edits(self) -> int:
        """How many edits of samples that training never sees `held_out` looks at."""
        return HELD_OUT_BATCHES * self.plan.batch

    def held_out(self) -> float:
        """How often the direction of those edits is told."""
        self.rectifier.eval()
        try:
            with torch.no_grad():
                found = [
                    float(self._losses(self.rectifier, number, 0, self.plan.batch, held_out=True)[2])
                    for number in range(HELD_OUT_BATCHES)
                ]
        finally:
            self.rectifier.train()
        return sum(found) / len(found)

    def _losses(
        self, model: nn.Module, number: int, first: int, last: int, held_out: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        index_N, strength_N = (part.to(self.device) for part in draw(self.plan, number, first, last, held_out))
        start = number * self.plan.batch + (HELD_OUT if held_out else 0)
        codes = self.codes(start + first, start + last)
        half: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if self.autocast is not None:
            half = torch.autocast(self.device.type, self.autocast)
        with half:
            losses: tuple[Tensor, Tensor, Tensor] = model(codes, index_N, strength_N)
        return losses

    def state(self) -> dict[str, object]:
        """All that a continued run needs besides the step's number."""
        return {
            "rectifier": self.rectifier.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` gave."""
        self.rectifier.load_state_dict(state["rectifier"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
