"""Projects on the disk: a journal and blobs each, under one folder that one server at a time holds."""

from __future__ import annotations

import re
import secrets
import shutil
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gantk.errors import GantkError
from gantk.store.json_values import JsonView
from gantk.web.blobs import Blobs
from gantk.web.journal import Journal
from gantk.web.state import ProjectState, apply
from gantk.web.terms import SHA, Base, Class, Created, Event
from gantk.web.wire import ApiError

ID = re.compile(r"[a-z0-9]{16,64}")
KEPT_UNNAMED = 86400.0  # seconds that an upload or a result stays which no event has named
MOST_OPEN = 64  # projects in memory; the others are read again when asked for


class Project:
    """One project. `rev` counts its events; everything that changes it holds `lock`."""

    def __init__(self, id: str, folder: Path) -> None:
        self.id, self.folder = id, folder
        self.blobs = Blobs(folder / "blobs")
        self.journal = Journal(folder / "journal.jsonl")
        self.lock = threading.Lock()
        self.rev = 0
        self._state: ProjectState | None = None

    @property
    def state(self) -> ProjectState:
        assert self._state is not None
        return self._state

    def replay(self) -> Project:
        for event in self.journal.read():
            self._state = apply(self._state, event)
            self.rev += 1
        if self._state is None:
            raise GantkError(f"The journal {self.journal.path} is empty.")
        return self

    def sweep(self) -> None:
        """Remove blobs that no event names and that a day has passed over: results that nobody kept."""
        named = set(SHA.findall(self.journal.path.read_text(encoding="utf-8", errors="replace")))
        before = time.time() - KEPT_UNNAMED
        for path in self.blobs.folder.glob("*"):
            try:
                if SHA.fullmatch(path.name) and path.name not in named and path.stat().st_mtime < before:
                    path.unlink()
            except OSError:
                continue  # gone already, or not ours to remove

    def record(self, event: Event, rev: int | None = None, node: int | None = None) -> int:
        """Apply an event, on the disk before it counts.

        Args:
            rev: what the sender believes to be the newest; node: of which picture of the history the event is.

        Raises:
            ApiError: 409 with the state for an old `rev`, 404 for a blob that is not here, 400 for an event without
                sense; GantkError for another picture, or a full disk. The state is as it was.
        """
        with self.lock:
            if node is not None and node != self.state.cursor:
                raise GantkError(
                    "The picture was changed while the edit ran, so its result was not applied: do it again."
                )
            if rev is not None and rev != self.rev:
                raise ApiError(409, "Another window changed this project; it is shown as it is now.", state=self.view())
            after = apply(self._state, event)
            known = set() if self._state is None else self._state.blobs()
            missing = [sha for sha in after.blobs() - known if sha not in self.blobs]
            if missing:
                raise ApiError(404, "The event names a blob that is not in this project: upload it first.")
            self.journal.append(event)
            self._state, self.rev = after, self.rev + 1
            return self.rev

    def view(self) -> dict[str, JsonView]:
        return {"id": self.id, "rev": self.rev, **self.state.to_json()}


@dataclass(frozen=True)
class Listed:
    id: str
    model: str
    name: str
    changed: float


class Projects:
    """Every project of a folder; those used last are in memory."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "projects"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._open: OrderedDict[str, Project] = OrderedDict()
        # also what has left `_open` and is still used by a job: never two objects of one project
        self._alive: weakref.WeakValueDictionary[str, Project] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def create(self, model: str, base: Base, classes: Iterable[Class]) -> Project:
        """A new project under a name that nobody can guess."""
        id = secrets.token_hex(16)
        folder = self.folder / id
        try:
            folder.mkdir()
            project = Project(id, folder)
            project.record(Created("created", model, base, tuple(classes)))
        except OSError as error:
            raise GantkError(f"The project cannot be made: {error.strerror}; make room, and do it again.") from error
        except GantkError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        with self._lock:
            self._keep(project)
        return project

    def get(self, id: str) -> Project:
        """
        Raises:
            ApiError: 404 where there is none.
        """
        if not ID.fullmatch(id):
            raise ApiError(404, "There is no such project.")
        with self._lock:
            found = self._alive.get(id)
            if found is None:
                folder = self.folder / id
                if not (folder / "journal.jsonl").is_file():
                    raise ApiError(404, "There is no such project.")
                found = Project(id, folder).replay()
                found.sweep()
            self._keep(found)
            return found

    def all(self) -> list[Listed]:
        """Newest first; a damaged one is left out."""
        found = []
        for path in self.folder.glob("*/journal.jsonl"):
            try:
                project = self.get(path.parent.name)
            except (ApiError, GantkError):
                continue
            found.append(Listed(project.id, project.state.model, project.state.name, path.stat().st_mtime))
        return sorted(found, key=lambda item: -item.changed)

    def count(self) -> int:
        return sum(1 for _ in self.folder.iterdir())

    def forget(self, before: float) -> None:
        """Delete every project whose last event is older than `before` (seconds since 1970)."""
        with self._lock:
            for folder in list(self.folder.iterdir()):
                try:
                    old = ID.fullmatch(folder.name) and (folder / "journal.jsonl").stat().st_mtime < before
                except OSError:
                    continue  # being made, or gone
                if old:
                    self._open.pop(folder.name, None)
                    self._alive.pop(folder.name, None)
                    shutil.rmtree(folder, ignore_errors=True)

    def _keep(self, project: Project) -> None:
        self._alive[project.id] = self._open[project.id] = project
        self._open.move_to_end(project.id)
        while len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)
