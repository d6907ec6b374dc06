"""Tables and heat maps as LaTeX, CSV and Markdown.

LaTeX needs no package: a plain `tabular` with `\\hline`. CSV holds the values in full, the others what the page shows.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gantk.reports.numbers import MISSING, read_number, show_fixed, show_number
from gantk.reports.sections import Cell, CellValue, Column, HeatMap, Picture, Table
from gantk.reports.text import minus

LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "\u2212": "$-$", "\u2013": "--", "\u2014": "---", "\u202f": r"\,",
    "\u00a0": "~", "\u00d7": r"$\times$", "\u00b1": r"$\pm$", "\u2192": r"$\to$", "\u2190": r"$\leftarrow$",
    "\u2264": r"$\le$", "\u2265": r"$\ge$", "\u2248": r"$\approx$", "\u221e": r"$\infty$", "\u00b2": "$^2$",
    "\u00b7": r"$\cdot$", "\u2026": r"\ldots{}", "\u03b1": r"$\alpha$", "\u03b2": r"$\beta$", "\u03bb": r"$\lambda$",
    "\u03c3": r"$\sigma$", "\u03c8": r"$\psi$", "\u0394": r"$\Delta$", "\u00b0": r"$^\circ$", "\n": " ",
}  # fmt: skip
_MARKS = re.compile(r"`([^`\n]+)`|\*\*([^*\n]+)\*\*")


@dataclass(frozen=True)
class Lines:
    """A table ready to be written: names, then what is read and what is meant of every cell, both `[R][C]`."""

    columns: list[str]
    numeric: list[bool]
    shown: list[list[str]]
    values: list[list[str]]
    title: str
    caption: str


def _pair(cell: CellValue, digits: int) -> tuple[str, str]:
    """What is read of a cell, and its value in full."""
    if isinstance(cell, Picture):
        return cell.label or cell.alt, cell.label or cell.alt
    value = cell.value if isinstance(cell, Cell) else cell
    if isinstance(value, bool):
        text = full = "yes" if value else "no"
    elif value is None:
        text, full = MISSING, ""
    elif isinstance(value, str):
        text = full = value
    else:
        plain = value.item() if isinstance(value, np.generic) else value
        text, full = show_number(plain, digits), "" if read_number(plain) is None else repr(plain)
    return minus(cell.text if isinstance(cell, Cell) and cell.text else text), full


def _numeric(cells: Sequence[CellValue]) -> bool:
    values = [cell.value if isinstance(cell, Cell) else cell for cell in cells]
    present = [value for value in values if value is not None]
    return bool(present) and all(
        isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool) for value in present
    )


def lines_of(section: Table | HeatMap) -> Lines:
    """The cells of a table or heat map."""
    if isinstance(section, HeatMap):
        values = np.asarray(section.values, dtype=np.float64)
        finite = np.isfinite(values)
        shown = [
            [name, *(show_fixed(float(v), section.digits) if ok else MISSING for v, ok in zip(row, good, strict=True))]
            for name, row, good in zip(section.rows, values, finite, strict=True)
        ]
        full = [
            [name, *(repr(float(v)) if ok else "" for v, ok in zip(row, good, strict=True))]
            for name, row, good in zip(section.rows, values, finite, strict=True)
        ]
        numeric = [False] + [True] * len(section.columns)
        return Lines([section.row_name, *section.columns], numeric, shown, full, section.title, section.caption)
    columns = [column if isinstance(column, Column) else Column(column) for column in section.columns]
    pairs = [[_pair(cell, col.digits) for cell, col in zip(row, columns, strict=True)] for row in section.rows]
    numeric = [_numeric([row[place] for row in section.rows]) for place in range(len(columns))]
    names = [column.name for column in columns]
    texts, full = [[p[0] for p in row] for row in pairs], [[p[1] for p in row] for row in pairs]
    return Lines(names, numeric, texts, full, section.title, section.caption)


def plain(text: str) -> str:
    """A caption without the marks of code and strong."""
    return _MARKS.sub(lambda found: found[1] or found[2], text)


def escape_latex(text: str) -> str:
    """Text as LaTeX prints it; letters of other scripts stay, and need XeLaTeX or LuaLaTeX."""
    return "".join(LATEX.get(character, character) for character in text)


def to_latex(section: Table | HeatMap) -> str:
    """A `table` with a plain `tabular`; no package is needed."""
    lines = lines_of(section)
    kinds = "".join("r" if numeric else "l" for numeric in lines.numeric)
    caption = escape_latex(plain(minus(". ".join(part for part in (lines.title, lines.caption) if part))))

    def row(cells: Sequence[str]) -> str:
        # a row that begins with "[" would be the length of the break before it
        return " & ".join("{}" + text if text.startswith("[") else text for text in map(escape_latex, cells)) + r" \\"

    body = [row(cells) for cells in lines.shown]
    parts = [r"\begin{table}", r"\centering", *([rf"\caption{{{caption}}}"] if caption else [])]
    parts += [rf"\begin{{tabular}}{{{kinds}}}", r"\hline", row(lines.columns), r"\hline", *body, r"\hline"]
    return "\n".join([*parts, r"\end{tabular}", r"\end{table}", ""])


def to_csv(section: Table | HeatMap) -> str:
    """Values in full; what is missing is empty."""
    lines, buffer = lines_of(section), io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(lines.columns)
    writer.writerows(lines.values)
    return buffer.getvalue()


def to_markdown(section: Table | HeatMap) -> str:
    """A table of GitHub's Markdown."""
    lines = lines_of(section)

    def row(cells: Sequence[str]) -> str:
        safe = (text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for text in cells)
        return "| " + " | ".join(safe) + " |"

    rule = "|" + "|".join("---:" if numeric else "---" for numeric in lines.numeric) + "|"
    return "\n".join([row(lines.columns), rule, *map(row, lines.shown), ""])
