"""The tour: every system on the bundled world, step by step, and how what it finds compares with the truth.

A step runs commands as a user would type them, each in a run directory of its own below the tour's, and returns a
chapter for the tour's page. gantk/tour/itinerary.py lists the steps of every system; later steps read what earlier
ones found from `Tour.found`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar

from gantk.runs.results import Result, read_result
from gantk.runs.run import Run
from gantk.runs.runner import keep
from gantk.runs.structure import Image
from gantk.tour.results import Chapter, TourResult

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from gantk.codes.directions import Direction
    from gantk.generators.base import Generator
    from gantk.tour.figures import Test


class Found(TypedDict, total=False):
    """What steps found, for later steps.

    Attributes:
        exact: whether the factors of the samples are known and not estimated.
        tested: each factor's boundary on fresh samples.
        alignments: of each factor's boundary, the absolute cosine with the true direction.
        stability: of each boundary, the mean cosine between boundaries of resampled splits.
        selectivity: of each boundary, the change of its own factor over the largest other one.
        change: of each boundary, the change of every attribute [F] and which of them is its own.
    """

    exact: bool
    boundaries: dict[str, Direction]
    tested: dict[str, Test]
    alignments: dict[str, float]
    stability: dict[str, float | None]
    selectivity: dict[str, float]
    change: dict[str, tuple[npt.NDArray[np.float64], int]]
    attributes: list[str]


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
        found: what steps found, for later steps.
        told: what the tour's page says of it.
    """

    directory: Path
    model: str
    predictor: str | None
    full: bool
    seed: int
    call: Callable[[Sequence[str]], None]
    say: Callable[[str], None]
    found: Found = field(default_factory=Found)
    told: TourResult = field(default_factory=TourResult)

    @cached_property
    def generator(self) -> Generator:
        """What the tour is about, loaded once."""
        from gantk.checkpoints.load import load_generator

        return load_generator(self.model)

    def folder(self, name: str) -> Path:
        """Where a command of the tour writes."""
        return self.directory / name

    def image(self, name: str, image: Image) -> Image:
        """A picture of a command's result as the tour's directory has it."""
        return Image(f"{name}/{image.name}", None, self.folder(name) / image.name)

    def finds(self, *sentences: str) -> None:
        """Add what was found to the page's sentences."""
        self.told = replace(self.told, findings=(*self.told.findings, *sentences))

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
    """Run the steps in order and keep what the page says of them as it comes."""
    began = time.monotonic()
    for number, step in enumerate(steps, 1):
        tour.say(f"[{number}/{len(steps)}] {step.title} ({time.monotonic() - began:.0f} s so far)")
        with run.timed(step.title):
            chapter = step.run(tour)
        tour.told = replace(tour.told, chapters=(*tour.told.chapters, chapter))
        keep(run, tour.told)
    tour.say(f"done in {time.monotonic() - began:.0f} s")
