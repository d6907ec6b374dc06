"""What a generator says about itself and what its calls exchange: plain frozen dataclasses.

Shape legend: N samples, L rows of `wp`, C channels, H x W pixels.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from torch import Tensor

from gantk.generators.arguments import finite, whole
from gantk.store.json_values import shown


@dataclass(frozen=True)
class Config:
    """Base of every network's configuration: to the plain dictionary that a file holds, and back."""

    # Any: the keywords of the class at hand, which its constructor checks; every family has its own
    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From `to_dict`, or from JSON, whose lists become tuples.

        Raises:
            TypeError: an entry is missing, unknown, or of another type than the class declares.
        """
        found = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        for name, kind in typing.get_type_hints(cls).items():
            if name in found and not is_of(kind, found[name]):
                raise TypeError(f"{name} is {shown(found[name])}")
        return cls(**found)


# `kind` is whatever an annotation may be; Python has no type of those
def is_of(kind: Any, value: object) -> bool:
    """Whether a value is of an annotation's type: a class, None, a union or a tuple; floats are finite, or whole."""
    parts = typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, tuple):
            return False
        kinds = parts[:1] * len(value) if parts[-1] is Ellipsis else parts
        return len(kinds) == len(value) and all(map(is_of, kinds, value))
    if parts:
        return any(is_of(part, value) for part in parts)
    if kind is float:
        return type(value) in (int, float) and abs(value) < math.inf  # type: ignore[arg-type]
    return type(value) is kind


@dataclass(frozen=True)
class Truncation:
    """wp_l = w_avg + psi * (w - w_avg) on the first `layers` rows; None means every row, more than L is clipped.

    Raises:
        UsageError: psi is no finite number, or `layers` no whole number of at least 0.
    """

    psi: float
    layers: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "psi", finite("psi", self.psi))
        if self.layers is not None:
            object.__setattr__(self, "layers", whole("layers", self.layers, least=0))

    def __str__(self) -> str:
        """As ``--truncation`` reads it."""
        return str(self.psi) if self.layers is None else f"{self.psi}:{self.layers}"

    def rows(self, num_layers: int) -> int:
        """How many of `num_layers` rows are pulled."""
        return num_layers if self.layers is None else max(0, min(self.layers, num_layers))

    def strengths(self, num_layers: int) -> list[float]:
        """psi on the truncated rows, 1 elsewhere: by how much a move of w moves each row."""
        rows = self.rows(num_layers)
        return [self.psi] * rows + [1.0] * (num_layers - rows)


def truncation_of(given: object) -> Truncation:
    """A truncation, or the psi of one of all rows.

    Raises:
        UsageError: it is neither.
    """
    return given if isinstance(given, Truncation) else Truncation(given)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Layer:
    """One step of the synthesis network.

    Attributes:
        index, name: position in `Generator.layers` and its name, such as `32x32/conv1`.
        resolution, channels: of its feature map, whose larger side counts; a StyleGAN2 ToRGB's map is the accumulated
            image.
        size: height and width of its map where they differ; `height` and `width` are right for every layer.
        row: the row of `wp` that feeds it, None for layers without a style.
        weight: state-dict name of its convolution weight, None when there is none.
        affine: state-dict prefix of its style affine, None when there is none.
        style_dim: width of its style vector, 0 when there is none.
        has_map: whether `trace` can return its output (several convolutions of one block share the last one's map).
        is_rgb: whether it writes to the image.
    """

    index: int
    name: str
    resolution: int
    channels: int
    row: int | None = None
    weight: str | None = None
    affine: str | None = None
    style_dim: int = 0
    has_map: bool = True
    is_rgb: bool = False
    size: tuple[int, int] | None = None

    @property
    def height(self) -> int:
        return self.resolution if self.size is None else self.size[0]

    @property
    def width(self) -> int:
        return self.resolution if self.size is None else self.size[1]


@dataclass(frozen=True)
class GeneratorSpec:
    """What a network is and can do; an analysis reads this instead of asking for the family's name.

    Attributes:
        resolution: the larger side of the canvas; its sides are `height` and `width`.
        canvas: height and width where they differ.
        class_names: names of the `label_dim` classes, where the file or the user gave them.
    """

    family: str
    resolution: int
    image_channels: int
    z_dim: int
    w_dim: int
    wp_dim: int
    label_dim: int
    num_layers: int
    spaces: tuple[str, ...] = ("z", "w", "wp", "s")
    z_distribution: str = "normal"
    normalizes_z: bool = True
    truncation: Truncation | None = None
    can_truncate: bool = True
    label_required: bool = False
    has_noise: bool = False
    has_lod: bool = False
    has_transform: bool = False
    has_bn_truncation: bool = False
    half_precision: bool = False  # whether `set_precision` takes float16 and bfloat16
    canvas: tuple[int, int] | None = None
    class_names: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        return self.resolution if self.canvas is None else self.canvas[0]

    @property
    def width(self) -> int:
        return self.resolution if self.canvas is None else self.canvas[1]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the canvas."""
        return self.height, self.width

    def code_shape(self, space: str) -> tuple[int, ...]:
        """The shape of one code of z, w or wp, whether the network has that space or not."""
        return {"z": (self.z_dim,), "w": (self.w_dim,), "wp": (self.num_layers, self.wp_dim)}[space]


@dataclass(frozen=True)
class State:
    """Synthesis interrupted just before layer `index`: the map, the image so far, a residual block's shortcut.

    `statistics` are, by layer index, the mean and the inverse deviation [N, C] that a family with instance
    normalisation found in the maps it passed. Those of layers still to come take the place of the maps' own, so that an
    edit of a part of a map has no influence on the rest of it. `kept` is all that a wrapped module still needs.
    """

    index: int
    x: Tensor | None
    image: Tensor | None = None
    shortcut: Tensor | None = None
    statistics: Mapping[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    kept: tuple[Tensor, ...] = ()

    def mapped(self, change: Callable[[Tensor], Tensor]) -> State:
        """The same with every tensor changed, all of which are [N, ...]: some of the samples, or repeated ones."""
        return State(**{part.name: map_tensors(getattr(self, part.name), change) for part in dataclasses.fields(self)})


# Any: the value in its own shape
def map_tensors(value: object, change: Callable[[Tensor], Tensor]) -> Any:
    """A value with every tensor in it changed, however tuples and tables nest them."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: map_tensors(part, change) for key, part in value.items()}
    return tuple(map_tensors(part, change) for part in value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Options:
    """The keyword arguments of `synthesize`, checked once against what the family has.

    `noise` is "const", "none" or an int64 tensor of seeds ([] or [N]); `deltas` goes by layer index.
    """

    noise: str | Tensor = "const"
    bn_truncation: float | None = None
    deltas: Mapping[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    lod: float | None = None
    transform: Tensor | None = None


class Linear(ABC):
    """The derivative of the image of one sample in some of its codes, as a map that also has its transpose."""

    @abstractmethod
    def __call__(self, given: Sequence[Tensor]) -> Tensor:
        """Steps [c, ...] of the codes to steps of the image [c, C, H, W]."""

    @abstractmethod
    def transpose(self, gradient_cCHW: Tensor) -> tuple[Tensor, ...]:
        """Gradients of the image to gradients [c, ...] of the codes."""
