"""LPIPS (Zhang et al. 2018), version 0.1, as a predictor: with its feature maps `perceptual_distance` is the paper's.

Shape legend: N images, C channels, H x W pixels or places.

Two files hold it, neither of which ships. The backbone is torchvision's, under its published name, in
$GANTK_PREDICTORS, ./predictors, gantk's folder or torch's cache; the linear heads come with the package `lpips` (pip
install 'gantk[lpips]'), or lie beside the backbone as lpips_alex.pth or lpips_vgg.pth. Both are only read, never run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from gantk.errors import GantkError
from gantk.predictors.base import Predictor
from gantk.predictors.public_files import find_file, folders, packaged_file, require_file
from gantk.store.channels import colours

# name: (torchvision's builder, its file, the layers after which maps are taken, their channels)
BACKBONES: dict[str, tuple[str, str, tuple[int, ...], tuple[int, ...]]] = {
    "alex": ("alexnet", "alexnet-owt-7be5be79.pth", (1, 4, 7, 9, 11), (64, 192, 384, 256, 256)),
    "vgg": ("vgg16", "vgg16-397923af.pth", (3, 8, 15, 22, 29), (64, 128, 256, 512, 512)),
}
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
NAMES = tuple(f"lpips-{name}" for name in BACKBONES)


class Lpips(Predictor):
    """The backbone's maps, unit vectors times the roots of the head's weights.

    The length of a vector is safe to differentiate at zero, where the original's is not.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, net: str, backbone: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> None:
        super().__init__()
        import torchvision

        builder, _, self._taps, channels = BACKBONES[net]
        self.name = f"lpips-{net}"
        layers = getattr(torchvision.models, builder)(weights=None).features[: self._taps[-1] + 1]
        own = {key.removeprefix("features."): value for key, value in backbone.items() if key.startswith("features.")}
        layers.load_state_dict({key: own[key] for key in layers.state_dict() if key in own})
        for layer in layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # the maps are read before and after
        self.layers = layers
        for index, width in enumerate(channels):
            weight = heads[f"lin{index}.model.1.weight"]
            if tuple(weight.shape) != (1, width, 1, 1):
                raise KeyError(f"lin{index}")
            self.register_buffer(f"root{index}", weight.float().clamp_min(0).sqrt(), persistent=False)
        self.register_buffer("shift", torch.tensor(SHIFT)[:, None, None], persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE)[:, None, None], persistent=False)
        self.requires_grad_(False).eval()

    @classmethod
    def from_files(cls, net: str) -> Lpips:
        """Read both files.

        Raises:
            GantkError: one is absent (it says which and where it was looked for), damaged, or of another network.
        """
        file = BACKBONES[net][1]
        backbone = require_file("LPIPS", f"download.pytorch.org/models/{file}", *_names(net))
        heads = _heads(net)
        if heads is None:
            raise GantkError(
                f"LPIPS ({net}) needs its linear heads: pip install 'gantk[lpips]', or put weights/v0.1/{net}.pth of "
                f"that package into {folders()[0]} as lpips_{net}.pth."
            )
        try:
            return cls(net, _read(backbone), _read(heads))
        except (KeyError, RuntimeError) as error:
            raise GantkError(f"{backbone} and {heads} are not the files of LPIPS ({net}).") from error

    def feature_maps(self, image_NCHW: Tensor) -> list[Tensor]:
        image_NCHW = colours(image_NCHW)
        x = (image_NCHW - self.shift) / self.scale
        maps: list[Tensor] = []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self._taps:
                unit = x * (x.square().sum(1, keepdim=True) + 1e-20).rsqrt()
                maps.append(unit * self.get_buffer(f"root{len(maps)}"))
        return maps


def has_files() -> bool:
    """Whether both files of LPIPS with VGG are there."""
    return find_file(*_names("vgg")) is not None and _heads("vgg") is not None


def _names(net: str) -> tuple[str, str]:
    """What the file of the backbone is called: as published, or without its hash."""
    file = BACKBONES[net][1]
    return file, re.sub(r"-[0-9a-f]{8}\.pth$", ".pth", file)


def _heads(net: str) -> Path | None:
    return find_file(f"lpips_{net}.pth") or packaged_file("lpips", f"weights/v0.1/{net}.pth")


def _read(path: Path) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged pickle raises
        raise GantkError(f"{path} is no readable weight file of torch.") from error
    return state
