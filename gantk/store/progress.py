"""Progress on stderr: a tqdm bar on a terminal, one line per ten per cent where there is none."""

from __future__ import annotations

import contextlib
import contextvars
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, TextIO

FIRST_SIGN = 1.5  # seconds until something is said at the latest
ENOUGH = 4.0  # seconds of work after which it is said how long the rest takes
_opened = [0]  # how many counters there were

_planner: contextvars.ContextVar[float | None] = contextvars.ContextVar("progress_planner", default=None)
_shown: contextvars.ContextVar[bool] = contextvars.ContextVar("progress_shown", default=True)


@contextlib.contextmanager
def shown(show: bool) -> Iterator[None]:
    """Show progress within the block, or keep silent as a library does that nobody asked for it."""
    token = _shown.set(show)
    try:
        yield
    finally:
        _shown.reset(token)


class Bar(Protocol):
    """What counts: tqdm's bar, or one of those below."""

    def update(self, n: int = 1) -> object: ...


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
        for item in self.iterable:
            yield item
            self.update()

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
        self._estimated = False
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
                left = seconds * (self.total - self.n) / self.n
                speed += f", {duration(left)} left{ready(left)}"
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
            self._tenth, self._estimated = tenth, True
            self._say(tenth * 10)
        elif not self._estimated and time.monotonic() - self._began >= ENOUGH:
            self._estimated = True  # once, as soon as it can be known: when it will be ready
            self._say(self.n * 100 // self.total)

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


@dataclass(eq=False)  # an exception is changed while it passes, and is told from others by what it is
class Planned(BaseException):
    """Enough of a stage was done to say how long all of it takes: ends the work of a plan. No error of any kind.

    Attributes:
        desc, unit: of the stage.
        total: how much there is to do.
        done: how much was done, in `seconds`.
    """

    desc: str
    unit: str
    total: int
    done: int
    seconds: float

    @property
    def each(self) -> float:
        """Seconds for one."""
        return self.seconds / self.done

    def sentence(self) -> str:
        """How much there is to do, and when it would be ready."""
        whole = self.each * self.total
        count = f"{self.total} {self.unit}, {_rate(1 / max(self.each, 1e-9), self.unit)} here"
        return f"{self.desc}: {count}: {duration(whole)}{ready(whole)}."


class Planning(Silent):
    """Counts until enough is known of a stage, then ends the work with `Planned`."""

    def __init__(self, enough: float, total: int | None, desc: str, unit: str, iterable: Iterable[Any] = ()) -> None:
        super().__init__(iterable)
        self.enough, self.total, self.desc, self.unit, self.n = enough, total, desc, unit, 0
        self._began = time.monotonic()

    def update(self, n: int = 1) -> None:
        self.n += n
        seconds = time.monotonic() - self._began
        if self.total and self.n and seconds >= self.enough and self.n < self.total:
            raise Planned(self.desc, self.unit, self.total, self.n, seconds)


@contextlib.contextmanager
def planning(enough: float = ENOUGH) -> Iterator[None]:
    """Within the block the first stage that takes so many seconds ends with `Planned`; shorter ones are done."""
    token = _planner.set(enough)
    try:
        yield
    finally:
        _planner.reset(token)


def ready(seconds: float) -> str:
    """When work of so many seconds is ready, where that is not soon: ", ready Sun 14:05"."""
    return f", ready {time.strftime('%a %H:%M', time.localtime(time.time() + seconds))}" if seconds >= 60 else ""


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


def tell(text: str) -> None:
    """Say a sentence on stderr, where progress is shown."""
    if _shown.get():
        print(text, file=sys.stderr, flush=True)


def progress(work: Iterable[Any] | int, desc: str, *, unit: str) -> Any:
    """Wrap an iterable, or open a counter over `work` steps (``with progress(n, "rendering") as bar: bar.update(4)``).

    Args:
        work: what to iterate over, or the number of steps.
        desc: what is being done, in a word or two.
        unit: what is counted, such as "img".
    """
    iterable: Iterable[Any] = () if isinstance(work, int) else work
    total = work if isinstance(work, int) else len(work) if isinstance(work, Sized) else None
    planner = _planner.get()
    if planner is not None:
        return Planning(planner, total, desc, unit, iterable)
    if not _shown.get():
        return Silent(iterable)
    _opened[0] += 1
    if sys.stderr.isatty():
        from tqdm import tqdm

        return tqdm(None if isinstance(work, int) else iterable, total=total, desc=desc, unit=unit, file=sys.stderr)
    return Lines(total, desc, unit, sys.stderr, iterable)
