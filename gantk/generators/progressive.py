"""What the progressively grown families (PGGAN, StyleGAN) share: shared convolutions, their upsampling, the level of
detail.

Shape legend: N samples, I/O input and output channels, C image channels, H x W pixels.

`level` counts resolutions from 4 x 4 (0) to the full one (top); `lod` counts halvings from the full resolution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators.spec import Layer

Delta = tuple[Tensor, Tensor]
PIXELS_WORTH_A_KERNEL = 512  # of a batch's small map: with fewer, adding taps costs more than it saves


class GrownConfig(Protocol):
    """What the configurations of all grown networks say; see `PGGANConfig`."""

    @property
    def resolution(self) -> int: ...
    @property
    def channels(self) -> Sequence[int]: ...
    @property
    def rgb(self) -> str: ...
    @property
    def lod(self) -> float: ...
    @property
    def blends(self) -> bool: ...


def conv(
    x_NIHW: Tensor,
    weight_OIKK: Tensor,
    scale: float,
    bias_O: Tensor | None = None,
    *,
    up: bool = False,
    delta: Delta | None = None,
) -> Tensor:
    """Convolve with weight * scale, zero-padded to the same size, after nearest upsampling with `up`; add the bias.

    `delta` is (delta_OIKK, strength [N] or [1]): a second convolution shared by the batch adds strength * delta. The
    output is the caller's to overwrite.
    """
    joined = up and x_NIHW.shape[0] * x_NIHW.shape[2] * x_NIHW.shape[3] >= PIXELS_WORTH_A_KERNEL
    convolve: Callable[..., Tensor] = up_conv if joined else same_conv
    if up and not joined:
        x_NIHW = nearest(x_NIHW)
    y = convolve(x_NIHW, weight_OIKK * scale, bias_O)
    if delta is not None:
        y = y + delta[1][:, None, None, None] * convolve(x_NIHW, delta[0] * scale)
    return y


def same_conv(x_NIHW: Tensor, weight_OIKK: Tensor, bias_O: Tensor | None = None) -> Tensor:
    return F.conv2d(x_NIHW, weight_OIKK, bias_O, padding=weight_OIKK.shape[-1] // 2)


def up_conv(x_NIHW: Tensor, weight_OI33: Tensor, bias_O: Tensor | None = None) -> Tensor:
    """Nearest upsampling and a 3x3 convolution in one transposed 4x4 convolution, at less than half the products.

    A pixel that nearest upsampling doubled meets neighbouring taps with one value, so the taps can be added first.
    """
    return F.conv_transpose2d(x_NIHW, up_kernel(weight_OI33).transpose(0, 1), bias_O, stride=2, padding=1)


def up_kernel(weight_OI33: Tensor) -> Tensor:
    """The 4x4 kernel [O, I, 4, 4] of `up_conv`'s transposed convolution."""
    weight_OI33 = weight_OI33.flip(2, 3)
    weight_OI43 = F.pad(weight_OI33, (0, 0, 0, 1)) + F.pad(weight_OI33, (0, 0, 1, 0))
    return F.pad(weight_OI43, (0, 1)) + F.pad(weight_OI43, (1, 0))


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

    def wants_rgb(self, layer: Layer) -> bool:
        """Whether this ToRGB reaches the image."""
        level = _level(layer)
        return self.needed[level] and self.share[level] < 1

    def blend(self, layer: Layer, rgb: Tensor | None, image: Tensor | None) -> Tensor | None:
        """The image at this ToRGB's resolution from its output and the image of half the size."""
        level = _level(layer)
        if not self.needed[level] or self.share[level] == 0 or image is None:
            return rgb
        below = nearest(image)
        return below if rgb is None else torch.lerp(rgb, below, self.share[level])


def _level(layer: Layer) -> int:
    return layer.resolution.bit_length() - 3


def growth(config: GrownConfig, lod: float | None) -> Growth:
    """How a network's images blend at a level of detail: the file's own (`config.lod`) when None."""
    value = config.lod if lod is None else float(lod)
    if not config.blends and value != int(value):
        raise UsageError(f"this file's program shows whole levels of detail only, not lod={value:g}")
    return Growth(value, len(config.channels) - 1)


def check_growth(config: GrownConfig) -> None:
    """What the configurations of all grown networks must fulfil."""
    top = len(config.channels) - 1
    if top < 0 or config.resolution != 4 << top:
        raise GantkError(f"{top + 1} channel counts do not lead from 4 to resolution {config.resolution}")
    if config.rgb not in ("all", "last"):
        raise GantkError(f"rgb={config.rgb!r} is neither all nor last")
    if not 0 <= config.lod <= top:
        raise GantkError(f"lod={config.lod} is not between 0, the full resolution, and {top}, that of 4 x 4")
