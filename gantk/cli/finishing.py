"""What follows when a run's arrays are whole: a task concludes; a command without one may define `finish(run)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gantk.runs.run import Run


def finish_of(command: str) -> Callable[[Run], None] | None:
    """Return what turns the joined arrays of a command such as "rescore" or "lse train" into its results."""
    import functools
    import importlib

    from gantk.cli.commands import COMMANDS
    from gantk.runs.table import find_task, is_task

    if is_task(command):
        from gantk.runs.runner import conclude

        return functools.partial(conclude, find_task(command))
    name = command.split()[0]
    if name not in COMMANDS:
        return None
    finish: Callable[[Run], None] | None = getattr(
        importlib.import_module(f"gantk.cli.{COMMANDS[name][0]}"), "finish", None
    )
    return finish
