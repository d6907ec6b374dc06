"""StyleSpace: single channels of space s that change one region or carry one attribute (Wu et al., CVPR 2021).

result = gantk.stylespace.find(generator, predictor)
found = gantk.stylespace.region_channels(generator, segmenter, wp)
found = gantk.stylespace.attribute_channels(generator, wp, scores, names)
direction = gantk.stylespace.channel_direction(channel, statistics)
"""

from __future__ import annotations

from gantk.store.lazy import lazily

_PUBLIC = {
    "AttributeChannels": "results",
    "Channel": "results",
    "RegionChannels": "results",
    "StyleStatistics": "results",
    "StylespaceResult": "found",
    "attribute_channels": "attributes",
    "channel_direction": "styles",
    "channels": "styles",
    "find": "verbs",
    "region_channels": "regions",
    "style_statistics": "styles",
}

__all__ = sorted(_PUBLIC)

__getattr__, __dir__ = lazily(__name__, _PUBLIC)
