"""What the progressively grown families (PGGAN, StyleGAN) share: shared convolutions, their upsampling, the level of
detail.

Shape legend: N samples, I/O input and output channels, C image channels, H x W pixels.

`level` counts resolutions from 4 x 4 (0) to the full one (top); `lod` counts halvings from the full resolution.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

Delta = tuple[Tensor, Tensor]


def conv(x_NIHW: Tensor, weight_OIKK: Tensor, scale: float, *, up: bool = False, delta: Delta | None = None) -> Tensor:
    """Convolve with weight * scale, zero-padded to the same size, after nearest upsampling with `up`.

    `delta` is (delta_OIKK, strength [N] or [1]): a second convolution shared by the batch adds strength * delta.
    """
    convolve = up_conv if up else same_conv
    y = convolve(x_NIHW, weight_OIKK * scale)
    if delta is not None:
        y = y + delta[1][:, None, None, None] * convolve(x_NIHW, delta[0] * scale)
    return y


def same_conv(x_NIHW: Tensor, weight_OIKK: Tensor) -> Tensor:
    return F.conv2d(x_NIHW, weight_OIKK, padding=weight_OIKK.shape[-1] // 2)


def up_conv(x_NIHW: Tensor, weight_OI33: Tensor) -> Tensor:
    """Nearest upsampling and a 3x3 convolution in one transposed 4x4 convolution, at less than half the products.

    A pixel that nearest upsampling doubled meets neighbouring taps with one value, so the taps can be added first.
    """
    wide = F.pad(weight_OI33.flip(2, 3), (1, 1, 1, 1))
    weight_OI44 = wide[..., 1:, 1:] + wide[..., :-1, 1:] + wide[..., 1:, :-1] + wide[..., :-1, :-1]
    return F.conv_transpose2d(x_NIHW, weight_OI44.transpose(0, 1), stride=2, padding=1)


def nearest(image_NCHW: Tensor) -> Tensor:
    """Twice the size, every pixel repeated."""
    return F.interpolate(image_NCHW, scale_factor=2, mode="nearest")


class Growth:
    """How images of different levels are blended at a level of detail (Karras et al. 2018, section 2 and figure 2).

    image_l = rgb_l + (up(image_{l-1}) - rgb_l) * clip(lod - (top - l), 0, 1); only what reaches the last image is used.
    """

    def __init__(self, lod: float, top: int):
        self.share = [min(max(lod - (top - level), 0.0), 1.0) for level in range(top + 1)]
        self.needed = [all(share > 0 for share in self.share[level + 1 :]) for level in range(top + 1)]

    def wants_rgb(self, level: int) -> bool:
        """Whether the ToRGB of this level reaches the image."""
        return self.needed[level] and self.share[level] < 1

    def blend(self, level: int, rgb: Tensor | None, image: Tensor | None) -> Tensor | None:
        """The image at this level from its ToRGB output and the image of the level below."""
        if not self.needed[level] or self.share[level] == 0 or image is None:
            return rgb
        below = nearest(image)
        return below if rgb is None else torch.lerp(rgb, below, self.share[level])
