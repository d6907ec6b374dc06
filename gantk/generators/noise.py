"""Seeded noise maps: a function of the sample's seed, the layer and the pixel, and of nothing else.

Shape legend: N samples, H x W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from gantk.errors import UsageError

_MASK = 0xFFFFFFFF

Noise: TypeAlias = str | int | Sequence[int] | Tensor
"""`const`, `none`, or seeds: one for all samples, or one for each of them."""


def noise_seeds(noise: int | Sequence[int] | Tensor) -> Tensor:
    """Seeds as an int64 tensor: [] for one for all, [N] for one each."""
    if isinstance(noise, int):
        return torch.tensor(noise % (1 << 63))
    if isinstance(noise, Sequence) and len(noise) > 0 and all(isinstance(seed, int) for seed in noise):
        return torch.tensor([seed % (1 << 63) for seed in noise])
    if isinstance(noise, Tensor) and not noise.is_floating_point() and noise.ndim <= 1:
        return noise.long()
    raise UsageError(f"noise {noise!r} is neither const, none nor a whole number per sample")


def seeded_noise(seeds: Tensor, n: int, layer: int, height: int, width: int, like: Tensor) -> Tensor:
    """Normal noise maps [n, 1, height, width], a function of (the sample's seed, layer, pixel) alone.

    A hash in place of a random state, so that it neither depends on the batch nor breaks a traced graph, and is the
    same on every device.
    """
    if seeds.ndim and seeds.shape[0] != n:
        raise UsageError(f"{seeds.shape[0]} noise seeds were given for {n} samples")
    seed_N1 = seeds.to(like.device).reshape(-1, 1).expand(n, 1)
    key = _hash(_hash(_hash(seed_N1 & _MASK) ^ (seed_N1 >> 32)) + layer)
    pairs = -(-height * width // 2)
    counter = torch.arange(2 * pairs, device=like.device)
    # a second key inside, or samples whose keys are near would share their noise, shifted
    bits = _hash(_hash(counter + key) ^ _hash(key ^ 0x5DEECE66)).to(torch.float32)
    # Box and Muller: two uniform numbers, two normal ones
    radius = torch.sqrt(-2 * torch.log((bits[:, :pairs] + 0.5) * 2.0**-32))
    angle = bits[:, pairs:] * (2 * math.pi * 2.0**-32)
    normal = torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], 1)
    return normal[:, : height * width].reshape(n, 1, height, width).to(like.dtype)


def _hash(x: Tensor) -> Tensor:
    """A 32-bit integer hash (two rounds of xorshift and multiply), in int64 so that no product overflows."""
    x = x & _MASK
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & _MASK
    x = ((x ^ (x >> 15)) * 0x735A2D97) & _MASK
    return x ^ (x >> 15)
