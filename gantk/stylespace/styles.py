"""The channels of space s of a generator, their statistics, and directions along single ones.

Legend: N samples, L rows of wp, S channels of all styles side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantk.codes.directions import Direction
from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.stylespace.results import Channel, StyleStatistics

BATCH = 64


def channels(generator: Generator) -> tuple[Channel, ...]:
    """Every channel of space s, in the order of `Generator.styles`.

    Raises:
        UsageError: the family has no space s.
    """
    if "s" not in generator.spec.spaces:
        raise UsageError(
            f"A {generator.spec.family} has no space s, so it has no style channels: `gantk sefa`, `gantk ganspace` "
            "and `gantk train-boundary` find directions of every generator."
        )
    found: list[Channel] = []
    for style, layer in enumerate(generator.styled_layers):
        row = -1 if layer.row is None else layer.row
        found += [
            Channel(len(found) + place, style, layer.name, row, place, layer.is_rgb) for place in range(layer.style_dim)
        ]
    return tuple(found)


def flat_styles(generator: Generator, wp_NLD: Tensor) -> Tensor:
    """All styles side by side, [N, S]."""
    return torch.cat([style.flatten(1) for style in generator.styles(wp_NLD)], 1)


def style_statistics(generator: Generator, wp_NLD: Tensor) -> StyleStatistics:
    """Mean and deviation of every channel over codes; at least two."""
    channels(generator)
    if len(wp_NLD) < 2:
        raise UsageError(f"{len(wp_NLD)} codes have no deviation: give at least 2.")
    first = second = torch.zeros((), dtype=torch.float64)
    with torch.no_grad():
        origin = flat_styles(generator, wp_NLD[:1]).double()  # sums of what is near zero lose no digits
        for part in wp_NLD.split(BATCH):
            style_NS = flat_styles(generator, part).double() - origin
            first, second = first + style_NS.sum(0), second + style_NS.square().sum(0)
    mean = first / len(wp_NLD)
    variance = (second / len(wp_NLD) - mean.square()).clamp_min(0)
    return StyleStatistics((mean + origin[0]).cpu().numpy(), variance.sqrt().cpu().numpy(), len(wp_NLD))


def channel_direction(
    channel: Channel,
    statistics: StyleStatistics,
    name: str | None = None,
    sign: float = 1.0,
    probe: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Direction:
    """A direction of space s along one channel; a distance of one is one standard deviation of it.

    Args:
        sign: -1 turns it round.
    """
    deviation = float(statistics.deviation_S[channel.index])
    if deviation <= 0:
        raise UsageError(f"The channel {channel.name} never varies over the samples, so it has no scale to move by.")
    vector = np.zeros((1, len(statistics.deviation_S)), dtype=np.float32)
    vector[0, channel.index] = np.copysign(deviation, sign)
    about = {"channel": channel.name, "row": channel.row, "deviation": deviation, **(meta or {})}
    return Direction(name or channel.name, "direction", "s", vector, layers=(channel.style,), probe=probe, meta=about)
