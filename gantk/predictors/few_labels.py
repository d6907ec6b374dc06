"""Attributes from few labels: a linear probe on features of several stages, as a predictor that every command takes.

Shape legend: N samples, A attributes, D features, L rows of wp, C channels, P places, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator
from gantk.predictors.base import Predictor
from gantk.predictors.linear_probe import Array, AttributeCard, Probe, fit_probe, suggest
from gantk.predictors.probe_features import BATCH, KINDS, all_blocks, code_blocks, default_maps, image_blocks

if TYPE_CHECKING:
    from gantk.generators.base import Drawing, WpOrStyles
    from gantk.predictors.efficientnet_lite import ImageNet


@dataclass(frozen=True)
class FewLabelsInfo:
    """What the predictor is, apart from its weights; the JSON header of its file.

    Attributes:
        attribute_names: A of them.
        kind: `imagenet` reads images, `maps` a generator's maps, `both` reads both; the last two need codes.
        taps: of the maps.
        cards: how good each attribute is.
        name: shown to people.
        probe: of the generator whose maps are read; None for images.
    """

    attribute_names: tuple[str, ...]
    kind: str
    taps: tuple[str, ...]
    cards: tuple[AttributeCard, ...]
    name: str = "few-labels"
    probe: Mapping[str, Any] | None = field(default=None)

    @property
    def mirrored(self) -> bool:
        """Whether any attribute is read from images and their mirror images."""
        return any(card.mirrored for card in self.cards)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"Features of kind {self.kind!r} are unknown: use {', '.join(KINDS)}.")
        if not self.attribute_names or len(self.cards) != len(self.attribute_names):
            raise GantkError(f"{self.name} has {len(self.attribute_names)} attributes and {len(self.cards)} cards.")


class FewLabels(Predictor):
    """Scores of attributes: probabilities of what was labelled 0 and 1, and labelled numbers in their own units."""

    weight_AD: Tensor
    bias_A: Tensor
    is_class_A: Tensor

    def __init__(self, info: FewLabelsInfo, weight_AD: Tensor, bias_A: Tensor, network: ImageNet | None = None) -> None:
        super().__init__()
        self.info, self.name, self.attribute_names = info, info.name, info.attribute_names
        if info.kind != "maps" and network is None:
            from gantk.predictors.efficientnet_lite import ImageNet

            network = ImageNet.from_file()
        self.network = network if info.kind != "maps" else None
        self.register_buffer("weight_AD", weight_AD.float())
        self.register_buffer("bias_A", bias_A.float())
        is_class = torch.tensor([card.is_class for card in info.cards])
        self.register_buffer("is_class_A", is_class, persistent=False)
        self.generator: tuple[Generator, ...] = ()  # a tuple, so that it is no submodule
        self.requires_grad_(False).eval()
        if self.network is not None:
            self.to(self.network.device)
        if info.kind != "imagenet":
            # what commands ask to tell who scores codes; one that reads images must not have it
            self.attributes_of_codes = self._attributes_of_codes

    @property
    def cards(self) -> tuple[AttributeCard, ...]:
        return self.info.cards

    def bind(self, generator: Generator, force: bool = False) -> FewLabels:
        """Say whose maps are read; returns self.

        Raises:
            GantkError: the generator lacks a map, or (unless forced) is not the one the labels were of.
        """
        if self.info.kind != "imagenet":
            names = {layer.name for layer in generator.layers if layer.has_map}
            missing = [tap for tap in self.info.taps if tap not in names]
            if missing:
                raise GantkError(
                    f"The predictor {self.name!r} reads a map {missing[0]}, which this {generator.spec.family} lacks."
                )
            from gantk.generators.probe import refuse_another

            refuse_another(
                self.info.probe, generator, f"The predictor {self.name!r} was trained on another generator", force
            )
        self.generator = (generator,)
        return self.to(generator.device)

    def attributes(self, image_NCHW: Tensor) -> Tensor:
        if self.info.kind != "imagenet":
            raise GantkError(
                f"The predictor {self.name!r} reads a generator's maps, not images: give it codes "
                "(attributes_of_codes), or train one on images."
            )
        assert self.network is not None  # made above for this kind
        return self.scores(image_blocks(self.network, image_NCHW, self.info.mirrored))

    def _attributes_of_codes(self, wp: WpOrStyles, **options: Unpack[Drawing]) -> Tensor:
        """Scores [N, A] of codes wp [N, L, D] (or styles) of the generator it is bound to."""
        if not self.generator:
            raise UsageError(f"The predictor {self.name!r} reads a generator's maps: bind(generator) first.")
        return self.scores(
            code_blocks(self.generator[0], wp, self.info.taps, self.network, self.info.mirrored, **options)
        )

    def suggest(self, score_NA: Tensor, count: int = 20, attribute: str | None = None) -> list[int]:
        """The images to label next: those whose probability of an attribute (the first) is nearest to one half."""
        name = self.attribute_names[0] if attribute is None else attribute
        if name not in self.attribute_names:
            raise UsageError(f"There is no attribute {name!r}: known are {', '.join(self.attribute_names)}.")
        column = self.attribute_names.index(name)
        if not self.cards[column].is_class:
            raise UsageError(f"{name} is a number, not a class: there is no boundary to label the images near of.")
        return suggest(score_NA[:, column].detach().double().logit().cpu().numpy(), count)

    def scores(self, blocks: Sequence[Tensor]) -> Tensor:
        """Scores [N, A] of features that were read already, one block [N, C, P] per stage.

        Those of mirror images follow where they are read.
        """
        feature_ND = torch.cat([block.flatten(1) for block in blocks], 1).to(self.weight_AD.dtype)
        if feature_ND.shape[1] != self.weight_AD.shape[1]:
            raise GantkError(
                f"The predictor {self.name!r} was trained on {self.weight_AD.shape[1]} features and got "
                f"{feature_ND.shape[1]}: it belongs to another generator or version."
            )
        logit_NA = feature_ND @ self.weight_AD.T + self.bias_A
        return torch.where(self.is_class_A, logit_NA.sigmoid(), logit_NA)


def train_on_codes(
    generator: Generator,
    wp_NLD: Tensor,
    labels: Mapping[str, Array],
    kind: str = "maps",
    taps: Sequence[str] | None = None,
    name: str = "few-labels",
    network: ImageNet | None = None,
    **options: Unpack[Drawing],
) -> FewLabels:
    """A predictor of attributes from labelled samples of a generator, bound to it.

    Args:
        wp_NLD: codes of the samples; those without a label help too.
        labels: attribute -> [N], NaN where there is no label.
        kind: `maps`, for which nothing has to be installed and no image drawn, or `both`, with the images' features.
        taps: names of maps; by default the last of each resolution up to 64.
        options: of `synthesize`.

    Raises:
        UsageError: another kind. GantkError: see `fit_probe`.
    """
    if kind not in KINDS[1:]:
        raise UsageError(f"Codes are read by features of kind maps or both, not {kind!r}.")
    if kind == "both" and network is None:
        from gantk.predictors.efficientnet_lite import ImageNet

        network = ImageNet.from_file().to(generator.device)
    names = default_maps(generator) if taps is None else tuple(taps)
    used = network if kind == "both" else None
    with torch.inference_mode():
        parts = [code_blocks(generator, wp, names, used, **options) for wp in wp_NLD.split(BATCH)]
    return fitted(all_blocks(parts), labels, name, kind, names, used, generator)[0]


def fitted(
    blocks: Sequence[Any], labels: Mapping[str, Array], name: str, kind: str = "imagenet", taps: tuple[str, ...] = (),
    network: ImageNet | None = None, generator: Generator | None = None,
) -> tuple[FewLabels, Probe]:  # fmt: skip
    """The predictor of features [N, C, P] that were read already, and its probe with the scores of images left out.

    Args:
        blocks: of maps; or, where images are read, as many of their mirror images follow.
    """
    n = len(blocks[0])
    if not labels:
        raise UsageError("There are no labels: give at least one attribute.")
    for attribute, values in labels.items():
        if np.shape(values) != (n,):
            raise UsageError(f"{attribute!r} has labels of shape {np.shape(values)} for {n} images.")
    label_NA = np.stack([np.asarray(values, np.float64) for values in labels.values()], 1)
    once = len(blocks) if kind == "maps" else len(blocks) // 2
    probed = fit_probe(blocks[:once], label_NA, tuple(labels), blocks[once:])
    probe = None
    if generator is not None:
        from gantk.generators.probe import probe_of

        probe = probe_of(generator)
    info = FewLabelsInfo(tuple(labels), kind, taps, probed.cards, name, probe)
    made = FewLabels(info, torch.from_numpy(probed.weight_AD), torch.from_numpy(probed.bias_A), network)
    return (made.bind(generator) if generator is not None else made), probed
