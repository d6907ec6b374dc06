"""The networks of a segmentation head: LSE, NSE-1 and NSE-2 (Xu and Zheng 2021, section 3), from maps to class logits.

All run at the maps' own resolutions. A bilinear resize acts on each channel alone and its weights sum to one, so it
commutes with every 1 x 1 convolution, bias included: the K logit channels are resized instead of the C feature
channels, and those of equal resolution are added first, so that there is one resize per resolution.

Shape legend: N samples, C_i channels and r_i side of map i, D the sum of C_i, K classes, S side of the labels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.errors import GantkError
from gantk.predictors.grids import resize_grid, sum_resized


class HeadNetwork(nn.Module, ABC):
    """Base of the three: `channels` of the maps in order, `classes` K, and whether resizing aligns corners."""

    def __init__(self, channels: Sequence[int], classes: int, align_corners: bool = True):
        super().__init__()
        self.channels, self.classes, self.align_corners = tuple(channels), classes, align_corners

    @abstractmethod
    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        """Maps [N, C_i, r_i, r_i] to logits [N, K, S, S]."""

    def check(self, maps: Sequence[Tensor]) -> None:
        found = tuple(x.shape[1] for x in maps)
        if found != self.channels:
            raise GantkError(
                f"This head reads {len(self.channels)} maps of {list(self.channels)} channels and got {len(found)} of "
                f"{list(found)}: it is another generator's, or the maps are not those it names."
            )


class LinearNetwork(HeadNetwork):
    """LSE: `weight_KD`, the 1 x 1 weights of all maps side by side, and a bias per class (zero in LinearGAN)."""

    def __init__(self, channels: Sequence[int], classes: int, align_corners: bool = True):
        super().__init__(channels, classes, align_corners)
        self.weight_KD = nn.Parameter(torch.zeros(classes, sum(channels)))
        self.bias_K = nn.Parameter(torch.zeros(classes))

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        logits = self.native_logits(maps)
        logits[0] = logits[0] + self.bias_K[:, None, None]  # on the smallest map: resizing keeps constants
        return sum_resized(logits, size, self.align_corners)

    def native_logits(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Logits [N, K, r, r] without the bias: one per resolution, the maps of equal resolution added up."""
        self.check(maps)
        logits: dict[int, Tensor] = {}
        for weight_KC, x in zip(self.weight_KD.split(self.channels, 1), maps, strict=True):
            flat = x.flatten(2).to(weight_KC.dtype)
            side = x.shape[-1]
            so_far = logits.get(side)
            batch = weight_KC.expand(len(x), -1, -1)
            if so_far is None:
                logits[side] = torch.bmm(batch, flat)
            elif torch.is_inference_mode_enabled():
                so_far.baddbmm_(batch, flat)
            else:
                logits[side] = torch.baddbmm(so_far, batch, flat)
        return [logit.unflatten(2, (side, side)) for side, logit in logits.items()]


class PointwiseNetwork(HeadNetwork):
    """NSE-1: per map three 1 x 1 convolutions C, m, m, K with ReLU between, m = (C + K) // 2; weights of maps folded.

    `scale_L` multiplies each map's logits: LinearGAN's layer weights while training, ones after `folded`.
    """

    def __init__(self, channels: Sequence[int], classes: int, align_corners: bool = True):
        super().__init__(channels, classes, align_corners)
        self.branches = nn.ModuleList()
        for width in channels:
            middle = (width + classes) // 2
            steps = [nn.Conv2d(width, middle, 1), nn.ReLU(), nn.Conv2d(middle, middle, 1), nn.ReLU()]
            self.branches.append(nn.Sequential(*steps, nn.Conv2d(middle, classes, 1)))

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        return self.weighted(maps, size, None)

    def weighted(self, maps: Sequence[Tensor], size: int, scale_L: Tensor | None) -> Tensor:
        """`forward` with a weight per map."""
        self.check(maps)
        dtype = next(self.parameters()).dtype
        logits: dict[int, Tensor] = {}
        for place, (branch, x) in enumerate(zip(self.branches, maps, strict=True)):
            said = branch(x.to(dtype))
            said = said if scale_L is None else scale_L[place] * said
            logits[x.shape[-1]] = said if x.shape[-1] not in logits else logits[x.shape[-1]] + said
        return sum_resized(list(logits.values()), size, self.align_corners)

    @torch.no_grad()
    def fold(self, scale_L: Tensor) -> None:
        """Multiply each branch's last convolution by its map's weight."""
        for scale, branch in zip(scale_L, self.branches, strict=True):
            for parameter in list(branch.parameters())[-2:]:
                parameter.mul_(scale)


class LadderNetwork(HeadNetwork):
    """NSE-2: a ladder shaped like a generator, 3 x 3 convolutions throughout.

    e_i = ReLU(conv f_i); h_0 = e_0, h_i = ReLU(conv h_{i-1}) + e_i after growing h to the next map by nearest
    neighbours; a last convolution gives the classes.
    """

    def __init__(self, channels: Sequence[int], classes: int, align_corners: bool = True):
        super().__init__(channels, classes, align_corners)
        self.entries = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for width in channels)
        self.steps = nn.ModuleList(nn.Conv2d(old, new, 3, padding=1) for old, new in pairwise(channels))
        self.last = nn.Conv2d(channels[-1], classes, 3, padding=1)

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        self.check(maps)
        dtype = self.last.weight.dtype
        entered = [F.relu(entry(x.to(dtype))) for entry, x in zip(self.entries, maps, strict=True)]
        h = entered[0]
        for step, e in zip(self.steps, entered[1:], strict=True):
            if h.shape[-1] != e.shape[-1]:
                h = F.interpolate(h, e.shape[-2:], mode="nearest")
            h = F.relu(step(h)) + e
        return resize_grid(self.last(h), size, self.align_corners)


NETWORKS: dict[str, type[HeadNetwork]] = {"LSE": LinearNetwork, "NSE-1": PointwiseNetwork, "NSE-2": LadderNetwork}
