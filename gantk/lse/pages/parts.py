"""What the pages of segmentation heads share: classes with their colours, rows of pictures, curves.

Shape legend: K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gantk.reports.numbers import read_number
from gantk.reports.record import RunRecord, numbers, texts
from gantk.reports.sections import CellValue, Column, Picture, Section, Series, Sheet, Table

METRIC = (
    "mIoU is the paper's: IoU of each class in each image where it is seen or predicted, averaged over those images, "
    "then over classes without the first"
)


def swatch(colour: object, name: str) -> Picture:
    """A bar in a class's colour, with an edge that shows on a page of the same colour."""
    parts = numbers(colour)
    rgb = parts.clip(0, 255) if parts.shape == (3,) else np.full(3, 128.0)
    bar = np.full((12, 72, 3), 0.75 * rgb + 32, np.uint8)
    bar[1:-1, 1:-1] = rgb
    return Picture(bar, f"The colour of {name}", lossless=True)


def class_table(
    names: Sequence[str], colours: object, columns: Mapping[str, object], title: str, caption: str
) -> list[Section]:
    """A row per class: its colour, its name, and a score per column; -1 is "never seen" and stays empty."""
    given = colours if isinstance(colours, list) else []
    rows: list[list[CellValue]] = []
    values = {column: numbers(value) for column, value in columns.items()}
    values = {column: value for column, value in values.items() if len(value) == len(names)}
    for place, name in enumerate(names):
        row: list[CellValue] = [swatch(given[place] if place < len(given) else None, name), name]
        for value in values.values():
            number = float(value[place])
            row.append(number if np.isfinite(number) and number > -0.1 else None)
        rows.append(row)
    heads: list[Column | str] = [Column("colour"), Column("class"), *(Column(column) for column in values)]
    return [Table(heads, rows, title, caption)] if rows else []


def strips(run: RunRecord, files: object, columns: object, title: str, caption: str, size: int = 0) -> list[Section]:
    """Pictures that are rows of tiles; the caption names the tiles from left to right."""
    order = ", ".join(texts(columns))
    found = [run.picture(name, f"Sample {place}: {order}") for place, name in enumerate(texts(files))]
    shown = [picture for picture in found if picture is not None]
    if not shown:
        return []
    said = f"From left to right: {order}. {caption}" if order else caption
    return [Sheet(shown, title, said.strip(), size or 110 * max(1, len(texts(columns))))]


def curve(name: str, x: object, y: object) -> list[Series]:
    """One series, nothing where its numbers do not fit together."""
    xs, ys = numbers(x), numbers(y)
    return [Series(name, xs, ys)] if len(xs) == len(ys) and len(xs) > 1 else []


def text_number(value: object) -> float | None:
    """A finite number or nothing."""
    return read_number(value)


def percent(value: object) -> str:
    number = read_number(value)
    return "" if number is None else f"{100 * number:.1f} %"


def plain(entry: Mapping[str, Any], *keys: str) -> list[CellValue]:
    """Cells of an entry, empty where there is no number."""
    return [read_number(entry.get(key)) for key in keys]
