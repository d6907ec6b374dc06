"""Commands of a page with what its run was given, so that they can be pasted where the run's command was typed.

A command of a claim or a page names what it needs in capitals: MODEL and other inputs of the run by their argument's
name, and RUN, its directory.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from gantk.errors import GantkError
from gantk.reports.record import RunRecord, commands_of
from gantk.reports.sections import CellValue, Facts, Prose, Section, Table

_COMMAND = re.compile(r"`(?:gantk |RUN/)[^`\n]+`")
_GIVEN = re.compile(r'( --[a-z-]+)?((?<=[ `"])| )([A-Z]{3,})(?=[ /`"]|$)')
_READABLE = re.compile(r"[^\x00-\x1f\x7f`]{1,300}")  # in one line of code, as it was typed


def pasted(sections: Sequence[Section], run: RunRecord) -> list[Section]:
    """The sections with what the run was given in place of MODEL, RUN and names of inputs in their commands."""
    words = _given(run)
    typed = {name: shlex.join(given) for name, given in words.items()}
    inside = {name: json.dumps(given[0], ensure_ascii=False)[1:-1] for name, given in words.items() if len(given) == 1}

    def change(command: str) -> str:
        given = inside if command.startswith("gantk.") else typed  # Python has names inside its quotes

        def name(match: re.Match[str]) -> str:
            option, before, word = match.groups(default="")
            if word in given:
                return option + before + given[word]
            left_out = option and word.lower() in run.arguments and run.arguments[word.lower()] in (None, [])
            return "" if left_out else match[0]

        return _GIVEN.sub(name, command)

    return [_with(section, change) for section in sections]


def _given(run: RunRecord) -> dict[str, list[str]]:
    """Capital name -> words, of the arguments that are names."""
    arguments: dict[str, object] = {**run.arguments, "run": run.arguments.get("output_dir")}
    if arguments.get("model") is None:
        arguments["model"] = _model_of(run)
    found = {}
    for key, value in arguments.items():
        given = value if isinstance(value, list) else [value]
        words = [word for word in given if isinstance(word, str) and _READABLE.fullmatch(word)]
        if words and len(words) == len(given):
            found[key.upper()] = words
    return found


def _model_of(run: RunRecord) -> object:
    """The model of the run that this one began from, which stays where the two lie to each other as they did."""
    first, own = run.arguments.get("run"), run.arguments.get("output_dir")
    if not (isinstance(first, str) and isinstance(own, str)):
        return None
    folder = Path(os.path.normpath(run.directory / os.path.relpath(first, own)))
    for command in commands_of(folder) if folder.is_dir() else ():
        try:
            model = RunRecord.read(folder, command).arguments.get("model")
        except GantkError:  # what another command left there
            continue
        if model is not None:
            return model
    return None


def _with(section: Section, change: Callable[[str], str]) -> Section:
    """A section whose commands are changed: code of prose, and values and cells that are a command alone."""

    def alone(value: object) -> object:
        return change(value) if isinstance(value, str) and value.startswith(("gantk ", "gantk.")) else value

    if isinstance(section, Prose):
        return dataclasses.replace(section, text=_COMMAND.sub(lambda match: change(match[0]), section.text))
    if isinstance(section, Facts):
        return dataclasses.replace(section, items=[(key, alone(value)) for key, value in section.items])
    if isinstance(section, Table):
        rows: list[list[CellValue]] = [
            [change(cell) if isinstance(cell, str) and cell.startswith("gantk ") else cell for cell in row]
            for row in section.rows
        ]
        return dataclasses.replace(section, rows=rows)
    return section
