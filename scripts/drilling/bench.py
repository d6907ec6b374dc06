"""A command on the bench: its folders, an uninterrupted run of it, and the comparison with that."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from drilling.cases import OUT, Case
from drilling.processes import Ended, Running

# Times, the folder a page was made in, and the command line are no results.
NOT_COMPARED = (".run.json", ".html", ".log", ".damaged")


class Failed(Exception):
    """Something was not as it must be; the message says what."""


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a run that is a result, by name; hidden ones too, since nothing hidden may stay.

    The state of a training is compared by its values: a pickle's bytes also say which of its texts were one object. A
    result is compared without the seconds that it took.
    """
    return {
        path.relative_to(folder).as_posix(): _values(path) if path.suffix == ".pt" else _untimed(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(NOT_COMPARED)
    }


def _untimed(path: Path) -> bytes:
    data = path.read_bytes()
    return re.sub(rb'"seconds": [0-9.e-]+', b'"seconds": 0', data) if path.name.endswith(".result.json") else data


def _values(path: Path) -> bytes:
    """What a file of torch.save holds, in order, as text."""
    import torch

    def lines(value: object, name: str) -> Iterator[str]:
        if isinstance(value, dict):
            for key, item in value.items():
                yield from lines(item, f"{name}/{key}")
        elif isinstance(value, (list, tuple)):
            for place, item in enumerate(value):
                yield from lines(item, f"{name}/{place}")
        elif isinstance(value, torch.Tensor):
            yield f"{name} {value.dtype} {tuple(value.shape)} {value.numpy().tobytes().hex()}"
        else:
            yield f"{name} {value!r}"

    return "\n".join(lines(torch.load(path, map_location="cpu", weights_only=True), "")).encode()


@dataclass
class Bench:
    """A case with its folders.

    Attributes:
        prepared: a folder in which the undisturbed steps before have run.
        expected: the files of an uninterrupted run.
        seconds: it took.
        scratch: an empty folder for trials.
    """

    case: Case
    prepared: Path
    expected: dict[str, bytes]
    seconds: float
    scratch: Path
    draw: random.Random

    def fresh(self) -> Path:
        """A folder for a trial, with what ran before."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        shutil.copytree(self.prepared, self.scratch)
        return self.scratch

    def start(
        self, folder: Path, *more: str, limit: int | None = None, before: Callable[[], None] | None = None
    ) -> Running:
        return Running((*self.case.words, *more), folder, limit, before)

    def moment(self) -> float:
        """A random moment of a run, often within it and now and then at its very end."""
        return self.draw.uniform(0.0, 1.1 * self.seconds)

    def finish(self, folder: Path, *more: str) -> None:
        """Run to the end and compare every byte with an uninterrupted run."""
        ended = self.start(folder, *more).wait()
        if ended.code != 0:
            raise Failed(f"run again, it ended with {ended.code}: {tail(ended)}")
        self.compare(folder)

    def compare(self, folder: Path, seen: Callable[[dict[str, bytes]], dict[str, bytes]] = dict) -> None:
        """Compare with an uninterrupted run, each as `seen` shows it."""
        found, expected = seen(contents(folder / OUT)), seen(self.expected)
        if found == expected:
            return
        missing, more = expected.keys() - found.keys(), found.keys() - expected.keys()
        other = [name for name in expected.keys() & found.keys() if found[name] != expected[name]]
        raise Failed(f"missing {sorted(missing)[:3]}, too many {sorted(more)[:3]}, different {sorted(other)[:3]}")


def tail(ended: Ended) -> str:
    lines = [line for line in ended.said.splitlines() if line.strip()]
    return " / ".join(lines[-2:])
