"""Numbers of the command line: read as people write them, and checked as options of tasks are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from gantk.errors import UsageError
from gantk.runs.option_values import AUTO, AUTOMATIC, check_single, range_of
from gantk.runs.options import About, Field
from gantk.store.numerals import read_float, read_int


class Number(click.ParamType):
    """A number in the range that its field says: never inf or nan, which pass every comparison of click's own."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.name = "integer" if field.kind is int else "float"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if self.field.about.auto is not None and value in (AUTO, AUTOMATIC):
            return AUTOMATIC
        whole = self.field.kind is int
        try:
            number = (read_int if whole else read_float)(value) if isinstance(value, str) else value
        except ValueError:
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        try:
            check_single(self.field, number, value)
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return number if whole else float(number)


def with_range(help: str, field: Field) -> str:
    """A line of help, and the range of a number behind it."""
    ends = range_of(field)
    return f"{help}{'  [' + ends.removeprefix('of ') + ']' if ends else ''}"


# Any: the signature of the function that click decorates
def number_option(
    spelling: str, kind: type, help: str, default: float | None = None, least: float | None = None,
    most: float | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # fmt: skip
    """An option of a command that is no task, such as ``--port``; None, where it is the default, is not said."""
    about = About(help=help, least=least, most=most)
    field = Field(spelling.removeprefix("--").replace("-", "_"), about, default, kind, False, 1, default is None)
    return click.option(
        spelling, type=Number(field), default=default, show_default=default is not None, help=with_range(help, field)
    )
