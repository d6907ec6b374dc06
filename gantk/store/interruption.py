"""Whether this process was asked to stop: set by the command line's signal handlers, looked at between chunks.

The exception that a handler raises can be swallowed by a library it happens to surface in, or turned into another.
"""

from __future__ import annotations

_asked: list[BaseException] = []


def ask(error: BaseException) -> None:
    """Note that the process was asked to stop, by the exception that the handler is about to raise."""
    _asked.append(error)


def asked() -> BaseException | None:
    """The exception by which the process was asked to stop, or None."""
    return _asked[0] if _asked else None


def stop_if_asked() -> None:
    """Raise that exception again where it was lost on its way."""
    if _asked:
        raise _asked[0]


def forget() -> None:
    """Begin anew: nobody has asked."""
    _asked.clear()
