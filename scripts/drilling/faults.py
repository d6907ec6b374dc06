"""A write that fails: the k-th time a run opens, writes, flushes or renames a file, the system says no.

Beside the places that are tried, a fault leaves everything as it is: what a file held before it is written stays true.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from drilling.bench import Failed, contents
from drilling.cases import OUT

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
WRITING = frozenset("wxa+")
LEFT = (".gantk-tmp", ".lock")  # endings of what must not stay


@dataclass
class Faults:
    """Counts what a run does to files below a folder, and fails at one of them.

    Attributes:
        fails_at: the number of the operation that fails, from 0; None counts only.
        number: of the error.
        done: what was done, in order: the operation and from where in gantk it came.
    """

    folder: Path
    fails_at: int | None = None
    number: int = errno.ENOSPC
    done: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def step(self, operation: str, path: object) -> None:
        """Note an operation; fail where it is its turn."""
        if not isinstance(path, (str, os.PathLike)) or not Path(os.path.abspath(path)).is_relative_to(self.folder):
            return
        with self.lock:
            turn = len(self.done)
            self.done.append((operation, _caller()))
        if turn == self.fails_at:
            raise OSError(self.number, os.strerror(self.number), os.fspath(path) if operation != "write" else None)

    def places(self) -> list[int]:
        """The first and the last operation of every kind and caller."""
        first: dict[tuple[str, str], int] = {}
        last: dict[tuple[str, str], int] = {}
        for turn, what in enumerate(self.done):
            first.setdefault(what, turn)
            last[what] = turn
        return sorted({*first.values(), *last.values()})


def _caller() -> str:
    """The lines of gantk that led here, below the store's own."""
    frame: FrameType | None = sys._getframe(2)
    lines: list[str] = []
    while frame is not None and len(lines) < 2:
        name = frame.f_code.co_filename
        if "/gantk/" in name and not name.endswith(("store/files.py", "store/seals.py")):
            lines.append(f"{name.rpartition('/gantk/')[2]}:{frame.f_lineno}")
        frame = frame.f_back
    return " ".join(lines)


class _File(io.FileIO):
    """A file whose writes are counted."""

    faults: Faults

    def write(self, data: Any, /) -> int:
        self.faults.step("write", str(self.name))
        return super().write(data)


