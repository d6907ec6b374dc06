"""Result of `gantk stylespace`; without torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from gantk.codes.directions import Direction
from gantk.codes.kept_directions import save_direction
from gantk.runs.claims import Claims
from gantk.runs.results import Export, Result, record
from gantk.runs.walk import Walk
from gantk.stylespace.claims import STYLESPACE


@record
class ForAttribute:
    """A channel that stands apart in the highest scored samples of an attribute.

    Attributes:
        channel: its name, such as ``32x32/conv0:17``.
        row: of wp that makes it.
        distance: of its mean over those samples from that of all, in deviations.
        relevance: |distance| over its deviation in those samples.
    """

    attribute: str
    channel: str
    row: int
    distance: float
    relevance: float


@record
class ForRegion:
    """A channel that changes a region most.

    Attributes:
        wins: share of the samples with the region in which it changes it most of all regions, per pixel.
        share, area: of its squared change, and of the pixels, that are in the region.
        locality: change per pixel inside over that outside.
        change: root mean square change of the image by one deviation of the channel, to first order.
    """

    region: str
    channel: str
    row: int
    wins: float
    share: float
    area: float
    locality: float
    change: float


@record
class StylespaceResult(Result):
    """Channels of space s by attribute and by region.

    Attributes:
        channels: how many there are.
        samples, chosen: that were scored, and how many of them count as the highest scored; 0 without a predictor.
        looked: samples in which regions were told apart.
        seer: what told them apart.
        by_attribute, by_region: the best channels, the best of each first.
        regions, belonging: names of the regions, and how many channels belong to each.
        directions: of space s, one for each attribute and each region, with the best channel first.
        walks: the best channel of each.
        passes: of the generator, or what costs as much.
    """

    TASK: ClassVar[str] = "stylespace"
    CLAIMS: ClassVar[Claims[Any]] = STYLESPACE
    channels: int
    samples: int
    chosen: int
    looked: int
    seer: str
    by_attribute: tuple[ForAttribute, ...]
    by_region: tuple[ForRegion, ...]
    regions: tuple[str, ...]
    belonging: tuple[int, ...]
    directions: tuple[Direction, ...]
    walks: tuple[Walk, ...]
    passes: int

    def table(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = [
            {"target": a.attribute, "kind": "attribute", "channel": a.channel, "row": a.row, "distance": a.distance,
             "relevance": a.relevance}
            for a in self.by_attribute
        ]  # fmt: skip
        rows += [
            {"target": r.region, "kind": "region", "channel": r.channel, "row": r.row, "wins": r.wins,
             "share": r.share, "area": r.area, "locality": r.locality, "change": r.change}
            for r in self.by_region
        ]  # fmt: skip
        return rows

    def exports(self) -> Iterator[Export]:
        for direction in self.directions:
            yield Export(
                f"directions/{direction.name}.safetensors",
                lambda path, direction=direction: save_direction(path, direction),  # type: ignore[misc]
                "channels of space s, the best first",
            )
