"""The errors a user can cause: one sentence each, with the offending value, what was expected, and what to do.

Messages name options as they are typed, `--held-out`; from Python they read as its keywords, `held_out`.
The command line prints them as ``Error: <sentence>`` and leaves with `exit_code`; a traceback appears only with
``--debug``. Anything else that escapes a command is a defect of gantk and is reported as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gantk.store.command_line import command_line

LONGEST = 1500  # letters of a sentence: names and values in it may come from a file
_OPTION = re.compile(r"`[^`]*`|(?<![\w'\"/-])--([a-z][a-z0-9-]*)")  # as it is typed; a command line is left as it is


class GantkError(Exception):
    """Something that was asked for could not be done (exit code 1)."""

    exit_code = 1

    def __str__(self) -> str:
        text = super().__str__()
        if command_line.get() is None:
            text = _OPTION.sub(lambda found: found[1].replace("-", "_") if found[1] else found[0], text)
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 300]} [...] {text[-290:]}"


class UsageError(GantkError):
    """What was asked for makes no sense as it is written: a wrong option value, name, range or shape (exit code 2)."""

    exit_code = 2


class StoreError(GantkError):
    """What is kept cannot be written or read: no room on the disk or in memory, no permission, another process at work,
    a damaged file.

    It is nothing that a generator or a method lacks, so that nothing goes on without it.
    """


class Stopped(Exception):
    """Somebody asked a computation to end in the middle of an evaluation; a search ends with the best it has."""


def suggestion(name: str, known: Iterable[str], *, limit: int = 8) -> str:
    """Return the end of an error about a misspelt `name`: near matches, or else what there is.

    The result starts with a space and is empty when `known` is, so that it can follow any sentence.
    """
    import difflib

    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return " Did you mean " + " or ".join(repr(match) for match in near) + "?"
    if not names:
        return ""
    shown = ", ".join(names[:limit])
    return f" Known: {shown}, and {len(names) - limit} more." if len(names) > limit else f" Known: {shown}."
