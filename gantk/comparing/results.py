"""The result of `gantk compare`.

Shape legend: R runs; every tuple of values has one entry for each run, in the order in which they were given.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import ClassVar

from gantk.comparing.claims import COMPARE
from gantk.reports.numbers import show_number, show_rounded
from gantk.runs.claims import Claims, decimals, plain
from gantk.runs.results import Export, Result, record
from gantk.runs.structure import Image, Strip
from gantk.store.files import write_atomic
from gantk.store.text import csv_bytes

FILE = "comparison.csv"
WHOLE = ""  # the row of numbers that are of a result as a whole


@record
class Side:
    """One of the runs: its name, and what its own page says first."""

    name: str
    sentence: str


@record
class Setting:
    """A setting or an input whose value is not the same in all runs; None where a run does not have it.

    Attributes:
        contents: whether the values are fingerprints of what an input holds.
    """

    name: str
    values: tuple[str | None, ...]
    contents: bool


@record
class Number:
    """One number in every run; None where a run does not have it.

    Attributes:
        row: of the results' table, by its key; empty for a number of the whole result.
        name: column, or field. label: the same in words, as the command's own page has it.
        low, high: ends of the interval that the result holds.
    """

    row: str
    name: str
    label: str
    values: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]

    @property
    def shared(self) -> bool:
        """Whether every run has it."""
        return all(value is not None for value in self.values)

    @property
    def difference(self) -> float:
        """Largest minus smallest, >= 0; 0 where fewer than two runs have it."""
        known = [value for value in self.values if value is not None]
        return max(known) - min(known) if known else 0.0

    @property
    def relative(self) -> float:
        """The difference as a share of the largest size, in [0, 2]."""
        largest = max((abs(value) for value in self.values if value is not None), default=0.0)
        return self.difference / largest if largest > 0 else 0.0

    @property
    def half_width(self) -> float | None:
        """Of the 95 % interval of the difference, which is the root of the sum of the squares of the half widths in the
        two runs that are furthest apart; None where a run holds no interval."""
        if not self.bounded:
            return None
        known = [value for value in self.values if value is not None]
        ends = [
            (high - low) / 2
            for low, high in zip(self.low, self.high, strict=True)
            if low is not None and high is not None
        ]
        return math.hypot(ends[known.index(min(known))], ends[known.index(max(known))])

    @property
    def scaled(self) -> float | None:
        """The difference over the half width of its own 95 % interval; None where a run holds no interval."""
        width = self.half_width
        if width is None:
            return None
        return self.difference / width if width > 0 else math.inf if self.difference > 0 else 0.0

    @property
    def bounded(self) -> bool:
        """Whether every run holds an interval of it."""
        return self.shared and all(end is not None for end in (*self.low, *self.high))

    @property
    def apart(self) -> bool:
        """Whether the intervals of two runs do not meet."""
        lows, highs = ([end for end in ends if end is not None] for ends in (self.low, self.high))
        return self.bounded and max(lows) > min(highs)

    def shown(self, place: int) -> str:
        """The value in a run: with its interval, to the digits that this gives, or to those that tell runs apart."""
        value, low, high = self.values[place], self.low[place], self.high[place]
        assert value is not None
        if low is not None and high is not None:
            digits = decimals(low, high)
            return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
        if self.difference > 0 and not value.is_integer():
            return show_rounded(value, min(max(significant(value, self.difference), 3), 7))
        return show_number(int(value)) if value.is_integer() else show_rounded(value, 3)

    @property
    def shown_difference(self) -> str:
        """The difference, to the digits that its interval gives it."""
        if self.difference == 0:
            return "0"
        if self.half_width:
            return f"{self.difference:.{decimals(-self.half_width, self.half_width)}f}"
        whole = all(value is None or value.is_integer() for value in self.values)
        return show_number(int(self.difference)) if whole else show_rounded(self.difference)


def significant(value: float, difference: float) -> int:
    """Digits of a value with which the second digit of a difference is still seen."""
    if value == 0 or difference <= 0:
        return 2
    return math.floor(math.log10(abs(value))) - math.floor(math.log10(difference)) + 2


@record
class Shown:
    """The same picture in every run; None where a run does not have it."""

    name: str
    images: tuple[Image | None, ...]


@record
class Moved:
    """The same sample along the same direction in every run.

    Attributes:
        direction: its name.
        label: of the sample.
    """

    direction: str
    label: str
    strips: tuple[Strip, ...]


@record
class CompareResult(Result):
    """Finished runs of one command, side by side.

    Attributes:
        command: of the runs.
        runs: R of them.
        known: whether the settings of all are known: a result that was given in Python brings none.
        settings: those that differ.
        same: how many settings and inputs are the same in all.
        numbers: all, in the order of `numbers.ordered`.
        pictures, moved: the first samples, paired by name or place.
    """

    TASK: ClassVar[str] = "compare"
    VERSION: ClassVar[int] = 2
    CLAIMS: ClassVar[Claims[CompareResult]] = COMPARE
    command: str
    runs: tuple[Side, ...]
    known: bool
    settings: tuple[Setting, ...]
    same: int
    numbers: tuple[Number, ...]
    pictures: tuple[Shown, ...]
    moved: tuple[Moved, ...]

    @property
    def shared(self) -> tuple[Number, ...]:
        """The numbers that every run has."""
        return tuple(number for number in self.numbers if number.shared)

    @property
    def different(self) -> tuple[Number, ...]:
        """Those of them that are not the same in all runs, in the order of `numbers.ordered`."""
        return tuple(number for number in self.shared if number.difference > 0)

    def lines(self) -> tuple[str, ...]:
        names = [
            f"{each.name}: {' | '.join('not there' if v is None else v for v in each.values)}" for each in self.settings
        ]
        return (self.sentence(), *(plain(text) for text in self.said("doubt")), *names)

    def table(self) -> list[dict[str, object]]:
        """One row for each number: row, number, each run's value and interval, difference, the same in half
        widths of its interval, as a share of the size, and whether intervals are apart."""
        rows = []
        for number in self.numbers:
            row: dict[str, object] = {"row": number.row, "number": number.name}
            for place, side in enumerate(self.runs):
                row[side.name] = number.values[place]
                row[f"{side.name} low"], row[f"{side.name} high"] = number.low[place], number.high[place]
            row |= {"difference": number.difference, "scaled": number.scaled, "relative": number.relative}
            rows.append(row | {"apart": number.apart if number.bounded else None})
        return rows

    def exports(self) -> Iterator[Export]:
        rows = self.table()
        data = csv_bytes(rows[0] if rows else ("row", "number"), (row.values() for row in rows))
        yield Export(FILE, partial(write_atomic, data=data), "every number of every run, with differences")
