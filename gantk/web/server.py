"""Routes of the application, and the process that serves them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from gantk import __version__
from gantk.web import decode
from gantk.web.acts import EventBody, JobBody, exported, first_base, kept, read_event
from gantk.web.again import command_of
from gantk.web.exporting import command
from gantk.web.interrupting import interruptible
from gantk.web.jobs import Desk
from gantk.web.live import Hub
from gantk.web.projects import Project
from gantk.web.queue import Result, Ticket
from gantk.web.security import Security
from gantk.web.terms import Applied, BaseEvent
from gantk.web.wire import ApiError, as_api_error, parse_json, report, structure
from gantk.web.workshop import Workshop

if TYPE_CHECKING:
    from starlette.types import ASGIApp

MOST_JSON = 1 << 20
MOST_SIDE = 2048  # of strokes
STATIC = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class NewProject:
    model: str
    seed: int = 0
    index: int = 0
    label: int | None = None


class Api:
    """The handlers; each returns JSON or bytes, and raises ApiError or GantkError for what cannot be."""

    def __init__(self, workshop: Workshop, hub: Hub, desk: Desk, public: bool = False) -> None:
        self.workshop, self.hub, self.desk, self.public = workshop, hub, desk, public

    def routes(self) -> list[Route]:
        table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("GET", "info", self.info),
            ("GET", "directions", self.directions),
            ("GET", "projects", self.projects),
            ("POST", "projects", self.create),
            ("GET", "projects/{project}", self.state),
            ("POST", "projects/{project}/events", self.event),
            ("PUT", "projects/{project}/blobs", self.upload),
            ("GET", "projects/{project}/blobs/{sha}", self.blob),
            ("POST", "projects/{project}/jobs", self.new_job),
            ("GET", "projects/{project}/export", self.export),
            ("GET", "projects/{project}/command", self.command),
            ("GET", "jobs/{job}", self.job),
            ("DELETE", "jobs/{job}", self.cancel),
            ("GET", "jobs/{job}/command", self.job_command),
        ]
        return [Route(f"/api/v1/{path}", _guard(handler), methods=[method]) for method, path, handler in table]

    # --- what there is -----------------------------------------------------------------------------------------

    async def info(self, request: Request) -> Response:
        _query(request)
        models = [model.view() for model in self.workshop.models.values()]
        limits = {"upload": self.workshop.limits.upload, "pixels": decode.MOST_PIXELS, "stroke": MOST_SIDE}
        device = next(iter(self.workshop.models.values())).easel.generator.device.type
        about = {"version": __version__, "device": device, "public": self.public}
        return JSONResponse({**about, "models": models, "limits": limits})

    async def directions(self, request: Request) -> Response:
        model = self.workshop.model(_query(request, "model"))
        return JSONResponse(model.easel.catalogue.view())

    async def projects(self, request: Request) -> Response:
        _query(request)
        if self.public:
            return JSONResponse([])  # a project is opened by its secret name alone
        found = await asyncio.to_thread(self.workshop.projects.all)
        return JSONResponse([vars(item) for item in found])

    async def create(self, request: Request) -> Response:
        wanted = structure(NewProject, parse_json(await _body(request, MOST_JSON)))
        base = first_base(self.workshop.model(wanted.model), wanted.seed, wanted.index, wanted.label)
        project = await asyncio.to_thread(self.workshop.new_project, wanted.model, base)
        return JSONResponse({"id": project.id, "rev": project.rev}, 201)

    # --- a project ---------------------------------------------------------------------------------------------

    async def _project(self, request: Request) -> Project:
        project = await asyncio.to_thread(self.workshop.projects.get, request.path_params["project"])
        self.workshop.of(project)
        return project

    async def state(self, request: Request) -> Response:
        _query(request)
        project = await self._project(request)
        await asyncio.to_thread(self.workshop.learn_directions, project)
        return JSONResponse(self._view(project))

    def _view(self, project: Project) -> dict[str, object]:
        engine = self.workshop.engine
        jobs = [{**job.view(), "place": engine.place(job)} for job in engine.jobs_of(project.id)]
        return {**project.view(), "heads": self.workshop.heads_of(project), "jobs": jobs}

    async def event(self, request: Request) -> Response:
        project = await self._project(request)
        body = structure(EventBody, parse_json(await _body(request, MOST_JSON)))
        event = read_event(self.workshop, project, body.event)
        try:
            if isinstance(event, BaseEvent) and event.keep:
                event = await self._kept(project)
            await asyncio.to_thread(project.record, event, body.rev)
        except ApiError as error:
            if error.status == 409:
                raise ApiError(409, str(error), state=self._view(project)) from None
            raise
        self.hub.project_changed(project.id)
        return JSONResponse({"rev": project.rev})

    async def _kept(self, project: Project) -> Applied:
        """The moved picture at hand as a base of its own."""
        model = self.workshop.of(project)
        return await asyncio.wrap_future(self.workshop.engine.call(lambda: kept(model, project)))

    async def command(self, request: Request) -> Response:
        _query(request)
        project = await self._project(request)
        return JSONResponse({"python": command(project, self.workshop.of(project))})

    # --- blobs -------------------------------------------------------------------------------------------------

    async def upload(self, request: Request) -> Response:
        project = await self._project(request)
        kind = _query(request, "kind", "label")
        sort = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if "content-length" not in request.headers:
            raise ApiError(411, "An upload says how long it is.")
        if sort == "application/octet-stream":
            data = await _body(request, 4 * MOST_SIDE * MOST_SIDE)
            size = _side(data, kind)
            sha = await asyncio.to_thread(project.blobs.put, data)
            return JSONResponse({"sha256": sha, "width": size, "height": size}, 201)
        if sort not in ("image/png", "image/jpeg", "image/webp"):
            raise ApiError(415, "An upload is a PNG, JPEG or WebP picture, or the bytes of a layer.")
        picture = await asyncio.to_thread(decode.rewrite, await _body(request, self.workshop.limits.upload))
        width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
        sha = await asyncio.to_thread(project.blobs.put, picture)
        return JSONResponse({"sha256": sha, "width": width, "height": height}, 201)

    async def blob(self, request: Request) -> Response:
        _query(request)
        project = await self._project(request)
        data = await asyncio.to_thread(project.blobs.get, request.path_params["sha"])
        kind = "image/png" if data.startswith(b"\x89PNG") else "application/octet-stream"
        return Response(data, media_type=kind, headers={"cache-control": "private, max-age=31536000, immutable"})

    async def export(self, request: Request) -> Response:
        project = await self._project(request)
        what = _query(request, "what")
        model = self.workshop.of(project)

        def work() -> tuple[str, str, bytes]:
            return exported(model, project, what)

        if what not in ("png", "npy"):
            work()  # refuses without waiting for a turn
        call = self.workshop.engine.call(lambda: self.workshop.sparing(work))
        name, kind, data = await asyncio.wrap_future(call)
        return Response(data, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})

    # --- jobs --------------------------------------------------------------------------------------------------

    async def new_job(self, request: Request) -> Response:
        project = await self._project(request)
        body = structure(JobBody, parse_json(await _body(request, MOST_JSON)))
        if not 1 <= len(body.key) <= 64:
            raise ApiError(400, "A job's key has 1 to 64 letters.")
        engine = self.workshop.engine
        known = next((job for job in engine.jobs_of(project.id) if job.key == body.key), None)
        if known is None:
            unfinished = sum(not job.finished for job in engine.jobs_of(project.id))
            resolution = self.workshop.of(project).easel.generator.spec.resolution
            self.workshop.limits.check_job(body.kind, unfinished, resolution)
            rev, base = project.rev, project.state.at.base
            run = await asyncio.to_thread(self.desk.prepare, project, body.kind, body.args)
            model = self.workshop.of(project)

            def work(ticket: Ticket) -> Result:
                with interruptible(model.easel.generator, ticket):
                    return self.workshop.sparing(lambda: run(ticket))

            known = engine.submit(project.id, body.kind, body.key, work, body.args, rev, base)
        return JSONResponse({"job": known.id, "place": engine.place(known)}, 202)

    async def job(self, request: Request) -> Response:
        _query(request)
        job = self.workshop.engine.job(request.path_params["job"])
        return JSONResponse({**job.view(), "place": self.workshop.engine.place(job)})

    async def job_command(self, request: Request) -> Response:
        _query(request)
        job = self.workshop.engine.job(request.path_params["job"])
        project = await asyncio.to_thread(self.workshop.projects.get, job.project)
        return JSONResponse({"text": command_of(job, project, self.workshop.of(project))})

    async def cancel(self, request: Request) -> Response:
        _query(request)
        job = self.workshop.engine.job(request.path_params["job"])
        if not job.finished:
            self.workshop.engine.cancel(job)
        return JSONResponse({**job.view(), "place": 0})


def _guard(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Errors as JSON; no answer of the API is kept by a cache unless it says so."""

    async def guarded(request: Request) -> Response:
        try:
            response = await handler(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:
            told = as_api_error(error)
            if told.status == 500:
                report(error)
            headers = {"retry-after": "1"} if told.status == 503 else {}
            if told.status in (413, 411, 415):
                headers["connection"] = "close"  # what is left of the body is not read
            response = JSONResponse(told.body(), told.status, headers)
        response.headers.setdefault("cache-control", "no-store")
        return response

    return guarded


def _query(request: Request, name: str = "", default: str | None = None) -> str:
    """The one query parameter that a route takes; every other is refused."""
    unknown = [key for key in request.query_params if key != name]
    if unknown or len(request.query_params.getlist(name)) > 1:
        raise ApiError(422, f"The query has the unknown field {(unknown or [name])[0][:40]!r}.")
    value = request.query_params.get(name, default)
    if name and value is None:
        raise ApiError(422, f"The query lacks {name!r}.")
    return value or ""


async def _body(request: Request, most: int) -> bytes:
    """The body, counted while it is read.

    Raises:
        ApiError: 413 when there is more of it.
    """
    too_long = ApiError(413, f"The body is larger than {most >> 20} MB.")
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) < 20) or int(length) > most:
        raise too_long
    parts, total = [], 0
    async for part in request.stream():
        total += len(part)
        if total > most:
            raise too_long
        parts.append(part)
    return b"".join(parts)


