"""`gantk compare`: finished runs, or results, of one command side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gantk.comparing.numbers import side_by_side
from gantk.comparing.options import CompareOptions
from gantk.comparing.pictures import same_pictures, same_strips
from gantk.comparing.reading import LONGEST, Finished, read_runs, shown
from gantk.comparing.results import CompareResult, Setting, Side
from gantk.errors import UsageError
from gantk.generators.arguments import checked, described
from gantk.runs.results import Result
from gantk.runs.stores import Store
from gantk.runs.task import verb

DIGITS = 12  # of a fingerprint, as it is shown


@checked
def compare(*runs: Result | Path | str, command: str | None = None, shown: int = 6) -> CompareResult:
    """Set results, or finished runs, of one command side by side.

    Args:
        runs: two or more results or run directories, or one list of them; a directory brings its settings.
        command: which runs, where the directories hold several commands'.
        shown: how many samples are kept for the page.

    Raises:
        UsageError: fewer than two, one twice, or of different commands.
        GantkError: a directory holds no finished run.
    """
    if len(runs) == 1 and isinstance(runs[0], (list, tuple)):
        return compare(*runs[0], command=command, shown=shown)
    for run in runs:
        if not isinstance(run, (Result, str, os.PathLike)):
            raise UsageError(f"A run is {described(run)}: give results, or run directories.")
    folders = [run for run in runs if not isinstance(run, Result)]
    if len(folders) == len(runs) or not runs:
        return compared(read_runs(folders, command), shown=shown)
    if len({id(run) for run in runs}) < len(runs):
        raise UsageError("The same result is given twice: give each once.")
    found = []
    for place, run in enumerate(runs):
        if isinstance(run, Result):
            found.append(Finished(name=f"result {place + 1}", result=run, contents={}))
        else:
            found += read_runs([run], command, alone=True)
    return compared(found, shown=shown)


@verb(CompareOptions)
def compared(runs: Sequence[Finished], *, options: CompareOptions, store: Store) -> CompareResult:
    """Set finished runs of one command side by side; see `compare`, which also takes results and directories.

    Raises:
        UsageError: fewer than two, or of different commands.
    """
    if len(runs) < 2:
        raise UsageError(f"{len(runs)} run is given: give two or more.")
    tasks = list(dict.fromkeys(run.result.TASK for run in runs))
    if len(tasks) > 1:
        raise UsageError(f"These are results of different commands ({', '.join(tasks)}): give results of one command.")
    results = [run.result for run in runs]
    known = all(run.settings is not None for run in runs)
    settings = _table([run.settings or {} for run in runs], False) if known else []
    settings += _table([run.contents for run in runs], True) if known else []
    different = tuple(each for each in settings if len(set(each.values)) > 1)
    return CompareResult(
        command=tasks[0],
        runs=tuple(Side(name=run.name, sentence=run.result.sentence()) for run in runs),
        known=known,
        settings=tuple(_short(each) for each in different),
        same=len(settings) - len(different),
        numbers=side_by_side(results),
        pictures=same_pictures(results, options.shown),
        moved=same_strips(results, options.shown),
    )


def _table(every: Sequence[dict[str, str]], contents: bool) -> list[Setting]:
    names = dict.fromkeys(name for found in every for name in found)
    return [Setting(name=name, values=tuple(f.get(name) for f in every), contents=contents) for name in names]


def _short(setting: Setting) -> Setting:
    """With values that fit a table."""
    most = DIGITS if setting.contents else LONGEST
    values = tuple(None if v is None else shown(v) for v in setting.values)
    cut = tuple(v if v is None or len(v) <= most else v[:most] + "..." for v in values)
    whole = len(set(cut)) < len(set(setting.values))
    return Setting(name=shown(setting.name), values=values if whole else cut, contents=setting.contents)
