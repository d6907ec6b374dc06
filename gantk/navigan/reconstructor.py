"""The reconstructor of the optimisation: which direction was applied between two images, and how strongly.

Shape legend: N pairs, C channels of one image, H x W pixels, F features, D directions.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.errors import UsageError

LEAST = {"resnet": 1, "lenet": 32}  # pixels of a side that leave every convolution something to see


class ShiftPredictor(nn.Module):
    """Two images, side by side in the channels, to direction logits [N, D] and a strength [N].

    Args:
        kind: `resnet`, a ResNet18 whose first convolution takes both images; `lenet`, three 5 x 5 convolutions.
        channels: of one image.
        size: images are brought to this square by picking pixels, as the authors do; None leaves them.
    """

    def __init__(self, directions: int, kind: str = "resnet", channels: int = 3, size: int | None = None) -> None:
        super().__init__()
        self.kind, self.size = kind, size
        if kind == "resnet":
            import torchvision

            trunk = torchvision.models.resnet18(weights=None)
            trunk.conv1 = nn.Conv2d(2 * channels, 64, 7, 2, 3, bias=False)
            nn.init.kaiming_normal_(trunk.conv1.weight, mode="fan_out", nonlinearity="relu")
            trunk.fc = nn.Identity()
            self.trunk: nn.Module = trunk
            self.direction: nn.Module = nn.Linear(512, directions)
            self.strength: nn.Module = nn.Linear(512, 1)
        else:
            parts: list[nn.Module] = []
            widths = (2 * channels, 6, 16, 120)
            for index, (inputs, outputs) in enumerate(pairwise(widths)):
                parts += [nn.Conv2d(inputs, outputs, 5), nn.BatchNorm2d(outputs), nn.ReLU()]
                parts += [nn.MaxPool2d(2)] if index < 2 else [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            self.trunk = nn.Sequential(*parts)
            self.direction, self.strength = (
                nn.Sequential(nn.Linear(120, 84), nn.BatchNorm1d(84), nn.ReLU(), nn.Linear(84, outputs))
                for outputs in (directions, 1)
            )

    def forward(self, before_NCHW: Tensor, after_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        pair = self.resized(torch.cat([before_NCHW, after_NCHW], 1))
        check_size(self.kind, min(pair.shape[-2:]))
        feature_NF = self.trunk(pair)
        return self.direction(feature_NF), self.strength(feature_NF)[:, 0]

    def resized(self, image_NCHW: Tensor) -> Tensor:
        """The pixels that are looked at."""
        if self.size is None or image_NCHW.shape[-2:] == (self.size, self.size):
            return image_NCHW
        return F.interpolate(image_NCHW, size=(self.size, self.size))


def check_size(kind: str, size: int | None) -> None:
    """Refuse pictures so small that a convolution of the predictor would find nothing left."""
    if size is not None and size < LEAST[kind]:
        raise UsageError(
            f"The reconstructor {kind} cannot see pictures of {size} pixels: give --reconstructor-size {LEAST[kind]} "
            "or more."
        )
