"""Adam on a batch of independent problems: each code follows its own gradient and keeps its own best place.

Shape legend: N codes, T steps; codes are [N, ...] of any shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gantk.errors import Stopped

BETAS, TINY = (0.9, 0.999), 1e-8

Objective = Callable[[Tensor], tuple[Tensor, Tensor]]  # codes to (what is minimised, what is watched), each [N]


@dataclass(frozen=True, eq=False)
class Descended:
    """Where the codes ended: `best` by the watched value, `last` after the final step, `seen` as it was evaluated last.

    `curve_TN` has the watched value of each evaluation, the start's first.
    """

    best: Tensor
    last: Tensor
    seen: Tensor
    curve_TN: Tensor


def descend(
    start: Tensor,
    objective: Objective,
    steps: int,
    rate: float | Tensor,
    patience: int | None = 12,
    after: Callable[[int, Tensor], bool] | None = None,
) -> Descended:
    """Minimise by Adam (Kingma and Ba 2015), without any randomness.

    Args:
        rate: step size, a number or anything that broadcasts against the codes (one per row of wp, say).
        patience: stop when no code's watched value has improved by a thousandth for so many steps; None: never.
        after: called after each evaluation with its number and the codes; True ends the descent.

    Raises:
        Stopped: in the first evaluation. In a later one it ends the descent, as if that had not begun.
    """
    x, first, second = start.detach().clone(), torch.zeros_like(start), torch.zeros_like(start)
    best, seen = x.clone(), x.clone()
    lowest = torch.full((len(x),), float("inf"), device=x.device)
    curve: list[Tensor] = []
    idle = 0
    for number in range(steps + 1):
        before, seen = seen, x.clone()
        leaf = x.clone().requires_grad_(number < steps)
        try:
            total_N, watched_N = objective(leaf)
        except Stopped:
            if not curve:
                raise
            x = seen = before
            break
        watched_N = watched_N.detach()
        curve.append(watched_N)
        better = watched_N < lowest
        idle = 0 if bool((watched_N < lowest * (1 - 1e-3)).any()) else idle + 1
        lowest = torch.where(better, watched_N, lowest)
        best = torch.where(better.view(-1, *[1] * (x.ndim - 1)), x, best)
        stop = after is not None and after(number, x)
        if number == steps or stop or (patience is not None and idle >= patience):
            break
        try:
            (gradient,) = torch.autograd.grad(total_N.sum(), leaf)
        except Stopped:
            break
        first = BETAS[0] * first + (1 - BETAS[0]) * gradient
        second = BETAS[1] * second + (1 - BETAS[1]) * gradient.square()
        scale = (1 - BETAS[1] ** (number + 1)) ** 0.5 / (1 - BETAS[0] ** (number + 1))
        # torch's own order of operations: epsilon is added to the corrected root
        x = x - rate * scale * first / (second.sqrt() + TINY * (1 - BETAS[1] ** (number + 1)) ** 0.5)
    return Descended(best, x, seen, torch.stack(curve))


# the share of the rows that lie before one -> how fast it moves, of 1
SCHEDULES: dict[str, Callable[[float], float]] = {
    "even": lambda place: 1.0,
    "coarse": lambda place: 1.0 if place < 8 / 18 else 0.1 if place < 12 / 18 else 0.01 if place < 16 / 18 else 0.001,
    "shape": lambda place: float(place < 2 / 3),
    "colour": lambda place: float(place >= 2 / 3),
}


def row_rates(schedule: str, rows: int) -> list[float]:
    """How fast each row of wp moves, of 1.

    `even`: all alike. `coarse`: as LinearGAN's first releases had it for 18 rows: 8 rows at full speed, 4 at a tenth, 4
    at a hundredth, 2 at a thousandth; other counts in proportion. `shape`: the first two thirds only. `colour`: the
    last third only.
    """
    return [SCHEDULES[schedule]((row + 0.5) / rows) for row in range(rows)]
