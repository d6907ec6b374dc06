"""Progress on stderr: a tqdm bar on a terminal, one line per ten per cent where there is none."""

from __future__ import annotations

import contextlib
import contextvars
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from types import TracebackType
from typing import Any, TextIO

FIRST_SIGN = 1.5  # seconds until something is said at the latest
_opened = [0]  # how many counters there were

_shown: contextvars.ContextVar[bool] = contextvars.ContextVar("progress_shown", default=True)


@contextlib.contextmanager
def shown(show: bool) -> Iterator[None]:
    """Show progress within the block, or keep silent as a library does that nobody asked for it."""
    token = _shown.set(show)
    try:
        yield
    finally:
        _shown.reset(token)


class Silent:
    """A counter that says nothing."""

    def __init__(self, iterable: Iterable[Any] = ()) -> None:
        self.iterable = iterable

    def update(self, n: int = 1) -> None:
        """Count `n` more."""

    def set_postfix_str(self, text: str) -> None:
        """Say this beside the count from now on, as tqdm does."""

    def close(self) -> None:
        """End."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterable)

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *error: object) -> None:
        return None


class Lines:
    """Counts like tqdm and prints `desc: 40 % (400/1000 img), 12 s, 33 img/s, 18 s left` as another tenth is done.

    The first line comes within two seconds, whatever was done by then.
    """

    def __init__(self, total: int | None, desc: str, unit: str, file: TextIO, iterable: Iterable[Any] = ()) -> None:
        self.total, self.desc, self.unit, self.file, self.iterable = total, desc, unit, file, iterable
        self.n = 0
        self._tenth = 0
        self._began = time.monotonic()
        self._said = ""
        self._first = _later(self._begin)

    def _begin(self) -> None:
        if self.total is None or self.n < self.total:
            self._say(0 if not self.total else self.n * 100 // self.total)

    def _say(self, percent: int) -> None:
        seconds = time.monotonic() - self._began
        count = f"{percent} % ({self.n}/{self.total} {self.unit})" if self.total else f"{self.n} {self.unit}"
        speed = ""
        if self.n and seconds > 0:
            speed = f", {_rate(self.n / seconds, self.unit)}"
            if self.total and self.n < self.total:
                speed += f", {duration(seconds * (self.total - self.n) / self.n)} left"
        print(f"{self.desc}: {count}, {duration(seconds)}{speed}{self._said}", file=self.file, flush=True)

    def set_postfix_str(self, text: str) -> None:
        """Say this beside the count from now on."""
        self._said = f", {text}" if text else ""

    def update(self, n: int = 1) -> None:
        """Count `n` more."""
        self.n += n
        if not self.total:
            return
        tenth = self.n * 10 // self.total
        if tenth > self._tenth:
            self._first.cancel()
            self._tenth = tenth
            self._say(tenth * 10)

    def close(self) -> None:
        """Say the count where no total was known."""
        self._first.cancel()
        if not self.total and self.n:
            print(f"{self.desc}: {self.n} {self.unit}", file=self.file, flush=True)

    def __iter__(self) -> Iterator[Any]:
        try:
            for item in self.iterable:
                yield item
                self.update()
        finally:
            self._first.cancel()
        self.close()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._first.cancel()
        if kind is None:
            self.close()


def duration(seconds: float) -> str:
    """Seconds in words: 40 s, 12 min, 3.5 h, 2.1 d."""
    for size, unit in ((86400.0, "d"), (3600.0, "h")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def _rate(per_second: float, unit: str) -> str:
    """How fast: 33 img/s, or 14 s/img where it is slow."""
    return f"{per_second:.3g} {unit}/s" if per_second >= 1 else f"{1 / per_second:.3g} s/{unit}"


def _later(say: Callable[[], None]) -> threading.Timer:
    """Have something said soon, unless it is cancelled; the process does not wait for it."""
    timer = threading.Timer(FIRST_SIGN, say)
    timer.daemon = True
    timer.start()
    return timer


@contextlib.contextmanager
def alive(what: str) -> Iterator[None]:
    """Say on stderr that the work has begun, where nothing else was said within two seconds: a model is being read."""
    began = _opened[0]

    def say() -> None:
        if _opened[0] == began:
            print(f"{what}: reading", file=sys.stderr, flush=True)

    timer = _later(say)
    try:
        yield
    finally:
        timer.cancel()


def progress(work: Iterable[Any] | int, desc: str, *, unit: str = "it", total: int | None = None) -> Any:
    """Wrap an iterable, or open a counter over `work` steps (``with progress(n, "rendering") as bar: bar.update(4)``).

    Args:
        work: what to iterate over, or the number of steps.
        desc: what is being done, in a word or two.
        unit: what is counted, such as "img".
        total: the length of an iterable that does not know its own.
    """
    iterable: Iterable[Any] = () if isinstance(work, int) else work
    if isinstance(work, int):
        total = work
    elif total is None and isinstance(work, Sized):
        total = len(work)
    if not _shown.get():
        return Silent(iterable)
    _opened[0] += 1
    if sys.stderr.isatty():
        from tqdm import tqdm

        return tqdm(None if isinstance(work, int) else iterable, total=total, desc=desc, unit=unit, file=sys.stderr)
    return Lines(total, desc, unit, sys.stderr, iterable)
