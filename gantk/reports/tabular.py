"""Tables and heat maps of a page as LaTeX, CSV and Markdown, as their cells read on the page."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass

import numpy as np

from gantk.reports.numbers import MINUS, show_fixed, show_number
from gantk.reports.sections import Cell, CellValue, Column, HeatMap, Picture, Table
from gantk.reports.text import minus

_LATEX = {
    "\\": r"\textbackslash{}",
    "--": "-{}-",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    MINUS: r"\ensuremath{-}",
    "\u00b1": r"\ensuremath{\pm}",
    "\u00b0": r"\ensuremath{^\circ}",
    "\u00b7": r"\ensuremath{\cdot}",
    "\u00d7": r"\ensuremath{\times}",
    "\u2265": r"\ensuremath{\geq}",
    "\u2264": r"\ensuremath{\leq}",
    "\u2192": r"\ensuremath{\to}",
    "\u2013": "--",
    "\u2026": r"\ldots{}",
    "\u202f": r"\,",
} | {sign: "\\" + sign for sign in "&%$#_{}"}
_SIGNIFICANT = re.compile("|".join(re.escape(sign) for sign in _LATEX))


@dataclass(frozen=True)
class Grid:
    """A table as text: one name and one alignment ("l" or "r") per column, and rows of as many texts."""

    names: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]
    plain: tuple[tuple[str, ...], ...]
    """The rows with every digit of their numbers, for programs."""


def grid_of(section: Table | HeatMap) -> Grid:
    """The texts of a table. Pictures become their label; a missing number is a dash, and empty for programs."""
    if isinstance(section, HeatMap):
        return _heat_grid(section)
    columns = [column if isinstance(column, Column) else Column(column) for column in section.columns]
    align = ""
    for place in range(len(columns)):
        values = [value for row in section.rows if (value := _value(row[place])) is not None]
        align += "r" if values and all(_is_number(value) for value in values) else "l"
    rows = tuple(tuple(_text(cell, col) for cell, col in zip(row, columns, strict=True)) for row in section.rows)
    plain = tuple(tuple(_plain(cell) for cell in row) for row in section.rows)
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


def _value(cell: CellValue) -> object:
    return cell.value if isinstance(cell, Cell) else cell


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _text(cell: CellValue, column: Column) -> str:
    if isinstance(cell, Picture):
        return minus(cell.label or cell.alt)
    if isinstance(cell, Cell) and cell.text:
        return minus(cell.text)
    value = _value(cell)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return minus(value)
    return show_number(int(value) if isinstance(value, np.integer) else value, column.digits)


def _plain(cell: CellValue) -> str:
    if isinstance(cell, Picture):
        return cell.label or cell.alt
    value = _value(cell)
    if value is None:
        return cell.text if isinstance(cell, Cell) else ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (float, np.floating)):
        return repr(float(value)) if math.isfinite(value) else ""
    return str(value)


def latex(grid: Grid, caption: str = "") -> str:
    """A `tabular` that needs no package, or a `table` around it where there is a caption."""
    lines = [rf"\begin{{tabular}}{{{grid.align}}}", r"\hline", _row(grid.names), r"\hline"]
    lines += [_row(row) for row in grid.rows]
    lines += [r"\hline", r"\end{tabular}"]
    if caption:
        lines = [r"\begin{table}", r"\centering", *lines, rf"\caption{{{latex_text(caption)}}}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def _row(texts: tuple[str, ...]) -> str:
    # A row that begins with a bracket would be read as the optional argument of the line break before it.
    first, *rest = map(latex_text, texts)
    return " & ".join(["{}" + first if first.startswith(("[", "*")) else first, *rest]) + r" \\"


def latex_text(text: str) -> str:
    """`text` with every sign that LaTeX reads as a command replaced, on one line."""
    return _SIGNIFICANT.sub(lambda match: _LATEX[match.group()], text.replace("\n", " "))


def csv_text(grid: Grid) -> str:
    """Comma-separated values with a line of names; numbers have every digit and a hyphen as their sign."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(grid.names)
    writer.writerows(grid.plain)
    return buffer.getvalue()


def markdown(grid: Grid) -> str:
    """A table of GitHub's Markdown."""
    rule = ("---:" if side == "r" else "---" for side in grid.align)
    lines = [grid.names, tuple(rule), *grid.rows]
    return "".join("| " + " | ".join(_markdown_text(text) for text in line) + " |\n" for line in lines)


def _markdown_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
