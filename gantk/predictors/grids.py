"""Bilinear resizing between square grids as small matrices: `up` of a map is u X u^T with one matrix u per grid.

A head's whole geometry is in these matrices: its forward pass multiplies by u, its gradient by u^T, and the streamed
Gram matrix by u_i^T u_j. They equal `torch.nn.functional.interpolate(mode="bilinear")`, with corners aligned (as
LinearGAN resizes everything, shrinking included: points are taken, areas are not averaged) or with pixel centres.

Shape legend: N samples, C channels, r and S the sides of a coarse and a fine grid.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor


@lru_cache(maxsize=128)
def line_weights(old: int, new: int, align_corners: bool = True) -> npt.NDArray[np.float64]:
    """Weights [new, old] of the old points in each new one along one axis; every row sums to one.

    An array, not a tensor: what is made inside a transform or inference mode must not be kept for outside.
    """
    if align_corners:
        place = np.arange(new) * ((old - 1) / (new - 1)) if new > 1 else np.zeros(1)
    else:
        place = ((np.arange(new) + 0.5) * (old / new) - 0.5).clip(0, old - 1)
    return (1 - np.abs(place[:, None] - np.arange(old))).clip(min=0)


def line(old: int, new: int, align_corners: bool, like: Tensor) -> Tensor:
    """`line_weights` as a tensor of the dtype and device of `like`."""
    return torch.from_numpy(line_weights(old, new, align_corners)).to(like)


def resize_grid(x_NCHW: Tensor, size: int, align_corners: bool = True) -> Tensor:
    """Maps [N, C, r, r] to [N, C, size, size]; the maps themselves when they have that size already."""
    if x_NCHW.shape[-2:] == (size, size):
        return x_NCHW
    down, across = (line(side, size, align_corners, x_NCHW) for side in x_NCHW.shape[-2:])
    return down @ x_NCHW @ across.transpose(0, 1)


def squared(x_NCHW: Tensor) -> Tensor:
    """Maps [N, C, h, w] on the square of the longer side, which heads read; square maps are themselves."""
    return resize_grid(x_NCHW, max(x_NCHW.shape[-2:]))


def resize_back(g_NCSS: Tensor, side: int, align_corners: bool = True) -> Tensor:
    """The adjoint of `resize_grid` from `side`: gradients [N, C, S, S] to [N, C, side, side]."""
    if g_NCSS.shape[-1] == side:
        return g_NCSS
    u_Sr = line(side, g_NCSS.shape[-1], align_corners, g_NCSS)
    return u_Sr.transpose(0, 1) @ g_NCSS @ u_Sr


def sum_resized(maps: list[Tensor], size: int, align_corners: bool = True) -> Tensor:
    """The sum of maps [N, C, r_i, r_i], each resized to `size`, as one product over all resolutions: [N, C, S, S].

    Lines are resized map by map, which is cheap while they are short; the rows of all maps then lie below each other
    and one matrix product resizes and adds them. In inference mode the sum is built in place, in the map that has the
    size already where there is one: a new map costs more than the arithmetic on it.
    """
    quick = torch.is_inference_mode_enabled()
    full = [x for x in maps if x.shape[-1] == size]
    rest = [x for x in maps if x.shape[-1] != size]
    total: Tensor | None = None
    for x in full:
        total = x if total is None else total + x
    if quick and total is not None and len(full) == 1:
        # where few lines are added, looking up two neighbours beats the product
        for x in [x for x in rest if size / 2 <= x.shape[-1] < size]:
            total += F.interpolate(x, (size, size), mode="bilinear", align_corners=align_corners)
        rest = [x for x in rest if not size / 2 <= x.shape[-1] < size]
    if not rest:
        assert total is not None, "nothing to add up"
        return total
    lines = [line(x.shape[-1], size, align_corners, x) for x in rest]
    wide = torch.cat([x @ u.transpose(0, 1) for x, u in zip(rest, lines, strict=True)], -2).flatten(0, 1)
    down = torch.cat(lines, 1).expand(len(wide), -1, -1)
    shape = (*rest[0].shape[:2], size, size)
    if total is None:
        return torch.bmm(down, wide).reshape(shape)
    if quick and total.is_contiguous():
        return total.flatten(0, 1).baddbmm_(down, wide).reshape(shape)
    return torch.baddbmm(total.flatten(0, 1), down, wide).reshape(shape)
