"""The two small networks of the bundled predictor: factors of a scene, and the class of each pixel.

Shapes
  N  images    C  channels    H, W  pixels at a stage    A  outputs    F  penultimate features    K  classes
Both take image_NCHW of 64 x 64 in [-1, 1]. Everything is 3 x 3 or 1 x 1 convolutions, ReLU and additions, out of
place, so that forward and reverse derivatives of any order can be taken. Batch normalisation exists only while they
are trained: `fold` absorbs it into the convolutions, and the networks that are shipped treat every image alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.generators.spec import Config

RESOLUTION = 64


@dataclass(frozen=True)
class NetworkConfig(Config):
    """What a network's weights do not say by themselves; `channels` are those of the stages at 64, 32, 16 and 8."""

    channels: tuple[int, ...]
    outputs: int
    squeeze: int = 24  # channels left at 8 x 8 before they are flattened (attribute network only)
    features: int = 128  # F (attribute network only)


class Reading(NamedTuple):
    """What one pass of the attribute network gives."""

    output_NA: Tensor
    feature_NF: Tensor
    maps: tuple[Tensor, ...]  # [N, C, H, W] after each stage, finest first


class Convolution(nn.Module):
    """Convolution, and batch normalisation while it is trained. `fold` turns the two into one with a bias."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, stride: int = 1, norm: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=not norm)
        self.norm: nn.Module = nn.BatchNorm2d(outputs) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class Stage(nn.Module):
    """A convolution that may halve the resolution, then one whose result is added to its input."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: bool):
        super().__init__()
        self.enter = Convolution(inputs, outputs, stride=stride, norm=norm)
        self.refine = Convolution(outputs, outputs, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.enter(x))
        return F.relu(x + self.refine(x))


class AttributeNetwork(nn.Module):
    """Image to A numbers. The 8 x 8 map is flattened, not pooled: where things are is half of what is asked."""

    def __init__(self, config: NetworkConfig, norm: bool = False):
        super().__init__()
        self.config = config
        channels = config.channels
        self.stem = Convolution(3, channels[0], norm=norm)
        self.stages = nn.ModuleList(Stage(channels[i], channels[i + 1], 2, norm) for i in range(len(channels) - 1))
        side = RESOLUTION >> (len(channels) - 1)
        self.squeeze = Convolution(channels[-1], config.squeeze, size=1, norm=norm)
        self.hidden = nn.Linear(config.squeeze * side * side, config.features)
        self.head = nn.Linear(config.features, config.outputs)

    def forward(self, image_NCHW: Tensor) -> Reading:
        x = F.relu(self.stem(image_NCHW))
        maps = [x]
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        # The heads stay in float32 when the convolutions run in half precision.
        squeezed = F.relu(self.squeeze(x)).flatten(1)
        with torch.autocast(squeezed.device.type, enabled=False):
            feature_NF = F.relu(self.hidden(squeezed.to(self.hidden.weight.dtype)))
            return Reading(self.head(feature_NF), feature_NF, tuple(maps))


class Segmenter(nn.Module):
    """Image to class logits [N, K, 64, 64]: down four times, and up again adding what each finer stage saw."""

    def __init__(self, config: NetworkConfig, norm: bool = False):
        super().__init__()
        self.config = config
        channels = config.channels
        self.stem = Stage(3, channels[0], 1, norm)
        self.stages = nn.ModuleList(Stage(channels[i], channels[i + 1], 2, norm) for i in range(len(channels) - 1))
        self.lifts = nn.ModuleList(
            Convolution(channels[i + 1], channels[i], size=1, norm=norm) for i in range(len(channels) - 1)
        )
        self.merges = nn.ModuleList(Convolution(channels[i], channels[i], norm=norm) for i in range(len(channels) - 1))
        self.head = nn.Conv2d(channels[0], config.outputs, 1)

    def forward(self, image_NCHW: Tensor) -> Tensor:
        x = self.stem(image_NCHW)
        seen = [x]
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        for i in reversed(range(len(self.lifts))):
            x = seen[i] + F.interpolate(self.lifts[i](x), scale_factor=2.0, mode="nearest")
            x = F.relu(self.merges[i](x))
        with torch.autocast(x.device.type, enabled=False):
            return self.head(x.to(self.head.weight.dtype))


def fold(state: Mapping[str, Tensor], epsilon: float = 1e-5) -> dict[str, Tensor]:
    """The state of a network trained with batch normalisation as that of the same network without, in eval mode."""
    folded = {}
    for key, value in state.items():
        prefix, _, name = key.rpartition(".")
        if prefix.endswith(".norm"):
            continue
        folded[key] = value
        norm = prefix.removesuffix(".conv") + ".norm"
        if name == "weight" and norm + ".weight" in state:
            deviation_C = (state[norm + ".running_var"] + epsilon).sqrt()
            scale_C = state[norm + ".weight"] / deviation_C
            folded[key] = value * scale_C[:, None, None, None]
            folded[prefix + ".bias"] = state[norm + ".bias"] - state[norm + ".running_mean"] * scale_C
    return folded
