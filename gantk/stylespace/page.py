"""The page of `gantk stylespace`."""

from __future__ import annotations

from collections.abc import Sequence

from gantk.codes.directions import Direction
from gantk.reports.answer import answer, film
from gantk.reports.page import Page
from gantk.reports.sections import BarPlot, CellValue, Column, Link, Links, Prose, Section, Table
from gantk.reports.strips import title_of, walk_sections
from gantk.runs.claims import counted
from gantk.stylespace.found import StylespaceResult

ABOUT = (
    "Single numbers of the styles, the channels of space s, by what they change (StyleSpace). A channel belongs to a "
    "region where, in at least half of the samples that have it, it changes that region most of all, per pixel. For an "
    "attribute the channels come first whose mean over the highest scored samples is farthest from that of all."
)


def page(result: StylespaceResult) -> Page:
    titles = {direction.name: _title(direction) for direction in result.directions}
    shown = [(walk, titles.get(walk.name) or title_of(walk)) for walk in result.walks]
    local = max(result.by_region, key=lambda part: part.locality).region if result.by_region else ""
    first = next((pair for pair in shown if pair[0].name == f"region_{local}"), shown[0] if shown else None)
    picture = (
        [] if first is None else film(first[0], f"From the original to the end of the slider along the {first[1]}.")
    )
    sections: list[Section] = answer(result, picture)
    sections.append(
        BarPlot(
            result.regions,
            [float(count) for count in result.belonging],
            title="Channels by region",
            caption=f"Of {result.channels} channels, in {counted(result.looked, 'sample')}; {result.seer} tells "
            f"regions apart. Finding them took as much as {result.passes} passes through the generator.",
            quantity="channels",
            digits=0,
        )
    )
    if result.by_attribute:
        sections.append(_attributes(result))
    if result.by_region:
        sections.append(_regions(result))
    sections.append(Prose(ABOUT, "How channels are chosen"))
    for walk, title in shown:
        sections += walk_sections(walk, title[:1].upper() + title[1:])
    text = "For `gantk manipulate` and `gantk atlas`; `--pick` chooses among the channels of a file."
    files = [Link(f"directions/{part.name}.safetensors", part.name) for part in result.directions]
    sections.append(Links(files, "Files", text))
    return Page(
        "Channels of the styles",
        "Which single channels of the styles carry an attribute, or change one region?",
        sections,
    )


def _title(direction: Direction) -> str:
    """The best channel of a file and what it was chosen for, such as: channel 16x16/conv0:17 of season."""
    channels = direction.meta.get("channels") or [direction.name]
    kind = "region " if direction.name.startswith("region_") else ""
    return f"channel {channels[0]} of {kind}{direction.meta.get('target', direction.name)}"


def _attributes(result: StylespaceResult) -> Table:
    rows: list[list[CellValue]] = [
        [part.attribute, part.channel, part.row, part.distance, part.relevance] for part in result.by_attribute
    ]
    caption = (
        f"How far the channel's mean over the {result.chosen} highest scored of {result.samples} samples lies from its "
        "mean over all of them."
    )
    figures = (
        Column("distance", "Of the two means, in standard deviations over all samples"),
        Column("relevance", "The distance over the channel's standard deviation within the highest scored samples"),
    )
    return _best_channels("attribute", figures, rows, caption)


def _regions(result: StylespaceResult) -> Table:
    rows: list[list[CellValue]] = [
        [part.region, part.channel, part.row, part.wins, part.share, part.area, part.locality, part.change]
        for part in result.by_region
    ]
    figures = (
        Column("wins", "Share of the samples with the region in which the channel changes it most of all, per pixel"),
        Column("share", "Of the channel's squared change that lies inside the region"),
        Column("area", "Share of the pixels that lie inside the region"),
        Column("locality", "Change per pixel inside the region over that outside"),
        Column("change", "Of the image by one standard deviation of the channel"),
    )
    caption = f"What a step of each channel changes in {counted(result.looked, 'sample')}."
    return _best_channels("region", figures, rows, caption)


def _best_channels(of: str, figures: Sequence[Column], rows: list[list[CellValue]], caption: str) -> Table:
    columns = [Column(of), Column("channel"), Column("row of wp", digits=0), *figures]
    return Table(columns, rows, f"Best channels for each {of}", caption)
