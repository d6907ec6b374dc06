"""Images of any size to another one, as two matrix products: differentiable any number of times, under every transform.

Shrinking averages the area each new pixel covers, which is what a coarser render of the same picture would show;
enlarging interpolates linearly between pixel centres.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


def resize(image_NCHW: Tensor, height: int, width: int) -> Tensor:
    """[N, C, H, W] to [N, C, height, width]; the image itself when it has that size already."""
    if image_NCHW.shape[-2:] == (height, width):
        return image_NCHW
    down_hH = _matrix(image_NCHW.shape[-2], height).to(image_NCHW)
    across_wW = _matrix(image_NCHW.shape[-1], width).to(image_NCHW)
    return down_hH @ image_NCHW @ across_wW.transpose(0, 1)


@lru_cache(maxsize=64)
def _matrix(old: int, new: int) -> Tensor:
    """Weights [new, old] of the old pixels in each new one; every row sums to one."""
    ratio = old / new
    if new < old:
        edges = torch.arange(new + 1, dtype=torch.float64) * ratio
        pixels = torch.arange(old, dtype=torch.float64)
        upper = torch.minimum(edges[1:, None], pixels + 1)
        lower = torch.maximum(edges[:-1, None], pixels)
        weights = (upper - lower).clamp(min=0)
    else:
        centres = ((torch.arange(new, dtype=torch.float64) + 0.5) * ratio - 0.5).clamp(0, old - 1)
        weights = (1 - (centres[:, None] - torch.arange(old, dtype=torch.float64)).abs()).clamp(min=0)
    return weights / weights.sum(1, keepdim=True)