@contextlib.contextmanager
def faulty(folder: Path, fails_at: int | None = None, number: int = errno.ENOSPC) -> Iterator[Faults]:
    """Count, within the block, what is done to files below a folder; let one of it fail."""
    faults = Faults(Path(os.path.abspath(folder)), fails_at, number)
    kept: dict[str, Callable[..., Any]] = {}

    def opened(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        if not WRITING & set(mode) or isinstance(file, int):
            return kept["open"](file, mode, *more, **named)
        faults.step("open", file)
        if "b" not in mode or not Path(os.path.abspath(file)).is_relative_to(faults.folder):
            return kept["open"](file, mode, *more, **named)
        raw = _File(file, mode.replace("b", ""))
        raw.faults = faults
        return io.BufferedWriter(raw) if "+" not in mode else io.BufferedRandom(raw)

    def os_opened(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            faults.step("open", path)
        number: int = kept["os.open"](path, flags, *more, **named)
        return number

    def synced(descriptor: Any) -> None:
        place = os.readlink(f"/proc/self/fd/{descriptor if isinstance(descriptor, int) else descriptor.fileno()}")
        if not os.path.isdir(place):  # that of a folder may fail: some file systems cannot do it
            faults.step("fsync", place)
        kept["os.fsync"](descriptor)

    def renamed(source: Any, target: Any, **named: Any) -> None:
        faults.step("rename", target)
        kept["os.replace"](source, target, **named)

    def made(path: Any, *more: Any, **named: Any) -> None:
        if not os.path.isdir(path):
            faults.step("mkdir", path)
        kept["os.mkdir"](path, *more, **named)

    def linked(source: Any, target: Any, **named: Any) -> None:
        faults.step("link", target)
        kept["os.link"](source, target, **named)

    patches = {
        "open": (builtins, "open", opened),
        "os.open": (os, "open", os_opened),
        "os.fsync": (os, "fsync", synced),
        "os.replace": (os, "replace", renamed),
        "os.mkdir": (os, "mkdir", made),
        "os.link": (os, "link", linked),
    }
    for key, (module, name, function) in patches.items():
        kept[key] = getattr(module, name)
        setattr(module, name, function)
    try:
        yield faults
    finally:
        for key, (module, name, _) in patches.items():
            setattr(module, name, kept[key])


def silently(words: list[str]) -> tuple[int, str]:
    """Run a command line in this process; its exit code and what it said on stderr."""
    from gantk.cli.main import run

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        code = run(words)
    return code, said.getvalue()


@dataclass(frozen=True)
class Tried:
    """What was tried at a command: how many operations it has, how many failed, how often it said so.

    Not among those tried is a fault after which nothing was amiss: a link that became a copy, a folder that another
    thread made at the same moment, a place that this run did not come to since its threads made fewer folders.
    """

    operations: int
    tried: int
    refused: int


def every_fault(words: list[str], work: Path, every: bool = False) -> Tried:
    """Put a fault at the operations of a command line that writes into `OUT` of a folder, which is the current one.

    Where it fails it must end with 1 and one sentence, leave no half-written or temporary file and no lock, and then
    run to the bytes of a run that nothing happened to. Where it does not fail (a link that becomes a copy), the bytes
    must be the same at once.

    Args:
        every: each operation with each error; else the first and the last from each place, the errors in turn.

    Raises:
        Failed: it was otherwise.
    """
    out = work / OUT
    shutil.rmtree(out, ignore_errors=True)
    with faulty(out) as counted:
        code, said = silently(words)
    if code:
        raise Failed(f"it ended with {code}: {said.strip()}")
    expected = contents(out)
    turns = range(len(counted.done)) if every else counted.places()
    trials = [(turn, number) for turn in turns for number in ERRORS] if every else list(
        zip(turns, (ERRORS[place % 3] for place in range(len(turns))), strict=True)
    )  # fmt: skip
    said_so = [_one_fault(words, out, expected, turn, number) for turn, number in trials]
    shutil.rmtree(out, ignore_errors=True)
    return Tried(len(counted.done), len(said_so) - said_so.count(None), said_so.count(True))


def _one_fault(words: list[str], out: Path, expected: dict[str, bytes], turn: int, number: int) -> bool | None:
    """Whether the command refused; None where there was nothing to refuse."""
    shutil.rmtree(out, ignore_errors=True)
    with faulty(out, turn, number) as faults:
        code, said = silently(words)
    operation, caller = faults.done[turn] if turn < len(faults.done) else ("", "")
    where = f"{errno.errorcode[number]} at operation {turn} ({operation}, {caller or 'the store'})"
    if turn >= len(faults.done):
        return None
    wrong = [line for line in said.splitlines() if line.startswith("Error: ")]
    if code not in (0, 1) or len(wrong) != code or "unexpectedly" in said or "Traceback" in said:
        raise Failed(f"{where}: it ended with {code}: {said.strip()[-300:]}")
    left = [path.name for path in out.rglob("*") if path.name.endswith(LEFT)] if out.exists() else []
    if left:
        raise Failed(f"{where}: it left {left[:3]}")
    if code == 1:
        half = _half_written(out, expected)
        if half:
            raise Failed(f"{where}: {half} is not whole")
        again, said = silently(words)
        if again:
            raise Failed(f"{where}: run again, it ended with {again}: {said.strip()[-300:]}")
    found = contents(out)
    if found != expected:
        names = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
        raise Failed(f"{where}: other than without a fault: {names[:4]}")
    return None if code == 0 and operation in ("link", "mkdir") else code == 1


def _half_written(out: Path, expected: dict[str, bytes]) -> str | None:
    """A file that a run left at its end under its own name and that is not what it must be."""
    found = contents(out) if out.exists() else {}
    growing = (".pt",)  # a state of a training is whole at every step
    return next(
        (name for name in found if name in expected and found[name] != expected[name] and not name.endswith(growing)),
        None,
    )
