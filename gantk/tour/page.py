"""The page of `gantk demo`: what was found, and a card for every page that the tour made.

Runs in the tour's directory, or one level below it, are linked even when no chapter names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gantk.reports import index
from gantk.reports.images import thumbnail
from gantk.reports.numbers import show_number, show_step, step_digits
from gantk.reports.page import Page
from gantk.reports.record import records_below
from gantk.reports.sections import (
    Cell,
    CellValue,
    Column,
    Headline,
    HeatMap,
    Link,
    Links,
    Picture,
    Prose,
    Section,
    Sheet,
    Table,
)
from gantk.reports.text import typeset
from gantk.runs.task import Reported
from gantk.tour.results import Chapter, Figure, FoundTable, Moved, TourResult

BOUNDARIES = "boundaries"  # the directory of the tour's boundaries
SAMPLES = 24  # of the contact sheet
PANEL = 136  # width of a picture, in pixels
ENDS = 3  # pictures of a direction

TOUR = Reported(
    name="demo",
    result="gantk.tour.results:TourResult",
    page="gantk.tour.page:page",
    upgrade="gantk.tour.upgrade:tour",
    page_name="index",
)


def _headline(figures: Sequence[Figure], title: str = "") -> list[Section]:
    return [Headline([(each.value, each.name, each.note) for each in figures], title)] if figures else []


def _table(found: FoundTable | None, title: str = "", missing: str = "") -> list[Section]:
    """A table; `missing` says why a cell has nothing."""
    if found is None or not found.rows:
        return []
    rows: list[list[CellValue]] = [
        [Cell(None, missing) if missing and value is None else value for value in row] for row in found.rows
    ]
    return [Table([Column(each.name, digits=each.digits) for each in found.headings], rows, title, found.caption)]


def _moved(result: TourResult) -> list[Section]:
    """The best boundaries' sample, their numbers in the same order, and what to do next."""
    pictures = [picture for each in result.moved for picture in _ends(each)]
    if not pictures:
        return []
    numbers: list[tuple[object, str, str]] = []
    for each in result.moved:
        if each.change is not None and each.low is not None and each.high is not None:
            note = f"standard deviations, 95 % interval {each.low:.2f} to {each.high:.2f}; "
            note += f"{each.selectivity:.1f} times any other factor"
            numbers.append((show_number(each.change, 2, signed=True), each.name, typeset(note)))
    caption = "One sample, as it is and moved to both ends of each of the most selective boundaries."
    first = result.moved[0]
    if numbers:
        caption += f" Below: the change of the boundary's own factor at distance {show_step(first.measured)}."
    line = (
        f"`gantk manipulate MODEL RUN/{BOUNDARIES}/{first.name}_boundary.safetensors` moves other samples "
        f"along `{first.name}`. The pages of the tour, below, hold what each method found."
    )
    made: list[Section] = [Sheet(pictures, "", caption, PANEL, ENDS)]
    return [*made, *([Headline(numbers)] if numbers else []), Prose(line, tone="next")]


def _ends(moved: Moved) -> list[Picture]:
    """A sample at the lower end of a strip, as it is, and at the upper end; none where the strip lacks one of them."""
    strip, name = moved.strip, moved.name
    if strip.origin is None or len(strip.images) != len(strip.values) or not 0 < strip.origin < len(strip.values) - 1:
        return []
    digits = step_digits([strip.values[0], strip.values[-1]])
    pictures = []
    for place in (0, strip.origin, len(strip.values) - 1):
        step = show_step(strip.values[place], digits)
        label = "original" if place == strip.origin else f"{name} {step}"
        alt = f"{strip.label}, {name}, {strip.quantity} {step}"
        pictures.append(Picture(strip.images[place].source, alt, label, f"{name}_{strip.values[place]:+.{digits}f}"))
    return pictures


def _samples(result: TourResult) -> list[Section]:
    pictures = [
        Picture(image.source, f"Generated sample {place}") for place, image in enumerate(result.samples[:SAMPLES])
    ]
    return [Sheet(pictures, "Samples of the generator", result.samples_caption, 96)] if pictures else []


def _row_changes(result: TourResult) -> list[Section]:
    """What each row of wp carries."""
    found = result.row_changes
    if found is None:
        return []
    title = "Change of each factor by row of wp"
    return [
        HeatMap(
            found.change, found.factors, found.rows, title, found.caption, "factor", "layer",
            quantity="standard deviations",
        )
    ]  # fmt: skip


def _cards(chapters: Sequence[Chapter], directory: Path | None) -> list[Section]:
    """A card for every chapter with a page."""
    links: list[Link] = []
    for chapter in chapters:
        if not chapter.page:
            continue
        alt = f"{chapter.alt or 'An image'}, of: {chapter.title}"
        own = None if chapter.picture is None else thumbnail(Picture(chapter.picture.source, alt))
        picture = own or (None if directory is None else _picture_of(directory, chapter.page))
        links.append(Link(chapter.page, chapter.title, chapter.text, picture))
    return [Links(links, "Pages of the tour")] if links else []


def _picture_of(directory: Path, page: str) -> Picture | None:
    """The picture that stands for a linked page, where its chapter names none."""
    path = directory / page
    found = (other for other in records_below(directory) if other.directory == path.parent)
    return next((index.picture_of(other) for other in found if f"{other.command}.html" == path.name), None)


def _others(chapters: Sequence[Chapter], directory: Path) -> list[Section]:
    """Plain links to the pages that no chapter names."""
    named = {chapter.page for chapter in chapters}
    links = []
    for other in records_below(directory):
        folder = other.directory.relative_to(directory).as_posix()
        href = (f"{folder}/" if folder != "." else "") + f"{other.command}.html"
        if other.command != TOUR.name and href not in named and (directory / href).is_file():
            links.append(Link(href, f"{index.title_of(other.command)} ({folder})"))
    return [Links(links, "Other pages")] if links else []


def page(result: TourResult, directory: Path | None) -> Page:
    """The page: pictures and findings first, then a card for every page, then tables.

    Args:
        directory: of the tour, for pages and pictures of the runs in it; None where the result was loaded alone.
    """
    charted, others = result.charted, [text for text in result.findings if text != result.opening]
    sections: list[Section] = [Prose(result.opening, tone="finding")] if result.opening else []
    sections += _moved(result)
    if charted is not None:
        sections += _table(charted.table, "Which direction to use for each factor", "none")
        sections += _headline(charted.figures)
    if others:
        sections.append(Prose("\n".join(f"- {text}" for text in others), "What was found"))
    if result.truth:
        sections.append(Prose(result.truth, tone="warning"))
    sections += _samples(result)
    sections += _cards(result.chapters, directory)
    sections += _headline(result.figures, "Boundaries of the factors")
    sections += _table(result.factors, "" if result.figures else "Boundaries of the factors")
    sections += _table(result.oracle, "The same search, against the truth")
    sections += _row_changes(result)
    for chapter in result.chapters:
        sections += _table(chapter.table, chapter.title)
    if directory is not None:
        sections += _others(result.chapters, directory)
    return Page("A tour of gantk", "What does this generator know, where is it stored, and how do I move it?", sections)
