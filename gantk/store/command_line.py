"""What was typed, so that a run can record it: set by the command line, read by `gantk.runs.run`."""

from __future__ import annotations

import contextvars
import sys

command_line: contextvars.ContextVar[tuple[str, ...] | None] = contextvars.ContextVar("command_line", default=None)
"""The words after `gantk`; None when gantk is used from Python."""


def typed() -> str:
    """Return the command line as one that can be pasted."""
    import shlex

    words = command_line.get()
    return shlex.join(sys.argv) if words is None else shlex.join(["gantk", *words])
