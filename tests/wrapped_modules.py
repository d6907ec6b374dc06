"""Small modules of foreign making, for the tests of `gantk.wrap`: each shape of network that users bring.

Shape legend: N samples, Z latent width, D width of w, K classes, C channels, H x W pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import gantk
from gantk.generators.base import Generator


class Chain(nn.Module):
    """DCGAN's shape: transposed convolutions, batch norm, in-place ReLU, tanh."""

    z_dim = 6

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(6, 8, 4, bias=False), nn.BatchNorm2d(8), nn.ReLU(True),
            nn.ConvTranspose2d(8, 5, 4, 2, 1, bias=False), nn.BatchNorm2d(5), nn.ReLU(True),
            nn.ConvTranspose2d(5, 3, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z[:, :, None, None])


class Wide(nn.Module):
    """One channel, 12 x 20 pixels, labels looked up by number, residual blocks, a skip of z, sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(4, 5)
        self.dense = nn.Linear(9, 6 * 3 * 5)
        self.first, self.second, self.short = (nn.Conv2d(6, 6, 3, padding=1) for _ in range(3))
        self.norm = nn.BatchNorm2d(6)
        self.late = nn.utils.parametrizations.spectral_norm(nn.Conv2d(6 + 4, 6, 3, padding=1))
        self.out = nn.Conv2d(6, 1, 3, padding=1)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        x = self.dense(torch.cat([z, self.embed(label)], 1)).view(z.size(0), 6, 3, 5)
        y = self.second(F.relu(self.norm(self.first(F.relu(x)))))
        x = F.interpolate(F.relu(self.short(x) + y), scale_factor=4.0, mode="nearest")
        x = torch.cat([x, z[:, :, None, None].expand(-1, -1, x.shape[2], x.shape[3])], 1)
        return torch.sigmoid(self.out(F.leaky_relu(self.late(x), 0.2)))


class Equalised(nn.Module):
    """A convolution of the user's own, its weight scaled at run time."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.weight[0].numel() ** -0.5, self.bias, padding=1)


class Synthesis(nn.Module):
    """wp [N, 3, D] to images: one row scales and shifts each of three levels."""

    def __init__(self) -> None:
        super().__init__()
        self.const = nn.Parameter(torch.randn(1, 6, 4, 4))
        self.convs = nn.ModuleList(Equalised(6, 6) for _ in range(3))
        self.styles = nn.ModuleList(nn.Linear(5, 12) for _ in range(3))
        self.out = nn.Conv2d(6, 2, 1)

    def forward(self, wp: Tensor) -> Tensor:
        x = self.const.expand(wp.shape[0], -1, -1, -1)
        for i, (conv, style) in enumerate(zip(self.convs, self.styles, strict=True)):
            scale, shift = style(wp[:, i]).chunk(2, 1)
            if i:
                x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = F.leaky_relu(conv(x) * (1 + scale[:, :, None, None]) + shift[:, :, None, None], 0.2)
        return 255 * torch.sigmoid(self.out(x))


class Styled(nn.Module):
    """Parts called mapping and synthesis."""

    z_dim, output_range = 4, (0, 255)

    def __init__(self) -> None:
        super().__init__()
        self.mapping = nn.Sequential(nn.Linear(4, 7), nn.LeakyReLU(0.2), nn.Linear(7, 5))
        self.synthesis = Synthesis()

    def forward(self, z: Tensor) -> Tensor:
        return self.synthesis(self.mapping(z)[:, None].repeat(1, 3, 1))


class Branching(Chain):
    """A forward that asks Python about its input, which no graph can hold."""

    def forward(self, z: Tensor) -> Tensor:
        if len(z) > 1000:
            raise ValueError("too many")
        return self.main(z[:, :, None, None])


def seeded(make: type[nn.Module]) -> nn.Module:
    """The same random module every time, statistics of its batch norms included."""
    with torch.random.fork_rng():
        torch.manual_seed(11)
        module = make()
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.1)
                part.running_var.uniform_(0.5, 1.5)
    return module


def wrapped(name: str) -> Generator:
    """A wrapped module by name."""
    if name == "wide":
        return gantk.wrap(seeded(Wide), 4, label_dim=4)
    if name == "styled":
        return gantk.wrap(seeded(Styled), rows=3)
    return gantk.wrap(seeded({"chain": Chain, "branching": Branching}[name]))


def chain() -> nn.Module:
    """What a command line names: a module, not wrapped yet."""
    return seeded(Chain)


def wrapped_chain() -> Generator:
    """What a command line names: a generator."""
    return wrapped("chain")


def scores(image: Tensor) -> Tensor:
    """A predictor that a command line names: how bright an image is."""
    return image.mean((1, 2, 3))


NAMES = ("chain", "wide", "styled", "branching")
