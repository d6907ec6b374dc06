"""How `fuzz_web.py` reaches the application: over the network, or by its ASGI interface in this process."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

PORT = 8080  # what the application in this process is told that it listens on
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Wire(Protocol):
    """Requests and messages to one application. `raw` is true where headers may be what no client would send."""

    port: int
    raw: bool

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        """Status and body; status 0 where the server hung up."""

    def talk(self, messages: Iterable[str | bytes]) -> list[str | bytes]:
        """One socket: every answer to these messages; the text 1011 where it ended with a defect."""

    def outside(self) -> list[str]:
        """What was written outside the folder of the projects."""

    def close(self) -> None: ...


class HttpWire:
    """A running server."""

    raw = False

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token
        self.connection: http.client.HTTPConnection | None = None

    @classmethod
    def of_link(cls, text: str) -> HttpWire:
        link = urlsplit(text)
        return cls(link.port or 80, link.fragment.removeprefix("token="))

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        sent = {"Host": f"localhost:{self.port}", "Authorization": f"Bearer {self.token}", **headers}
        for again in (True, False):
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                self.connection.request(method, path, body, sent)
                response = self.connection.getresponse()
                data = response.read()
                if response.will_close:
                    self.close()
                return response.status, data
            except (ConnectionError, http.client.HTTPException):
                self.close()  # the server hung up on what it had refused
                if not again:
                    return 0, b""
        return 0, b""

    def talk(self, messages: Iterable[str | bytes]) -> list[str | bytes]:
        from websockets.exceptions import ConnectionClosed
        from websockets.sync.client import connect
        from websockets.typing import Origin

        origin = Origin(f"http://localhost:{self.port}")
        found: list[str | bytes] = []
        with connect(f"ws://localhost:{self.port}/api/v1/live", origin=origin, open_timeout=60) as socket:
            try:
                socket.send(json.dumps({"token": self.token}))
                for message in messages:
                    socket.send(message)
                    self._drain(socket, 0, found)
                self._drain(socket, 0.2, found)
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code == 1011:
                    found.append("1011")
        return found

    def _drain(self, socket: Any, patience: float, found: list[str | bytes]) -> None:
        while True:
            try:
                found.append(socket.recv(patience))
            except TimeoutError:
                return

    def outside(self) -> list[str]:
        return []  # it is another process's

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class InProcess:
    """The application itself, with the bundled model and a project folder of its own under `folder`."""

    raw = True
    port = PORT

    def __init__(self, folder: Path, model: str = "demo") -> None:
        from gantk.web.security import new_token
        from gantk.web.server import make_app
        from gantk.web.workshop import Workshop

        self.root = folder / "web"
        self.token = new_token()
        self.written: set[str] = set()
        workshop = Workshop(self.root)
        workshop.add(model)
        workshop.engine.start()
        self.workshop = workshop
        self.app = make_app(workshop, self.token)
        self.loop = asyncio.new_event_loop()
        self.watching = True
        sys.addaudithook(self._watch)

    def _watch(self, event: str, given: tuple[Any, ...]) -> None:
        """Every file that this process opens to write, makes or moves."""
        if not self.watching:
            return
        path = None
        if event == "open" and isinstance(given[2], int) and given[2] & WRITING and not isinstance(given[0], int):
            path = given[0]
        elif event in ("os.mkdir", "os.symlink", "os.link"):
            path = given[0] if event == "os.mkdir" else given[1]
        elif event == "os.rename":
            path = given[1]
        if path is not None:
            self.written.add(os.path.realpath(os.fsdecode(path)))

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        return self.loop.run_until_complete(self._send(method, path, body, headers))

    async def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        sent = {"Host": f"localhost:{PORT}", "Authorization": f"Bearer {self.token}"}
        if body is not None:
            sent["Content-Length"] = str(len(body))
        scope = self._scope("http", path, {**sent, **headers}, method=method)
        parts = [{"type": "http.request", "body": body or b"", "more_body": False}]
        status, data = 0, bytearray()

        async def receive() -> Any:
            return parts.pop() if parts else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                data.extend(message.get("body", b""))

        try:
            await self.app(scope, receive, send)
        except Exception as error:
            return 500, f"raised {type(error).__name__}: {error}".encode()
        return status, bytes(data)

    def _scope(self, kind: str, path: str, headers: dict[str, str], **more: Any) -> dict[str, Any]:
        plain, _, query = path.partition("?")
        return {
            "type": kind, "asgi": {"version": "3.0"}, "http_version": "1.1",
            "scheme": "http" if kind == "http" else "ws",
            "path": unquote(plain, errors="replace"), "raw_path": plain.encode("latin-1", "replace"), "root_path": "",
            "query_string": query.encode("latin-1", "replace"),
            "client": ("127.0.0.1", 1), "server": ("localhost", PORT),
            "headers": [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()],
            **more,
        }  # fmt: skip

    def talk(self, messages: Iterable[str | bytes]) -> list[str | bytes]:
        return self.loop.run_until_complete(self._talk(messages))

    async def _talk(self, messages: Iterable[str | bytes]) -> list[str | bytes]:
        headers = {"Host": f"localhost:{PORT}", "Origin": f"http://localhost:{PORT}"}
        found: list[str | bytes] = []
        waiting: list[Any] = [{"type": "websocket.connect"}, _text(json.dumps({"token": self.token}))]
        waiting += [_text(message) for message in messages]
        left = iter(waiting)

        async def receive() -> Any:
            message = next(left, None)
            if message is None:
                await asyncio.sleep(0.05)  # frames on their way
                return {"type": "websocket.disconnect", "code": 1000}
            return message

        async def send(message: Any) -> None:
            if message["type"] == "websocket.send":
                found.append(message["text"] if message.get("text") is not None else message["bytes"])

        try:
            await self.app(self._scope("websocket", "/api/v1/live", headers, subprotocols=[]), receive, send)
        except Exception as error:
            found.append(json.dumps({"code": "defect", "message": f"raised {type(error).__name__}: {error}"}))
        return found

    def outside(self) -> list[str]:
        """Files written elsewhere; python's own caches, and what a temporary folder of gantk held, are none."""
        inside = os.path.realpath(self.root) + os.sep
        temporary = os.path.realpath(tempfile.gettempdir()) + os.sep
        fine = (inside, temporary + "tmp", os.devnull)
        found = [
            f"{path} was written"
            for path in sorted(self.written)
            if not path.startswith(fine) and "__pycache__" not in path
        ]
        for path in self.root.rglob("*"):
            name, parts = path.name, path.relative_to(self.root).parts
            depth_names = {1: name == "projects", 2: name.isalnum() and len(name) == 32,
                           3: name in ("journal.jsonl", "blobs"), 4: len(name) == 64}  # fmt: skip
            if not depth_names.get(len(parts), False):
                found.append(f"{'/'.join(parts)} is no file of a project")
        return found

    def close(self) -> None:
        self.workshop.engine.close()
        self.watching = False
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


def _text(message: str | bytes) -> dict[str, Any]:
    if isinstance(message, bytes):
        return {"type": "websocket.receive", "bytes": message, "text": None}
    return {"type": "websocket.receive", "text": message}
