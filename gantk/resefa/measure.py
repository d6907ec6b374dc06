"""How local an edit is, on codes that no direction was found on.

Every direction is walked to both sides in growing steps; at each, the squared change inside the region and outside it
(on [0, 1], margin left out) is summed over the samples. Methods are compared **at the same change inside**: between the
steps, log outside is interpolated over log inside. Two figures come of it,

    outside   mean squared change per pixel outside the region, at a given root mean square change inside
    ROIR      |change outside| / |change inside|, norms over all pixels of each side and all samples (Oldfield et al.,
              2023, take it sample by sample): 0 is perfectly local, smaller is better

Shape legend: N samples, K directions, T steps, d coordinates, L rows of wp, S x S pixels of the working size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.directions import Direction
from gantk.generators.base import Generator, Truncation
from gantk.resefa.results import Reached, ScoreAt
from gantk.runs.walks import moved_codes

LEVELS = (0.02, 0.05, 0.1)  # root mean square change inside, on [0, 1]
FACTORS = (0.12, 0.25, 0.5, 1.0, 2.0, 4.0)  # of the step that would give the largest level to first order
REACH = 2.0  # of the codes' spread: further out no code is met

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Codes to try edits on, their images and regions.

    Attributes:
        z_ND, wp_NLD: the codes; z where it is known.
        image_NCHW: as rendered, on the CPU.
        inside_NSS, outside_NSS: masks of one region.
        label: of a conditional network.
    """

    generator: Generator
    truncation: Truncation | None
    z_ND: Tensor | None
    wp_NLD: Tensor
    image_NCHW: Tensor
    inside_NSS: Array
    outside_NSS: Array
    output: Callable[[Tensor], Tensor]
    label: Tensor | None = None
    noise: str = "const"
    batch_size: int = 16

    def moved(self, direction: Direction, row: int, distance: float, rows: slice = slice(None)) -> Tensor:
        """wp of the samples after a step along a direction."""
        z_ND, label = (None if part is None else part[rows] for part in (self.z_ND, self.label))
        return moved_codes(self.generator, direction, row, distance, z_ND, self.wp_NLD[rows], self.truncation, label)

    def edited(self, direction: Direction, row: int, distance: float, rows: slice = slice(None)) -> Tensor:
        """Images of the samples after a step, on the CPU."""
        with torch.inference_mode():
            wp_NLD = self.moved(direction, row, distance, rows)
            parts = [self.generator.synthesize(part, noise=self.noise).cpu() for part in wp_NLD.split(self.batch_size)]
        return torch.cat(parts)


@dataclass(frozen=True, eq=False)
class Walk:
    """One direction walked to both sides: sums over samples of the squared change per colour, on [0, 1].

    Attributes:
        steps: distances, ascending, [T].
        inside, outside: of both sides together, [T].
        pixels: colour values inside and outside, of both sides together.
    """

    steps: Array
    inside: Array
    outside: Array
    pixels: tuple[float, float]

    def at(self, level: float) -> Reached:
        """What it takes and changes where the change inside is `level`."""
        rising = np.maximum.accumulate(np.sqrt(self.inside / self.pixels[0]))  # root mean square change inside
        if not rising[0] <= level <= rising[-1] or rising[0] <= 0:
            return Reached(distance=None, outside=None, roir=None)
        # of a plateau the first step counts
        keep = np.concatenate([[True], np.diff(rising) > 0])
        x, steps, outside = np.log(rising[keep]), self.steps[keep], np.maximum(self.outside[keep], 1e-30)
        where = np.log(level)
        distance = float(np.exp(np.interp(where, x, np.log(steps))))
        total = float(np.exp(np.interp(where, x, np.log(outside))))
        inside = level**2 * self.pixels[0]
        return Reached(distance=distance, outside=total / self.pixels[1], roir=float(np.sqrt(total / inside)))


def walk(held: HeldOut, direction: Direction, row: int, steps: Sequence[float]) -> Walk:
    """Render every sample at every step to both sides and add up what changes."""
    inside, outside = [], []
    base = held.output(held.image_NCHW)
    colours = base.shape[1]
    for step in steps:
        both = np.zeros(2)
        for sign in (1.0, -1.0):
            change = held.output(held.edited(direction, row, sign * step)) - base
            square_NSS = change.double().square().sum(1).numpy() / 4
            both += (square_NSS[held.inside_NSS].sum(), square_NSS[held.outside_NSS].sum())
        inside.append(both[0])
        outside.append(both[1])
    pixels = (2.0 * colours * held.inside_NSS.sum(), 2.0 * colours * held.outside_NSS.sum())
    return Walk(np.array(steps), np.array(inside), np.array(outside), (float(pixels[0]), float(pixels[1])))


def step_grid(rate: float, reach: float, levels: Sequence[float] = LEVELS) -> tuple[float, ...]:
    """Steps around the one that would give the largest level if the change stayed linear, none beyond the codes' reach.

    Args:
        rate: root mean square change inside of a step of length one, images in [-1, 1].
        reach: the longest step.
    """
    linear = 2 * max(levels) / max(rate, 1e-12)
    longest = min(linear * FACTORS[-1], reach)
    return tuple(longest * factor / FACTORS[-1] for factor in FACTORS)


def score(method: str, walks: Sequence[Walk], levels: Sequence[float] = LEVELS) -> list[ScoreAt]:
    """The scores of a method's directions at every level: geometric means over those that reach it."""
    scores = []
    for level in levels:
        reached = [at for at in (walk.at(level) for walk in walks) if at.roir is not None]
        outside = roir = best = None
        if reached:
            found = np.array([(at.outside, at.roir) for at in reached])
            outside, roir = np.exp(np.log(np.maximum(found, 1e-30)).mean(0)).tolist()
            best = float(found[:, 1].min())
        scores.append(
            ScoreAt(
                method=method, level=level, roir=roir, outside=outside, best=best, reached=len(reached),
                count=len(walks),
            )
        )  # fmt: skip
    return scores
