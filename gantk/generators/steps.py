"""A foreign module as a row of steps, each opened by a convolution.

The graph of a module (graph_steps.py) names every operation, so that a map is taken, a run is stopped or continued and
a weight is moved without hooks, and the whole can be traced, transformed and differentiated like any network here. A
module whose `forward` asks Python about its data cannot be drawn; called_steps.py calls it as it is.

Shape legend: N samples, C channels, H x W pixels, O/I channels and K x K size of a kernel.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

PLAIN = (nn.Conv2d, nn.ConvTranspose2d)
Deltas = Mapping[int, tuple[Tensor, Tensor]]


class Step(NamedTuple):
    """A convolution and what follows up to the next one.

    Attributes:
        name: of the module (or parameter) that opens it.
        weight: name of its convolution weight, None when it has none of its own.
        channels, height, width: of its map, the last of that size before the next step; channels 0 without one.
    """

    name: str
    weight: str | None
    channels: int
    height: int
    width: int


class Pause(NamedTuple):
    """A run interrupted before a step: every tensor [N, ...] that later steps need."""

    kept: tuple[Tensor, ...]


class Steps(ABC):
    """What both ways of running have. `run` computes steps `begin` to before `end`.

    Attributes:
        network: the module.
        steps: in order of execution.
    """

    network: nn.Module
    steps: tuple[Step, ...]

    @abstractmethod
    def run(
        self, inputs: tuple[Tensor, ...] | Pause, begin: int, end: int, taps: frozenset[int], deltas: Deltas
    ) -> tuple[Tensor | None, dict[int, Tensor], Pause]:
        """The module's output (None before the last step's end), maps by step, and the pause before step `end`.

        Args:
            inputs: of the module, or the pause before step `begin`.
            deltas: step -> (delta like its weight, strength [N] or [1]): weight + strength * delta, per sample.
        """


def convolved(layer: nn.Module, x: Tensor, delta: Tensor, strength_N: Tensor) -> Tensor:
    """strength_n conv(x_n; delta), with the layer's strides and padding and without its bias."""
    if isinstance(layer, nn.ConvTranspose2d):
        padding: tuple[int, ...] = layer.padding  # type: ignore[assignment]  # a transposed one takes no words
        y = F.conv_transpose2d(
            x, delta, None, layer.stride, padding, layer.output_padding, layer.groups, layer.dilation
        )
    else:
        assert isinstance(layer, nn.Conv2d)
        y = layer._conv_forward(x, delta, None)
    return strength_N[:, None, None, None] * y
