"""The tour: every system on the bundled world, step by step, and how what it finds compares with the truth.

A step runs commands as a user would type them, each in a run directory of its own below the tour's, and returns a
chapter for the tour's page. gantk/tour/itinerary.py lists the steps of every system; later steps read what earlier
ones found from `Tour.found`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict, TypeVar

from gantk.runs.results import Result, read_result
from gantk.runs.run import Run

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from gantk.codes.directions import Direction
    from gantk.generators.base import Generator
    from gantk.tour.figures import Test


class Table(TypedDict):
    columns: list[str]
    rows: Sequence[Sequence[str | float | None]]
    caption: str


class Headline(TypedDict):
    """A figure in large letters."""

    value: float | str
    name: str
    note: str


class Chapter(TypedDict):
    """A stop of the tour as its page tells it; files are named as the tour's directory has them."""

    title: str
    text: str
    page: NotRequired[str]
    image: NotRequired[str]
    images: NotRequired[list[str]]
    alt: NotRequired[str]
    table: NotRequired[Table]


class Best(TypedDict):
    """A direction of the first screen: samples moved along it, with the files where they are.

    `change`, with its 95 % interval, is that of its own factor at distance `measured`, in standard deviations.
    """

    name: str
    space: str
    distances: Sequence[float]
    frames: list[list[str]]
    samples: list[str]
    start: int | None
    measured: float
    change: float | None
    low: float | None
    high: float | None
    selectivity: float


class Layers(TypedDict):
    """What moves when one row of wp alone moves: values [factors, rows]."""

    names: list[str]
    layers: Sequence[str]
    values: npt.NDArray[np.float64]
    caption: str
    quantity: str


class FirstScreen(TypedDict):
    """What the atlas found, above everything else."""

    headline: list[Headline]
    text: str
    table: Table


class PageParts(TypedDict, total=False):
    """What the page shows above its chapters."""

    first: FirstScreen
    images: list[str]
    images_caption: str
    truth: str
    factors: Table
    oracle: Table
    headline: list[Headline]
    findings: list[str]
    best: list[Best]
    layers: Layers


class Found(TypedDict, total=False):
    """What steps found, for later steps and the page.

    Attributes:
        exact: whether the factors of the samples are known and not estimated.
        tested: each factor's boundary on fresh samples.
        alignments: of each factor's boundary, the absolute cosine with the true direction.
        stability: of each boundary, the mean cosine between boundaries of resampled splits.
    """

    exact: bool
    page: PageParts
    boundaries: dict[str, Direction]
    tested: dict[str, Test]
    alignments: dict[str, float]
    stability: dict[str, float | None]
    headline: list[Headline]
    findings: list[str]


R = TypeVar("R", bound=Result)


@dataclass
class Tour:
    """A tour on its way.

    Attributes:
        directory: of the tour; commands write to folders below it.
        model: the generator it is about.
        predictor: what scores images; None is the command's default.
        full: more samples, all factors.
        seed: of all draws.
        call: runs a command given as words.
        say: shows a line.
        found: what steps found, for later steps and the page.
    """

    directory: Path
    model: str
    predictor: str | None
    full: bool
    seed: int
    call: Callable[[Sequence[str]], None]
    say: Callable[[str], None]
    found: Found = field(default_factory=Found)

    @cached_property
    def generator(self) -> Generator:
        """What the tour is about, loaded once."""
        from gantk.checkpoints.load import load_generator

        return load_generator(self.model)

    def folder(self, name: str) -> Path:
        """Where a command of the tour writes."""
        return self.directory / name

    def relative(self, name: str, path: str) -> str:
        """A file of a command's folder as the tour's page names it."""
        return f"{name}/{path}"

    def run(self, name: str, kind: type[R], *words: object) -> R:
        """Run a command in a folder of the tour; what it found."""
        self.call([*map(str, words), "-o", str(self.folder(name))])
        return self.result(name, kind)

    def result(self, name: str, kind: type[R]) -> R:
        """What a command found."""
        return read_result(kind, self.folder(name))

    def judged(self) -> list[str]:
        """The option that names the predictor, where one was chosen."""
        return [] if self.predictor is None else ["--predictor", self.predictor]


@dataclass(frozen=True)
class Step:
    """One stop: its title for the progress line, and what it does."""

    title: str
    run: Callable[[Tour], Chapter]


def take(tour: Tour, steps: Sequence[Step], run: Run) -> None:
    """Run the steps in order and record their chapters, headline and findings as they come."""
    chapters: list[Chapter] = []
    began = time.monotonic()
    for number, step in enumerate(steps, 1):
        tour.say(f"[{number}/{len(steps)}] {step.title} ({time.monotonic() - began:.0f} s so far)")
        with run.timed(step.title):
            chapters.append(step.run(tour))
        run.record("chapters", chapters)
        for key, value in tour.found.get("page", {}).items():
            run.record(key, value)
    tour.say(f"done in {time.monotonic() - began:.0f} s")
