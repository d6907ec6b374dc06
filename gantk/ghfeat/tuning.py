"""Pivotal tuning (Roich et al. 2022, arXiv 2106.05744): a generator's weights are fitted to photos around their codes.

The codes stay where they are, so that directions lead where they led; what a code could not say goes into the weights.
With x a photo, p its code (the pivot) and r a random code pulled towards p, the loss of section 3.2 is

    lambda_p d(x, G'(p)) + lambda_2 |x - G'(p)|^2  +  lambda_r ( lambda_p d(G(r), G'(r)) + lambda_2 |G(r) - G'(r)|^2 )

with d a perceptual distance and r = p + min(1, alpha / |w - p|) (w - p), |.| over all rows of wp. What makes codes of
noise and styles of codes (mapping and affines) is left as it is: a code, and a step of it, mean the same afterwards.

Legend: N photos, C_l width of a style, L rows of wp, D width of w, T steps.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.generators.frugal_steps import images_at_once, synthesize_frugally
from gantk.generators.uncompiled import Adam
from gantk.ghfeat.bridge import styles_to_wp
from gantk.ghfeat.losses import Perception
from gantk.ghfeat.starts import brought
from gantk.predictors.resampling import resize
from gantk.runs.stores import Store
from gantk.store.progress import progress

Fixed = tuple[Tensor, ...]  # styles [N, C_l] of every layer, or (wp [N, L, D],) where there are none
TOGETHER = 8  # photos of a step; more take turns
KEPT_EVERY = 25  # steps
STATE = "tuning.pt"


@dataclass(frozen=True)
class TuningPlan:
    """How weights are tuned; the defaults are the paper's and its program's.

    Attributes:
        steps: of Adam.
        rate: of Adam for weights of deviation one, as equalised learning rates keep them; a kernel that is kept in
            another unit moves by as much of its own root mean square.
        perceptual, pixel: weights of the two distances.
        locality: weight of what holds the images of other codes.
        reach: alpha, how far from a pivot those codes are, over all rows of wp.
        seed: of those codes.
    """

    steps: int = 350
    rate: float = 3e-4
    perceptual: float = 1.0
    pixel: float = 1.0
    locality: float = 0.1
    reach: float = 30.0
    seed: int = 0


def fixed_codes(
    generator: Generator, space: str, codes: Sequence[Tensor], label: Tensor | None = None
) -> tuple[Fixed, Tensor]:
    """Codes as what the tuned part of a network takes, and as wp [N, L, D] (of styles the nearest)."""
    with torch.no_grad():
        if space == "s":
            return tuple(codes), styles_to_wp(generator, codes)[0]
        [wp_NLD] = brought(generator, codes[0], space, "wp", label)
        return brought(generator, wp_NLD, "wp", "s" if "s" in generator.spec.spaces else "wp"), wp_NLD


def image_of(generator: Generator, fixed: Fixed) -> Tensor:
    """The images [N, C, H, W] of fixed codes, differentiable with little memory."""
    return synthesize_frugally(generator, fixed if "s" in generator.spec.spaces else fixed[0])


def tunable(generator: Generator, fixed: Fixed) -> list[str]:
    """Names of the weights that the image of a fixed code depends on.

    Raises:
        UsageError: there is none, as in a network that is wrapped from outside.
    """
    trial = copy.deepcopy(generator).requires_grad_(True)
    names = [name for name, _ in trial.named_parameters()]
    found: Sequence[Tensor | None] = ()
    with torch.enable_grad():
        image = image_of(trial, tuple(code[:1].detach() for code in fixed))
        if image.requires_grad:
            found = torch.autograd.grad(image.sum(), list(trial.parameters()), allow_unused=True)
    used = [name for name, gradient in zip(names, found, strict=False) if gradient is not None]
    if not used:
        raise UsageError(f"This {generator.spec.family} shows no weights that can be tuned: leave --tune out.")
    return used


@torch.enable_grad()
def tune(
    generator: Generator,
    target_NCHW: Tensor,
    fixed: Fixed,
    wp_NLD: Tensor,
    plan: TuningPlan,
    perception: Perception | None,
    store: Store,
    label: Tensor | None = None,
) -> tuple[dict[str, Tensor], npt.NDArray[np.float64]]:
    """Fit the weights to photos [N, C, H, W] in [-1, 1] at their codes.

    The state is kept every 25 steps; a continued tuning takes the same steps.

    Args:
        fixed, wp_NLD: what `fixed_codes` gives.
        label: [1] or [1, C], of the random codes of a conditional network.

    Returns:
        The changes by name of weight, and the loss of the photos and of the other codes at every step [T, 2].
    """
    names = tunable(generator, fixed)
    tuned = copy.deepcopy(generator)
    tuned.requires_grad_(False)
    weights = [tuned.get_parameter(name).requires_grad_(True) for name in names]
    adam = Adam([{"params": [weight], "lr": plan.rate * _unit(weight)} for weight in weights])
    curve: list[tuple[float, float]] = []
    state = store.load_state(STATE)
    if state is not None:
        curve = [(float(a), float(b)) for a, b in state["curve"]]
        adam.load_state_dict(state["adam"])
        with torch.no_grad():
            for name, weight in zip(names, weights, strict=True):
                weight.copy_(state["weights"][name])
    near = _Neighbours(generator, fixed, wp_NLD, plan, label)
    target = resize(target_NCHW.to(generator.device), *generator.spec.size)
    with progress(plan.steps - len(curve), "tune", unit="step") as bar:
        for step in range(len(curve), plan.steps):
            adam.zero_grad()
            photos = _fit(tuned, target, fixed, _turn(step, len(target)), plan, perception)
            held = _hold(generator, tuned, near.of(step), plan, perception) if plan.locality else 0.0
            adam.step()
            curve.append((photos, held))
            bar.update(1)
            if (step + 1) % KEPT_EVERY == 0 and step + 1 < plan.steps:
                kept = {name: weight.detach() for name, weight in zip(names, weights, strict=True)}
                store.save_state(STATE, {"curve": curve, "adam": adam.state_dict(), "weights": kept})
    store.drop_state(STATE)
    deltas = {
        name: weight.detach() - generator.get_parameter(name) for name, weight in zip(names, weights, strict=True)
    }
    return deltas, np.asarray(curve, np.float64).reshape(-1, 2)


def _unit(weight: Tensor) -> float:
    """What a rate is relative to: the root mean square of a kernel; a bias or a strength moves by the rate itself."""
    return float(weight.detach().square().mean().sqrt().clamp(min=1e-8)) if weight.ndim > 1 else 1.0


def _turn(step: int, count: int) -> list[int]:
    together = min(TOGETHER, count)
    return [(step * together + k) % count for k in range(together)]


def _fit(
    tuned: Generator, target: Tensor, fixed: Fixed, turn: list[int], plan: TuningPlan, perception: Perception | None
) -> float:
    """Add the gradient of the photos' loss; returns the loss, a mean over them."""
    at_once, total = images_at_once(tuned, len(turn)), 0.0
    for start in range(0, len(turn), at_once):
        some = turn[start : start + at_once]
        image = image_of(tuned, tuple(code[some] for code in fixed))
        loss = _distance(image, target[some], plan, perception).sum() / len(turn)
        loss.backward()
        total += float(loss.detach())
    return total


