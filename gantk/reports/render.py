"""The page of a command's run, made from its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gantk.errors import GantkError, suggestion
from gantk.reports.page import Page
from gantk.reports.record import RunRecord

if TYPE_CHECKING:
    from gantk.runs.task import Reported


def render(run_dir: Path | str, command: str) -> Path:
    """Write `<command>.html` (`lse-train.html` for "lse train") into the run directory from what is there; return its
    path.

    Raises:
        GantkError: there is no such run or command, its manifest is damaged, or an image it names cannot be read.
    """
    from gantk.runs.reporting import report

    return report(_reported(Path(run_dir), command), Path(run_dir))


def page_for(run_dir: Path | str, command: str) -> Page:
    """The page of a command's run, from what is there.

    Raises:
        GantkError: there is no such run or command, or it is damaged.
    """
    from gantk.runs.reporting import page_of_run, read_from, read_run

    directory = Path(run_dir)
    task = _reported(directory, command)
    result = read_run(task, directory)
    with read_from(task.spelled, directory):
        return page_of_run(task, result, directory)


def _reported(directory: Path, command: str) -> Reported:
    from gantk.runs.table import BESIDE, TASKS, find_reported, is_reported

    if is_reported(command):
        return find_reported(command)
    RunRecord.read(directory, command)
    near = suggestion(command, [*TASKS, *BESIDE])
    raise GantkError(f"There is a run of {command!r} in {directory}, which is no command with a page.{near}")


def render_index(run_dir: Path | str) -> Path | None:
    """Write `index.html` where a directory has more than one run, in it or just below it; None where it has not."""
    from gantk.reports import index

    directory = Path(run_dir)
    page = index.build(directory)
    return page.write(directory / "index.html") if page is not None else None
