"""The page of `gantk quality`."""

from __future__ import annotations

from collections.abc import Sequence

from gantk.quality.claims import QUALITY
from gantk.quality.results import FILE, Matched, QualityResult
from gantk.reports.page import Page
from gantk.reports.sections import Cell, CellValue, Column, Link, Links, Picture, Prose, Section, Sheet, Table
from gantk.runs.claims import said

COLUMNS = (
    Column("figure"),
    Column("value", "", 4),
    Column("from", "Lower end of the 95 % interval, by random halves of both sets", 4),
    Column("to", "Upper end of it", 4),
)
NOT_FID = (
    "The features are those of {features}, so that these are no FID and no KID: they compare with figures made by "
    "the same features, not with published ones."
)


def page(result: QualityResult) -> Page:
    """Figures, the samples nearest to a real image and furthest from all, and real images that no sample is near."""
    found = result.found
    rows: list[list[CellValue]] = [
        [Cell(figure.name, note=figure.about), figure.measured.value, figure.measured.low, figure.measured.high]
        for figure in found.figures
    ]
    sections: list[Section] = [Prose(result.sentence(), tone="finding")]
    sections += [Prose(text, tone="warning") for text in said(QUALITY, result, "doubt")]
    if found.features != "inception":
        sections.append(Prose(NOT_FID.format(features=found.features)))
    caption = "The Frechet distance falls with more images: compare sets of one size. " + " ".join(
        f"{figure.name}: {figure.about[0].lower()}{figure.about[1:]}." for figure in found.figures
    )
    sections.append(Table(COLUMNS, rows, "Figures", caption, sortable=False))
    sections += _matches(
        result.closest, "Nearest to a real image", "Is it a copy? Each sample, and the real images nearest to it."
    )
    sections += _matches(
        result.furthest, "Furthest from all real images", "What the generator draws and the real images do not show."
    )
    sections.append(_missed(result))
    sections.append(
        Links([Link(FILE, FILE)], "Files", "The features of both sides are sample_features and real_features.")
    )
    pulled = "" if result.truncation in (None, "none") else f", truncation {result.truncation},"
    return Page("Quality", f"{result.samples}{pulled} against {result.reals}.", sections)


def _matches(rows: Sequence[Matched], title: str, caption: str) -> list[Section]:
    if not rows:
        return []
    columns = [Column("sample"), *(Column(f"nearest {place + 1}") for place in range(len(rows[0].nearest)))]
    cells: list[list[CellValue]] = []
    for row in rows:
        line: list[CellValue] = [Picture(row.sample.image.source, row.sample.name, row.sample.name)]
        for shown, distance in zip(row.nearest, row.distances, strict=True):
            text = f"{shown.name}, {distance:.3g}"
            line.append(Picture(shown.image.source, f"{shown.name} at distance {distance:.3g}", text))
        cells.append(line)
    return [Table(columns, cells, title, caption, sortable=False)]


def _missed(result: QualityResult) -> Section:
    count, total = len(result.found.unreached), result.found.reals
    title = "Real images that no sample is near"
    if not count:
        return Prose(f"Every one of the {total} real images has a sample in its neighbourhood.", title)
    pictures = [Picture(shown.image.source, f"{shown.name}, which no sample is near", shown.name)
                for shown in result.missed]  # fmt: skip
    text = f"{count} of {total} real images have no sample in their neighbourhood."
    return Sheet(pictures, title, f"{text} The most remote first.") if pictures else Prose(text, title)
