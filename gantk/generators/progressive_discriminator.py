"""The discriminators of the progressively grown families: PGGAN's (D_paper) and StyleGAN's (D_basic).

Shape legend: N samples, I/O/C channels, H x W pixels, A outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.errors import GantkError
from gantk.generators.ops import SQRT2, averaging, fir, leaky, minibatch_deviation
from gantk.generators.pggan import ScaledConv
from gantk.generators.progressive import same_conv
from gantk.generators.spec import Config


@dataclass(frozen=True)
class ProgressiveDiscriminatorConfig(Config):
    """Everything the tensors cannot say by themselves.

    Attributes:
        channels: feature maps at 4, 8, ..., resolution, as ToRGB's counterpart makes them.
        hidden: width of the dense layer before the outputs.
        label_dim: labels it knows of.
        label_rule: `auxiliary`: output 0 is the score, the others the label's logits (PGGAN); `product`: the score is
            the inner product of the outputs with the label (StyleGAN).
        blur_filter: 1-D taps before every second convolution, sum 1; None: no blur (PGGAN).
        averages_last: whether a block halves its map after bias and leaky ReLU instead of before (PGGAN, not fused).
        group: samples per group of the minibatch standard deviation; at most the batch.
        lod: level of detail stored in the file.
    """

    resolution: int
    channels: tuple[int, ...]
    hidden: int
    image_channels: int = 3
    label_dim: int = 0
    label_rule: str = "auxiliary"
    blur_filter: tuple[float, ...] | None = None
    averages_last: bool = False
    group: int = 4
    lod: float = 0.0

    def __post_init__(self) -> None:
        if self.resolution != 4 << (len(self.channels) - 1):
            raise GantkError(f"{len(self.channels)} channel counts do not lead from 4 to resolution {self.resolution}")
        if self.label_rule not in ("auxiliary", "product"):
            raise GantkError(f"label rule {self.label_rule!r} is neither auxiliary nor product")


class ProgressiveDiscriminator(nn.Module):
    """Scores [N] of images [N, 3, R, R] at a level of detail."""

    def __init__(self, config: ProgressiveDiscriminatorConfig):
        super().__init__()
        self.config = config
        for level, channels in enumerate(config.channels):
            block = nn.Module()
            block.fromrgb = ScaledConv(config.image_channels, channels, 1, SQRT2)
            if level:
                block.conv0 = ScaledConv(channels, channels, 3, SQRT2)
                block.conv1 = ScaledConv(channels, config.channels[level - 1], 3, SQRT2)
            else:
                block.conv = ScaledConv(channels + 1, channels, 3, SQRT2)
                block.dense = ScaledConv(channels, config.hidden, 4, SQRT2)  # 4x4 kernels on a 4x4 map
            self.add_module(f"b{4 << level}", block)
        outputs = 1 + config.label_dim if config.label_rule == "auxiliary" else max(config.label_dim, 1)
        self.out = ScaledConv(config.hidden, outputs, 1, 1.0)

    def forward(self, image_NCHW: Tensor, label_NC: Tensor | None = None, lod: float | None = None) -> Tensor:
        """Scores; of StyleGAN's with labels that of the label (without one the first output)."""
        output_NA = self.outputs(image_NCHW, lod)
        if self.config.label_rule == "auxiliary" or label_NC is None:
            return output_NA[:, 0]
        return (output_NA * label_NC).sum(1)

    def outputs(self, image_NCHW: Tensor, lod: float | None = None) -> Tensor:
        """Everything the last layer says, [N, A]: of PGGAN's with labels the score, then the label's logits."""
        config = self.config
        if image_NCHW.shape[-1] != config.resolution:
            raise GantkError(
                f"images of {image_NCHW.shape[-1]} pixels do not fit a discriminator for {config.resolution}"
            )
        lod = config.lod if lod is None else float(lod)
        top = len(config.channels) - 1
        x = self._layer(image_NCHW, f"b{config.resolution}.fromrgb")
        for level in range(top, 0, -1):
            x = self._halved(self._layer(x, f"b{4 << level}.conv0"), f"b{4 << level}.conv1")
            image_NCHW = F.avg_pool2d(image_NCHW, 2)
            share = min(max(lod - (top - level), 0.0), 1.0)  # of what the smaller image says
            if share > 0:
                x = torch.lerp(x, self._layer(image_NCHW, f"b{2 << level}.fromrgb"), share)
        x = self._layer(torch.cat([x, minibatch_deviation(x, config.group)], 1), "b4.conv")
        dense, out = self._part("b4.dense"), self.out
        x = leaky(F.conv2d(x, dense.weight * dense.scale, dense.bias), inplace=True)
        return F.conv2d(x, out.weight * out.scale, out.bias).flatten(1)

    def _part(self, path: str) -> ScaledConv:
        return cast(ScaledConv, self.get_submodule(path))

    def _layer(self, x: Tensor, path: str) -> Tensor:
        part = self._part(path)
        return leaky(same_conv(x, part.weight * part.scale, part.bias), inplace=True)

    def _halved(self, x: Tensor, path: str) -> Tensor:
        """[Blur], convolve, average 2x2, bias, leaky ReLU; or the average last."""
        part, taps = self._part(path), self.config.blur_filter
        if taps is not None:
            x = fir(x, taps, (len(taps) // 2,) * 2)
        if self.config.averages_last:
            return F.avg_pool2d(leaky(same_conv(x, part.weight * part.scale, part.bias)), 2)
        weight_OI44 = averaging(part.weight * part.scale)
        return leaky(F.conv2d(x, weight_OI44, part.bias, stride=2, padding=1), inplace=True)
