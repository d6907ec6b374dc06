"""A server of the web application in a thread of the test, asked over real HTTP and a real socket."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from gantk.web.security import new_token
from gantk.web.server import make_app
from gantk.web.serving import listen, server_of
from gantk.web.wire import HEADER
from gantk.web.workshop import Workshop

PATIENCE = 60.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)


@dataclass(eq=False)
class Running:
    """A running server and how to ask it."""

    workshop: Workshop
    token: str
    port: int

    @property
    def link(self) -> str:
        return f"http://localhost:{self.port}/#token={self.token}"

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, token: bool = True
    ) -> Answer:
        """One request; a body that is no bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        sent = {"Host": f"localhost:{self.port}", **({"Authorization": f"Bearer {self.token}"} if token else {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        sent |= dict(headers or {})
        try:
            connection.request(method, path if path.startswith("/") else f"/api/v1/{path}", body, sent)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def project(self, **fields: Any) -> str:
        answer = self.ask("POST", "projects", {"model": "demo", **fields})
        assert answer.status == 201, answer.data
        return str(answer.json["id"])

    def state(self, project: str) -> Any:
        return self.ask("GET", f"projects/{project}").json

    def event(self, project: str, event: Mapping[str, Any]) -> Answer:
        rev = self.state(project)["rev"]
        return self.ask("POST", f"projects/{project}/events", {"rev": rev, "event": event})

    def upload(self, project: str, data: bytes, kind: str = "label") -> str:
        headers = {"Content-Type": "application/octet-stream"}
        answer = self.ask("PUT", f"projects/{project}/blobs?kind={kind}", data, headers)
        assert answer.status == 201, answer.data
        return str(answer.json["sha256"])

    def job(self, project: str, kind: str, args: Mapping[str, Any], key: str = "") -> Any:
        """Start a job and wait for its end."""
        job = self.begin(project, kind, args, key)
        until = time.monotonic() + PATIENCE
        while True:
            found = self.ask("GET", f"jobs/{job}").json
            if found["state"] in ("done", "failed", "cancelled"):
                return found
            assert time.monotonic() < until, found
            time.sleep(0.02)

    def begin(self, project: str, kind: str, args: Mapping[str, Any], key: str = "") -> str:
        body = {"kind": kind, "args": args, "key": key or f"{kind}-{time.monotonic_ns()}"}
        answer = self.ask("POST", f"projects/{project}/jobs", body)
        assert answer.status == 202, answer.data
        return str(answer.json["job"])

    def directions(self) -> dict[str, Any]:
        return {item["name"]: item for item in self.ask("GET", "directions?model=demo").json}

    @contextmanager
    def socket(self, token: str | None = None, greet: bool = True) -> Iterator[ClientConnection]:
        origin: Any = f"http://localhost:{self.port}"
        with connect(f"ws://localhost:{self.port}/api/v1/live", origin=origin, open_timeout=PATIENCE) as socket:
            if greet:
                socket.send(json.dumps({"token": self.token if token is None else token}))
                assert json.loads(socket.recv(PATIENCE)) == {"type": "ready"}
            yield socket


def render(socket: ClientConnection, project: str, seq: int = 1, **fields: Any) -> tuple[tuple[int, ...], bytes]:
    """Ask for a frame: its header and the picture's bytes."""
    message = {"t": "render", "seq": seq, "pane": 0, "project": project, "base": {}, **fields}
    socket.send(json.dumps(message))
    while True:
        answer = socket.recv(PATIENCE)
        if isinstance(answer, bytes):
            return HEADER.unpack(answer[: HEADER.size]), answer[HEADER.size :]
        assert json.loads(answer)["type"] != "error", answer


@contextmanager
def serve(folder: Path, prepare: Callable[[Workshop], None] | None = None, **options: Any) -> Iterator[Running]:
    """A server of the bundled model, until the block ends."""
    workshop = Workshop(folder)
    if prepare is None:
        workshop.add("demo")
    else:
        prepare(workshop)
    token = new_token()
    with listen("127.0.0.1", 0, None) as address:
        server = server_of(make_app(workshop, token, **options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [address.bound]}, daemon=True)
        thread.start()
        until = time.monotonic() + PATIENCE
        while not server.started:
            assert time.monotonic() < until and thread.is_alive()
            time.sleep(0.01)
        try:
            yield Running(workshop, token, address.port)
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
