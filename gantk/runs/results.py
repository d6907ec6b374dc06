"""The outcome of a task: a frozen dataclass of numbers, arrays and pictures, without torch.

It writes and reads itself, shows itself as its page, and says in `repr` what it found.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform

from gantk.errors import StoreError
from gantk.runs.claims import Claims, Part, plain, said
from gantk.runs.structure import Image, Sink, Source, from_plain, images_of, to_plain
from gantk.store.brief import brief
from gantk.store.files import load_json, save_json

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from gantk.reports.page import Page
    from gantk.runs.options import Options

RESULT_SUFFIX = ".result.json"

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=False)
def record(cls: type[T]) -> type[T]:
    """A frozen keyword-only dataclass, for results and their parts; two are the same only where they are one.

    `repr` of a part says how large its arrays are, and what the rest is where that is short.
    """
    made = dataclass(frozen=True, kw_only=True, eq=False, repr=False)(cls)
    if cls.__repr__ is object.__repr__:
        made.__repr__ = brief  # type: ignore[method-assign]
    return made


@dataclass(frozen=True)
class Export:
    """A file that other programs or other tasks read, made from a result: a direction, a table, a list."""

    name: str
    write: Callable[[Path], Any]
    about: str = ""


class Result:
    """Base of all results. A subclass is decorated with `record` and says which task it is of.

    Attributes:
        TASK: name in the task table, such as "lse train".
        VERSION: raised when the fields change; files of earlier versions go through the task's upgrade function.
        CLAIMS: every sentence that is said of what was found, each with its condition; the first of "found" that
            holds is the result's `sentence`.
    """

    TASK: ClassVar[str]
    VERSION: ClassVar[int] = 1
    CLAIMS: ClassVar[Claims[Any]] = ()

    def said(self, part: Part) -> tuple[str, ...]:
        """The sentences of a part ("found", "doubt", "next") that are true of this result, with marks of code."""
        return said(self.CLAIMS, self, part)

    def sentence(self) -> str:
        """What was found, in one sentence."""
        return plain(self.said("found")[0])

    def lines(self) -> tuple[str, ...]:
        """What the command line prints."""
        return (self.sentence(),)

    def answers(self, options: Options) -> bool:
        """Whether nothing is left to do for these options, of which only such as are no part of the identity differ."""
        return True

    def table(self) -> list[dict[str, object]]:
        """The numbers as plain rows: ``pandas.DataFrame(result.table())``."""
        return []

    def exports(self) -> Iterator[Export]:
        """Files beside the result that other programs read."""
        return iter(())

    def front(self) -> Image | None:
        """The picture that stands for a result where pages are listed."""
        return next(images_of(self), None)

    def emblem(self) -> npt.NDArray[np.float64] | None:
        """A matrix that stands for a result without pictures where pages are listed."""
        return None

    def page(self) -> Page:
        """The page of the result, without the run it came from."""
        from gantk.runs.table import find_reported

        page: Page = find_reported(self.TASK).page_of(self)
        return page

    def cite(self) -> str:
        """BibTeX of the method's paper, where the task has one, and of gantk."""
        from gantk.reports.cite import bibtex

        return bibtex(self.TASK)

    def save_figures(self, directory: Path | str, width_mm: float = 84.0) -> list[Path]:
        """Write every figure and table of the page as PNG, SVG (`width_mm` wide), LaTeX, CSV and Markdown.

        Raises:
            GantkError: the directory cannot be written.
        """
        from gantk.reports.export import export

        return export(self.page(), directory, stem_of(self.TASK), width_mm)

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.sentence()}"

    def _repr_html_(self) -> str:
        import html

        text = html.escape(self.page().text(), quote=True)
        return (
            f'<iframe srcdoc="{text}" style="width:100%;height:640px;border:0" title="{type(self).__name__}"></iframe>'
        )

    def show(self) -> None:
        """Show the page: in a notebook below the cell, elsewhere in the browser."""
        if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
            sys.modules["IPython"].display.display(self)
            return
        import tempfile
        import webbrowser

        path = Path(tempfile.mkdtemp(prefix="gantk-")) / f"{type(self).__name__}.html"
        self.page().write(path)
        webbrowser.open(path.as_uri())

    def save(self, directory: Path | str) -> Path:
        """Write the result, its files and its page into a directory, for `gantk.load_result`; return the directory.

        Raises:
            GantkError: the disk is full or the directory cannot be written.
        """
        from gantk.runs.table import find_reported

        directory, reported = Path(directory), find_reported(self.TASK)
        write_result(self, directory)
        for export in self.exports():
            export.write(directory / export.name)
        reported.page_of(self).write(directory / reported.page_file)
        return directory


def stem_of(task: str) -> str:
    """The stem of a task's files: "lse train" -> "lse-train"."""
    return "-".join(task.split())


def write_result(result: Result, directory: Path) -> list[str]:
    """Write `<task>.result.json` and the arrays and pictures beside it; return the names of those files."""
    stem = stem_of(result.TASK)
    sink = Sink(directory, stem)
    fields = {f.name: to_plain(getattr(result, f.name), sink, f.name) for f in dataclasses.fields(result)}  # type: ignore[arg-type]
    save_json(directory / f"{stem}{RESULT_SUFFIX}", {"task": result.TASK, "version": result.VERSION, "fields": fields})
    return sink.names


R = TypeVar("R", bound=Result)


def read_result(kind: type[R], directory: Path) -> R:
    """Read the result of a type from a directory.

    Raises:
        GantkError: it is not there, of another version, or damaged; the sentence names the field.
    """
    path = directory / f"{stem_of(kind.TASK)}{RESULT_SUFFIX}"
    plain = load_json(path)
    if not isinstance(plain, dict) or plain.keys() != {"task", "version", "fields"} or plain["task"] != kind.TASK:
        raise StoreError(f"{path} is no result of `gantk {kind.TASK}`: run the command again.")
    if plain["version"] != kind.VERSION:
        raise StoreError(
            f"{path} has version {plain['version']!r} of the results of `gantk {kind.TASK}`, and this gantk reads "
            f"version {kind.VERSION}: run the command again, or use the gantk that made it."
        )
    found: R = from_plain(kind, plain["fields"], Source(directory, str(path)))
    return found
