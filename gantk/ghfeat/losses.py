"""What training and inversion make small: pixels, features, and how real a discriminator finds the result.

Shape legend: N samples, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.errors import GantkError
from gantk.predictors.base import Predictor
from gantk.predictors.distance import distance_of_maps, perceptual_distance
from gantk.predictors.load import load_predictor
from gantk.predictors.public_files import find_file, folders
from gantk.store.channels import colours
from gantk.store.fingerprint import fingerprint

VGG = "vgg16"
VGG_FILE = (
    "vgg16_features-amdegroot-88682ab5.pth"  # torchvision's IMAGENET1K_FEATURES, with the paper's standardisation
)
VGG_WEIGHT = 5e-5
_VGG_MEAN = (123.68, 116.779, 103.939)
_VGG_PLAN = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512)  # 0 is a pool; ends with block4_conv3


class Perception(Protocol):
    """A distance [N] between images a and b [N, 3, H, W] in [-1, 1], differentiable in both."""

    name: str

    def __call__(self, a_NCHW: Tensor, b_NCHW: Tensor) -> Tensor: ...


class PredictorDistance:
    """The perceptual distance of a predictor with feature maps, such as `demo`.

    Args:
        recognition: weight of a second term: the squared difference of the attributes it reads, each in units of its
            deviation over the batch's originals. What the identity loss is to faces.
    """

    def __init__(self, predictor: Predictor, recognition: float = 0.0) -> None:
        self.predictor, self.name, self.recognition = predictor, predictor.name, recognition

    def fingerprint(self) -> object:
        """The predictor's, and the weight."""
        return [fingerprint(self.predictor), self.recognition]

    def __call__(self, a_NCHW: Tensor, b_NCHW: Tensor) -> Tensor:
        if not self.recognition:
            return perceptual_distance(a_NCHW, b_NCHW, self.predictor)
        a_maps, a_NA = self.predictor.maps_and_attributes(a_NCHW)
        b_maps, b_NA = self.predictor.maps_and_attributes(b_NCHW)
        spread_A = b_NA.detach().var(0).clamp(min=1e-4) if len(b_NA) > 1 else torch.ones_like(b_NA[0])
        difference_N = ((a_NA - b_NA).square() / spread_A).mean(1)
        return distance_of_maps(a_maps, b_maps) + self.recognition * difference_N


class VGGDistance(nn.Module):
    """mean (V(a) - V(b))^2 with V the features of VGG16 after the ReLU of block4_conv3, 512 x H/8 x W/8.

    The input is (x + 1) / 2 * 255, not clamped, minus the mean of ImageNet, at 256 pixels (nearest neighbour).
    """

    name = VGG

    def __init__(self, path: Path) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for size in _VGG_PLAN:
            if not size:
                layers.append(nn.MaxPool2d(2, 2))
                continue
            layers += [nn.Conv2d(channels, size, 3, padding=1), nn.ReLU(inplace=True)]
            channels = size
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean_C", torch.tensor(_VGG_MEAN).view(1, 3, 1, 1))
        self.mean_C: Tensor
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            wanted = {f"features.{name}": name for name in self.features.state_dict()}
            self.features.load_state_dict({name: state[source] for source, name in wanted.items()})
        except Exception as error:
            raise GantkError(f"{path} is not torchvision's VGG16, or it is damaged: fetch {VGG_FILE} again") from error
        self.requires_grad_(False).eval()

    def forward(self, a_NCHW: Tensor, b_NCHW: Tensor) -> Tensor:
        return (self._features(a_NCHW) - self._features(b_NCHW)).square().mean((1, 2, 3))

    def _features(self, image_NCHW: Tensor) -> Tensor:
        image_NCHW = colours(image_NCHW)
        if image_NCHW.shape[-2:] != (256, 256):
            image_NCHW = F.interpolate(image_NCHW, size=(256, 256), mode="nearest")
        maps: Tensor = self.features((image_NCHW + 1) * 127.5 - self.mean_C)
        return maps


def load_perception(name: str, device: str | torch.device = "cpu") -> Perception | None:
    """A distance by name: `vgg16` (its file in $GANTK_PREDICTORS or torch's cache), `none`, or a predictor.

    Raises:
        GantkError: the file of VGG16 is not there (it says where it belongs), or the predictor has no feature maps.
    """
    if name == "none":
        return None
    if name != VGG:
        predictor = load_predictor(name, device, option="--metric")
        predictor.feature_maps(torch.zeros(1, 3, 32, 32, device=device))  # says so where it has none
        return PredictorDistance(predictor)

    if (file := find_file(VGG_FILE)) is not None:
        return VGGDistance(file).to(device)
    raise GantkError(
        f"VGG16's features need torchvision's file {VGG_FILE}, which is neither in $GANTK_PREDICTORS nor in torch's "
        f"cache ({folders()[-1]}): put it there, or give --metric demo or none"
    )


def structural_similarity(a_NCHW: Tensor, b_NCHW: Tensor) -> Tensor:
    """SSIM [N] of images in [-1, 1] (Wang et al. 2004): a Gaussian window, mean over places and channels.

    The window has 11 pixels a side and a deviation of 1.5; images that are smaller get one of their own size.
    """
    window = min(11, *a_NCHW.shape[-2:])
    places = torch.arange(window, dtype=a_NCHW.dtype, device=a_NCHW.device) - (window - 1) / 2
    line = torch.exp(-places.square() / (2 * 1.5**2))
    line = line / line.sum()
    channels = a_NCHW.shape[1]
    kernel = (line[:, None] * line).expand(channels, 1, -1, -1)

    def blur(x: Tensor) -> Tensor:
        return F.conv2d(x, kernel, groups=channels)

    low, high = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    mean_a, mean_b = blur(a_NCHW), blur(b_NCHW)
    var_a = blur(a_NCHW.square()) - mean_a.square()
    var_b = blur(b_NCHW.square()) - mean_b.square()
    both = blur(a_NCHW * b_NCHW) - mean_a * mean_b
    ratio = (2 * mean_a * mean_b + low) * (2 * both + high)
    return (ratio / ((mean_a.square() + mean_b.square() + low) * (var_a + var_b + high))).mean((1, 2, 3))


def style_loss(styles: Sequence[Tensor], wanted: Sequence[Tensor], spread: Sequence[float]) -> Tensor:
    """Mean over layers of the squared error of a style in units of that layer's own variance."""
    terms = [(a.float() - b).square().mean() / variance for a, b, variance in zip(styles, wanted, spread, strict=True)]
    return torch.stack(terms).mean()
