"""The Gram matrix of upsampled features, streamed from the maps without upsampling any of them.

With x_i = U_i f_i the map i upsampled to the labels' grid and U_i = u_i (x) u_i separable, block (i, j) of X^T X is
F_i^T (U_i^T U_j) F_j: the finer map is brought to the coarser grid with the small matrix u_i^T u_j on both axes, and
one product follows there. That matrix is narrow: a coarse point meets only the fine points beside it. X^T Y and the
sums of X are F_i^T (U_i^T Y) and F_i^T (U_i^T 1). All of it is exact, and it adds up over images, chunks, shards and
machines.

Shape legend: N images, C_i channels and r_i side of map i, D the sum of C_i, K classes, S side of the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.errors import GantkError
from gantk.pictures.label_maps import IGNORE
from gantk.predictors.grids import line_weights, resize_back

Array = npt.NDArray[np.float64]
RUN = 16  # rows of a narrow matrix that are applied at once


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over pixels, float64: `gram_DD` of x x^T, `sum_D` of x, `cross_DK` of x y^T, `count_K` of y (one-hot).

    The first two run over every pixel, the last two over labelled ones; `pixels` is the number of the former.
    """

    gram_DD: Array
    sum_D: Array
    cross_DK: Array
    count_K: Array
    pixels: int

    def __add__(self, other: Moments) -> Moments:
        if self.cross_DK.shape != other.cross_DK.shape:
            raise GantkError(f"Moments of shapes {self.cross_DK.shape} and {other.cross_DK.shape} cannot be added.")
        return Moments(
            self.gram_DD + other.gram_DD,
            self.sum_D + other.sum_D,
            self.cross_DK + other.cross_DK,
            self.count_K + other.count_K,
            self.pixels + other.pixels,
        )

    @property
    def mean_D(self) -> Array:
        return self.sum_D / self.pixels

    @property
    def covariance_DD(self) -> Array:
        """A new matrix; nothing else of its size is made on the way."""
        mean_D = self.mean_D
        covariance_DD = self.gram_DD / self.pixels
        for row, mean in zip(covariance_DD, mean_D, strict=True):
            row -= mean * mean_D
        return covariance_DD

    def packed(self) -> Array:
        """One array [D + 1 + K, D + 1] whose sum over chunks is that of the moments: a ledger keeps it."""
        top = np.block([[self.gram_DD, self.sum_D[:, None]], [self.sum_D[None], np.array([[float(self.pixels)]])]])
        return np.concatenate([top, np.concatenate([self.cross_DK.T, self.count_K[:, None]], 1)])

    @classmethod
    def unpacked(cls, array: Array) -> Moments:
        width = array.shape[1] - 1
        cross = array[width + 1 :]
        return cls(array[:width, :width], array[:width, width], cross[:, :width].T, cross[:, width],
                   round(float(array[width, width])))  # fmt: skip


def one_hot(label_NSS: Tensor, classes: int, dtype: torch.dtype) -> Tensor:
    """uint8 labels [N, S, S] to [N, K, S, S]; a pixel that is not labelled is zero in every class."""
    index = label_NSS.long()
    padded = F.one_hot(torch.where(index == IGNORE, classes, index), classes + 1)
    return padded[..., :classes].permute(0, 3, 1, 2).to(dtype)


def moments(maps: Sequence[Tensor], label_NSS: Tensor, classes: int, align_corners: bool = True) -> Moments:
    """The moments of maps [N, C_i, r_i, r_i] and labels uint8 [N, S, S], one image at a time."""
    return reduce(
        add, (_one([x[n] for x in maps], label_NSS[n : n + 1], classes, align_corners) for n in range(len(label_NSS)))
    )


def _one(maps: Sequence[Tensor], label_1SS: Tensor, classes: int, align_corners: bool) -> Moments:
    size = label_1SS.shape[-1]
    given = [x.shape[-1] for x in maps]
    if sorted(given) != given:
        raise GantkError(f"Maps of sides {given} are not in the order of their resolutions: list the taps in order.")
    # a map finer than the labels is only ever seen on their grid: it is brought there once
    maps = [x if x.shape[-1] <= size else _shrunk(x, size, align_corners) for x in maps]
    sides = [x.shape[-1] for x in maps]
    starts = np.cumsum([0, *(len(x) for x in maps)])
    y_KSS = one_hot(label_1SS, classes, maps[0].dtype)[0]
    ones = maps[0].new_ones(1, size, size)
    gram = np.zeros((starts[-1], starts[-1]))
    sums, cross = [], []
    for side in dict.fromkeys(sides):
        first, last = sides.index(side), sides.index(side) + sides.count(side)
        coarse = torch.cat([x.reshape(len(x), -1) for x in maps[first:last]])
        back = [resize_back(part[None], side, align_corners)[0].flatten(1) for part in (ones, y_KSS)]
        sums.append(coarse @ back[0][0])
        cross.append(coarse @ back[1].t())
        if side < size:
            finer = torch.cat([_through(x, side, size, align_corners).flatten(1) for x in maps[first:]])
        else:
            finer = coarse
        block = (coarse @ finer.t()).double().cpu().numpy()  # one long product is the fastest
        here, onwards = slice(starts[first], starts[last]), slice(starts[first], starts[-1])
        gram[here, onwards] = block
        gram[onwards, here] = block.T
    return Moments(
        gram,
        torch.cat(sums).double().cpu().numpy(),
        torch.cat(cross).double().cpu().numpy(),
        y_KSS.sum((1, 2)).double().cpu().numpy(),
        size * size,
    )


# --- narrow matrices -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=128)
def _bands(old: int, new: int, over: int, align_corners: bool) -> tuple[tuple[slice, Array], ...]:
    """The matrix u_new^T u_old [new, old] of one axis, with both u to a grid of `over` points, in runs of rows, each
    with the columns that are not zero in it."""
    fine, coarse = (line_weights(side, over, align_corners) for side in (old, new))
    found = []
    for rows in np.split(coarse.T @ fine, range(RUN, new, RUN)):
        used = np.flatnonzero(rows.any(0))
        columns = slice(int(used[0]), int(used[-1]) + 1)
        found.append((columns, np.ascontiguousarray(rows[:, columns])))
    return tuple(found)


def _through(x_Coo: Tensor, new: int, over: int, align_corners: bool) -> Tensor:
    """Maps [C, old, old] with the matrix of `_bands` on both axes, [C, new, new].

    A point of a grid is a mean of few neighbours, so that almost all of the matrix is zero: it is applied in runs of
    rows, each to the lines it reads.
    """
    parts = _bands(x_Coo.shape[-1], new, over, align_corners)
    bands = [(columns, torch.from_numpy(part).to(x_Coo)) for columns, part in parts]
    down = torch.cat([part @ x_Coo[:, columns] for columns, part in bands], 1)
    return torch.cat([down[:, :, columns] @ part.t() for columns, part in bands], 2)


def _shrunk(x_Crr: Tensor, size: int, align_corners: bool) -> Tensor:
    """A map [C, r, r] on the coarser grid of the labels: looking up neighbours beats a product."""
    found = F.interpolate(x_Crr[None], (size, size), mode="bilinear", align_corners=align_corners)
    return found[0]
