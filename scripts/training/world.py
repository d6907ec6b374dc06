"""What a training sees of the bundled world: fresh renders with what is known of them, and the guide's drawings.

Shape legend: N samples, Z latent width, F factors, C classes, H x W pixels.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.world.oracle import CODE_DIM, DemoOracle, oracle_generator
from gantk.world.renderer import FACTOR_NAMES, FACTORS, render, sample_scene

TIME, TREES, TREE_SIZE = (FACTOR_NAMES.index(name) for name in ("time_of_day", "trees", "tree_size"))
LOW = torch.tensor([factor.low for factor in FACTORS])
SPAN = torch.tensor([factor.high - factor.low for factor in FACTORS])


class Real(NamedTuple):
    """Renders: `truth_NF` in units of each factor's range, `seen_NF` 0 where a factor cannot be seen, classes [N]."""

    image_NCHW: Tensor
    truth_NF: Tensor
    seen_NF: Tensor
    label_N: Tensor | None


def real_batch(n: int, seed: int, start: int, size: int, classes: int, device: torch.device) -> Real:
    """Renders `start .. start + n - 1` of a seed; a class is one of `classes` equal parts of the time of day."""
    factors, nuisance = (part.to(device) for part in sample_scene(n, seed=seed, start=start))
    image = render(factors, nuisance, size).image_NCHW
    truth_NF = (factors - LOW.to(device)) / SPAN.to(device)
    seen_NF = torch.ones_like(truth_NF)
    seen_NF[:, TREE_SIZE] = (factors[:, TREES] > 0.2).float()
    label = (factors[:, TIME] * classes).long().clamp(max=classes - 1) if classes else None
    return Real(image, truth_NF, seen_NF, label)


def shrink(image_NCHW: Tensor, resolution: int) -> Tensor:
    """Averages of 2 x 2 pixels until the resolution is reached, channels last in memory."""
    while image_NCHW.shape[-1] > resolution:
        image_NCHW = F.avg_pool2d(image_NCHW, 2)
    return image_NCHW.contiguous(memory_format=torch.channels_last)


@lru_cache
def _oracle() -> DemoOracle:
    return oracle_generator()


def guide(z_NZ: Tensor, label_N: Tensor | None, normalized: bool, size: int, classes: int) -> Tensor:
    """What the oracle draws for a code, with whole counts; a class takes its part of the time of day.

    `normalized`: the network sees codes of one length only, so the oracle does too.
    """
    code = z_NZ[:, :CODE_DIM].cpu()
    if normalized:
        code = code * torch.rsqrt(code.square().mean(1, keepdim=True) + 1e-8)
    oracle = _oracle()
    factors_NF, nuisance_NM = oracle.scene(oracle.map(code))
    for column, factor in enumerate(FACTORS):
        if factor.is_count:
            values = factor.high - factor.low + 1
            share = (factors_NF[:, column] - factor.low) / (factor.high - factor.low)
            factors_NF[:, column] = factor.low + (share * values).floor().clamp(max=values - 1)
    if label_N is not None:
        factors_NF[:, TIME] = (label_N.cpu() + factors_NF[:, TIME]) / classes
    return render(factors_NF, nuisance_NM, size).image_NCHW.to(z_NZ.device)