def _hold(
    generator: Generator, tuned: Generator, near: Fixed, plan: TuningPlan, perception: Perception | None
) -> float:
    with torch.no_grad():
        before = image_of(generator, near)
    loss = plan.locality * _distance(image_of(tuned, near), before, plan, perception).mean()
    loss.backward()
    return float(loss.detach())


def _distance(image: Tensor, target: Tensor, plan: TuningPlan, perception: Perception | None) -> Tensor:
    """[N]."""
    found = plan.pixel * (image - target).square().mean((1, 2, 3))
    if perception is not None and plan.perceptual:
        found = found + plan.perceptual * perception(image, target)
    return found


class _Neighbours:
    """Random codes pulled towards the pivots, one a step, each pivot in turn.

    Styles are affine in wp, so that pulling styles is pulling wp; a code nearer than the reach stays where it is.
    """

    def __init__(
        self, generator: Generator, fixed: Fixed, wp_NLD: Tensor, plan: TuningPlan, label: Tensor | None
    ) -> None:
        self.generator, self.fixed, self.wp_NLD, self.plan, self.label = generator, fixed, wp_NLD, plan, label

    @torch.no_grad()
    def of(self, step: int) -> Fixed:
        g, photo = self.generator, step % len(self.wp_NLD)
        label = g.sample_label(1, self.plan.seed, step) if self.label is None else self.label
        random, wp_1LD = fixed_codes(g, "z", [g.sample_z(1, self.plan.seed, step)], label)
        away = float((wp_1LD[0] - self.wp_NLD[photo]).norm())
        share = min(1.0, self.plan.reach / max(away, 1e-12))
        pivot = [code[photo : photo + 1] for code in self.fixed]
        return tuple(p + share * (r - p) for p, r in zip(pivot, random, strict=True))


def plan_facts(plan: TuningPlan, perception: Perception | None) -> dict[str, str | float]:
    """What a file of tuned weights says of itself."""
    return {
        "command": "invert --tune",
        "steps": float(plan.steps),
        "rate": plan.rate,
        "perceptual": plan.perceptual,
        "pixel": plan.pixel,
        "locality": plan.locality,
        "reach": plan.reach,
        "perception": "none" if perception is None else perception.name,
    }
