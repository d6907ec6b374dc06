"""What follows when a run's arrays are whole: a command module may define `finish(run)` for its results and page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def finish_of(command: str) -> Callable[[Any], None] | None:
    """Return the `finish(run)` of the module behind a command such as "rescore" or "lse train", if it has one."""
    import importlib

    from gantk.cli.commands import COMMANDS

    name = command.split()[0]
    if name not in COMMANDS:
        return None
    finish: Callable[[Any], None] | None = getattr(
        importlib.import_module(f"gantk.cli.{COMMANDS[name][0]}"), "finish", None
    )
    return finish
