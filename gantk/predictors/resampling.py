"""Images of any size to another one, as two matrix products: differentiable any number of times, under every transform.

Shrinking averages the area each new pixel covers, which is what a coarser render of the same picture would show;
enlarging interpolates linearly between pixel centres.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def resize(image_NCHW: Tensor, height: int, width: int) -> Tensor:
    """[N, C, H, W] to [N, C, height, width]; the image itself when it has that size already."""
    if image_NCHW.shape[-2:] == (height, width):
        return image_NCHW
    down_hH = torch.from_numpy(_weights(image_NCHW.shape[-2], height)).to(image_NCHW)
    across_wW = torch.from_numpy(_weights(image_NCHW.shape[-1], width)).to(image_NCHW)
    return down_hH @ image_NCHW @ across_wW.transpose(0, 1)


@lru_cache(maxsize=64)
def _weights(old: int, new: int) -> npt.NDArray[np.float64]:
    """Weights [new, old] of the old pixels in each new one; every row sums to one.

    An array, not a tensor: what is made inside a transform or inference mode must not be kept for outside.
    """
    ratio = old / new
    if new < old:
        edges = np.arange(new + 1) * ratio
        upper = np.minimum(edges[1:, None], np.arange(old) + 1)
        lower = np.maximum(edges[:-1, None], np.arange(old))
        weights = (upper - lower).clip(min=0)
    else:
        centres = ((np.arange(new) + 0.5) * ratio - 0.5).clip(0, old - 1)
        weights = (1 - np.abs(centres[:, None] - np.arange(old))).clip(min=0)
    return weights / weights.sum(1, keepdims=True)
