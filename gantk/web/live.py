"""The socket: frames out as sliders move, progress of jobs, word of changes in other windows."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gantk.store.json_values import Json
from gantk.web import wire
from gantk.web.acts import RenderMessage, drawn, failure
from gantk.web.pictures import packed, shown
from gantk.web.projects import Project
from gantk.web.queue import Job
from gantk.web.scene import Scene
from gantk.web.security import same_token
from gantk.web.wire import ApiError, as_api_error, parse_json, report, structure
from gantk.web.words import Word
from gantk.web.workshop import Model, Workshop

if TYPE_CHECKING:
    from torch import Tensor

TOKEN_SECONDS = 2.0
SOCKETS = 8  # of one client
OUTBOX = 128  # messages that a slow reader may be behind
MOST_BAD = 100  # messages that make no sense, before the socket is closed
JOB_PANE = 255


@dataclass(frozen=True)
class Hello:
    token: str


@dataclass(frozen=True)
class WatchMessage:
    """The socket wants word of a project's jobs and changes."""

    t: str
    project: str


class Session:
    """One open socket: what it watches, what each of its panes showed last."""

    def __init__(self, socket: WebSocket, loop: asyncio.AbstractEventLoop) -> None:
        self.id = secrets.token_hex(8)
        self.socket, self.loop = socket, loop
        self.outbox: asyncio.Queue[bytes | str] = asyncio.Queue(OUTBOX)
        self.shown: dict[int, tuple[str, Scene]] = {}  # by pane: model and scene; the compute thread's
        self.project: str | None = None
        self.open = True

    def post(self, message: bytes | str) -> None:
        """Send from any thread; a reader that is too far behind loses the message."""
        self.loop.call_soon_threadsafe(self._put, message)

    def _put(self, message: bytes | str) -> None:
        if self.open and not self.outbox.full():
            self.outbox.put_nowait(message)

    async def write(self) -> None:
        while True:
            message = await self.outbox.get()
            if isinstance(message, bytes):
                await self.socket.send_bytes(message)
            else:
                await self.socket.send_text(message)


class Hub:
    """All open sockets."""

    def __init__(self, workshop: Workshop, token: str | None) -> None:
        self.workshop, self.token = workshop, token
        self.sessions: dict[str, Session] = {}
        self._per_client: dict[str, int] = {}
        self._pausing = False  # the compute thread's: a slow picture lets others in
        workshop.engine.listen = self.job_changed
        workshop.changed = lambda model: self.tell(None, {"type": "directions", "model": model})

    # --- word to pages -----------------------------------------------------------------------------------------

    def tell(self, project: str | None, message: Word) -> None:
        text = json.dumps(message)
        for session in list(self.sessions.values()):
            if project is None or session.project == project:
                session.post(text)

    def job_changed(self, job: Job) -> None:
        self.tell(job.project, {"type": "job", **job.view(), "place": self.workshop.engine.place(job)})
        if job.finished:
            self.project_changed(job.project)

    def project_changed(self, project: str) -> None:
        try:
            rev = self.workshop.projects.get(project).rev
        except ApiError:
            return
        self.tell(project, {"type": "rev", "project": project, "rev": rev})

    def preview(self, job_id: str, image: Tensor) -> None:
        """A picture [1, C, H, W] of a running job; called in the compute thread."""
        job = self.workshop.engine.job(job_id)
        form, data = packed(shown(image, 512), final=False)
        message = wire.frame(form, wire.JOB, JOB_PANE, job.done, (0, 0), 0, 0, data)
        for session in list(self.sessions.values()):
            if session.project == job.project:
                session.post(message)

    # --- one socket --------------------------------------------------------------------------------------------

    async def serve(self, socket: WebSocket) -> None:
        client = socket.client.host if socket.client else "local"
        if self._per_client.get(client, 0) >= SOCKETS:
            await socket.close(1013)
            return
        self._per_client[client] = self._per_client.get(client, 0) + 1
        session = Session(socket, asyncio.get_running_loop())
        writer: asyncio.Task[None] | None = None
        try:
            await socket.accept()
            if not await self._greet(socket):
                await socket.close(1008)
                return
            self.sessions[session.id] = session
            session.post(json.dumps({"type": "ready"}))
            writer = asyncio.create_task(session.write())
            await self._read(session)
        except (WebSocketDisconnect, RuntimeError):
            pass  # it left, perhaps while something was being sent
        finally:
            session.open = False
            self.sessions.pop(session.id, None)
            self.workshop.engine.leave(session.id)
            self._per_client[client] -= 1
            if not self._per_client[client]:
                del self._per_client[client]
            if writer is not None:
                writer.cancel()

    async def _greet(self, socket: WebSocket) -> bool:
        try:
            text = await asyncio.wait_for(self._text(socket), TOKEN_SECONDS)
            hello = structure(Hello, parse_json(text), "the first message")
        except (TimeoutError, ApiError):
            return False
        return self.token is None or same_token(hello.token, self.token)

    async def _text(self, socket: WebSocket) -> str:
        message = await socket.receive()
        if message["type"] != "websocket.receive":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        if text is None:
            raise ApiError(400, "Messages are JSON text.")
        return str(text)

    async def _read(self, session: Session) -> None:
        bad = 0
        while session.socket.client_state == WebSocketState.CONNECTED:
            value: Json = None
            try:
                value = parse_json(await self._text(session.socket))
                if not isinstance(value, dict):
                    raise ApiError(400, "A message is an object.")
                if value.get("t") == "render":
                    await self._render(session, structure(RenderMessage, value, "the message"))
                elif value.get("t") == "watch":
                    watched = structure(WatchMessage, value, "the message").project
                    session.project = (await asyncio.to_thread(self.workshop.projects.get, watched)).id
                else:
                    raise ApiError(400, "A message has t: render or watch.")
            except ApiError as error:
                bad += 1
                if bad > MOST_BAD:
                    await session.socket.close(1008)
                    return
                session.post(json.dumps(failure(error, value)))

    async def _render(self, session: Session, message: RenderMessage) -> None:
        project = await asyncio.to_thread(self.workshop.projects.get, message.project)
        model = self.workshop.of(project)
        self.workshop.check_base(model, message.base)
        self.workshop.engine.frame(session.id, message.pane, self._work(session, model, project, message))

    def _work(self, session: Session, model: Model, project: Project, message: RenderMessage) -> Callable[[], None]:
        workshop = self.workshop

        def enough() -> bool:
            """Between the resolutions of a slow picture others come in; a newer one of this pane takes its place."""
            engine = workshop.engine
            if engine.superseded(session.id, message.pane):
                return True
            if not self._pausing:
                self._pausing = True
                try:
                    engine.serve_urgent()
                finally:
                    self._pausing = False
            return False

        def work() -> None:
            try:
                found = workshop.sparing(lambda: drawn(model, project, message, session.shown, enough))
                if found is not None:
                    session.post(found)
            except Exception as error:
                told = as_api_error(error)
                if told.status == 500:
                    report(error)
                session.post(json.dumps(failure(told, vars(message))))

        return work
