"""What the pages of segmentation heads share: classes with their colours, rows of pictures.

Shape legend: K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gantk.reports.sections import BarPlot, CellValue, Column, Picture, Section, Sheet, Table
from gantk.runs.structure import Image

METRIC = (
    "mIoU is the paper's: IoU of each class in each image where it is seen or predicted, averaged over those images, "
    "then over classes without the first"
)
Colour = tuple[int, int, int]


def swatch(colour: Colour, name: str) -> Picture:
    """A bar in a class's colour, with an edge that shows on a page of the same colour."""
    rgb = np.array(colour, np.float64)
    bar = np.full((12, 72, 3), 0.75 * rgb + 32, np.uint8)
    bar[1:-1, 1:-1] = rgb
    return Picture(bar, f"The colour of {name}", lossless=True)


def class_table(
    names: Sequence[str], colours: Sequence[Colour], columns: Mapping[str, Sequence[float]], title: str, caption: str
) -> list[Section]:
    """A row per class: its colour, its name, and a score per column; -1 is "never seen" and stays empty."""
    rows: list[list[CellValue]] = []
    for place, (name, colour) in enumerate(zip(names, colours, strict=True)):
        values = [float(column[place]) for column in columns.values()]
        rows.append([swatch(colour, name), name, *(value if value > -0.1 else None for value in values)])
    heads: list[Column | str] = [Column("colour"), Column("class"), *(Column(column) for column in columns)]
    return [Table(heads, rows, title, caption)] if rows else []


def strips(images: Sequence[Image], columns: Sequence[str], title: str, caption: str) -> list[Section]:
    """Pictures that are rows of tiles; the caption names the tiles from left to right."""
    if not images:
        return []
    order = ", ".join(columns)
    shown = [Picture(image.source, f"Sample {place}: {order}") for place, image in enumerate(images)]
    return [Sheet(shown, title, f"From left to right: {order}. {caption}", 110 * len(columns))]


def map_bars(taps: Sequence[str], shares: Sequence[float] | None, title: str, caption: str) -> list[Section]:
    """How much each map adds to the logits; nothing where that is not known or there is one map."""
    if shares is None or len(shares) != len(taps) or len(taps) < 2:
        return []
    values = np.array(shares, np.float64)
    return [BarPlot(list(taps), values, title=title, caption=caption, quantity="logits")]


def percent(value: float | None) -> str:
    """A share in percent; empty where there is none."""
    return "" if value is None else f"{100 * value:.1f} %"
