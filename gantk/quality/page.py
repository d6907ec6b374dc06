"""The page of `gantk quality`."""

from __future__ import annotations

from collections.abc import Sequence

from gantk.quality.results import FILE, Matched, Measured, QualityResult
from gantk.reports.answer import answer
from gantk.reports.page import Page
from gantk.reports.sections import Cell, CellValue, Column, Link, Links, Picture, Prose, Section, Sheet, Table
from gantk.runs.claims import counted

COLUMNS = (
    Column("figure"),
    Column("value"),
    Column("from", "Lower end of the 95 % interval, by random halves of both sets"),
    Column("to", "Upper end of it"),
    Column("meaning"),
)
FIRST = 2  # samples at either end on the first screen


def page(result: QualityResult) -> Page:
    """Figures, the samples nearest to a real image and furthest from all, and real images that no sample is near."""
    found = result.found
    rows: list[list[CellValue]] = [[figure.name, *_interval(figure.measured), figure.about] for figure in found.figures]
    sections: list[Section] = answer(result, _first(result), _numbers(result))
    caption = f"The {found.figures[0].name} falls with more images: compare sets of one size."
    sections.append(Table(COLUMNS, rows, "Distances and shares", caption, sortable=False))
    sections += _matches(
        result.closest,
        "Samples nearest to a real image",
        "Each sample, and the real images nearest to it with their distances: a distance of 0 is a copy.",
    )
    sections += _matches(
        result.furthest,
        "Samples furthest from all real images",
        "Each sample, and the real images nearest to it with their distances: what the real images do not show.",
    )
    sections.append(_missed(result))
    sections.append(
        Links([Link(FILE, FILE)], "Files", "The features of both sets are in `sample_features` and `real_features`.")
    )
    pulled = "" if result.truncation in (None, "none") else f", truncation {result.truncation},"
    return Page(
        "Quality",
        f"How near are these samples to real images? {result.samples}{pulled} against {result.reals}.",
        sections,
    )


def _interval(measured: Measured) -> list[Cell]:
    """A figure and the ends of its interval, in the decimals that the interval deserves."""
    values = (measured.value, measured.low, measured.high)
    return [Cell(value, text) for value, text in zip(values, measured.shown(), strict=True)]


def _numbers(result: QualityResult) -> list[tuple[object, str, str]]:
    """The distance and four shares with their intervals."""
    items: list[tuple[object, str, str]] = []
    what = {
        "precision": "samples near a real image", "recall": "real images near a sample",
        "coverage": "real images with a sample in their neighbourhood",
    }  # fmt: skip
    figures = result.found.figures
    for figure in figures:
        value, low, high = figure.measured.shown()
        interval = f"95 % interval {low} to {high}"
        if figure is figures[0]:
            note = f"0 for equal sets; {interval}, {result.found.samples} samples, {result.found.reals} real images"
            items.append((value, figure.name, note))
        elif figure.name in what:
            note = f"share of {what[figure.name]}; {interval}"
            items.append((value, figure.name, note))
    return items


def _first(result: QualityResult) -> list[Section]:
    """The samples nearest to the real images and furthest from them, each beside its nearest real image."""
    chosen = [row for row in (*result.closest[:FIRST], *result.furthest[:FIRST]) if row.nearest]
    pictures = []
    for row in chosen:
        real, distance = row.nearest[0], row.distances[0]
        pictures.append(Picture(row.sample.image.source, row.sample.name, row.sample.name))
        alt = f"real image {real.name}, the nearest to {row.sample.name}, at distance {distance:.3g}"
        pictures.append(Picture(real.image.source, alt, f"nearest real, {distance:.3g}"))
    close, far = len(result.closest[:FIRST]), len(result.furthest[:FIRST])
    if not pictures or len(chosen) != close + far:
        return []
    caption = (
        f"Each pair is a sample and the real image nearest to it, with their distance between features: first "
        f"{counted(close, 'sample')} nearest to the real images, then {counted(far, 'sample')} furthest from them."
    )
    return [Sheet(pictures, "", caption, 136, 2)]


def _matches(rows: Sequence[Matched], title: str, caption: str) -> list[Section]:
    if not rows:
        return []
    pictures = []
    for row in rows:
        pictures.append(Picture(row.sample.image.source, row.sample.name, row.sample.name))
        for shown, distance in zip(row.nearest, row.distances, strict=True):
            alt = f"{shown.name} at distance {distance:.3g} from {row.sample.name}"
            pictures.append(Picture(shown.image.source, alt, f"{shown.name}, {distance:.3g}"))
    same = len({len(row.nearest) for row in rows}) == 1
    return [Sheet(pictures, title, caption, 120, 1 + len(rows[0].nearest) if same else 1)]


def _missed(result: QualityResult) -> Section:
    count, total = len(result.found.unreached), result.found.reals
    title = "Real images that no sample is near"
    if not count:
        return Prose(f"Every one of the {total} real images has a sample in its neighbourhood.", title)
    pictures = [Picture(shown.image.source, f"{shown.name}, which no sample is near", shown.name)
                for shown in result.missed]  # fmt: skip
    verb, whose = ("has", "its") if count == 1 else ("have", "their")
    text = f"{count} of {total} real images {verb} no sample in {whose} neighbourhood."
    return Sheet(pictures, title, f"{text} The most remote first.") if pictures else Prose(text, title)
