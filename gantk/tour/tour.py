"""The tour: every system on the bundled world, step by step, and how what it finds compares with the truth.

A step runs commands as a user would type them, each in a run directory of its own below the tour's, and returns a
chapter for the tour's page. gantk/tour/itinerary.py lists the steps of every system (HiGAN's are in tour_higan.py);
later steps read what earlier ones found from `Tour.found`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gantk.runs.results import Result, read_result
from gantk.runs.run import Run
from gantk.store.files import load_json

if TYPE_CHECKING:
    from gantk.generators.base import Generator

Chapter = dict[str, Any]

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
    found: dict[str, Any] = field(default_factory=dict)

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

    def result(self, name: str, kind: type[R]) -> R:
        """What a command found."""
        return read_result(kind, self.folder(name))

    def results(self, name: str, command: str) -> dict[str, Any]:
        """What a command recorded."""
        manifest: dict[str, Any] = load_json(self.folder(name) / f"{command}.run.json")
        return dict(manifest["results"])

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
