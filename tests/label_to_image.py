"""A small image-to-image network in the manner of pix2pixHD's global generator: label maps in, pictures out.

Reflection padding, instance norms, down, residual blocks, up by a transposed convolution, tanh; weights are random.

Shape legend: N samples, K classes, C channels, H x W pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = 5


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pad = nn.ReflectionPad2d(1)
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3) for _ in range(2))
        self.norm = nn.InstanceNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm(self.conv1(self.pad(x))))
        return x + self.norm(self.conv2(self.pad(y)))


class LabelToImage(nn.Module):
    """Class maps [N, H, W] to images [N, 3, H, W] in [-1, 1]."""

    def __init__(self, width: int = 6, blocks: int = 2) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(CLASSES, width, 7), nn.InstanceNorm2d(width))
        self.down = nn.Conv2d(width, 2 * width, 3, 2, 1)
        self.blocks = nn.Sequential(*(Residual(2 * width) for _ in range(blocks)))
        self.up = nn.ConvTranspose2d(2 * width, width, 3, 2, 1, 1)
        self.leave = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7))

    def forward(self, label_NHW: Tensor) -> Tensor:
        x = F.one_hot(label_NHW.long(), CLASSES).movedim(3, 1).to(self.down.weight.dtype)
        x = F.relu(self.enter(x))
        x = F.relu(self.blocks(F.relu(self.down(x))))
        return torch.tanh(self.leave(F.relu(self.up(x))))


def network() -> LabelToImage:
    """The same network every time."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return LabelToImage().eval()


def labels(n: int = 6, side: int = 16) -> Tensor:
    """Blocky class maps."""
    source = torch.Generator().manual_seed(5)
    coarse = torch.randint(0, CLASSES, (n, side // 4, side // 4), generator=source)
    return coarse.repeat_interleave(4, 1).repeat_interleave(4, 2)
