"""What a search for channels of space s gives.

Legend: N samples, S channels of all styles side by side, R regions, A attributes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Channel:
    """One number of space s.

    Attributes:
        index: among all channels side by side, as a direction of space s has them.
        style: which style vector, as `Generator.styles` orders them.
        layer: name of the layer it feeds.
        row: of wp that makes it.
        place: within its style vector.
        is_rgb: whether its layer only writes colours.
    """

    index: int
    style: int
    layer: str
    row: int
    place: int
    is_rgb: bool

    @property
    def name(self) -> str:
        """Such as ``32x32/conv0:17``."""
        return f"{self.layer}:{self.place}"


@dataclass(frozen=True, eq=False)
class StyleStatistics:
    """Mean and standard deviation [S] of every channel over samples."""

    mean_S: Array
    deviation_S: Array
    samples: int


@dataclass(frozen=True, eq=False)
class RegionChannels:
    """Channels by region.

    Attributes:
        channels, regions: S and R names.
        share_SR: share of a channel's squared change that falls in each region, mean over the samples that have it.
        area_R: share of the pixels that the region has.
        locality_SR: change per pixel inside over that outside, from the means; 1 where a channel is not local.
        wins_SR: share of the samples with the region in which the channel changes it most of all regions, per pixel.
        change_S: root mean square change of the image by one standard deviation of the channel, to first order.
        region_S: the region that a channel belongs to, -1 for none: where it wins at least `least` of the samples.
        least: of the samples with the region.
        samples, present_R: how many there were, and how many had each region.
        passes: forward-pass equivalents that it took: one per tangent, two per transposed product.
    """

    channels: tuple[Channel, ...]
    regions: tuple[str, ...]
    share_SR: Array
    area_R: Array
    locality_SR: Array
    wins_SR: Array
    change_S: Array
    region_S: npt.NDArray[np.int64]
    least: float
    samples: int
    present_R: npt.NDArray[np.int64]
    passes: int

    def of(self, region: str, count: int | None = None, rgb: bool = False) -> list[Channel]:
        """The channels that belong to a region, the largest change inside it first.

        Args:
            rgb: also those that only write colours.
        """
        place = self.regions.index(region)
        inside_S = np.square(self.change_S) * self.share_SR[:, place]
        order = [s for s in np.argsort(-inside_S, kind="stable") if self.region_S[s] == place]
        return [self.channels[s] for s in order if rgb or not self.channels[s].is_rgb][:count]


@dataclass(frozen=True, eq=False)
class AttributeChannels:
    """Channels by attribute.

    Attributes:
        channels, attributes: S and A names.
        distance_AS: of the mean style of the highest scored samples from that of all, in standard deviations of all.
        relevance_AS: absolute distance over the standard deviation of those samples, in the same units (the paper's
            ratio).
        statistics: of all samples.
        samples, chosen: how many there were, and how many of them count as the highest scored.
    """

    channels: tuple[Channel, ...]
    attributes: tuple[str, ...]
    distance_AS: Array
    relevance_AS: Array
    statistics: StyleStatistics
    samples: int
    chosen: int

    def of(self, attribute: str, count: int | None = None, rgb: bool = False) -> list[tuple[Channel, float]]:
        """Channels by decreasing absolute distance, each with its signed distance."""
        row = self.distance_AS[self.attributes.index(attribute)]
        found = [(self.channels[s], float(row[s])) for s in np.argsort(-np.abs(row), kind="stable")]
        return [pair for pair in found if rgb or not pair[0].is_rgb][:count]
