"""The verb of StyleSpace: the best channels of space s for every attribute and every region.

Legend: N samples, S channels, A attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.directions import Direction
from gantk.codes.latents import parse_truncation
from gantk.errors import UsageError
from gantk.generators.base import Generator, Truncation
from gantk.generators.probe import probe
from gantk.predictors.base import Predictor
from gantk.predictors.reading import attributes_at
from gantk.predictors.segments import find_segments
from gantk.runs.stores import Store
from gantk.runs.task import verb
from gantk.runs.walks import draw_walks
from gantk.store.memory import require
from gantk.stylespace.attributes import attribute_channels
from gantk.stylespace.found import ForAttribute, ForRegion, StylespaceResult
from gantk.stylespace.options import StylespaceOptions
from gantk.stylespace.regions import region_channels
from gantk.stylespace.results import AttributeChannels, Channel, RegionChannels, StyleStatistics
from gantk.stylespace.styles import channel_direction, channels, style_statistics

SEGMENTED = 128  # samples that segments without labels are found in, at most


Chosen = Mapping[str, Sequence[tuple[Channel, float]]]


@dataclass(frozen=True, eq=False)
class Search:
    """What was found in some samples.

    Attributes:
        named: None without scores.
        local: by region.
        attributes, regions: name -> the best channels with their signs.
        directions: see `StylespaceResult`.
    """

    named: AttributeChannels | None
    local: RegionChannels
    attributes: Chosen
    regions: Chosen
    directions: tuple[Direction, ...]


def search(
    generator: Generator,
    wp_NLD: Tensor,
    score_NA: npt.NDArray[np.float32] | None,
    names: Sequence[str],
    seer: Predictor,
    options: StylespaceOptions,
) -> Search:
    """Find the channels in samples that are there already.

    Args:
        wp_NLD: codes after truncation.
        score_NA: of the same samples, one column for each of `names`; None looks for no attribute.
        seer: whose classes are the regions.
    """
    statistics = style_statistics(generator, wp_NLD)
    named = None
    if score_NA is not None:
        named = attribute_channels(generator, wp_NLD, score_NA, names, max(options.chosen, 2 / len(wp_NLD)))
    local = region_channels(generator, seer, wp_NLD[: options.looked], seed=options.seed)
    attributes, regions = _attributes(named, options), _regions(local, options)
    directions = (
        *_directions(generator, statistics, attributes, ""),
        *_directions(generator, statistics, regions, "region_"),
    )
    return Search(named, local, attributes, regions, directions)


@verb(StylespaceOptions)
def find(
    generator: Generator,
    predictor: Predictor | None = None,
    segmenter: Predictor | None = None,
    scores: npt.NDArray[np.float32] | None = None,
    *,
    options: StylespaceOptions,
    store: Store,
) -> StylespaceResult:
    """Find the channels of space s that carry an attribute or change one region (Wu et al. 2021, sections 4 and 5).

    Args:
        generator: a family with styles.
        predictor: its attributes are looked for; None looks for none.
        segmenter: whose classes are the regions; None takes the predictor's, or finds segments without labels.
        scores: what the predictor reads of the first `num` samples of the seed, [N, A], where it is known already.
        options: `StylespaceOptions`, or its fields as keywords.

    Raises:
        UsageError: the family has no space s, scores are of other samples, or too few samples are highest scored.
    """
    channels(generator)
    truncation = parse_truncation(options.truncation, generator.spec)
    shown = options.shown_codes(generator)
    wp_NLD = _codes(generator, options.num, options.seed, truncation)
    names = predictor.attribute_names if predictor is not None else ()
    score_NA = scores
    if score_NA is not None and score_NA.shape != (options.num, len(names)):
        raise UsageError(
            f"Scores of shape {list(score_NA.shape)} were given for {options.num} samples and {len(names)} attributes: "
            "give one row for each sample and one column for each attribute."
        )
    if score_NA is None and predictor is not None and names:
        score_NA = attributes_at(generator, predictor, wp_NLD, batch_size=options.batch_size)
    seer = segmenter or (predictor if predictor is not None and predictor.class_names else None)
    if seer is None:
        seer = find_segments(generator, wp_NLD[:SEGMENTED], seed=options.seed).head
    found = search(generator, wp_NLD, score_NA, names, seer, options)
    named, local, directions = found.named, found.local, found.directions
    if not directions:
        raise UsageError("No channel belongs to a region, and there is no attribute to look for: give --predictor.")
    walks = tuple(
        walk
        for direction in directions
        for walk in draw_walks(
            store, generator, direction, [options.distance], truncation, options.seed + 1, options.samples,
            options.step, f"steps_{direction.name}", shown, options.batch_size,
        )
    )  # fmt: skip
    return StylespaceResult(
        channels=len(local.channels),
        samples=options.num if named else 0,
        chosen=named.chosen if named else 0,
        looked=local.samples,
        seer=seer.name,
        by_attribute=tuple(_of_attribute(named, *part) for part in _flat(found.attributes)) if named else (),
        by_region=tuple(_of_region(local, *part) for part in _flat(found.regions)),
        regions=local.regions,
        belonging=tuple(int((local.region_S == place).sum()) for place in range(len(local.regions))),
        directions=directions,
        walks=walks,
        passes=local.passes + (options.num if named else 0),
    )


def _codes(generator: Generator, num: int, seed: int, truncation: Truncation | None) -> Tensor:
    spec = generator.spec
    require(4 * num * spec.num_layers * spec.wp_dim, f"The codes of {num} samples", "give a smaller --num")
    with torch.no_grad():
        label = generator.sample_label(num, seed=seed)
        return generator.expand(generator.map(generator.sample_z(num, seed=seed), label), truncation).contiguous()


def _attributes(found: AttributeChannels | None, options: StylespaceOptions) -> Chosen:
    """Channels of every attribute, each with the sign that turns the attribute up."""
    if found is None:
        return {}
    return {name: found.of(name, options.components, options.colours) for name in found.attributes}


def _regions(found: RegionChannels, options: StylespaceOptions) -> Chosen:
    chosen = {
        name: [(channel, 1.0) for channel in found.of(name, options.components, options.colours)]
        for name in found.regions
    }
    return {name: parts for name, parts in chosen.items() if parts}


def _flat(chosen: Chosen) -> list[tuple[str, Channel, float]]:
    return [(name, channel, value) for name, parts in chosen.items() for channel, value in parts]


def _of_attribute(found: AttributeChannels, name: str, channel: Channel, distance: float) -> ForAttribute:
    relevance = float(found.relevance_AS[found.attributes.index(name), channel.index])
    return ForAttribute(
        attribute=name, channel=channel.name, row=channel.row, distance=distance, relevance=relevance
    )  # fmt: skip


def _of_region(found: RegionChannels, name: str, channel: Channel, sign: float) -> ForRegion:
    place, s = found.regions.index(name), channel.index
    return ForRegion(
        region=name,
        channel=channel.name,
        row=channel.row,
        wins=float(found.wins_SR[s, place]),
        share=float(found.share_SR[s, place]),
        area=float(found.area_R[place]),
        locality=float(found.locality_SR[s, place]),
        change=float(found.change_S[s]),
    )


def _directions(generator: Generator, statistics: StyleStatistics, chosen: Chosen, prefix: str) -> list[Direction]:
    """One direction file for each name, with a vector for each channel that varies."""
    made = probe(generator)
    found = []
    for name, parts in chosen.items():
        single = [
            channel_direction(channel, statistics, None, sign)
            for channel, sign in parts
            if statistics.deviation_S[channel.index] > 0
        ]
        if not single:
            continue
        stem = prefix + "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
        meta = {"target": name, "channels": [direction.name for direction in single], "samples": statistics.samples}
        layers = tuple(sorted({style for direction in single for style in direction.layers or ()}))
        vectors = np.concatenate([direction.vectors for direction in single])
        found.append(Direction(stem, "direction", "s", vectors, None, layers, 6.0, made, meta))
    return found
