"""Results and pages of runs, from their files: of this version, or of an earlier one by its upgrade."""

from __future__ import annotations

import contextlib
import dataclasses
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gantk.errors import GantkError, StoreError
from gantk.generators.arguments import checked
from gantk.runs.manifest import MANIFEST_SUFFIX, read_manifest, shard_of
from gantk.runs.options import fields_of
from gantk.runs.results import RESULT_SUFFIX, Result, read_result, stem_of
from gantk.runs.table import find_reported, is_reported
from gantk.runs.task import Reported, Task
from gantk.store.files import load_json, remove_stale
from gantk.store.lazy import resolve

if TYPE_CHECKING:
    from gantk.reports.page import Page
    from gantk.reports.record import RunRecord


# what is raised where parts of a result, each of its type, do not fit each other
_UNFIT = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    StopIteration,
    RuntimeError,
)


def write_page(task: Reported, result: Result, directory: Path) -> None:
    """Write the page of a result into the directory of its run."""
    page = page_of_run(task, result, directory)
    page.write(directory / task.page_file)


def page_of_run(task: Reported, result: Result, directory: Path) -> Page:
    """The page of a result with the run it came from: command line, settings, versions, times."""
    from gantk.reports.pasting import pasted
    from gantk.reports.record import RunRecord
    from gantk.reports.sections import Facts

    run = RunRecord.read(directory, task.name)
    page = task.page_of(result, directory)
    settings = Facts([(name, value) for name, value in run.settings() if name not in _unsaid(task, run)], "Settings")
    return dataclasses.replace(
        page,
        sections=[*pasted(page.sections, run), settings],
        command_line=run.command_line,
        manifest=run.manifest,
        command=run.command,
    )


def _unsaid(task: Reported, run: RunRecord) -> set[str]:
    """Settings of the original programs that `--help` does not show, where nobody gave them."""
    if not isinstance(task, Task):
        return set()
    every = [field for kind in (task.inputs, task.options, task.run) for field in fields_of(kind)]
    return {
        field.name.replace("_", " ")
        for field in every
        if field.about.hidden and run.arguments.get(field.name) == field.default
    }


@contextlib.contextmanager
def read_from(spelled: str, directory: Path) -> Iterator[None]:
    """Around what shows a result that was read from a file: its parts have their types and may not fit each other.

    Raises:
        GantkError: no page can be made of it.
    """
    try:
        yield
    except _UNFIT as error:
        raise GantkError(
            f"The result of `{spelled}` in {directory} does not hold together "
            f"({type(error).__name__}: {str(error)[:200]}): run the command again."
        ) from error


def read_run(task: Reported, directory: Path) -> Result:
    """The result of a run, whichever version of gantk made it.

    Raises:
        GantkError: the run is not complete, or damaged.
    """
    from gantk.reports.record import RunRecord

    if (directory / (stem_of(task.name) + RESULT_SUFFIX)).is_file():
        return read_result(task.result_type, directory)
    run = RunRecord.read(directory, task.name)
    if task.upgrade is None or "identity" in run.manifest:
        state = str(run.manifest.get("state"))
        raise GantkError(f"The run of `{task.spelled}` in {directory} has no result yet (it is {state}): run it again.")
    try:
        upgraded: Result = resolve(task.upgrade)(run.manifest, directory)
    except (*_UNFIT, OSError, zipfile.BadZipFile) as error:  # the files that it names are read here too
        raise GantkError(
            f"The run of `{task.spelled}` in {directory} was made by an earlier gantk and cannot be read "
            f"({type(error).__name__}: {error}): run it again."
        ) from error
    return upgraded


@checked
def load_result(path: Path | str) -> Result:
    """The result in a run directory (or its `<task>.result.json`), of whatever task and version of gantk.

    Raises:
        GantkError: there is none, several (name the file), or it is damaged.
    """
    path = Path(path)
    files = [path] if path.is_file() else sorted(path.glob("*" + RESULT_SUFFIX))
    if not files:
        earlier = _earlier_tasks(path)
        if len(earlier) == 1:
            return read_run(find_reported(earlier[0]), path)
    if len(files) != 1:
        names = ", ".join(file.name for file in files)
        how = f"holds several: give one of {names}" if files else "holds no *.result.json: give a run of gantk"
        raise StoreError(f"{path} {how}.")
    plain = load_json(files[0])
    name = plain.get("task") if isinstance(plain, dict) else None
    if not isinstance(name, str):
        raise StoreError(f"{files[0]} does not say which task it is of.")
    return read_result(find_reported(name).result_type, files[0].parent)


def _earlier_tasks(directory: Path) -> list[str]:
    """The tasks of whole runs from before results were files of their own."""
    found = [read_manifest(path) for path in sorted(directory.glob("*" + MANIFEST_SUFFIX))]
    whole = [each for each in found if "identity" not in each and shard_of(each).is_whole]
    return [each["command"] for each in whole if is_reported(each["command"])]


def report(task: Reported, directory: Path) -> Path:
    """Write the page of a run from its files; return the page's path."""
    remove_stale(directory)
    path = directory / task.page_file
    result = read_run(task, directory)
    with read_from(task.spelled, directory):
        return page_of_run(task, result, directory).write(path)
