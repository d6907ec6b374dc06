"""What the pages of segmentation heads share: classes with their colours, rows of pictures.

Shape legend: K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gantk.predictors.head_info import Colour
from gantk.reports.sections import BarPlot, Cell, CellValue, Column, Picture, Section, Sheet, Table
from gantk.runs.structure import Image

METRIC = (
    "IoU of each class in each image where it is seen or predicted, averaged over those images, then over all classes "
    "but the first, as in the paper"
)


def swatch(colour: Colour, name: str) -> Picture:
    """A bar in a class's colour, with an edge that shows on a page of the same colour."""
    rgb = np.array(colour, np.float64)
    bar = np.full((12, 72, 3), 0.75 * rgb + 32, np.uint8)
    bar[1:-1, 1:-1] = rgb
    return Picture(bar, f"The colour of {name}", lossless=True)


def class_table(
    names: Sequence[str], colours: Sequence[Colour], columns: Mapping[str, Sequence[float]], title: str, caption: str
) -> list[Section]:
    """A row per class: its colour, its name, and a score per column; -1 is shown as "never seen"."""
    rows: list[list[CellValue]] = []
    for place, (name, colour) in enumerate(zip(names, colours, strict=True)):
        values = [float(column[place]) for column in columns.values()]
        cells = (value if value > -0.1 else Cell(None, "never seen") for value in values)
        rows.append([swatch(colour, name), name, *cells])
    heads: list[Column | str] = [Column("colour"), Column("class"), *(Column(column) for column in columns)]
    return [Table(heads, rows, title, caption)] if rows else []


def strips(
    images: Sequence[Image], columns: Sequence[str], title: str, caption: str, names: Sequence[str],
    colours: Sequence[Colour],
) -> list[Section]:  # fmt: skip
    """Pictures that are rows of tiles; the caption names the tiles from left to right, the legend the classes."""
    if not images:
        return []
    order = ", ".join(columns)
    shown = [Picture(image.source, f"Sample {place}: {order}") for place, image in enumerate(images)]
    legend = legend_of(names, colours)
    return [Sheet(shown, title, f"From left to right: {order}. {caption}", 120 * len(columns), legend=legend)]


def legend_of(names: Sequence[str], colours: Sequence[Colour]) -> list[tuple[Colour, str]]:
    """Classes as the legend of a sheet of label maps."""
    return list(zip(colours, names, strict=True))


def map_bars(taps: Sequence[str], shares: Sequence[float] | None, title: str, caption: str) -> list[Section]:
    """How much each map adds to the logits; nothing where that is not known or there is one map."""
    if shares is None or len(shares) != len(taps) or len(taps) < 2:
        return []
    values = np.array(shares, np.float64)
    return [BarPlot(list(taps), values, title=title, caption=caption, quantity="logits")]


def tenths(value: float) -> str:
    """A share in percent, to a tenth."""
    return f"{100 * value:.1f} %"
