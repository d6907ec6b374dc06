"""The scene predictor of HiGAN: 365 categories and 102 attributes by the wide ResNet18 of Places365.

Shapes
  N  images    F  features, 512    G  categories, 365    A  attributes, 102    H, W  pixels
The network is torchvision's ResNet18 without the max pooling, so that 224 x 224 pixels end in 14 x 14. Attributes are
linear in its features. Two files hold it, which the Places365 authors publish; they are only read, never run:

    wideresnet18_places365.pth.tar           torch.save of {'state_dict': {'module.conv1.weight': ...}}
    W_sceneattribute_wideresnet18.npy        [102, 512]
    categories_places365.txt                 optional, the categories' names: lines such as "/a/airfield 0"
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.errors import GantkError
from gantk.predictors.base import Predictor
from gantk.predictors.places365_labels import SCENE_ATTRIBUTES
from gantk.predictors.public_files import FOLDER_VARIABLE
from gantk.store.channels import colours
from gantk.store.shipped import home

NETWORK_FILE = "wideresnet18_places365.pth.tar"
ATTRIBUTE_FILE = "W_sceneattribute_wideresnet18.npy"
CATEGORY_FILE = "categories_places365.txt"
CATEGORIES, FEATURES, RESOLUTION = 365, 512, 224
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Places365(Predictor):
    """Scene categories and attributes, with the numbers HiGAN's predictor gives.

    One quirk of that predictor changes them: it sets negative weights of the classifier to zero after loading, a
    leftover of the demonstration it came from, so that the categories' probabilities are those of the clipped matrix.
    So they are here, unless `clip=False`. Attributes and features do not depend on it.
    """

    name = "places365"
    attribute_names = SCENE_ATTRIBUTES
    attribute_weight_AF: Tensor

    def __init__(
        self,
        state: Mapping[str, Tensor],
        attribute_weight_AF: Tensor,
        category_names: tuple[str, ...] = (),
        clip: bool = True,
    ):
        super().__init__()
        from torchvision.models import resnet18

        self.network = resnet18(num_classes=CATEGORIES)
        self.network.maxpool = nn.Identity()
        # Networks saved before 2018 do not count their batches; nothing else may be missing.
        counters = {
            key: value for key, value in self.network.state_dict().items() if key.endswith("num_batches_tracked")
        }
        self.network.load_state_dict({**counters, **state})
        if clip:
            self.network.fc.weight.data.clamp_(min=0)
        self.category_names = category_names or tuple(f"category_{i:03d}" for i in range(CATEGORIES))
        self.register_buffer("attribute_weight_AF", attribute_weight_AF.float(), persistent=False)
        self.requires_grad_(False).eval()

    @classmethod
    def from_folder(cls, folder: str | Path | None = None, clip: bool = True) -> Places365:
        """Read the files from `folder`, $GANTK_PREDICTORS, where `gantk models pull places365` puts them, or
        ./predictors; in HiGAN's subfolders or without any.

        Raises:
            GantkError: a file is absent (it says which and where it belongs), damaged, or of another network.
        """
        pulled = home() / "predictors"
        default = pulled if (pulled / NETWORK_FILE).is_file() else "predictors"
        root = Path(folder or os.environ.get(FOLDER_VARIABLE) or default)
        network, attributes = _place(root, "pretrain", NETWORK_FILE), _place(root, "pretrain", ATTRIBUTE_FILE)
        missing = [file.name for file in (network, attributes) if not file.is_file()]
        if missing:
            raise GantkError(
                f"The predictor 'places365' needs {' and '.join(missing)}, not found in {root} or {root / 'pretrain'}: "
                f"run `gantk models pull places365`, or download both files of the Places365 authors "
                f"(places2.csail.mit.edu/models_places365) into one of these folders, or set {FOLDER_VARIABLE} to the "
                "folder that has them."
            )
        try:
            return cls(_read_network(network), _read_attributes(attributes), _read_names(root), clip)
        except RuntimeError as error:
            reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
            raise GantkError(f"{network} is not the wide ResNet18 of Places365: {reason}") from error

    def features(self, image_NCHW: Tensor) -> Tensor:
        net = self.network
        x = net.relu(net.bn1(net.conv1(preprocess(image_NCHW))))
        x = net.layer4(net.layer3(net.layer2(net.layer1(x))))
        return x.mean((2, 3))

    def read(self, image_NCHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Attributes [N, A], category probabilities [N, G] and features [N, F] in one pass."""
        feature_NF = self.features(image_NCHW)
        return feature_NF @ self.attribute_weight_AF.T, self.network.fc(feature_NF).softmax(1), feature_NF

    def attributes(self, image_NCHW: Tensor) -> Tensor:
        """Raw scores [N, 102]: no bias and no sigmoid."""
        return self.read(image_NCHW)[0]

    def categories(self, image_NCHW: Tensor) -> Tensor:
        return self.read(image_NCHW)[1]


