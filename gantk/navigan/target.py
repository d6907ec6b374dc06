"""The weight that is edited, and how pictures follow from it: one convolution of a generator.

Shape legend: N samples, O/I output and input channels of the weight, K x K its kernel, C, H, W image.
"""

from __future__ import annotations

import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.func import functional_call

from gantk.errors import UsageError
from gantk.generators.base import Drawing, Generator, State, WpOrStyles
from gantk.generators.frugal_steps import images_at_once
from gantk.generators.spec import map_tensors


@dataclass(frozen=True)
class Prefix:
    """What does not depend on the weight, of some samples: the codes, and the state just before the layer."""

    codes: WpOrStyles
    state: State | None = None

    def __len__(self) -> int:
        return len(self.codes if isinstance(self.codes, Tensor) else self.codes[0])

    def take(self, rows: Tensor | slice) -> Prefix:
        """Some of the samples."""
        return self._mapped(lambda part: part[rows])

    def tensors(self) -> list[Tensor]:
        """Everything it keeps, each [N, ...]."""
        found: list[Tensor] = []
        self._mapped(lambda part: found.append(part) or part)  # type: ignore[func-returns-value]
        return found

    def with_tensors(self, tensors: Sequence[Tensor]) -> Prefix:
        """The same with other tensors in the order of `tensors`."""
        left = iter(tensors)
        return self._mapped(lambda _: next(left))

    def _mapped(self, change: Callable[[Tensor], Tensor]) -> Prefix:
        return Prefix(map_tensors(self.codes, change), None if self.state is None else self.state.mapped(change))

    @property
    def numbers(self) -> int:
        """How many numbers it keeps."""
        return sum(part.numel() for part in self.tensors())


class Target(ABC):
    """A convolution weight inside a network. Subclasses say how samples are rendered.

    Attributes:
        network: the module that owns the weight.
        parameter: its name in the module.
        layer: how people name the layer.
    """

    network: nn.Module
    parameter: str
    layer: str

    @property
    def weight(self) -> Tensor:
        """The weight itself [O, I, K, K]; no copy."""
        return self.network.get_parameter(self.parameter)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.weight.shape)

    @property
    def size(self) -> int:
        """How many numbers the weight has."""
        return self.weight.numel()

    @abstractmethod
    def prefix(self, codes: Tensor) -> Prefix:
        """What can be kept of some samples while the weight changes."""

    @abstractmethod
    def images(self, prefix: Prefix, weight_OIKK: Tensor | None = None) -> Tensor:
        """Images [N, C, H, W] with another weight for all samples; differentiable in it."""

    @abstractmethod
    def moved(self, prefix: Prefix, delta_OIKK: Tensor, strength_N: Tensor | float) -> Tensor:
        """Images with weight + strength * delta, a strength of its own for every sample."""

    def at_once(self, most: int) -> int:
        """How many samples, at most `most`, are differentiated together."""
        return most

    def identity(self) -> Mapping[str, object]:
        """What tells this weight from that of another network: for files, and for `check`."""
        return {"layer": self.layer, "shape": list(self.shape), "weight": checksum(self.weight)}

    @contextlib.contextmanager
    def edited(self, delta_OIKK: Tensor, strength: float = 1.0) -> Iterator[nn.Module]:
        """The network with the edit in its weight; afterwards, whatever happened, the weight has its old bits."""
        self._fits(delta_OIKK)
        weight = self.weight
        kept = weight.detach().clone(memory_format=torch.preserve_format)
        try:
            with torch.no_grad():
                weight.add_(delta_OIKK.to(weight), alpha=strength)
            yield self.network
        finally:
            with torch.no_grad():
                weight.copy_(kept)

    def _fits(self, delta_OIKK: Tensor) -> None:
        if tuple(delta_OIKK.shape) != self.shape:
            raise UsageError(
                f"A weight direction of shape {list(delta_OIKK.shape)} does not fit {self.layer}, whose weight is "
                f"{list(self.shape)}: it belongs to another layer or generator."
            )


class GeneratorTarget(Target):
    """A convolution of a generator, by name or index of `generator.layers`.

    Raises:
        UsageError: there is no such layer, or it has no convolution weight.
    """

    def __init__(self, generator: Generator, conv: str | int, **options: Unpack[Drawing]) -> None:
        layer = generator.layer(conv)
        shape = None if layer.weight is None else generator.get_parameter(layer.weight).shape
        if shape is None or len(shape) != 4:
            known = [found.name for found in generator.layers if found.weight is not None and not found.is_rgb]
            hint = f"; choose another --conv, such as {known[len(known) // 2]}" if known else ""
            raise UsageError(f"Layer {layer.name} has no convolution weight with directions to find{hint}.")
        assert layer.weight is not None
        self.network = self.generator = generator
        self.index, self.layer, self.parameter, self.options = layer.index, layer.name, layer.weight, options

    def prefix(self, codes: Tensor) -> Prefix:
        with torch.no_grad():
            styles: WpOrStyles = self.generator.styles(codes) if "s" in self.generator.spec.spaces else codes
            state = self.generator.cache(styles, before=self.index, **self.options)
        return Prefix(styles, state)

    def images(self, prefix: Prefix, weight_OIKK: Tensor | None = None) -> Tensor:
        if weight_OIKK is None:
            return self.generator.synthesize(prefix.codes, start=prefix.state, **self.options)
        options = {"start": prefix.state, **self.options}
        image: Tensor = functional_call(self.generator, {self.parameter: weight_OIKK}, (prefix.codes,), options)
        return image

    def moved(self, prefix: Prefix, delta_OIKK: Tensor, strength_N: Tensor | float) -> Tensor:
        self._fits(delta_OIKK)
        options: Drawing = {**self.options, "weight_deltas": {self.index: (delta_OIKK.to(self.weight), strength_N)}}
        return self.generator.synthesize(prefix.codes, start=prefix.state, **options)

    def at_once(self, most: int) -> int:
        return images_at_once(self.generator, most)

    def identity(self) -> Mapping[str, object]:
        from gantk.generators.probe import probe_of

        return {**super().identity(), "family": self.generator.spec.family, "probe": probe_of(self.generator)}


def checksum(weight: Tensor) -> str:
    """CRC-32 of a weight's numbers in float32."""
    import zlib

    import numpy as np

    return f"{zlib.crc32(np.ascontiguousarray(weight.detach().float().cpu().numpy()).tobytes()):08x}"


# --- the published numbering -----------------------------------------------------------------------------------------

_RELEASED = re.compile(r"(\d+)x\1/conv([01])")


def released_index(layer: str) -> int:
    """NaviGAN's index of a StyleGAN2 convolution: 8x8/conv0 is 0, 8x8/conv1 is 1, 16x16/conv0 is 2, ...

    Raises:
        UsageError: its numbering does not reach this layer (4x4/conv1, ToRGB, another family).
    """
    match = _RELEASED.fullmatch(layer)
    if match is None or int(match[1]) < 8:
        raise UsageError(
            f"NaviGAN's numbering of layers does not reach {layer}: it starts at 8x8/conv0 and skips ToRGB."
        )
    return 2 * (int(match[1]).bit_length() - 4) + int(match[2])


def released_layer(index: int) -> str:
    """The layer that NaviGAN's index means."""
    resolution = 8 << (index // 2)
    return f"{resolution}x{resolution}/conv{index % 2}"


def spelled_layer(conv: str | int) -> str:
    """A layer as it is typed: released:3 is NaviGAN's index, everything else stays."""
    text = str(conv)
    return released_layer(int(text[9:])) if text.startswith("released:") and text[9:].isdecimal() else text
