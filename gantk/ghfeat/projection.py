"""Codes of images by optimisation, for any family: alone, or refining what an encoder says.

Each image is a problem of its own (its loss, its steps), so that the result does not depend on the batch.

Shape legend: N images, Z width of z, D of w, L rows of wp, C_l width of a style.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gantk.errors import Stopped, UsageError
from gantk.generators.base import Generator
from gantk.generators.frugal_steps import images_at_once
from gantk.generators.uncompiled import Adam
from gantk.ghfeat.candidates import CandidatePool, Candidates
from gantk.ghfeat.losses import Perception
from gantk.ghfeat.starts import ORDER, labels_of
from gantk.predictors.resampling import resize

RAMP = 0.05  # share of the steps over which the rate rises


@dataclass(frozen=True)
class ProjectionPlan:
    """How codes are looked for.

    Attributes:
        space: in which the code is free: `z`, `w` (one for all rows), `wp` (one per row), `s` (one per layer).
        steps: of Adam; 0 keeps the start.
        rate: of Adam, in units of the spread of each number of the code over seeded samples; rises and then falls as a
            half cosine.
        perceptual: weight of the perception's distance beside the squared error of pixels.
        prior: weight of the squared distance from the mean code, in the same units: what keeps a code plausible.
        frames: reconstructions kept on the way, for the page.
    """

    space: str = "wp"
    steps: int = 200
    rate: float = 0.1
    perceptual: float = 0.1
    prior: float = 1e-3
    frames: int = 8

    def __post_init__(self) -> None:
        if self.space not in ORDER:
            raise UsageError(f"There is no space {self.space!r}: give one of {', '.join(ORDER)}.")
        if self.steps < 0 or not self.rate > 0:
            raise UsageError(f"{self.steps} steps at a rate of {self.rate} are no optimisation.")

    @property
    def kept(self) -> tuple[int, ...]:
        """The steps whose reconstructions are kept, evenly spaced, the first and the last among them."""
        return tuple(sorted({round(k * self.steps / max(1, self.frames - 1)) for k in range(self.frames)}))


@dataclass(frozen=True)
class Projection:
    """The codes found (one tensor, or the styles) and their images [N, 3, R, R].

    Attributes:
        losses: [steps + 1, N], of the start and after every step.
        frames: the images after each of the plan's kept steps, [K, N, 3, R, R].
    """

    codes: Tensor | tuple[Tensor, ...]
    image_NCHW: Tensor
    losses: Tensor
    frames: tuple[Tensor, ...] = ()


def project_all(
    generator: Generator,
    target_NCHW: Tensor,
    plan: ProjectionPlan,
    perception: Perception | None = None,
    start: Tensor | Sequence[Tensor] | None = None,
    label: Tensor | None = None,
    seed: int = 0,
    at_once: int | None = None,
    pool: CandidatePool | None = None,
) -> Projection:
    """`project`, few images after each other: each is a problem of its own, and memory is that of the few.

    Args:
        label: of a conditional network, also [1] or [1, C] for all.
        at_once: images that are optimised together; None: 8 up to 256 pixels, 2 at 512, 1 at 1024.
        pool: the candidates that earlier calls drew.
    """
    pool = pool or CandidatePool(generator, plan.space, seed)
    count = len(target_NCHW)
    few = min(count, at_once or images_at_once(generator, count))
    label = labels_of(generator, count, label, seed)
    parts = []
    for first in range(0, count, few):
        some = slice(first, first + few)
        begun = start[some] if isinstance(start, Tensor) else None if start is None else [code[some] for code in start]
        named = None if label is None else label[some]
        parts.append(project(generator, target_NCHW[some], plan, perception, begun, named, seed, pool=pool))
    if len(parts) == 1:
        return parts[0]
    codes = [part.codes if isinstance(part.codes, tuple) else (part.codes,) for part in parts]
    joined = tuple(torch.cat(column) for column in zip(*codes, strict=True))
    return Projection(
        joined if plan.space == "s" else joined[0],
        torch.cat([part.image_NCHW for part in parts]),
        torch.cat([part.losses for part in parts], 1),
        tuple(torch.cat(column) for column in zip(*(part.frames for part in parts), strict=True)),
    )


def project(
    generator: Generator,
    target_NCHW: Tensor,
    plan: ProjectionPlan,
    perception: Perception | None = None,
    start: Tensor | Sequence[Tensor] | None = None,
    label: Tensor | None = None,
    seed: int = 0,
    watch: Callable[[int, Tensor], bool] | None = None,
    trying: Callable[[int, int], None] | None = None,
    pool: CandidatePool | None = None,
) -> Projection:
    """Codes whose images are close to the targets [N, 3, H, W].

    Args:
        start: codes of the plan's space; default: of the mean code and 64 seeded samples the one nearest to each image,
            compared at 256 pixels at most.
        label: of a conditional network, [N] ids or [N, C] rows.
        watch: called after each evaluation with its number and the images; True stops there, and what is returned are
            the codes with the lowest loss so far.
        trying: called before each sample that may be the start is drawn, with its number and how many there are.
        pool: of the samples that may be the start, where other images had them drawn already.

    Raises:
        Stopped: before the first evaluation was whole. A watched search that is stopped later returns its best.
        UsageError: the family does not have the space, or the start does not fit it.
    """
    if plan.space not in generator.spec.spaces and not (plan.space == "wp" and "w" in generator.spec.spaces):
        raise UsageError(
            f"A {generator.spec.family} has no space {plan.space!r}: give one of {', '.join(generator.spec.spaces)}."
        )
    label = label if label is not None else generator.sample_label(len(target_NCHW), seed)
    candidates = (pool or CandidatePool(generator, plan.space, seed)).of(label)
    problem = _Problem(generator, candidates, target_NCHW, plan, perception, label)
    codes = problem.start(trying) if start is None else problem.adopt(start)
    free = [code.detach().clone().requires_grad_(True) for code in codes]
    optimizer = Adam([{"params": [code]} for code in free], lr=plan.rate, betas=(0.9, 0.99))
    losses: list[Tensor] = []
    frames: list[Tensor] = []
    best, kept = _Best(), plan.kept
    try:
        for step in range(plan.steps + 1):
            with torch.enable_grad():
                scaled = [_scaled(code, unit) for code, unit in zip(free, problem.units, strict=True)]
                image, loss_N = problem.loss(scaled)
            losses.append(loss_N.detach())
            if watch is not None:
                best.see(loss_N.detach(), image.detach(), free)
                if watch(step, image.detach()):
                    raise Stopped
            if step in kept:
                frames.append(image.detach())
            if step == plan.steps:
                break
            for code, gradient in zip(free, torch.autograd.grad(loss_N.sum(), free), strict=True):
                code.grad = gradient
            for group in optimizer.param_groups:
                group["lr"] = plan.rate * _ramp(step / max(1, plan.steps))
            optimizer.step()
    except Stopped:
        if best.loss_N is None:
            raise
        image, free = best.image, best.free
    found = [_scaled(code.detach(), unit) for code, unit in zip(free, problem.units, strict=True)]
    codes_found = tuple(found) if plan.space == "s" else found[0]
    return Projection(codes_found, image.detach(), torch.stack(losses), tuple(frames))


class _Best:
    """Of each image the code with the lowest loss, and what it looks like."""

    def __init__(self) -> None:
        self.loss_N: Tensor | None = None
        self.image: Tensor
        self.free: list[Tensor]

    def see(self, loss_N: Tensor, image: Tensor, free: list[Tensor]) -> None:
        now = [loss_N, image, *(code.detach().clone() for code in free)]
        if self.loss_N is not None:
            better_N, before = loss_N < self.loss_N, (self.loss_N, self.image, *self.free)
            now = [torch.where(better_N.view(-1, *[1] * (a.ndim - 1)), a, b) for a, b in zip(now, before, strict=True)]
        self.loss_N, self.image, *self.free = now  # at once: a stop may come between any two operations


def _ramp(share: float) -> float:
    return min(1.0, share / RAMP + 0.1) * (0.5 + 0.5 * math.cos(math.pi * share)) + 1e-3


def _scaled(code: Tensor, unit: tuple[Tensor, Tensor]) -> Tensor:
    """A free variable in units of the spread, as a code: mean + spread * x."""
    return unit[0] + unit[1] * code


class _Problem:
    """Start, loss and scale of the codes."""

    def __init__(
        self,
        generator: Generator,
        candidates: Candidates,
        target: Tensor,
        plan: ProjectionPlan,
        perception: Perception | None,
        label: Tensor | None,
    ) -> None:
        self.candidates, self.plan, self.perception, self.label = candidates, plan, perception, label
        self.target = resize(target.to(generator.device), *generator.spec.size)
        self.n, self.units = len(target), candidates.units

    def start(self, trying: Callable[[int, int], None] | None = None) -> list[Tensor]:
        """For each image the nearest of the candidates, as free variables."""
        return self.candidates.nearest(self.target, trying)

    def adopt(self, start: Tensor | Sequence[Tensor]) -> list[Tensor]:
        given = [start] if isinstance(start, Tensor) else list(start)
        wanted = self.candidates.shapes
        if [code.shape[1:] for code in given] != wanted or any(len(code) != self.n for code in given):
            raise UsageError(
                f"Codes of shapes {[list(code.shape) for code in given][:3]} cannot start {self.n} images in the space "
                f"{self.plan.space!r}."
            )
        return [(code.to(mean) - mean) / spread for code, (mean, spread) in zip(given, self.units, strict=True)]

    def loss(self, codes: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Images, and the loss of each [N]."""
        image = self.candidates.image(codes, self.label)
        loss_N = (image - self.target).square().mean((1, 2, 3))
        if self.perception is not None and self.plan.perceptual:
            loss_N = loss_N + self.plan.perceptual * self.perception(image, self.target)
        if self.plan.prior:
            away = [
                ((code - mean) / spread).square().flatten(1).mean(1)
                for code, (mean, spread) in zip(codes, self.units, strict=True)
            ]
            loss_N = loss_N + self.plan.prior * torch.stack(away).mean(0)
        return image, loss_N