def preprocess(image_NCHW: Tensor) -> Tensor:
    """[N, 3, H, W] in [-1, 1] to what the network takes: 224 x 224, aspect not kept, normalised per channel.

    As the original does it, by way of 8-bit pixels and Pillow's antialiased bilinear filter, which has no derivative;
    where one is asked for, the same filter runs on floats (within about 1 of 255 levels).
    """
    image_NCHW = colours(image_NCHW)
    size = (RESOLUTION, RESOLUTION)
    if image_NCHW.requires_grad and torch.is_grad_enabled():
        unit_NCHW = F.interpolate((image_NCHW + 1) / 2, size, mode="bilinear", antialias=True)
    else:
        from PIL import Image

        level_NHWC = image_NCHW.detach().float().add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1)
        pictures = [Image.fromarray(level.numpy()) for level in level_NHWC.cpu().contiguous()]
        resized = np.stack([np.asarray(p.resize(size, Image.Resampling.BILINEAR)) for p in pictures])
        unit_NCHW = torch.from_numpy(resized).permute(0, 3, 1, 2).to(image_NCHW.device).float() / 255
    mean, deviation = (unit_NCHW.new_tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
    return (unit_NCHW - mean) / deviation


def _place(root: Path, subfolder: str, name: str) -> Path:
    inside = root / subfolder / name
    return inside if inside.is_file() else root / name


def _read_network(path: Path) -> dict[str, Tensor]:
    from gantk.checkpoints.stored_tensors import Stored
    from gantk.checkpoints.unpickle import read_pickle

    value = read_pickle(path).value
    state = value.get("state_dict") if isinstance(value, dict) else None
    if not isinstance(state, dict):
        raise GantkError(f"{path} has no 'state_dict' in it, as the network of Places365 has.")
    return {
        str(key).removeprefix("module."): item.tensor() if isinstance(item, Stored) else torch.as_tensor(item)
        for key, item in state.items()
    }


def _read_attributes(path: Path) -> Tensor:
    try:
        weight_AF = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise GantkError(f"{path} is not a plain .npy array, or it is damaged.") from error
    if weight_AF.shape != (len(SCENE_ATTRIBUTES), FEATURES) or weight_AF.dtype.kind != "f":
        raise GantkError(
            f"{path} has shape {weight_AF.shape} and type {weight_AF.dtype}; expected floats of shape "
            f"({len(SCENE_ATTRIBUTES)}, {FEATURES})."
        )
    return torch.from_numpy(weight_AF.astype(np.float32))


def _read_names(root: Path) -> tuple[str, ...]:
    """The categories' names as HiGAN writes them: "/c/church/outdoor 91" is church__outdoor; () without the file."""
    path = _place(root, "annotations", CATEGORY_FILE)
    if not path.is_file():
        return ()
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    names = [match[1].replace("/", "__") for line in lines if (match := re.match(r"/\w/(\S+)", line))]
    if len(names) != CATEGORIES or len(lines) != CATEGORIES:
        raise GantkError(f"{path} names {len(names)} categories in {len(lines)} lines; expected {CATEGORIES} of each.")
    return tuple(names)
