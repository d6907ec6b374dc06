"""The types of what JSON text holds, and narrow readers of it.

`json.loads` promises nothing about what a file holds. Code that knows which kind of value stands somewhere asks for it
here and gets that type or an error; code that only passes values on takes them as `Json`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from gantk.errors import GantkError

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
JsonTable: TypeAlias = dict[str, Json]
JsonView: TypeAlias = bool | int | float | str | Sequence["JsonView"] | Mapping[str, "JsonView"] | None
"""What is only read on its way into JSON text: `dict[str, int]` and `tuple[str, ...]` are such values too."""


def in_words(value: Json) -> str:
    """A value as people read it, on one line: no word of Python or JSON in it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        short = f"{value:.12g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, list):
        return ", ".join(in_words(part) for part in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {in_words(part)}" for key, part in value.items()) or "none"
    return str(value)


def table(value: Json, what: str) -> JsonTable:
    """A JSON object.

    Args:
        what: names the value in the message, such as "results of runs/a/tour.run.json".

    Raises:
        GantkError: it is something else.
    """
    if not isinstance(value, dict):
        raise GantkError(f"{what} is {shown(value)} where a table was expected.")
    return value


def items(value: Json, what: str) -> list[Json]:
    """A JSON array; see `table`."""
    if not isinstance(value, list):
        raise GantkError(f"{what} is {shown(value)} where a list was expected.")
    return value


def text(value: Json, what: str) -> str:
    """A JSON string; see `table`."""
    if not isinstance(value, str):
        raise GantkError(f"{what} is {shown(value)} where a text was expected.")
    return value


def whole(value: Json, what: str) -> int:
    """A whole JSON number; see `table`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise GantkError(f"{what} is {shown(value)} where a whole number was expected.")
    return value


def number(value: Json, what: str) -> float:
    """A JSON number that a float can hold; see `table`."""
    if not isinstance(value, bool) and isinstance(value, (int, float)):
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
        if math.isfinite(found):
            return found
    raise GantkError(f"{what} is {shown(value)} where a number was expected.")


def texts(value: Json, what: str) -> tuple[str, ...]:
    """A JSON array of strings; see `table`."""
    return tuple(text(each, f"{what} {place}") for place, each in enumerate(items(value, what)))


def wholes(value: Json, what: str) -> tuple[int, ...]:
    """A JSON array of whole numbers; see `table`."""
    return tuple(whole(each, f"{what} {place}") for place, each in enumerate(items(value, what)))


def numbers(value: Json, what: str) -> tuple[float, ...]:
    """A JSON array of numbers; see `table`."""
    return tuple(number(each, f"{what} {place}") for place, each in enumerate(items(value, what)))


def shown(value: object, most: int = 60) -> str:
    """A value in a message, not longer than `most` letters."""
    said = repr(value)
    return said if len(said) <= most else said[: most - 1] + "…"
