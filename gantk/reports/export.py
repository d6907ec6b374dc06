"""The figures and tables of a page as files of a paper: PNG, SVG, LaTeX, CSV, Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gantk.errors import UsageError
from gantk.reports.cite import bibtex
from gantk.reports.drawing import DRAW
from gantk.reports.latex import latex
from gantk.reports.mosaic import draw_rows, png_bytes, rows_of, tile
from gantk.reports.page import Page
from gantk.reports.pdf import can_write_pdf, to_pdf
from gantk.reports.sections import HeatMap, Panels, Section, Sheet, SliderGrid, SliderStrip, Table
from gantk.reports.tabular import grid_of, markdown
from gantk.reports.text import Anchors
from gantk.store.files import make_directory, write_atomic
from gantk.store.numerals import read_float
from gantk.store.text import csv_bytes

COLUMN_MM = 84.0
"""Width of a figure unless another is wanted: one of two columns on a page of a journal or a conference."""


def read_width(text: str) -> float:
    """A width such as "84", "84mm" or "3.3in" in mm.

    Raises:
        UsageError: it is no width from 10 to 1000 mm.
    """
    number = text.strip().lower()
    scale = 25.4 if number.endswith("in") else 1.0
    try:
        width = read_float(number.removesuffix("in").removesuffix("mm")) * scale
    except ValueError:
        width = 0.0
    if not 10 <= width <= 1000:
        raise UsageError(f"--width {text} is no width from 10 to 1000 mm: give one such as 84mm or 3.3in.")
    return width


def export(page: Page, directory: Path | str, stem: str, width_mm: float = COLUMN_MM) -> list[Path]:
    """Write every figure and table of a page into a directory; return the files.

    Strips, grids and sheets become PNG at their own pixels; they, plots and heat maps SVG `width_mm` wide, and PDF
    where the extra `figures` is installed; tables and heat maps LaTeX, CSV and Markdown; `<stem>.bib` says what to
    cite. Names are `<stem>-<number>-<title>.<format>`, numbered in the order of the page.

    Raises:
        GantkError: a picture cannot be read, or the directory cannot be written.
    """
    cited = bibtex(page.command or stem, page.manifest, page.command_line)
    made: dict[str, bytes] = {f"{stem}.bib": cited.encode()}
    anchors, number, heading = Anchors(()), 1, ""
    for section in page.sections:
        heading = section.title or heading
        if files := list(_files(section, width_mm, heading)):
            name = f"{stem}-{number:02d}-{anchors.take(heading or 'answer')}"  # what stands first has no heading
            made |= {f"{name}{suffix}": data for suffix, data in files}
            number += 1
    directory = Path(directory)
    make_directory(directory, "The directory")
    return [write_atomic(directory / name, data) for name, data in made.items()]


def _files(section: Section, width_mm: float, heading: str = "") -> Iterator[tuple[str, bytes]]:
    svg = ""
    if isinstance(section, (Sheet, SliderStrip, SliderGrid)):
        if rows := rows_of(section):
            yield ".png", png_bytes(tile(rows))
            svg = draw_rows(rows, width_mm, section.title, section.legend if isinstance(section, Sheet) else ())
    elif type(section) in DRAW and not _is_empty(section):
        svg = DRAW[type(section)](section, width_mm)
    if svg:
        yield ".svg", svg.encode()
        if can_write_pdf():
            yield ".pdf", to_pdf(svg)
    if isinstance(section, (Table, HeatMap)):
        grid = grid_of(section)
        # pictures named in one column are no table
        if len(grid.names) > 1 or (grid.names and isinstance(section, Table) and len(section.columns) == 1):
            yield ".tex", latex(grid, heading).encode()
            yield ".csv", csv_bytes(grid.names, grid.plain)
            yield ".md", markdown(grid).encode()


def _is_empty(section: Section) -> bool:
    if isinstance(section, HeatMap):
        return not (section.rows and section.columns)
    return isinstance(section, Panels) and not section.sections
