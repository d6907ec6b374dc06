"""How far to go along a weight direction: its curve of perceptual distance against strength, and a strength from it.

Weights have no natural unit: after demodulation only the length relative to the weight counts, and without it another
layer means another amplitude. What is comparable is how far the picture moves. So the recommended strength of a
direction is where the mean distance of edited from original pictures reaches a share of the mean distance between
different samples.

Shape legend: N samples, D directions, T strengths.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gantk.errors import GantkError
from gantk.navigan.directions import WeightDirections
from gantk.navigan.metrics import Metric, squared
from gantk.navigan.target import Prefix, Target
from gantk.store.chunks import parts

SHARE = 0.2  # of the distance between different samples
CURVE = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)  # strengths of the curve, over the recommended one
SEARCHES = 8
NEAR = 0.05  # the search ends within this share of the level
ALL = 1 << 30  # samples at once: as many as there are
FARTHEST = 8.0  # strengths beyond this multiple of the weight's own length are not tried


@dataclass(frozen=True)
class Curve:
    """One direction: the recommended strength, and mean distances [T] at strengths [T]."""

    scale: float
    strengths: list[float]
    distances: list[float]
    reached: bool  # False: the picture never moved as far as asked, and the strongest that was tried is recommended


@dataclass(frozen=True)
class Ruler:
    """Pictures of a few samples as they are, embedded, and the mean distance between different ones."""

    prefix: Prefix
    embedded: list[Tensor]
    between: float
    at_once: int = ALL


def ruler(target: Target, metric: Metric, codes: Tensor, at_once: int = ALL) -> Ruler:
    """Measure the samples that edits are compared with, at least two; `at_once` are rendered and embedded at once."""
    if len(codes) < 2:
        raise GantkError("A recommended strength needs at least two samples to compare: give more.")
    with torch.inference_mode():
        prefix = target.prefix(codes)
        embedded = embedded_in_parts(metric, prefix, at_once, lambda part, _: target.images(part))
        pairs = [squared([part.roll(shift, 0) for part in embedded], embedded) for shift in range(1, len(codes))]
    between = float(torch.stack(pairs).mean())
    if between == 0 and bool((codes == codes[:1]).all()):
        raise GantkError("A recommended strength compares different samples, and there is one: give more, see --num.")
    if not math.isfinite(between) or between <= 0:
        raise GantkError(
            f"The metric {metric.name} sees a distance of {between} between different samples: choose another."
        )
    return Ruler(prefix, embedded, between, at_once)


def embedded_in_parts(
    metric: Metric, prefix: Prefix, at_once: int, render: Callable[[Prefix, slice], Tensor]
) -> list[Tensor]:
    """The embedding of all samples, of which only so many are rendered at once."""
    cuts = [slice(first, last) for first, last in parts(0, len(prefix), at_once)]
    every = [metric.embed(render(prefix if len(cuts) == 1 else prefix.take(cut), cut)) for cut in cuts]
    return every[0] if len(every) == 1 else [torch.cat(maps) for maps in zip(*every, strict=True)]


def distance_at(target: Target, metric: Metric, rule: Ruler, delta: Tensor, strength: float) -> float:
    """Mean distance of pictures edited by +strength (even samples) and -strength (odd ones) from the originals."""
    n = len(rule.prefix)
    sign_N = torch.ones(n, device=delta.device)
    sign_N[1::2] = -1
    with torch.inference_mode():
        embedded = embedded_in_parts(
            metric, rule.prefix, rule.at_once, lambda part, cut: target.moved(part, delta, strength * sign_N[cut])
        )
        return float(squared(embedded, rule.embedded).mean())


def curve_of(
    target: Target, metric: Metric, rule: Ruler, delta: Tensor, guess: float | None = None, share: float = SHARE
) -> Curve:
    """Find the strength at which the pictures have moved by `share` of the way between samples, and the curve."""
    delta = delta.to(target.weight)
    level, length = share * rule.between, float(target.weight.norm())
    strength = min(guess or 0.1 * length, FARTHEST * length)
    tried: dict[float, float] = {}
    reached = False
    for _ in range(SEARCHES):
        found = distance_at(target, metric, rule, delta, strength)
        if not math.isfinite(found):
            raise GantkError(f"The metric {metric.name} is not finite at strength {strength:.3g}.")
        tried[strength] = found
        if abs(found / level - 1) < NEAR:
            reached = True
            break
        strength = _next(tried, level, FARTHEST * length)
        if strength in tried:
            break
    best = float(f"{min(tried, key=lambda t: abs(tried[t] - level)):.3g}")
    if best not in tried:
        tried[best] = distance_at(target, metric, rule, delta, best)
    reached = reached or abs(tried[best] / level - 1) < 0.2
    strengths = [factor * best for factor in CURVE]
    distances = [tried[t] if t in tried else distance_at(target, metric, rule, delta, t) for t in strengths]
    return Curve(best, [0.0, *strengths], [0.0, *distances], reached)


def enclosed(tried: dict[float, float], level: float, a: float, b: float) -> float:
    """By a power law between two strengths that enclose the level."""
    if a < b and tried[a] > 0 and math.isfinite(tried[b]):
        power = math.log(tried[b] / tried[a]) / math.log(b / a)
        if power > 0.1:
            return a * (level / tried[a]) ** (1 / power)
    return math.sqrt(a * b)


def _next(tried: dict[float, float], level: float, farthest: float) -> float:
    """Between the two strengths that enclose the level; else outwards or inwards, at most fourfold."""
    below = [t for t, d in tried.items() if d < level]
    above = [t for t, d in tried.items() if d >= level]
    if below and above:
        return enclosed(tried, level, max(below), min(above))
    last = max(below) if below else min(above)
    factor = math.sqrt(level / max(tried[last], 1e-30))
    return min(last * min(max(factor, 0.25), 4.0), farthest)


def first_guess(directions: WeightDirections, number: int, level: float) -> float | None:
    """Where to begin to look for the strength at which a distance is reached; None without an eigenvalue."""
    values = directions.meta.get("eigenvalues") if directions.kind == "hessian" else None
    if values and len(values) == len(directions) and values[number] > 0:
        return math.sqrt(2 * level / values[number])  # the distance is lambda t^2 / 2 at first
    return None
