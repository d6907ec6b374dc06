"""The routes that Explore needs, answered in the caller's thread: no port, no token, no other thread.

It is what a notebook's widget speaks to. A job is done before its answer is given.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from gantk import __version__
from gantk.store.json_values import Json, JsonView
from gantk.web.acts import EventBody, JobBody, RenderMessage, drawn, exported, first_base, kept, read_event
from gantk.web.again import command_of
from gantk.web.catalogue import Catalogue
from gantk.web.exporting import command, export_session
from gantk.web.jobs import Desk
from gantk.web.projects import Project
from gantk.web.queue import Job, Ticket
from gantk.web.scene import Easel, Scene
from gantk.web.terms import BaseEvent, Event
from gantk.web.wire import ApiError, as_api_error, parse_json, structure
from gantk.web.workshop import Model, Workshop

if TYPE_CHECKING:
    from gantk.generators.base import Generator

KINDS = ("export", "animate")  # the jobs that Explore asks for
UNNAMED = "MODEL"  # what the lines of Command call a network that is in memory alone


@dataclass(frozen=True)
class Reply:
    """An answer as HTTP would give it; `name` is that of a file to be saved."""

    status: int
    data: bytes
    type: str = "application/json"
    name: str = ""

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.data)
        return found


class Channel:
    """One project of one generator, in a folder that goes with the object.

    `changed` is called after every event of a page, with the project's number of events.
    """

    def __init__(self, generator: Generator, directions: object = None, seed: int = 0) -> None:
        root = Path(tempfile.mkdtemp(prefix="gantk-explore-"))
        self._end = weakref.finalize(self, shutil.rmtree, root, ignore_errors=True)
        try:
            self.workshop = Workshop(root)
            catalogue = Catalogue(generator)
            if directions is None:
                catalogue.add_shipped()
                catalogue.add_closed_forms()
            else:
                catalogue.add_given(directions)
            name = generator.bundled or generator.spec.family
            self.model = Model(name, generator.bundled or UNNAMED, Easel(catalogue))
            self.workshop.models[name] = self.model
            self.project: Project = self.workshop.new_project(name, first_base(self.model, seed))
        except BaseException:
            self._end()
            raise
        self.changed: Callable[[int], None] = lambda rev: None
        self._desk = Desk(self.workshop, lambda job, image: None)
        self._jobs: dict[str, Job] = {}

    def session(self) -> bytes:
        """The session of the picture at hand as a zip."""
        return export_session(self._desk, self.project, self.model)

    def record(self, event: Event, rev: int | None = None) -> int:
        """Add an event to the project's journal, and tell of it."""
        found = self.project.record(event, rev)
        self.changed(found)
        return found

    # --- what a page asks -------------------------------------------------------------------------------------

    def render(self, value: Json, before: dict[int, tuple[str, Scene]]) -> bytes:
        """The frame of a render message; `before` holds what this view's panes showed last.

        Raises:
            ApiError: the message is none, or what it asks for cannot be drawn.
        """
        message = structure(RenderMessage, value, "the message")
        self.workshop.check_base(self.model, message.base)
        found = self.workshop.sparing(lambda: drawn(self.model, self.project, message, before, bool))
        assert found is not None  # nothing ends it early
        return found

    def ask(self, method: str, path: str, body: str = "") -> Reply:
        """The answer to a request of the page's modules; a refusal is one too."""
        try:
            return self._answer(method, path, body)
        except Exception as error:
            told = as_api_error(error)
            if told.status == 500:
                raise
            return Reply(told.status, json.dumps(told.body()).encode())

    def _answer(self, method: str, path: str, body: str) -> Reply:
        parts = urlsplit(path)
        asked = parse_qs(parts.query)
        match (method, *(unquote(part) for part in parts.path.split("/"))):
            case ("GET", "info"):
                return _json(self._info())
            case ("GET", "directions"):
                return _json(self.model.easel.catalogue.view())
            case ("GET", "projects", self.project.id):
                return _json(self._view())
            case ("POST", "projects", self.project.id, "events"):
                return _json({"rev": self._event(parse_json(body))})
            case ("GET", "projects", self.project.id, "export"):
                name, kind, data = exported(self.model, self.project, asked.get("what", [""])[0])
                return Reply(200, data, kind, name)
            case ("GET", "projects", self.project.id, "command"):
                return _json({"python": command(self.project, self.model)})
            case ("GET", "projects", self.project.id, "blobs", sha):
                return Reply(200, self.project.blobs.get(sha), "application/octet-stream")
            case ("POST", "projects", self.project.id, "jobs"):
                return _json({"job": self._run(parse_json(body)).id, "place": 0})
            case ("GET", "jobs", job):
                return _json({**self._job(job).view(), "place": 0})
            case ("GET", "jobs", job, "command"):
                return _json({"text": command_of(self._job(job), self.project, self.model)})
        raise ApiError(404, "There is nothing at this address of a notebook.")

    def _info(self) -> dict[str, JsonView]:
        device = self.model.easel.generator.device.type
        return {"version": __version__, "device": device, "models": [self.model.view()], "project": self.project.id}

    def _view(self) -> dict[str, JsonView]:
        return {**self.project.view(), "heads": [], "jobs": []}

    def _event(self, value: Json) -> int:
        body = structure(EventBody, value)
        event = read_event(self.workshop, self.project, body.event)
        if isinstance(event, BaseEvent) and event.keep:
            event = kept(self.model, self.project)
        try:
            return self.record(event, body.rev)
        except ApiError as error:
            if error.status == 409:
                raise ApiError(409, str(error), state=self._view()) from None
            raise

    def _run(self, value: Json) -> Job:
        body = structure(JobBody, value)
        if body.kind not in KINDS:
            raise ApiError(400, f"A notebook has the jobs {' and '.join(KINDS)}: gantk web has the others.")
        run = self._desk.prepare(self.project, body.kind, body.args)
        rev, base = self.project.rev, self.project.state.at.base
        job = Job(secrets.token_hex(8), self.project.id, body.kind, "", run, args=body.args, rev=rev, base=base)
        self._jobs[job.id] = job
        try:
            job.result = self.workshop.sparing(lambda: run(Ticket(job, self.workshop.engine)))
            job.state = "done"
        except Exception as error:
            job.state, job.error = "failed", as_api_error(error).body()
        if self.project.rev != job.rev:
            self.changed(self.project.rev)
        return job

    def _job(self, id: str) -> Job:
        if id not in self._jobs:
            raise ApiError(404, "There is no such job.")
        return self._jobs[id]


def _json(value: object) -> Reply:
    return Reply(200, json.dumps(value).encode())
