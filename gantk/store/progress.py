"""Progress on stderr: a tqdm bar on a terminal, one line per ten per cent where there is none."""

from __future__ import annotations

import contextlib
import contextvars
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import Any, Protocol, TextIO

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
        return iter(self.iterable)

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *error: object) -> None:
        return None


class Lines:
    """Counts like tqdm and prints `desc: 40 % (400/1000), 12 s` each time another tenth is done."""

    def __init__(self, total: int | None, desc: str, unit: str, file: TextIO, iterable: Iterable[Any] = ()) -> None:
        self.total, self.desc, self.unit, self.file, self.iterable = total, desc, unit, file, iterable
        self.n = 0
        self._tenth = 0
        self._began = time.monotonic()
        self._said = ""

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
            self._tenth = tenth
            seconds = time.monotonic() - self._began
            count = f"{self.n}/{self.total} {self.unit}"
            print(f"{self.desc}: {tenth * 10} % ({count}), {seconds:.0f} s{self._said}", file=self.file, flush=True)

    def close(self) -> None:
        """Say the count where no total was known."""
        if not self.total and self.n:
            print(f"{self.desc}: {self.n} {self.unit}", file=self.file, flush=True)

    def __iter__(self) -> Iterator[Any]:
        for item in self.iterable:
            yield item
            self.update()
        self.close()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if kind is None:
            self.close()


def tell(text: str) -> None:
    """Say a sentence on stderr, where progress is shown."""
    if _shown.get():
        print(text, file=sys.stderr, flush=True)


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
    if sys.stderr.isatty():
        from tqdm import tqdm

        return tqdm(None if isinstance(work, int) else iterable, total=total, desc=desc, unit=unit, file=sys.stderr)
    return Lines(total, desc, unit, sys.stderr, iterable)
