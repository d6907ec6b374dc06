"""A segmentation head behind the Predictor contract: what a generator's own maps say about where each class is.

A head reads maps, not pixels, so it answers for codes: `segment_codes(generator, wp)`. Every predictor has that method
(the others render and look), which is how any system takes a head or a network for its masks without asking which.

Shape legend: N samples, L rows of wp, C_i channels of map i, K classes, S side of the logits, H x W pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator
from gantk.predictors.base import Predictor
from gantk.predictors.grids import squared
from gantk.predictors.head_networks import KINDS, NETWORKS, HeadNetwork

# "High contrast" colours of LinearGAN's label pictures, class 0 first (specification of its web program).
PALETTE = (
    (0, 0, 0), (255, 255, 0), (28, 230, 255), (255, 52, 255), (255, 74, 70), (0, 137, 65), (0, 111, 166), (163, 0, 89),
    (255, 219, 229), (122, 73, 0), (0, 0, 166), (99, 255, 172), (183, 151, 98), (0, 77, 67), (143, 176, 255),
    (153, 125, 135), (90, 0, 7), (128, 150, 147),
)  # fmt: skip
Colour = tuple[int, int, int]


def palette(classes: int) -> tuple[Colour, ...]:
    """A colour per class; more classes than colours get darker turns of the same."""
    return tuple(
        tuple(part // (1 + index // len(PALETTE)) for part in PALETTE[index % len(PALETTE)])  # type: ignore[misc]
        for index in range(classes)
    )


@dataclass(frozen=True)
class HeadInfo:
    """What a head is, apart from its weights; the JSON header of its file.

    Attributes:
        kind: LSE, NSE-1 or NSE-2.
        class_names, class_colours: K of each; class 0 is "other" where the labels have one.
        taps: names of the layers whose maps it reads, coarse to fine.
        channels: of these maps.
        size: side of the label maps it was trained on.
        align_corners: how its logits are resized.
        name: shown to people.
        probe: of the generator it was trained on; None where the file did not say.
        meta: command, seed, teacher, solver, scores, contribution of each layer.
    """

    kind: str
    class_names: tuple[str, ...]
    class_colours: tuple[Colour, ...]
    taps: tuple[str, ...]
    channels: tuple[int, ...]
    size: int
    align_corners: bool = True
    name: str = "head"
    probe: Mapping[str, Any] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"The head {self.name!r} is of kind {self.kind!r}: it is {', '.join(KINDS)}.")
        if not self.taps or len(self.taps) != len(self.channels) or min(self.channels) < 1:
            raise GantkError(
                f"The head {self.name!r} names {len(self.taps)} maps and {len(self.channels)} channel counts."
            )
        if len(self.class_names) < 2 or len(self.class_names) != len(self.class_colours) or self.size < 1:
            raise GantkError(
                f"The head {self.name!r} has {len(self.class_names)} class names, {len(self.class_colours)} colours "
                f"and labels of {self.size} pixels; two classes or more, as many colours and a size are needed."
            )

    @property
    def classes(self) -> int:
        return len(self.class_names)

    def replace(self, **changes: Any) -> HeadInfo:
        return dataclasses.replace(self, **changes)


class Head(Predictor):
    """A head and its weights, frozen, folded for inference."""

    def __init__(self, info: HeadInfo, network: HeadNetwork | None = None) -> None:
        super().__init__()
        if network is None:
            network = NETWORKS[info.kind](info.channels, info.classes, info.align_corners)
        self.info, self.network = info, network
        self.name, self.class_names, self.class_colours = info.name, info.class_names, info.class_colours
        self.generator: tuple[Generator, ...] = ()  # a tuple, so that it is no submodule
        self.requires_grad_(False).eval()

    def bind(self, generator: Generator, force: bool = False) -> Head:
        """Check that the generator is the one the head was trained on, once; returns self.

        Raises:
            GantkError: it has no such maps, or (unless forced) its probe differs.
        """
        check_head(self.info, generator, force)
        self.generator = (generator,)
        return self.to(generator.device)

    def segment(self, image_NCHW: Tensor) -> Tensor:
        raise GantkError(
            f"The head {self.name!r} reads a generator's maps, not images: give it codes (segment_codes), or "
            "use a segmentation network."
        )

    def segment_codes(self, generator: Generator, wp: Any, *, size: int | None = None, **options: Any) -> Tensor:
        """Class logits [N, K, S, S] for codes; the image is not drawn, and layers after the last map are not run."""
        return self.read(generator.trace(wp, self._taps(generator), image=False, **options)[1], size)

    def draw(self, generator: Generator, wp: Any, *, size: int | None = None, **options: Any) -> tuple[Tensor, Tensor]:
        """Images [N, C, H, W] and logits [N, K, S, S] in one pass."""
        image, maps = generator.trace(wp, self._taps(generator), **options)
        assert image is not None
        return image, self.read(maps, size)

    def read(self, maps: Mapping[str, Tensor] | Sequence[Tensor], size: int | None = None) -> Tensor:
        """Logits [N, K, S, S] of maps, by name as `trace` returns them or in the head's order."""
        ordered = [maps[tap] for tap in self.info.taps] if isinstance(maps, Mapping) else maps
        logits: Tensor = self.network([squared(x) for x in ordered], size or self.info.size)
        return logits

    def _taps(self, generator: Generator) -> tuple[str, ...]:
        if not self.generator or self.generator[0] is not generator:
            self.bind(generator)
        return self.info.taps


