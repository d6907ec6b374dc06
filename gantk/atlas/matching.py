"""The strength at which a move changes pictures by a given amount.

Vectors of z, styles and weights have no common unit; how far the picture moves is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from gantk.navigan.strength import enclosed

NEAR, STEPS = 0.05, 8
FARTHEST = 8.0  # of one strength to the next


@dataclass(frozen=True)
class Match:
    """A strength, the change there, and whether that is the level (to NEAR of it) or just the closest one tried."""

    strength: float
    change: float
    matched: bool


def match_strength(change: Callable[[float], float], level: float, unit: float, reach: float) -> Match:
    """Find where a change that grows from zero reaches the level.

    Args:
        change: of a strength; not quite monotone is well enough.
        unit: strength to begin with.
        reach: none beyond it is tried.
    """
    tried: dict[float, float] = {}
    strength = min(unit, reach)
    for _ in range(STEPS):
        tried[strength] = change(strength)
        if abs(tried[strength] / level - 1) <= NEAR:
            return Match(strength, tried[strength], True)
        strength = _next(tried, level, reach)
        if strength in tried:
            break
    best = min(tried, key=lambda t: abs(tried[t] - level) if math.isfinite(tried[t]) else math.inf)
    return Match(best, tried[best], False)


def _next(tried: dict[float, float], level: float, reach: float) -> float:
    """By the power law through the two strengths nearest to the level; at first as a squared distance grows."""
    below = [t for t, value in tried.items() if value < level]
    above = [t for t, value in tried.items() if not value < level]
    if below and above:
        return enclosed(tried, level, max(below), min(above))
    last = max(below) if below else min(above)
    if not math.isfinite(tried[last]):
        return last / 4
    power = 2.0  # a squared distance, near zero
    side = sorted(below)[-2:] if below else sorted(above)[:2]
    if len(side) == 2 and tried[side[0]] > 0 and math.isfinite(tried[side[1]]):
        power = max(math.log(tried[side[1]] / tried[side[0]]) / math.log(side[1] / side[0]), 0.25)
    factor = (level / max(tried[last], 1e-30)) ** (1 / power)
    return min(last * min(max(factor, 1 / FARTHEST), FARTHEST), reach)
