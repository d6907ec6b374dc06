"""Which page belongs to which command.

A command's page is made by `build(run)` of the module named here, loaded when needed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gantk.errors import GantkError
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, commands_of
from gantk.store.lazy import resolve

BUILDERS = {
    "demo": "gantk.tour.page:build",
    "slurm": "gantk.slurm.page:build",
}
PAGE_NAMES = {"demo": "index"}
"""Pages that are not named after their command: the tour's is the index of what it made."""
OTHER = "gantk.reports.generic:build"
"""What a command without a builder of its own gets: its settings, its results as far as they are numbers, its
images."""


def builder_of(command: str) -> Callable[[RunRecord], Page]:
    build: Callable[[RunRecord], Page] = resolve(BUILDERS.get(command, OTHER))
    return build


def render(run_dir: Path | str, command: str) -> Path:
    """Write `<command>.html` (`lse-train.html` for "lse train") into the run directory from what is there; return its
    path.

    Raises:
        GantkError: there is no such run, its manifest is damaged, or an image it names cannot be read.
    """
    from gantk.runs.reporting import read_from, report
    from gantk.runs.table import find_task, is_task

    if is_task(command):
        return report(find_task(command), Path(run_dir))
    run = RunRecord.read(run_dir, command)
    with read_from(f"gantk {run.command}", run.directory):
        return builder_of(run.command)(run).write(run.directory / f"{PAGE_NAMES.get(run.command, run.command)}.html")


def page_for(run_dir: Path | str, command: str) -> Page:
    """The page of a command's run, from what is there.

    Raises:
        GantkError: there is no such run, or it is damaged.
    """
    from gantk.runs.reporting import page_of_run, read_from, read_run
    from gantk.runs.table import find_task, is_task

    directory = Path(run_dir)
    if is_task(command):
        task = find_task(command)
        result = read_run(task, directory)
        with read_from(task.spelled, directory):
            return page_of_run(task, result, directory)
    run = RunRecord.read(directory, command)
    with read_from(f"gantk {run.command}", directory):
        return builder_of(run.command)(run)


def render_index(run_dir: Path | str) -> Path | None:
    """Write `index.html` where a directory has more than one run, in it or just below it; None where it has not."""
    from gantk.reports import index

    directory = Path(run_dir)
    page = index.build(directory)
    return page.write(directory / "index.html") if page is not None else None


def render_all(run_dir: Path | str) -> list[Path]:
    """Every page of a run directory, and `index.html` where there is more than one run in it or just below it."""
    directory = Path(run_dir)
    if not directory.is_dir():
        raise GantkError(f"{directory} is no directory; give the --output-dir of a gantk command.")
    pages = [render(directory, command) for command in commands_of(directory)]
    overview = render_index(directory)
    if overview is not None:
        pages.append(overview)
    if not pages:
        raise GantkError(f"{directory} holds no run (no *.run.json); give the --output-dir of a gantk command.")
    return pages
