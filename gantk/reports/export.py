"""The figures and tables of a page as files of a paper: PNG, SVG, LaTeX, CSV, Markdown."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gantk.errors import GantkError, UsageError
from gantk.pictures.opening import open_picture
from gantk.reports import vector
from gantk.reports.cite import bibtex
from gantk.reports.images import LARGEST
from gantk.reports.page import Page
from gantk.reports.sections import (
    BarPlot,
    HeatMap,
    Histogram,
    LinePlot,
    Panels,
    Picture,
    ScatterPlot,
    Section,
    Sheet,
    SliderGrid,
    SliderStrip,
    Table,
)
from gantk.reports.tabular import csv_text, grid_of, latex, markdown
from gantk.reports.text import Anchors
from gantk.store.channels import viewable
from gantk.store.files import write_atomic

COLUMN_MM = 84.0
"""Width of a figure unless another is wanted: one of two columns on a page of a journal or a conference."""
_MOST_ACROSS = 8
_GAP = 2


def read_width(text: str) -> float:
    """A width such as "84", "84mm" or "3.3in" in mm.

    Raises:
        UsageError: it is no width from 10 to 1000 mm.
    """
    number = text.strip().lower()
    scale = 25.4 if number.endswith("in") else 1.0
    try:
        width = float(number.removesuffix("in").removesuffix("mm")) * scale
    except ValueError:
        width = 0.0
    if not 10 <= width <= 1000:
        raise UsageError(f"--width {text} is no width from 10 to 1000 mm: give one such as 84mm or 3.3in.")
    return width


def export(page: Page, directory: Path | str, stem: str, width_mm: float = COLUMN_MM) -> list[Path]:
    """Write every figure and table of a page into a directory; return the files.

    Strips, grids and sheets become PNG at their own pixels and SVG `width_mm` wide; plots and heat maps SVG; tables
    and heat maps LaTeX, CSV and Markdown; `<stem>.bib` says what to cite. Names are `<stem>-<title>.<format>`.

    Raises:
        GantkError: a picture cannot be read, or the directory cannot be written.
    """
    cited = bibtex(page.command or stem, page.manifest, page.command_line)
    made: dict[str, bytes] = {f"{stem}.bib": cited.encode()}
    anchors = Anchors(())
    for section in page.sections:
        for name, part in _parts(section, anchors):
            made |= {f"{stem}-{name}{suffix}": data for suffix, data in _files(part, width_mm)}
    directory = Path(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GantkError(f"The directory {directory} cannot be made ({error.strerror}): give another one.") from error
    return [write_atomic(directory / name, data) for name, data in made.items()]


def _parts(section: Section, anchors: Anchors) -> Iterator[tuple[str, Section]]:
    parts: Sequence[Section] = section.sections if isinstance(section, Panels) else [section]
    for part in parts:
        panel = part.title if isinstance(section, Panels) else ""
        yield anchors.take(f"{section.title} {panel}".strip()), part


def _files(section: Section, width_mm: float) -> Iterator[tuple[str, bytes]]:
    if isinstance(section, (LinePlot, BarPlot, ScatterPlot, Histogram)):
        yield ".svg", vector.plot_svg(section, width_mm, section.title)
    elif isinstance(section, (Table, HeatMap)):
        grid = grid_of(section)
        if isinstance(section, HeatMap) and section.rows and section.columns:
            yield ".svg", vector.heat_svg(section, width_mm, section.title)
        if grid.names:
            yield ".tex", latex(grid, section.title).encode()
            yield ".csv", csv_text(grid).encode()
            yield ".md", markdown(grid).encode()
    elif isinstance(section, (Sheet, SliderStrip, SliderGrid)) and (rows := _rows(section)):
        image = mosaic(rows)
        buffer = io.BytesIO()
        image.save(buffer, format="PNG")
        yield ".png", buffer.getvalue()
        yield ".svg", vector.picture_svg(buffer.getvalue(), image.size, width_mm, section.title)


def _rows(section: Sheet | SliderStrip | SliderGrid) -> list[list[Picture]]:
    if isinstance(section, SliderGrid):
        return [list(strip.frames) for strip in section.strips]
    if isinstance(section, SliderStrip):
        return [list(section.frames)]
    across = max(1, _MOST_ACROSS // section.group) * section.group
    pictures = list(section.pictures)
    return [pictures[start : start + across] for start in range(0, len(pictures), across)]


def mosaic(rows: Sequence[Sequence[Picture]]) -> Image.Image:
    """Pictures in rows on white, each at its own pixels, cells as large as the largest picture."""
    opened = [[_open(picture) for picture in row] for row in rows]
    width = max(image.width for row in opened for image in row) + _GAP
    height = max(image.height for row in opened for image in row) + _GAP
    sheet = Image.new("RGB", (width * max(map(len, opened)) - _GAP, height * len(opened) - _GAP), "white")
    for i, row in enumerate(opened):
        for j, image in enumerate(row):
            sheet.paste(image, (j * width, i * height))
    return sheet


def _open(picture: Picture) -> Image.Image:
    if isinstance(picture.source, np.ndarray):
        return Image.fromarray(viewable(picture.source)).convert("RGB")
    return open_picture(picture.source, max_pixels=LARGEST).convert("RGB")
