"""StyleSpace: single channels of space s that change one region or carry one attribute (Wu et al., CVPR 2021).

result = gantk.stylespace.find(generator, predictor)
found = gantk.stylespace.region_channels(generator, segmenter, wp)
found = gantk.stylespace.attribute_channels(generator, wp, scores, names)
direction = gantk.stylespace.channel_direction(channel, statistics)
"""

from gantk.store.lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    "results.AttributeChannels results.Channel results.RegionChannels results.StyleStatistics found.StylespaceResult "
    "attributes.attribute_channels styles.channel_direction styles.channels verbs.find regions.region_channels "
    "styles.style_statistics",
)
