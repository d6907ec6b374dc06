"""StyleSpace: single channels of space s that change one region or carry one attribute (Wu et al., CVPR 2021).

found = gantk.stylespace.region_channels(generator, segmenter, samples)
found = gantk.stylespace.attribute_channels(generator, predictor, samples)
directions = gantk.stylespace.channel_directions(generator, statistics, [(channel, "tree"), ...])
"""

from __future__ import annotations

from gantk.stylespace.attributes import attribute_channels as attribute_channels
from gantk.stylespace.channels import channel_direction as channel_direction
from gantk.stylespace.channels import channels as channels
from gantk.stylespace.channels import style_statistics as style_statistics
from gantk.stylespace.regions import region_channels as region_channels
from gantk.stylespace.results import AttributeChannels as AttributeChannels
from gantk.stylespace.results import Channel as Channel
from gantk.stylespace.results import RegionChannels as RegionChannels
from gantk.stylespace.results import StyleStatistics as StyleStatistics

__all__ = [
    "AttributeChannels",
    "Channel",
    "RegionChannels",
    "StyleStatistics",
    "attribute_channels",
    "channel_direction",
    "channels",
    "region_channels",
    "style_statistics",
]
