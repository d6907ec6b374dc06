"""Tables and heat maps of a page as text, as their cells read on the page; as Markdown."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gantk.reports.numbers import show_fixed, show_number
from gantk.reports.sections import Cell, CellValue, Column, HeatMap, Picture, Table
from gantk.reports.tables import is_number, value_of
from gantk.reports.text import typeset


@dataclass(frozen=True)
class Grid:
    """A table as text: one name and one alignment ("l" or "r") per column, and rows of as many texts."""

    names: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]
    plain: tuple[tuple[str, ...], ...]
    """The rows with every digit of their numbers and a hyphen as their sign, for programs."""


def grid_of(section: Table | HeatMap) -> Grid:
    """The texts of a table. Pictures become their label; a missing number is a dash, and empty for programs.

    A column that holds nothing but pictures without labels, such as swatches and maps, is left out.
    """
    if isinstance(section, HeatMap):
        return _heat_grid(section)
    every = [column if isinstance(column, Column) else Column(column) for column in section.columns]
    kept = [place for place in range(len(every)) if not _is_pictures([row[place] for row in section.rows])]
    columns, cells = [every[place] for place in kept], [[row[place] for place in kept] for row in section.rows]
    align = ""
    for place in range(len(columns)):
        known = [row[place] for row in cells if value_of(row[place]) is not None]
        align += "r" if known and all(map(is_number, known)) else "l"
    rows = tuple(tuple(_text(cell, col) for cell, col in zip(row, columns, strict=True)) for row in cells)
    plain = tuple(tuple(_plain(cell) for cell in row) for row in cells)
    return Grid(tuple(column.name for column in columns), align, rows, plain)


def _heat_grid(chart: HeatMap) -> Grid:
    values = np.asarray(chart.values, dtype=np.float64)
    rows, plain = [], []
    for name, line in zip(chart.rows, values, strict=True):
        finite = [(float(value), math.isfinite(value)) for value in line]
        rows.append((name, *(show_fixed(value, chart.digits) if good else "" for value, good in finite)))
        plain.append((name, *(repr(value) if good else "" for value, good in finite)))
    names = (chart.row_name, *chart.columns)
    return Grid(names, "l" + "r" * len(chart.columns), tuple(rows), tuple(plain))


def _is_pictures(cells: list[CellValue]) -> bool:
    pictures = [cell for cell in cells if cell is not None and cell != ""]
    return bool(pictures) and all(isinstance(cell, Picture) and not cell.label for cell in pictures)


def _text(cell: CellValue, column: Column) -> str:
    if isinstance(cell, Picture):
        return typeset(cell.label or cell.alt)
    if isinstance(cell, Cell) and cell.text:
        return typeset(cell.text)
    value = value_of(cell)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return typeset(value)
    return show_number(int(value) if isinstance(value, np.integer) else value, column.digits)


def _plain(cell: CellValue) -> str:
    if isinstance(cell, Picture):
        return cell.label or cell.alt
    value = value_of(cell)
    if value is None:
        return cell.text if isinstance(cell, Cell) else ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (float, np.floating)):
        return repr(float(value)) if math.isfinite(value) else ""
    return str(value)


def markdown(grid: Grid) -> str:
    """A table of GitHub's Markdown."""
    rule = ("---:" if side == "r" else "---" for side in grid.align)
    lines = [grid.names, tuple(rule), *grid.rows]
    return "".join("| " + " | ".join(_markdown_text(text) for text in line) + " |\n" for line in lines)


def _markdown_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
