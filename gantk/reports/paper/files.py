"""All figures and tables of a page as files in a directory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from gantk.errors import GantkError, UsageError
from gantk.reports.paper.drawing import DRAW
from gantk.reports.paper.markup import to_csv, to_latex, to_markdown
from gantk.reports.paper.mosaic import draw_rows, png_bytes, rows_of, tile
from gantk.reports.paper.pdf import can_write_pdf, to_pdf
from gantk.reports.sections import HeatMap, Panels, Section, Sheet, SliderGrid, SliderStrip, Table
from gantk.reports.text import Anchors
from gantk.store.files import write_atomic

WIDTHS = (30.0, 1000.0)
COLUMN = 160.0
"""Millimetres: the text width of a page of A4."""


def is_written(section: Section) -> bool:
    """Whether a section becomes files: it shows something, and there is something in it."""
    if isinstance(section, Sheet):
        return bool(section.pictures)
    if isinstance(section, Panels):
        return bool(section.sections)
    if isinstance(section, HeatMap):
        return bool(section.rows) and bool(section.columns)
    return isinstance(section, (SliderStrip, SliderGrid, Table, *DRAW))


def files_of(section: Section, width_mm: float = COLUMN, pdf: bool = False) -> Iterator[tuple[str, bytes]]:
    """The files of a section: suffix and contents.

    Args:
        section: one for which `is_written` holds.
        width_mm: width of SVG and PDF, in millimetres.
        pdf: whether PDF too, for which the extra `figures` is needed.
    """
    svg = ""
    if isinstance(section, (Sheet, SliderStrip, SliderGrid)):
        rows = rows_of(section)
        yield ".png", png_bytes(tile(rows))
        svg = draw_rows(rows, width_mm, section.title, section.legend if isinstance(section, Sheet) else ())
    elif type(section) in DRAW:
        svg = DRAW[type(section)](section, width_mm)
    if svg:
        yield ".svg", svg.encode()
        if pdf:
            yield ".pdf", to_pdf(svg)
    if isinstance(section, (Table, HeatMap)):
        yield ".tex", to_latex(section).encode()
        yield ".csv", to_csv(section).encode()
        yield ".md", to_markdown(section).encode()


def write_figures(sections: Sequence[Section], directory: Path | str, width_mm: float = COLUMN) -> list[Path]:
    """Write the figures and tables of a page, numbered in its order and named by their titles; return the paths.

    Every file appears whole. PDF is left out where the extra `figures` is not installed.

    Args:
        sections: of a page.
        directory: is made where it is absent; files of the same name are replaced, others stay.
        width_mm: width of SVG and PDF, in [30, 1000] millimetres.

    Raises:
        UsageError: the width is out of its range.
        GantkError: the directory cannot be written, or a picture of the run cannot be read.
    """
    low, high = WIDTHS
    if not low <= width_mm <= high:
        raise UsageError(f"--width {width_mm:g} is no width of a figure: give {low:g} to {high:g} millimetres.")
    directory, pdf = Path(directory), can_write_pdf()
    if directory.exists() and not directory.is_dir():
        raise GantkError(f"{directory} is a file, and figures need a directory: give another --figures.")
    chosen = [section for section in sections if is_written(section)]
    anchors, digits, written = Anchors(()), max(2, len(str(len(chosen)))), []
    title = "answer"  # what stands first has no heading
    for number, section in enumerate(chosen, 1):
        title = section.title or title  # a section without a heading stands below the one before it
        stem = f"{number:0{digits}d}-{anchors.take(title)}"
        for suffix, data in files_of(section, width_mm, pdf):
            path = directory / (stem + suffix)
            write_atomic(path, data)
            written.append(path)
    return written
