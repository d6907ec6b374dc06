"""Whether this process was asked to stop: set by the command line's signal handlers, looked at between chunks.

The exception that a handler raises can be swallowed by a library it happens to surface in, or turned into another.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

_asked: list[BaseException] = []


def ask(error: BaseException) -> None:
    """Note that the process was asked to stop, by the exception that the handler is about to raise."""
    _asked.append(error)


def asked() -> BaseException | None:
    """The exception by which the process was asked to stop, or None."""
    return _asked[0] if _asked else None


_shields = [0]


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Let no further request end the block: it writes the state in which a run was left, and is short."""
    _shields[0] += 1
    try:
        yield
    finally:
        _shields[0] -= 1


def is_shielded() -> bool:
    """Whether a request has to wait: it is noted by `ask`, and nothing is raised."""
    return _shields[0] > 0


def stop_if_asked() -> None:
    """Raise that exception again where it was lost on its way."""
    if _asked:
        raise _asked[0]


def forget() -> None:
    """Begin anew: nobody has asked."""
    _asked.clear()
