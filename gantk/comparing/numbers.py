"""Every number of a result by name, and the same numbers of several results beside each other."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from gantk.codes.directions import Direction
from gantk.comparing.labels import in_words, labels_of
from gantk.comparing.results import WHOLE, Number
from gantk.runs.options import fields_of
from gantk.runs.results import Result
from gantk.runs.structure import Image, Strip
from gantk.runs.table import find_task
from gantk.runs.walk import Walk

# Columns that say what a row is of, the most telling first; the first ones that tell the rows apart are its key.
KEYS = (
    "name", "boundary", "figure", "class", "direction", "attribute", "region", "target", "head", "model", "features",
    "method", "kind", "channel", "shots", "image", "sample", "distance", "row", "layer", "level", "step", "space",
)  # fmt: skip
PARTS = (Image, Strip, Walk, Direction)  # no numbers of the analysis

Key = tuple[str, str]
Ends = tuple[float, float | None, float | None]


def side_by_side(results: Sequence[Result]) -> tuple[Number, ...]:
    """The numbers of all results, matched by row and name, in the order of `ordered`."""
    every = numbers_of(results)
    keys = list(dict.fromkeys(key for found in every for key in found))
    blank = (None, None, None)
    numbers = []
    labels = labels_of(results[0])
    for row, name in keys:
        values, low, high = zip(*(found.get((row, name), blank) for found in every), strict=True)
        numbers.append(
            Number(row=row, name=name, label=labels.get(name) or in_words(name), values=values, low=low, high=high)
        )
    return ordered(numbers)


def ordered(numbers: Sequence[Number]) -> tuple[Number, ...]:
    """First those with intervals, by the difference in half widths of its interval; then those without, by the
    difference as a share of the size; then those that are the same in all runs, and those that not every run has."""

    def place(number: Number) -> tuple[bool, bool, bool, float]:
        scaled = number.scaled
        by = number.relative if scaled is None else scaled
        return not number.shared, not number.difference > 0, scaled is None, -by

    return tuple(sorted(numbers, key=place))


def numbers_of(results: Sequence[Result]) -> list[dict[Key, Ends]]:
    """(row, name) -> (value, low, high), for each result; rows are named by the same columns in all.

    Fields that repeat an option, such as the seed, are settings and no numbers that were found, in parts too.
    """
    tables = [result.table() for result in results]
    key = key_of(tables)
    found = []
    for result, table in zip(results, tables, strict=True):
        task = find_task(result.TASK)
        settings = {field.name for kind in (task.options, task.inputs) for field in fields_of(kind)}
        whole = {names: ends for names, ends in _whole(result) if names[1].rpartition(".")[2] not in settings}
        found.append({**whole, **dict(_rows(table, key))})
    return found


def key_of(tables: Sequence[Sequence[Mapping[str, object]]]) -> tuple[str, ...]:
    """The fewest columns, in the order of `KEYS`, that tell the rows of every table apart."""
    key: tuple[str, ...] = ()
    for name in KEYS:
        if key and _groups(tables, key) == sum(map(len, tables)):
            break
        if any(tables) and all(row.get(name) is not None for table in tables for row in table):
            longer = (*key, name)
            key = longer if _groups(tables, longer) > _groups(tables, key) or not key else key
    return key


def _groups(tables: Sequence[Sequence[Mapping[str, object]]], key: tuple[str, ...]) -> int:
    return sum(len({tuple(str(row.get(name)) for name in key) for row in table}) for table in tables)


def _rows(table: Sequence[Mapping[str, object]], key: tuple[str, ...]) -> Iterator[tuple[Key, Ends]]:
    met: dict[str, int] = {}
    for row in table:
        parts = ((name, row[name]) for name in key)
        name = ", ".join(value if isinstance(value, str) else f"{name} {value}" for name, value in parts)
        met[name] = met.get(name, 0) + 1
        name = name if met[name] == 1 and name else f"{name} {met[name]}".strip()
        yield from (((name, column), ends) for column, ends in _columns(row, key))


def _columns(row: Mapping[str, object], key: tuple[str, ...]) -> Iterator[tuple[str, Ends]]:
    """The numbers of a row; columns low and high, or NAME_low and NAME_high, are the ends of an interval."""
    names = [name for name in row if name not in key and number(row[name]) is not None]
    for place, name in enumerate(names):
        of = name.removesuffix("_high")
        if name in ("low", "high") or name.removesuffix("_low") in names[:place] or (of != name and of in names):
            continue
        value = number(row[name])
        assert value is not None
        low, high = number(row.get(f"{name}_low")), number(row.get(f"{name}_high"))
        if low is None and names[place + 1 : place + 3] == ["low", "high"]:
            low, high = number(row["low"]), number(row["high"])
        yield name, (value, low, high) if low is not None and high is not None else (value, None, None)


def number(value: object) -> float | None:
    """A finite number; None for anything else, true and false included."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        return None
    return float(value) if math.isfinite(value) else None


def _whole(part: object, trail: str = "") -> Iterator[tuple[Key, Ends]]:
    """The scalar fields of a result and of the records that it holds by name."""
    if not dataclasses.is_dataclass(part) or isinstance(part, (type, *PARTS)):
        return
    fields = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    low, high, value = (number(fields.get(name)) for name in ("low", "high", "value"))
    if trail and low is not None and high is not None and value is not None:
        yield (WHOLE, trail), (value, low, high)
        return
    for name, field in fields.items():
        dotted = f"{trail}.{name}".lstrip(".")
        own = number(field)
        if own is not None:
            yield (WHOLE, dotted), (own, None, None)
        yield from _whole(field, dotted)
