"""What every verb of NaviGAN begins with: the weight, and the samples that it is looked at with.

Shape legend: N samples, L rows of wp, D their width.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.navigan.modules import ModuleTarget
from gantk.navigan.target import GeneratorTarget, Target, spelled_layer
from gantk.runs.inputs import SampleOptions
from gantk.store.memory import require

R = TypeVar("R")


@dataclass(frozen=True)
class Subject:
    """The weight, and its samples.

    Attributes:
        codes: (start, stop) -> codes; samples beyond those that were given begin again.
        total: N.
    """

    target: Target
    codes: Callable[[int, int], Tensor]
    total: int

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a picture."""
        with torch.inference_mode():
            channels, height, width = self.target.images(self.target.prefix(self.codes(0, 1))).shape[1:]
        return channels, height, width

    @property
    def weight_length(self) -> float:
        """The norm of the weight, which strengths are lengths beside."""
        return float(self.target.weight.detach().norm())


def without_gradients(function: Callable[..., R]) -> Callable[..., R]:
    """Let no gradient flow into the networks that a verb is given while it works, and leave them as they were."""

    @functools.wraps(function)
    def call(*arguments: object, **named: object) -> R:
        given = [getattr(value, "predictor", value) for value in (*arguments, *named.values())]
        parts = [part for value in given if isinstance(value, nn.Module) for part in value.parameters()]
        before = [part.requires_grad for part in parts]
        try:
            for part in parts:
                part.requires_grad_(False)
            return function(*arguments, **named)
        finally:
            for part, flag in zip(parts, before, strict=True):
                part.requires_grad_(flag)

    return call


def target_of(network: nn.Module, conv: str | int) -> Target:
    """The convolution of a generator, by name, index or released:INDEX, or that of any other module, by name.

    Raises:
        UsageError: there is none of that name, or it has no two-dimensional weight.
    """
    if isinstance(network, Generator):
        return GeneratorTarget(network, spelled_layer(conv))
    return ModuleTarget(network, str(conv))


def subject(network: nn.Module, conv: str | int, codes: object, options: SampleOptions) -> Subject:
    """A convolution and the samples of a verb's options.

    Args:
        codes: of a generator: None draws, else what `SampleOptions.source` takes; of another module: its inputs
            [N, ...], which are needed.

    Raises:
        UsageError: options that do not go with the network.
    """
    target = target_of(network, conv)
    if isinstance(network, Generator):
        return _of_generator(network, target, codes, options)
    if codes is None:
        raise UsageError(f"A {type(network).__name__} is no generator that codes can be drawn for: give its inputs.")
    if options.label is not None or options.truncation is not None or options.seeds is not None:
        raise UsageError("A module takes --inputs: leave out -i, --seeds, --label, --truncation and --precision.")
    inputs = codes if isinstance(codes, Tensor) else torch.from_numpy(np.array(codes))
    inputs = inputs[: options.num]
    total = len(inputs)

    def some(start: int, stop: int) -> Tensor:
        return inputs[[index % total for index in range(start, stop)]].to(target.weight.device)

    return Subject(target, some, total)


def _of_generator(generator: Generator, target: Target, codes: object, options: SampleOptions) -> Subject:
    source = options.source(generator, codes)
    total = source.total
    drawn_label = options.label is None or (isinstance(options.label, str) and options.label == "random")
    endless = codes is None and options.seeds is None and drawn_label

    def some(start: int, stop: int) -> Tensor:
        with torch.no_grad():
            if endless:
                return source.batch(start, stop).wp.contiguous()
            require((stop - start) * source.bytes_of("wp"), f"The codes of {stop - start} samples", "ask for fewer")
            return torch.cat([source.batch(i % total, i % total + 1).wp for i in range(start, stop)])

    return Subject(target, some, total)