def check_head(info: HeadInfo, generator: Generator, force: bool = False) -> None:
    """Refuse a head of another generator.

    Raises:
        GantkError: a map is missing or has other channels, or (unless forced) the probe differs.
    """
    layers = {layer.name: layer for layer in generator.layers if layer.has_map}
    for tap, width in zip(info.taps, info.channels, strict=True):
        if tap not in layers or layers[tap].channels != width:
            there = f"one of {layers[tap].channels}" if tap in layers else "none of that name"
            raise GantkError(
                f"The head {info.name!r} reads a map {tap} of {width} channels and this {generator.spec.family} has "
                f"{there}: it belongs to another generator."
            )
    if info.probe is None or force:
        return
    from gantk.generators.probe import mismatch, probe_of

    difference = mismatch(dict(info.probe), probe_of(generator))
    if difference is not None:
        raise GantkError(
            f"The head {info.name!r} was trained on another generator ({difference}): use that one, or force it to try."
        )


def default_taps(generator: Generator, which: str = "all") -> tuple[str, ...]:
    """The maps a head reads by default, coarse to fine: `all` maps but images, or the `last` one of each resolution.

    LinearGAN reads all of a StyleGAN2 and the last of each resolution of a PGGAN or StyleGAN.
    """
    mapped = [layer for layer in generator.layers if layer.has_map and not layer.is_rgb]
    if which == "last":
        mapped = list({layer.resolution: layer for layer in mapped}.values())
    return tuple(layer.name for layer in mapped)


def parse_taps(text: str | None, generator: Generator) -> tuple[str, ...]:
    """The maps that ``--taps`` names: `all` (default), `last`, or a list of layers such as ``8x8/conv1,10-12``."""
    from gantk.generators.rows import parse_layers

    if text is None or text in ("all", "last"):
        return default_taps(generator, text or "all")
    names = {layer.name: layer.index for layer in generator.layers}
    chosen = [generator.layers[index] for index in parse_layers(text, len(generator.layers), names)]
    for layer in chosen:
        if not layer.has_map:
            raise UsageError(f"--taps {text}: layer {layer.name} has no map of its own; its block's last layer has.")
    return tuple(layer.name for layer in chosen)


def taps_of(generator: Generator, taps: Sequence[str]) -> tuple[int, ...]:
    """Channels of the maps."""
    return tuple(generator.layer(tap).channels for tap in taps)


def class_map(logit_NKSS: Tensor) -> Tensor:
    """The most likely class of each pixel, uint8 [N, S, S]."""
    return logit_NKSS.argmax(1).to(torch.uint8)
