"""A client of the soak: looks, moves, paints, marks, starts jobs, and remembers what was acknowledged."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket as sockets
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

SIDE = 64  # of label maps of the bundled model
FULL = 507


class Shared:
    """Where the server is now; clients wait while it is away."""

    def __init__(self) -> None:
        self.up, self.stop = threading.Event(), threading.Event()
        self.port, self.token = 0, ""
        self.lock = threading.Lock()
        self.statuses: Counter[int] = Counter()
        self.refused = 0

    def open(self, port: int, token: str) -> None:
        self.port, self.token = port, token
        self.up.set()

    def close(self) -> None:
        self.up.clear()

    def note(self, status: int) -> None:
        with self.lock:
            self.statuses[status] += 1
            self.refused += status == FULL


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))] if ordered else float("nan")


class Client(threading.Thread):
    """One person. Each has an address of its own, for the server counts sockets by it."""

    def __init__(self, shared: Shared, number: int, draw: random.Random) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self.shared, self.number, self.random = shared, number, draw
        self.address = f"127.0.0.{number + 2}"
        self.project, self.model = "", "demo"
        self.rev = 0
        self.head = ""
        self.socket: Any = None
        self.seq = 0
        self.jobs = 0
        self.latencies: list[float] = []
        self.acknowledged: list[tuple[str, int, dict[str, Any]]] = []
        self.bad: list[str] = []
        self.directions: list[str] = []

    def run(self) -> None:
        acts = [self.look] * 20 + [self.event] * 12 + [self.paint] * 2 + [self.job] * 3 + [self.export, self.reload]
        while not self.shared.stop.is_set():
            if not self.shared.up.wait(1):
                continue
            try:
                if not self.project:
                    self.begin()
                self.random.choice(acts)()
                time.sleep(self.random.random() * 0.1)
            except (OSError, EOFError, http.client.HTTPException):
                self.drop()  # it was killed: the newest state counts, as for a page that is loaded again
                time.sleep(0.2)
            except Exception as error:  # a finding, not the end of the soak
                if type(error).__name__ in ("ConnectionClosedError", "ConnectionClosedOK", "InvalidMessage"):
                    self.drop()
                    continue
                self.bad.append(f"{self.name}: {type(error).__name__}: {error}")
                self.drop()
        self.drop()

    # --- asking ------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.shared.port, timeout=60, source_address=(self.address, 0)
        )
        sent = {"Host": f"localhost:{self.shared.port}", "Authorization": f"Bearer {self.shared.token}",
                "Content-Type": kind}  # fmt: skip
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, f"/api/v1/{path}", data, sent)
            answer = connection.getresponse()
            found = answer.status, answer.read()
        finally:
            connection.close()
        self.shared.note(found[0])
        if found[0] >= 500 and found[0] not in (503, FULL):
            self.bad.append(f"{method} {path} is answered with {found[0]} {found[1]!r:.300}")
        return found

    def begin(self) -> None:
        status, data = self.ask("POST", "projects", {"model": self.model, "seed": self.number})
        if status == 201:
            self.project = json.loads(data)["id"]
            self.reload()

    def reload(self) -> None:
        status, data = self.ask("GET", f"projects/{self.project}")
        if status != 200:
            self.bad.append(f"the project {self.project} is answered with {status} {data!r:.200}")
            return
        state = json.loads(data)
        self.rev = state["rev"]
        heads = state["heads"]
        self.head = heads[-1]["id"] if heads else ""
        _, data = self.ask("GET", f"directions?model={self.model}")
        self.directions = [item["id"] for item in json.loads(data) if item["space"] == "w"][:6]

    def drop(self) -> None:
        if self.socket is not None:
            with contextlib.suppress(Exception):
                self.socket.close()
        self.socket = None
        if self.project and self.shared.up.is_set() and not self.shared.stop.is_set():
            try:
                self.reload()
            except (OSError, EOFError, http.client.HTTPException):
                return

    # --- acts --------------------------------------------------------------------------------------------------

    def frames(self, count: int) -> list[float]:
        """Seconds from asking to having each frame, one at a time."""
        from websockets.sync.client import connect
        from websockets.typing import Origin

        if self.socket is None:
            raw = sockets.create_connection(("127.0.0.1", self.shared.port), 60, source_address=(self.address, 0))
            place = f"localhost:{self.shared.port}"
            self.socket = connect(f"ws://{place}/api/v1/live", sock=raw, origin=Origin(f"http://{place}"),
                                  open_timeout=60, ping_interval=None)  # fmt: skip
            self.socket.send(json.dumps({"token": self.shared.token}))
            self.socket.send(json.dumps({"t": "watch", "project": self.project}))
        found = []
        direction = self.random.choice(self.directions)
        for _ in range(count):
            self.seq += 1
            move = {"direction": direction, "amount": round(self.random.uniform(-2, 2), 3)}
            begun = time.monotonic()
            self.socket.send(json.dumps({"t": "render", "seq": self.seq, "pane": 0, "project": self.project,
                                         "base": {"seed": self.number}, "moves": [move]}))  # fmt: skip
            self.answer()
            found.append(time.monotonic() - begun)
        return found

    def answer(self, patience: float = 60) -> None:
        """Wait for the frame asked for last; previews of jobs and word of other changes pass by."""
        while True:
            message = self.socket.recv(patience)
            if isinstance(message, bytes):
                if int.from_bytes(message[4:8], "little") == self.seq and message[3] == 0:
                    return
            elif json.loads(message).get("type") == "error":
                self.bad.append(f"a frame is answered with {message}")
                return

    def look(self) -> None:
        if self.directions:
            self.latencies += self.frames(self.random.randrange(1, 8))

    def record(self, event: dict[str, Any]) -> None:
        status, data = self.ask("POST", f"projects/{self.project}/events", {"rev": self.rev, "event": event})
        answer = json.loads(data)
        if status == 200:
            self.rev = answer["rev"]
            self.acknowledged.append((self.project, self.rev, {"type": event["type"], **self.marker(event)}))
        elif status == 409:
            self.rev = answer["state"]["rev"]  # a job of ours ended
        elif status not in (FULL, 503, 400, 404):
            self.bad.append(f"{event} is answered with {status} {answer}")

    def marker(self, event: dict[str, Any]) -> dict[str, Any]:
        return {key: event[key] for key in ("name", "node", "attribute", "draft") if key in event}

    def event(self) -> None:
        draw = self.random
        kind = draw.choice(["name", "moves", "base", "cursor", "marks"])
        if kind == "name":
            self.record({"type": "name", "name": f"{self.number} {draw.random()}"})
        elif kind == "moves" and self.directions:
            picked = draw.sample(self.directions, 2)
            self.record({"type": "moves", "moves": [{"direction": id, "amount": draw.random()} for id in picked]})
        elif kind == "base":
            self.record({"type": "base", "base": {"seed": self.number, "index": draw.randrange(50)}})
        elif kind == "cursor":
            self.record({"type": "cursor", "node": 0})
        else:
            marks = [{"base": {"seed": self.number, "index": draw.randrange(40)}, "value": draw.random() < 0.5}]
            self.record({"type": "marks", "attribute": "it", "marks": marks})

    def stroke(self) -> str | None:
        label = bytearray(b"\xff" * SIDE * SIDE)
        x, y, klass = self.random.randrange(50), self.random.randrange(50), self.random.randrange(1, 8)
        for row in range(y, y + 8):
            label[row * SIDE + x : row * SIDE + x + 8] = bytes([klass]) * 8
        status, data = self.ask("PUT", f"projects/{self.project}/blobs", bytes(label), "application/octet-stream")
        return str(json.loads(data)["sha256"]) if status == 201 else None

    def paint(self) -> None:
        sha = self.stroke()
        if sha is not None:
            self.record({"type": "draft", "draft": {"label": sha, "colour": None}})

    def job(self) -> None:
        draw = self.random
        base = {"seed": self.number, "index": draw.randrange(20)}
        direction = draw.choice(self.directions) if self.directions else ""
        kinds: list[tuple[str, dict[str, Any]]] = [
            ("predict", {"base": base}), ("superpixels", {"base": base, "side": SIDE}),
            ("card", {"direction": direction, "samples": 4}), ("animate", {"direction": direction, "frames": 4}),
            ("sort", {"attribute": "it", "base": {"seed": self.number}, "pool": 24}),
        ]  # fmt: skip
        if not self.head:
            kinds.append(("fit", {"teach": 3}))
        elif (sha := self.stroke()) is not None:
            kinds.append(("edit", {"head": self.head, "draft": {"label": sha}, "settings": {"steps": 8}}))
            kinds.append(("region", {"mask": sha, "rows": "7-9", "count": 2}))
        kind, args = draw.choice(kinds)
        body = {"kind": kind, "args": args, "key": f"{self.number}-{draw.random()}"}
        status, data = self.ask("POST", f"projects/{self.project}/jobs", body)
        if status != 202:
            return
        job = json.loads(data)["job"]
        cancel = draw.random() < 0.2
        until = time.monotonic() + 60
        while time.monotonic() < until and not self.shared.stop.is_set():
            if cancel:
                self.ask("DELETE", f"jobs/{job}")
                cancel = False
            status, data = self.ask("GET", f"jobs/{job}")
            if status == 404:
                return  # of a server that was killed
            found = json.loads(data)
            if found["state"] in ("done", "failed", "cancelled"):
                self.jobs += 1
                if found["state"] == "failed" and found["error"]["code"] == "defect":
                    self.bad.append(f"{kind} {args} ended with {found['error']}")
                self.reload()
                return
            time.sleep(0.05)
            self.look()  # people look on while a job runs

    def export(self) -> None:
        self.ask("GET", f"projects/{self.project}/export?what={self.random.choice(['png', 'npy'])}")


def frames_alone(shared: Shared, seconds: float) -> list[float]:
    """Latencies of one client with the server to itself, the first ones left out."""
    client = Client(shared, 60, random.Random(1))
    client.begin()
    limit = time.monotonic() + 60
    while not any(item["system"] == "GANSpace" for item in json.loads(client.ask("GET", "directions?model=demo")[1])):
        if time.monotonic() > limit:  # which the server works out soon after its start
            break
        time.sleep(0.2)
    found: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found += client.frames(5)
        time.sleep(0.05)
    client.drop()
    return found[len(found) // 5 :]
