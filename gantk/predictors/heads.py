"""A segmentation head behind the Predictor contract: what a generator's own maps say about where each class is.

A head reads maps, not pixels, so it answers for codes: `segment_codes(generator, wp)`. Every predictor has that method
(the others render and look), which is how any system takes a head or a network for its masks without asking which.

Shape legend: N samples, L rows of wp, C_i channels of map i, K classes, S side of the logits, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Unpack

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators.base import Drawing, Generator, WpOrStyles
from gantk.predictors.base import Predictor
from gantk.predictors.grids import squared
from gantk.predictors.head_info import PALETTE, Colour, HeadInfo, LearnedHead, Weight, palette
from gantk.predictors.head_networks import NETWORKS, HeadNetwork

__all__ = ["PALETTE", "Colour", "Head", "HeadInfo", "LearnedHead", "palette"]


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

    def segment(self, seen: object, *, size: int | None = None) -> Tensor:
        """Class logits [N, K, S, S] of codes wp [N, L, D], or of what `Generator.trace` returned for them.

        A head reads a generator's maps, and an image does not tell which those were.

        Args:
            seen: codes of wp (a tensor, an array, or a result that carries them) of the generator the head is bound
                to, maps by name, or the pair (image, maps).
            size: side S of the logits; default: that of the labels it learned from.

        Raises:
            GantkError: an image was given, or the head is bound to no generator.
        """
        if isinstance(seen, tuple) and len(seen) == 2:
            seen = seen[1]
        if isinstance(seen, Mapping):
            return self.read(seen, size)
        shape = tuple(getattr(seen, "shape", ()))
        if len(shape) == 4 and shape[1] in (1, 3):
            raise GantkError(
                f"The head {self.name!r} reads a generator's maps, not images: give it the codes wp, or what "
                "generator.trace returned, or use a segmentation network."
            )
        if not self.generator:
            raise GantkError(
                f"The head {self.name!r} is bound to no generator: use head.bind(generator), or "
                "head.segment_codes(generator, wp)."
            )
        (generator,) = self.generator
        codes = getattr(seen, "codes", seen)
        space = getattr(codes, "space", "wp")
        wp = codes if isinstance(codes, Tensor) else torch.from_numpy(np.array(codes, np.float32))
        if space != "wp" or wp.ndim != 3:
            raise GantkError(
                f"The head {self.name!r} was given codes of {space} of the shape {tuple(wp.shape)}: give wp [N, L, D], "
                "such as generator.expand(generator.map(z))."
            )
        return self.segment_codes(generator, wp.to(generator.device), size=size)

    def labels(self, seen: object, *, size: int | None = None) -> npt.NDArray[np.uint8]:
        """The most likely class of each pixel, uint8 [N, S, S]; see `segment` for what may be given."""
        with torch.inference_mode():
            found: npt.NDArray[np.uint8] = class_map(self.segment(seen, size=size)).cpu().numpy()
        return found

    def fingerprint(self) -> object:
        """What it answers, for the identity of a run."""
        from gantk.store.fingerprint import of_module

        return [self.info.fingerprint(), of_module(self)]

    def learned(self) -> LearnedHead:
        """The head as a result keeps it."""
        state = self.network.state_dict()
        return LearnedHead(
            self.info, tuple(Weight(name, x.detach().float().cpu().numpy()) for name, x in state.items())
        )

    def segment_codes(
        self, generator: Generator, wp: WpOrStyles, *, size: int | None = None, **options: Unpack[Drawing]
    ) -> Tensor:
        """Class logits [N, K, S, S] for codes; the image is not drawn, and layers after the last map are not run."""
        return self.read(generator.trace(wp, self._taps(generator), image=False, **options)[1], size)

    def draw(
        self, generator: Generator, wp: WpOrStyles, *, size: int | None = None, **options: Unpack[Drawing]
    ) -> tuple[Tensor, Tensor]:
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


def head_of(learned: LearnedHead) -> Head:
    """The predictor of a head that a result keeps."""
    info = learned.info
    network = NETWORKS[info.kind](info.channels, info.classes, info.align_corners)
    network.load_state_dict({each.name: torch.from_numpy(np.array(each.array)) for each in learned.weights})
    return Head(info, network)


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
    from gantk.generators.probe import refuse_another

    refuse_another(info.probe, generator, f"The head {info.name!r} was trained on another generator", force)


def default_taps(generator: Generator, which: str = "all") -> tuple[str, ...]:
    """The maps a head reads by default, coarse to fine: `all` maps but images, or the `last` one of each resolution.

    LinearGAN reads all of a StyleGAN2 and the last of each resolution of a PGGAN or StyleGAN.
    """
    mapped = [layer for layer in generator.layers if layer.has_map and not layer.is_rgb]
    if which == "last":
        mapped = list({layer.resolution: layer for layer in mapped}.values())
    return tuple(layer.name for layer in mapped)


def parse_taps(text: str | int | Sequence[str | int] | None, generator: Generator) -> tuple[str, ...]:
    """The maps that ``--taps`` names: `all` (default), `last`, or a list of layers such as ``8x8/conv1,10-12``."""
    from gantk.generators.rows import parse_layers

    if text is not None and not isinstance(text, str):
        text = str(text) if isinstance(text, int) else ",".join(map(str, text))
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
