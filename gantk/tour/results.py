"""What a tour found, step by step: everything its page shows. Pictures and pages are those of its steps' runs.

Legend: F factors, L rows of wp.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from gantk.runs.claims import plain
from gantk.runs.results import Result, record
from gantk.runs.structure import Image, Strip

Value = str | int | float | None


@record
class Figure:
    """A figure in large letters: its value, what it is, and a note."""

    value: str | int
    name: str
    note: str


@record
class Heading:
    """Of a column: its name, and how many decimals its numbers have."""

    name: str
    digits: int = 3


@record
class FoundTable:
    """Rows under headings, and the caption that says what they are."""

    headings: tuple[Heading, ...]
    rows: tuple[tuple[Value, ...], ...]
    caption: str


@record
class Chapter:
    """A stop of the tour.

    Attributes:
        page: of the command that was run, as the tour's directory names it; "" where none was.
        picture: that stands for it; None is the page's own.
        alt: what the picture shows.
    """

    title: str
    text: str
    page: str = ""
    picture: Image | None = None
    alt: str = ""
    table: FoundTable | None = None


@record
class Moved:
    """A boundary of the first screen: one sample moved along it.

    Attributes:
        change, low, high: of its own factor at distance `measured`, in standard deviations, with the 95 % interval;
            None where the factor does not vary.
        selectivity: that change over the largest of another factor.
    """

    name: str
    strip: Strip
    measured: float
    change: float | None
    low: float | None
    high: float | None
    selectivity: float


@record
class RowChanges:
    """How much each factor changes when one row of wp alone moves: `change` [F, L], in standard deviations."""

    factors: tuple[str, ...]
    rows: tuple[str, ...]
    change: npt.NDArray[np.float64]
    caption: str


@record
class Charted:
    """What the atlas found: the figures, the sentence and the table that stand above everything else."""

    figures: tuple[Figure, ...]
    text: str
    table: FoundTable


@record
class TourResult(Result):
    """A tour, as far as it has come.

    Attributes:
        chapters: one for each step that was taken.
        samples: pictures of what the generator draws.
        truth: whether the figures are known exactly or estimated, and by what.
        findings: sentences, most important first.
        moved: the most selective boundaries.
        factors: what was found of every factor of the generator.
        oracle: the same of the search whose truth is known.
    """

    TASK: ClassVar[str] = "demo"

    chapters: tuple[Chapter, ...] = ()
    charted: Charted | None = None
    samples: tuple[Image, ...] = ()
    samples_caption: str = ""
    truth: str = ""
    figures: tuple[Figure, ...] = ()
    findings: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()
    factors: FoundTable | None = None
    oracle: FoundTable | None = None
    row_changes: RowChanges | None = None

    @property
    def opening(self) -> str:
        """The first sentence of the page, with marks of code."""
        found = (self.charted.text,) if self.charted is not None else self.findings
        return found[0] if found else ""

    def sentence(self) -> str:
        return plain(self.opening) or "Nothing was found yet."

    def table(self) -> list[dict[str, object]]:
        """What was found of every factor."""
        if self.factors is None:
            return []
        names = [heading.name for heading in self.factors.headings]
        return [dict(zip(names, row, strict=True)) for row in self.factors.rows]
