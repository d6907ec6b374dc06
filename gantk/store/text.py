"""Text that people write: with a byte-order mark or without, in UTF-16 as spreadsheets save it; tables whatever
separates their cells.

`read_text` and `read_rows` raise what opening and decoding raise (OSError, UnicodeDecodeError, csv.Error): who reads
says what the file was to be.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Iterable
from typing import Literal

from gantk.store.inside import regular_file

_EXCEL = re.compile(r"sep=([,;\t])")
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*")


def decode_text(data: bytes, errors: Literal["strict", "ignore"] = "strict") -> str:
    """UTF-8, or UTF-16 where its mark says so; no mark is part of the text. The beginning of a file may end in the
    middle of a letter: `errors` "ignore"."""
    utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if utf_16 else "utf-8-sig", errors)


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a file that a person wrote."""
    return decode_text(regular_file(path).read_bytes())


def csv_bytes(header: Iterable[str], rows: Iterable[Iterable[object]]) -> bytes:
    """A table of comma-separated values; None is an empty cell, and what is no UTF-8 in the name of a file is ?."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode(errors="replace")


def read_rows(path: str | os.PathLike[str]) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file that are not empty, each with the number of its line.

    Cells are separated by commas, or by semicolons or tabs where the first line has these and no comma; numbers between
    semicolons may have decimal commas. Excel's first line `sep=;` says the sign and is no row.
    """
    lines = io.StringIO(read_text(path), newline="")  # of \n and \r alone: cells may hold other ends of lines
    first = next((line for line in lines if line.strip()), "")
    lines.seek(0)
    said = _EXCEL.fullmatch(first.strip(" \r\n"))
    sign = said[1] if said else next((sign for sign in ",;\t" if sign in first), ",")
    reader = csv.reader(lines, delimiter=sign)
    rows = [(reader.line_num, row) for row in reader if any(map(str.strip, row))]
    rows = rows[1:] if said else rows
    if sign == ";":
        rows = [(line, [c.replace(",", ".") if _DECIMAL_COMMA.fullmatch(c) else c for c in row]) for line, row in rows]
    return rows
