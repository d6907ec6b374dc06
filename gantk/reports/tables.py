"""Tables and heat maps as what their template prints: text, sort keys, colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gantk.reports import palettes
from gantk.reports.images import ImageStore, Shown
from gantk.reports.numbers import MISSING, read_number, show_fixed, show_number
from gantk.reports.sections import Cell, CellValue, Column, HeatMap, Picture, Table
from gantk.reports.text import safe_address, typeset


@dataclass(frozen=True)
class ShownCell:
    text: str
    sort: str = ""
    note: str = ""
    href: str = ""
    bar: str = ""
    several: bool = False  # names with commas between them, which may stand on several lines
    picture: Shown | None = None


@dataclass(frozen=True)
class ShownColumn:
    name: str
    help: str
    numeric: bool


@dataclass(frozen=True)
class ShownFilter:
    name: str
    column: int
    values: list[tuple[str, int]]


@dataclass(frozen=True)
class ShownTable:
    columns: list[ShownColumn]
    rows: list[list[ShownCell]]
    sortable: bool
    filters: list[ShownFilter]
    helps: list[tuple[str, str]]


def value_of(cell: CellValue) -> object:
    """What a cell holds, without what is said of it."""
    return cell.value if isinstance(cell, Cell) else cell


def is_number(cell: CellValue) -> bool:
    """Whether a cell holds a number, which a truth value is not."""
    value = value_of(cell)
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _shown_cell(cell: CellValue, column: Column, images: ImageStore) -> ShownCell:
    if isinstance(cell, Picture):
        return ShownCell("", sort=cell.label, picture=images.show(cell))
    value = value_of(cell)
    if isinstance(value, bool):
        text, sort = ("yes", "1") if value else ("no", "0")
    elif value is None:
        text, sort = MISSING, ""
    elif isinstance(value, str):
        text, sort = value, value
        if not isinstance(cell, Cell) and ", " in value:
            return ShownCell(typeset(text), sort, several=all(" " not in part for part in value.split(", ")))
    else:
        number = read_number(value)
        whole = int(value) if isinstance(value, np.integer) else value
        text, sort = show_number(whole, column.digits), "" if number is None else repr(number)
    if not isinstance(cell, Cell):
        return ShownCell(typeset(text), sort)
    bar = ""
    if cell.bar is not None and math.isfinite(cell.bar):
        bar = f"{min(abs(cell.bar), 1.0) * 100:.1f}"
    href = safe_address(cell.href) if cell.href else ""
    return ShownCell(typeset(cell.text or text), sort, typeset(cell.note), href, bar)


def show_table(table: Table, images: ImageStore) -> ShownTable:
    columns = [column if isinstance(column, Column) else Column(column) for column in table.columns]
    shown = []
    for index, column in enumerate(columns):
        cells = [row[index] for row in table.rows if value_of(row[index]) is not None]
        shown.append(
            ShownColumn(typeset(column.name), column.help, bool(cells) and all(is_number(cell) for cell in cells))
        )
    rows = [
        [_shown_cell(cell, column, images) for cell, column in zip(row, columns, strict=True)] for row in table.rows
    ]
    names = [column.name for column in columns]
    filters = [_filter(name, names.index(name), rows) for name in table.filters]
    return ShownTable(
        shown, rows, table.sortable and len(rows) > 1, [part for part in filters if len(part.values) > 1],
        _helps([(column.name, column.help) for column in columns]),
    )  # fmt: skip


def _helps(columns: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What columns mean; those that mean the same are named together."""
    found: dict[str, list[str]] = {}
    for name, help in columns:
        if help:
            found.setdefault(help, []).append(name)
    return [(typeset(", ".join(names)), help) for help, names in found.items()]


def _filter(name: str, column: int, rows: list[list[ShownCell]]) -> ShownFilter:
    """The values of a column with how many lines have them, as a list offers them."""
    counts: dict[str, int] = {}
    for row in rows:
        for value in filter(None, row[column].sort.split(", ")):
            counts[value] = counts.get(value, 0) + 1
    return ShownFilter(name, column, sorted(counts.items(), key=lambda part: _natural(part[0])))


def _natural(text: str) -> tuple[int, int, str]:
    """Numbers by size before words in order."""
    return (0, int(text), "") if text.isdecimal() else (1, 0, text)


@dataclass(frozen=True)
class HeatCell:
    text: str
    sort: str
    note: str
    style: str
    diagonal: bool
    grey: bool = False


@dataclass(frozen=True)
class ShownHeatMap:
    rows: list[tuple[str, list[HeatCell]]]
    columns: list[str]
    helps: list[tuple[str, str]]
    row_name: str
    column_name: str
    legend: list[tuple[str, str]]
    quantity: str
    upright: bool


def _style(position: float, diverging: bool) -> str:
    """Colours of both themes as custom properties; the style sheet picks."""
    light = palettes.LIGHT if diverging else palettes.LIGHT_SEQUENTIAL
    dark = palettes.DARK if diverging else palettes.DARK_SEQUENTIAL
    position = round(position, 2)  # a hundredth is finer than the eye, and few distinct colours keep the page small
    (a, b), (c, d) = palettes.cell_colours(position, light), palettes.cell_colours(position, dark)
    return f"--l:{a};--li:{b};--d:{c};--di:{d}"


def show_heat_map(chart: HeatMap) -> ShownHeatMap:
    values = np.asarray(chart.values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    limit = chart.limit if chart.limit is not None else (float(np.abs(finite).max()) if finite.size else 1.0)
    limit = limit or 1.0
    diverging = chart.scale == "diverging"
    rows = []
    for i, name in enumerate(chart.rows):
        cells = []
        for j in range(len(chart.columns)):
            value = float(values[i, j])
            note = chart.notes[i][j] if chart.notes is not None else ""
            if not math.isfinite(value):
                cells.append(HeatCell("", "", note, "", chart.diagonal and i == j))
                continue
            grey = chart.grey is not None and bool(chart.grey[i, j])
            position = 0.0 if grey else value / limit if diverging else max(value / limit, 0.0)
            style = _style(position, diverging)
            cells.append(
                HeatCell(show_fixed(value, chart.digits), repr(value), note, style, chart.diagonal and i == j, grey)
            )
        rows.append((typeset(name), cells))
    stops: Sequence[float] = (-1, -0.5, 0, 0.5, 1) if diverging else (0, 0.25, 0.5, 0.75, 1)
    legend = [(show_fixed(stop * limit, chart.digits), _style(stop, diverging)) for stop in stops]
    helps = list(chart.column_help) + [""] * (len(chart.columns) - len(chart.column_help))
    helped = _helps(list(zip(chart.columns, helps, strict=False)))
    upright = max((len(name) for name in chart.columns), default=0) > 6
    return ShownHeatMap(
        rows,
        [typeset(name) for name in chart.columns],
        helped,
        chart.row_name,
        chart.column_name,
        legend,
        chart.quantity,
        upright,
    )
