"""The verb of StyleSpace: the best channels of space s for every attribute and every region.

Legend: N samples, S channels, A attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
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
from gantk.stylespace.attributes import attribute_channels
from gantk.stylespace.found import ForAttribute, ForRegion, StylespaceResult
from gantk.stylespace.options import StylespaceOptions
from gantk.stylespace.regions import region_channels
from gantk.stylespace.results import AttributeChannels, Channel, RegionChannels, StyleStatistics
from gantk.stylespace.styles import channel_direction, channels, style_statistics

SEGMENTED = 128  # samples that segments without labels are found in, at most


@verb(StylespaceOptions)
def find(
    generator: Generator,
    predictor: Predictor | None = None,
    segmenter: Predictor | None = None,
    *,
    options: StylespaceOptions,
    store: Store,
) -> StylespaceResult:
    """Find the channels of space s that carry an attribute or change one region (Wu et al. 2021, sections 4 and 5).

    Args:
        generator: a family with styles.
        predictor: its attributes are looked for; None looks for none.
        segmenter: whose classes are the regions; None takes the predictor's, or finds segments without labels.
        options: `StylespaceOptions`, or its fields as keywords.

    Raises:
        UsageError: the family has no space s, or too few samples are highest scored.
    """
    every = channels(generator)
    truncation = parse_truncation(options.truncation, generator.spec)
    wp_NLD = _codes(generator, options.num, options.seed, truncation)
    statistics = style_statistics(generator, wp_NLD)
    named = (
        _by_attribute(generator, wp_NLD, predictor, options)
        if predictor is not None and predictor.attribute_names
        else None
    )
    seer = segmenter or (predictor if predictor is not None and predictor.class_names else None)
    if seer is None:
        seer = find_segments(generator, wp_NLD[:SEGMENTED], seed=options.seed).head
    local = region_channels(generator, seer, wp_NLD[: options.looked], seed=options.seed)
    attributes, regions = _attributes(named, options), _regions(local, options)
    directions = [
        *_directions(generator, statistics, attributes, ""),
        *_directions(generator, statistics, regions, "region_"),
    ]
    if not directions:
        raise UsageError("No channel belongs to a region, and there is no attribute to look for: give --predictor.")
    walks = tuple(
        walk
        for direction in directions
        for walk in draw_walks(
            store, generator, direction, [options.distance], truncation, options.seed + 1, options.samples,
            options.step, f"steps_{direction.name}",
        )
    )  # fmt: skip
    return StylespaceResult(
        channels=len(every),
        samples=options.num if named else 0,
        chosen=named.chosen if named else 0,
        looked=local.samples,
        seer=seer.name,
        by_attribute=tuple(_of_attribute(named, *found) for found in _flat(attributes)) if named else (),
        by_region=tuple(_of_region(local, *found) for found in _flat(regions)),
        regions=local.regions,
        belonging=tuple(int((local.region_S == place).sum()) for place in range(len(local.regions))),
        directions=tuple(directions),
        walks=walks,
        passes=local.passes + (options.num if named else 0),
    )


Chosen = Mapping[str, Sequence[tuple[Channel, float]]]


def _codes(generator: Generator, num: int, seed: int, truncation: Truncation | None) -> Tensor:
    with torch.no_grad():
        label = generator.sample_label(num, seed=seed)
        return generator.expand(generator.map(generator.sample_z(num, seed=seed), label), truncation).contiguous()


def _by_attribute(
    generator: Generator, wp_NLD: Tensor, predictor: Predictor, options: StylespaceOptions
) -> AttributeChannels:
    score_NA = attributes_at(generator, predictor, wp_NLD, batch_size=options.batch_size)
    return attribute_channels(
        generator, wp_NLD, score_NA, predictor.attribute_names, max(options.chosen, 2 / options.num)
    )


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
    made: Any = probe(generator)
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