def _side(data: bytes, kind: str) -> int:
    depth = {"label": 1, "colour": 4}.get(kind)
    if depth is None:
        raise ApiError(400, f"A layer is label or colour, not {kind[:40]!r}.")
    side = round((len(data) / depth) ** 0.5)
    if not data or side * side * depth != len(data) or side > MOST_SIDE:
        raise ApiError(400, f"A layer of {len(data)} bytes is no square of at most {MOST_SIDE} pixels a side.")
    if kind == "colour" and set(data[3::4]) - {0, 255}:
        raise ApiError(400, "Colours are painted or not: their alpha is 0 or 255.")
    return side


# --- the page --------------------------------------------------------------------------------------------------------


def static_files() -> dict[str, tuple[bytes, str]]:
    """The page's files by path, read once: no path of a request ever reaches the disk."""
    found = {}
    for item in files("gantk.web").joinpath("static").iterdir():
        kind = STATIC.get(item.name.rpartition(".")[2])
        if kind is not None:
            found["/" if item.name == "index.html" else f"/static/{item.name}"] = (item.read_bytes(), kind)
    return found


def make_app(
    workshop: Workshop, token: str | None, hosts: tuple[str, ...] = (), framed_by: str | None = None
) -> ASGIApp:
    """The whole application: page, API and socket, behind `Security`; its lifespan is the compute thread's."""
    hub = Hub(workshop, token)
    api = Api(workshop, hub, Desk(workshop, hub.preview), public=token is None)
    pages = static_files()

    async def page(request: Request) -> Response:
        data, kind = pages[request.url.path]
        return Response(data, media_type=kind, headers={"cache-control": "no-cache"})

    async def live(socket: WebSocket) -> None:
        await hub.serve(socket)

    async def fail(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        told = ApiError(status if status in (404, 405) else 400, "There is nothing at this address.")
        return JSONResponse(told.body(), told.status)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        workshop.start()
        yield
        await asyncio.to_thread(workshop.engine.close)

    routes: list[BaseRoute] = [*api.routes(), WebSocketRoute("/api/v1/live", live)]
    routes += [Route(path, page, methods=["GET"]) for path in pages]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: fail})
    return Security(app, token, hosts, framed_by)
