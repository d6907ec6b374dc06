"""What values an option takes: checked with a sentence that names both, and said in words for documentation."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

from gantk.errors import UsageError, suggestion

if TYPE_CHECKING:
    from gantk.runs.options import Field

LARGEST_INT = 2**31 - 1  # of counts and sizes; a seed may be larger
LARGEST_FLOAT = 1e12
AUTOMATIC = 0  # of an option that is chosen by itself: what the word auto stands for
AUTO = "auto"


def check_value(field: Field, value: object) -> None:
    """Refuse a value that is of another type, not finite, or out of the option's range.

    Raises:
        UsageError: the sentence names the option and the value.
    """
    if value is None:
        if not field.optional and field.default is not None:
            raise UsageError(f"{field.dashed} is missing: give {wanted(field)}.")
        return
    values = value if isinstance(value, tuple) and (field.several or field.pair > 1) else (value,)
    for item in values:
        for single in item if isinstance(item, tuple) and field.pair > 1 else (item,):
            check_single(field, single)


def check_single(field: Field, value: object, typed: object = None) -> None:
    """Refuse one value of an option; see `check_value`. Messages show it as it was typed."""
    shown = repr(value) if typed is None else str(typed)
    about = field.about
    if field.choices:
        if value not in field.choices:
            hint = suggestion(str(value), [str(choice) for choice in field.choices])
            raise UsageError(f"{field.dashed} {value!r} does not exist.{hint}")
        return
    if field.kind is bool:
        if not isinstance(value, bool):
            raise UsageError(f"{field.dashed} is {shown}: give true or false.")
        return
    if field.kind is str:
        parts = value if isinstance(value, tuple) and tuple in field.instead else (value,)
        if any(not isinstance(part, (str, *field.instead)) or isinstance(part, bool) for part in parts):
            raise UsageError(f"{field.dashed} is {shown}: give {wanted(field)}.")
        return
    if field.kind not in (int, float):
        return  # an object that a verb takes from Python; the verb reads it
    whole = isinstance(value, int) or (field.kind is int and hasattr(value, "__index__"))
    if about.auto is not None and value == AUTOMATIC and not isinstance(value, bool) and typed is None:
        return  # chosen before a verb sees it
    if isinstance(value, bool) or not (whole or (field.kind is float and isinstance(value, (int, float)))):
        raise UsageError(f"{field.dashed} is {shown}: give {wanted(field)}.")
    assert isinstance(value, (int, float)) or hasattr(value, "__index__")
    number = value if isinstance(value, float) else operator.index(value)
    if isinstance(number, float) and not math.isfinite(number):
        raise UsageError(f"{field.dashed} is {shown}: give {wanted(field)}.")
    largest = about.most if about.most is not None else (LARGEST_INT if field.kind is int else LARGEST_FLOAT)
    smallest = about.least if about.least is not None else -largest
    beyond = (about.above is not None and number <= about.above) or (about.below is not None and number >= about.below)
    told = about.most is not None and about.most < LARGEST_INT  # by the option's own range; see `range_of`
    if not beyond and not told and number > largest:
        limit = str(largest) if field.kind is int else f"{largest:.12g}"
        raise UsageError(f"{field.dashed} is {shown}, which is too large: give at most {limit}.")
    if not beyond and about.least is None and about.above is None and number < smallest:
        raise UsageError(f"{field.dashed} is {shown}, which is too small: give at least {smallest:.12g}.")
    if beyond or not smallest <= number <= largest:
        raise UsageError(f"{field.dashed} is {shown}: give {wanted(field)}.")


def wanted(field: Field) -> str:
    """What a value must be, in words."""
    if field.choices:
        return "one of " + ", ".join(map(str, field.choices))
    if field.kind is bool:
        return "true or false"
    if field.kind not in (int, float):
        return "a text" + (f" ({field.about.metavar})" if field.about.metavar else "")
    what = "a whole number" if field.kind is int else "a finite number"
    ends = range_of(field)
    if ends:
        return f"{what} {ends}" + (f" or {AUTO}" if field.about.auto is not None else "")
    return what if field.kind is float else f"{what} of at most {LARGEST_INT}"


def said_of(field: Field) -> str:
    """An option as a line of documentation: its name, what it does, its range, its default."""
    about = field.about
    parts = [about.help.rstrip(".")]
    if ends := range_of(field):
        parts.append(ends)
    if field.choices:
        parts.append("one of " + ", ".join(map(str, field.choices)))
    if about.default_text:
        parts.append(f"default: {about.default_text}")
    elif not field.required and field.default is not None and field.default != ():
        several = isinstance(field.default, tuple)
        parts.append("default: " + (", ".join(map(str, field.default)) if several else str(field.default)))
    return f"{field.name}: {'; '.join(parts)}."


def range_of(field: Field) -> str:
    """The range of a number in words, such as "of at least 1"; empty where it has none of its own."""
    about = field.about
    parts = []
    for words, value in (("above", about.above), ("of at least", about.least), ("below", about.below)):
        if value is not None:
            parts.append(f"{words} {value:g}")
    if about.most is not None and about.most < LARGEST_INT:
        parts.append(f"at most {about.most:g}")
    return " and ".join(parts)
