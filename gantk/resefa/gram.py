"""Gram matrices of the Jacobian over regions of the image, for every region at once, without ever holding the Jacobian.

For a set r of pixels, G_r = sum over the pixels p of r and the channels of J_p^T J_p, [d, d]: v^T G_r v is the squared
change inside r, to first order, for a step v. Grams of disjoint sets add up, and so do those of samples and shards.

A product of two columns needs both at once, and all d columns together would be the Jacobian. So a block of columns is
held, as many as the budget allows and at most half of them, while those after it pass by: with columns in m blocks that
takes d (m + 1) / 2 tangents, 1.5 d for two blocks. Pixels are put in order of the regions they belong to, so that one
matrix product per group of pixels serves every region.

Shape legend: d free coordinates, c tangents at a time, b columns held, O channels, P pixels of the output, M = O P its
numbers, put in order, R regions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.resefa.derivative import LocalJacobian
from gantk.store.chunks import parts

HELD_BYTES = 256 << 20
NUMBERS = 4096  # of a column in one product in float64: its operands stay in the cache

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RegionGrams:
    """Sums over samples; `+` adds more of them.

    Attributes:
        total: over all pixels, float64 [d, d].
        inside: over each region, [R, d, d].
        margin: over the ring around each region that belongs to neither side, [R, d, d]; None where there is none.
        rows: rows of the Jacobian (pixels times channels) in the image, the regions and the margins, [1 + 2R].
        brightness: sum of the rows of the Jacobian over each region, [R, d]: how a step changes its brightness.
    """

    total: Array
    inside: Array
    margin: Array | None
    rows: Array
    brightness: Array

    def __add__(self, other: RegionGrams) -> RegionGrams:
        margin = None if self.margin is None or other.margin is None else self.margin + other.margin
        return RegionGrams(
            self.total + other.total,
            self.inside + other.inside,
            margin,
            self.rows + other.rows,
            self.brightness + other.brightness,
        )

    def pair(self, region: int) -> tuple[Array, Array]:
        """A and B of a region: mean squared change per pixel and channel, inside and outside (specs: equation of 2.3).

        Raises:
            UsageError: one side has no pixels.
        """
        count = len(self.inside)
        inside, ring = self.rows[1 + region], self.rows[1 + count + region]
        outside = self.rows[0] - inside - ring
        if inside <= 0 or outside <= 0:
            side = "inside" if inside <= 0 else "outside"
            raise UsageError(f"Region {region} has no pixels {side} it: there is nothing to compare.")
        background = self.total - self.inside[region]
        if self.margin is not None:
            background = background - self.margin[region]
        return self.inside[region] / inside, background / outside


def region_grams(
    jacobian: LocalJacobian,
    inside_RP: npt.NDArray[np.bool_],
    margin_RP: npt.NDArray[np.bool_],
    held: int | None = None,
    tick: Callable[[int], object] | None = None,
) -> RegionGrams:
    """The Grams of one sample.

    Args:
        inside_RP: which pixels each region has.
        margin_RP: which pixels around it count on neither side.
        held: columns held at a time; None is what HELD_BYTES allows, at most half of them.
        tick: told how many columns were computed, of `passed_columns`.

    Returns:
        Sums over this sample's pixels; `margin` is None where no region has one.
    """
    regions, dim = len(inside_RP), jacobian.variable.dim
    order, cells = _cells(np.concatenate([inside_RP, margin_RP]), jacobian.shape[0])
    width, device = held or held_columns(dim, jacobian.shape), jacobian.generator.device
    sums = _Sums(regions, dim, bool(margin_RP.any()), cells, device)
    order_M = torch.from_numpy(order).to(device)
    for first in range(0, dim, width):
        last = min(first + width, dim)
        kept_bM: Tensor | None = None
        for start, columns in jacobian.columns(first, last):
            flat_cM = columns.flatten(1).index_select(1, order_M)
            if kept_bM is None:
                kept_bM = flat_cM.new_empty(last - first, flat_cM.shape[1])
            kept_bM[start - first : start - first + len(flat_cM)] = flat_cM
            sums.brightness(start, flat_cM)
            if tick is not None:
                tick(len(columns))
        assert kept_bM is not None
        sums.products(first, kept_bM, first, kept_bM)
        for start, columns in jacobian.columns(last, dim):
            sums.products(first, kept_bM, start, columns.flatten(1).index_select(1, order_M))
            if tick is not None:
                tick(len(columns))
        del kept_bM
    counts = [inside_RP.shape[1], *inside_RP.sum(1), *margin_RP.sum(1)]
    return sums.result(np.array(counts, dtype=np.float64) * jacobian.shape[0])


def held_columns(dim: int, shape: tuple[int, int, int]) -> int:
    """How many of `dim` columns of a shape are held: what the budget allows, and at most half of them."""
    colours, height, width = shape
    most = max(1, HELD_BYTES // (4 * colours * height * width))
    blocks = max(2, -(-dim // most))
    return max(1, -(-dim // blocks))


def passed_columns(dim: int, shape: tuple[int, int, int]) -> int:
    """How many are computed for one sample: those that are not held pass by once for every block of held ones."""
    return sum(dim - first for first in range(0, dim, held_columns(dim, shape)))


@dataclass(frozen=True)
class _Cell:
    """A run of ordered numbers whose pixels belong to the same regions and margins."""

    start: int
    stop: int
    members: tuple[int, ...]


def _cells(member_KP: npt.NDArray[np.bool_], channels: int) -> tuple[npt.NDArray[np.int64], list[_Cell]]:
    """An order of the numbers [O, P] in which those of the same regions lie side by side, and these runs."""
    patterns, which_P, counts = np.unique(member_KP, axis=1, return_inverse=True, return_counts=True)
    pixels = member_KP.shape[1]
    order, cells, start = [], [], 0
    for index, count in enumerate(counts):
        mine = np.flatnonzero(which_P.ravel() == index)
        order += [channel * pixels + mine for channel in range(channels)]
        stop = start + channels * int(count)
        cells.append(_Cell(start, stop, tuple(np.flatnonzero(patterns[:, index]).tolist())))
        start = stop
    return np.concatenate(order).astype(np.int64), cells


class _Sums:
    """Accumulators [1 + 2R, d, d]: the image, the regions, the margins; [1 + R, d, d] without margins."""

    def __init__(self, regions: int, dim: int, with_margin: bool, cells: list[_Cell], device: torch.device) -> None:
        self.regions, self.cells = regions, cells
        self.gram = torch.zeros(1 + regions * (1 + with_margin), dim, dim, dtype=torch.float64, device=device)
        self.bright = torch.zeros(regions, dim, dtype=torch.float64)

    def brightness(self, start: int, flat_cM: Tensor) -> None:
        for cell in self.cells:
            if any(member < self.regions for member in cell.members):
                change_c = flat_cM[:, cell.start : cell.stop].sum(1, dtype=torch.float64).cpu()
                for member in cell.members:
                    if member < self.regions:
                        self.bright[member, start : start + len(change_c)] += change_c

    def products(self, first: int, kept_bM: Tensor, start: int, flat_cM: Tensor) -> None:
        """Add the products of the kept columns, which begin at `first`, with some that begin at `start`."""
        rows = slice(first, first + len(kept_bM))
        columns = slice(start, start + len(flat_cM))
        for cell in self.cells:
            product_bc = _product(kept_bM, flat_cM, cell.start, cell.stop)
            for kind in (0, *(1 + member for member in cell.members)):
                if kind < len(self.gram):
                    self.gram[kind, rows, columns] += product_bc
                    if start >= rows.stop:
                        self.gram[kind, columns, rows] += product_bc.T

    def result(self, rows: Array) -> RegionGrams:
        total, inside, margin = np.split(self.gram.cpu().numpy(), [1, 1 + self.regions])
        return RegionGrams(total[0], inside, margin if len(margin) else None, rows, self.bright.numpy())


def _product(kept_bM: Tensor, flat_cM: Tensor, start: int, stop: int) -> Tensor:
    """Kept columns times others over a run of their numbers, in float64, a few numbers at a time."""
    total_bc = torch.zeros(len(kept_bM), len(flat_cM), dtype=torch.float64, device=kept_bM.device)
    for begin, end in parts(start, stop, NUMBERS):
        total_bc.addmm_(kept_bM[:, begin:end].double(), flat_cM[:, begin:end].double().T)
    return total_bc
