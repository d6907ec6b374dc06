"""LPIPS (Zhang et al. 2018), version 0.1, as a predictor: with its feature maps `perceptual_distance` is the paper's.

Shape legend: N images, C channels, H x W pixels or places.

Two files hold it, neither of which ships. The backbone is torchvision's, under its published name, in
$GANTK_PREDICTORS, ./predictors, gantk's folder or torch's cache; the linear heads come with the package `lpips` (pip
install 'gantk[lpips]'), or lie beside the backbone as lpips_alex.pth or lpips_vgg.pth. Both are only read, never run.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from gantk.errors import GantkError
from gantk.predictors.base import Predictor
from gantk.store.channels import colours
from gantk.store.shipped import home

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
    def from_files(cls, net: str, folder: str | Path | None = None) -> Lpips:
        """Read both files.

        Raises:
            GantkError: one is absent (it says which and where it was looked for), damaged, or of another network.
        """
        _, file, _, _ = BACKBONES[net]
        backbone, heads = _locate(file, folder), _heads(net, folder)
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


def folders(folder: str | Path | None) -> list[Path]:
    if folder is not None:
        return [Path(folder)]
    named = os.environ.get("GANTK_PREDICTORS")
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    return [*([Path(named)] if named else []), Path("predictors"), home() / "predictors", cache]


def has_files(net: str) -> bool:
    """Whether both files of LPIPS (`alex` or `vgg`) are there."""
    try:
        return _locate(BACKBONES[net][1], None).is_file() and _heads(net, None).is_file()
    except GantkError:
        return False


def _locate(file: str, folder: str | Path | None) -> Path:
    places = folders(folder)
    stem = re.sub(r"-[0-9a-f]{8}$", "", Path(file).stem)
    for place in places:
        for name in (file, f"{stem}.pth"):
            if (place / name).is_file():
                return place / name
    raise GantkError(
        f"LPIPS needs {file} (download.pytorch.org/models/{file}), which is in none of "
        f"{', '.join(map(str, places))}: put it there, or set GANTK_PREDICTORS to the folder that has it."
    )


def _heads(net: str, folder: str | Path | None) -> Path:
    places = [place / f"lpips_{net}.pth" for place in folders(folder)]
    found = importlib.util.find_spec("lpips")
    if found is not None and found.origin is not None:
        places.append(Path(found.origin).parent / "weights" / "v0.1" / f"{net}.pth")
    for place in places:
        if place.is_file():
            return place
    raise GantkError(
        f"LPIPS ({net}) needs its linear heads: pip install 'gantk[lpips]', or put weights/v0.1/{net}.pth of that "
        f"package into {places[0].parent} as lpips_{net}.pth."
    )


def _read(path: Path) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged pickle raises
        raise GantkError(f"{path} is no readable weight file of torch.") from error
    return state
