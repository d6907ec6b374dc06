"""Which page belongs to which command: a task's is made of its result, the others are built from their manifest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gantk.errors import GantkError, suggestion
from gantk.reports.page import Page
from gantk.reports.record import RunRecord
from gantk.store.lazy import resolve

BUILDERS = {
    "demo": "gantk.tour.page:build",
    "slurm": "gantk.slurm.page:build",
}
PAGE_NAMES = {"demo": "index"}
"""Pages that are not named after their command: the tour's is the index of what it made."""


def render(run_dir: Path | str, command: str) -> Path:
    """Write `<command>.html` (`lse-train.html` for "lse train") into the run directory from what is there; return its
    path.

    Raises:
        GantkError: there is no such run or command, its manifest is damaged, or an image it names cannot be read.
    """
    from gantk.runs.reporting import read_from, report
    from gantk.runs.table import find_task, is_task

    directory = Path(run_dir)
    if is_task(command):
        return report(find_task(command), directory)
    page = page_for(directory, command)
    with read_from(f"gantk {command}", directory):
        return page.write(directory / f"{PAGE_NAMES.get(command, command)}.html")


def page_for(run_dir: Path | str, command: str) -> Page:
    """The page of a command's run, from what is there.

    Raises:
        GantkError: there is no such run or command, or it is damaged.
    """
    from gantk.runs.reporting import page_of_run, read_from, read_run
    from gantk.runs.table import TASKS, find_task, is_task

    directory = Path(run_dir)
    if is_task(command):
        task = find_task(command)
        result = read_run(task, directory)
        with read_from(task.spelled, directory):
            return page_of_run(task, result, directory)
    run = RunRecord.read(directory, command)
    if command not in BUILDERS:
        near = suggestion(command, [*TASKS, *BUILDERS])
        raise GantkError(f"There is a run of {command!r} in {directory}, which is no command with a page.{near}")
    build: Callable[[RunRecord], Page] = resolve(BUILDERS[command])
    with read_from(f"gantk {command}", directory):
        return build(run)


def render_index(run_dir: Path | str) -> Path | None:
    """Write `index.html` where a directory has more than one run, in it or just below it; None where it has not."""
    from gantk.reports import index

    directory = Path(run_dir)
    page = index.build(directory)
    return page.write(directory / "index.html") if page is not None else None
