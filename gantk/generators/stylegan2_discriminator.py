"""StyleGAN2's discriminator (Karras et al. 2020, section 4.1 and appendix B).

Shape legend: N samples, C channels or label classes, H x W pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.errors import GantkError
from gantk.generators.ops import SQRT2, Conv, Dense, downsample2d, leaky, minibatch_deviation
from gantk.generators.spec import Config

PER_RESOLUTION = ("skip", "revised")  # architectures with a FromRGB at every resolution


@dataclass(frozen=True)
class StyleGAN2DiscriminatorConfig(Config):
    """`channels` at 4, 8, ..., resolution as in the generator.

    Attributes:
        architecture: `resnet`, `skip`, `orig`, or `revised`: a FromRGB per resolution, of which a level of detail takes
            one or blends two (configurations b to d of the paper, grown like StyleGAN).
        lod: level of detail stored in the file, only with `revised`.
        label_dim: the score is the inner product of `label_dim` outputs with the label (TensorFlow's rule).
        group: samples per group of the minibatch standard deviation; at most the batch.
    """

    resolution: int
    channels: tuple[int, ...]
    image_channels: int = 3
    label_dim: int = 0
    architecture: str = "resnet"
    resample_filter: tuple[float, ...] = (0.125, 0.375, 0.375, 0.125)
    group: int = 4
    conv_clamp: float | None = None
    lod: float = 0.0

    def __post_init__(self) -> None:
        if self.architecture not in ("resnet", "skip", "orig", "revised"):
            raise GantkError(f"architecture {self.architecture!r} is none of resnet, skip, orig, revised")
        if not 0 <= self.lod <= (len(self.channels) - 1 if self.architecture == "revised" else 0):
            raise GantkError(f"lod={self.lod} does not fit a {self.architecture} discriminator")


class DiscriminatorBlock(nn.Module):
    """Two convolutions, the second to half the size; `resnet` adds a linear shortcut."""

    def __init__(self, config: StyleGAN2DiscriminatorConfig, level: int):
        super().__init__()
        inputs, outputs = config.channels[level], config.channels[level - 1]
        taps = config.resample_filter
        if config.architecture in PER_RESOLUTION or level == len(config.channels) - 1:
            self.fromrgb = Conv(config.image_channels, inputs, 1)
        self.conv0 = Conv(inputs, inputs, 3)
        self.conv1 = Conv(inputs, outputs, 3, down=True, taps=taps)
        if config.architecture == "resnet":
            self.skip = Conv(inputs, outputs, 1, bias=False, down=True, taps=taps)
        self.clamp = config.conv_clamp

    def forward(self, x: Tensor) -> Tensor:
        gain = math.sqrt(0.5) if hasattr(self, "skip") else 1.0
        y = leaky(self.conv0(x, gain=SQRT2), self.clamp)
        y = leaky(self.conv1(y, gain=SQRT2 * gain), None if self.clamp is None else self.clamp * gain)
        return y + self.skip(x, gain=gain) if hasattr(self, "skip") else y


class StyleGAN2Discriminator(nn.Module):
    """Scores [N] of images [N, 3, R, R]. A `skip` discriminator accepts any smaller power-of-two size as well."""

    def __init__(self, config: StyleGAN2DiscriminatorConfig):
        super().__init__()
        self.config = config
        channels = config.channels
        for level in range(1, len(channels)):
            self.add_module(f"b{4 << level}", DiscriminatorBlock(config, level))
        if config.architecture in PER_RESOLUTION or len(channels) == 1:
            self.fromrgb = Conv(config.image_channels, channels[0], 1)
        self.conv = Conv(channels[0] + 1, channels[0], 3)
        self.dense = Dense(channels[0] * 16, channels[0])
        self.out = Dense(channels[0], max(config.label_dim, 1))
        self.half_dtype: torch.dtype | None = None  # set to bfloat16 to run the blocks (not the head) in it

    def forward(self, image_NCHW: Tensor, label_NC: Tensor | None = None) -> Tensor:
        score_NC = self.out(self.features(image_NCHW))
        return score_NC[:, 0] if label_NC is None else (score_NC * label_NC).sum(1)

    def features(self, image_NCHW: Tensor) -> Tensor:
        """What the score is read from: [N, channels at 4 x 4]."""
        size = image_NCHW.shape[-1]
        if size > self.config.resolution or (size < self.config.resolution and self.config.architecture != "skip"):
            raise GantkError(f"images of {size} pixels do not fit a discriminator for {self.config.resolution}")
        image = image_NCHW if self.half_dtype is None else image_NCHW.to(self.half_dtype)
        x = self._from_rgb(image)
        while size > 4:
            x = self.get_submodule(f"b{size}")(x)
            size //= 2
            if self.config.architecture == "skip":
                image = downsample2d(image, self.config.resample_filter)
                x = x + self._from_rgb(image)
            elif self.config.architecture == "revised":
                image = F.avg_pool2d(image, 2)
                share = min(max(self.config.lod + 1 - math.log2(self.config.resolution / size), 0.0), 1.0)
                if share > 0:
                    x = torch.lerp(x, self._from_rgb(image), share)
        x = x.to(image_NCHW.dtype)
        x = torch.cat([x, minibatch_deviation(x, self.config.group)], 1)
        x = leaky(self.conv(x, gain=SQRT2), self.config.conv_clamp)
        return leaky(self.dense(x.flatten(1), gain=SQRT2))

    def _from_rgb(self, image: Tensor) -> Tensor:
        size = image.shape[-1]
        part = self.get_submodule("fromrgb" if size == 4 else f"b{size}.fromrgb")
        return leaky(part(image, gain=SQRT2), self.config.conv_clamp)
