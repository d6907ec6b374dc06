"""Send nonsense to a running `gantk web`: routes, socket messages, uploads. Nothing of it may be a defect.

    python scripts/fuzz_web.py LINK --requests 100000 --frames 100000 --seed 0

Prints what it did and every answer that should not have been; leaves with 1 when there was one.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

NAMED = (503, 507)  # the answers from 500 on that are promised


@dataclass
class Report:
    requests: int = 0
    frames: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)


class Fuzzer:
    """Requests drawn from `random`: the same seed sends the same."""

    def __init__(self, port: int, token: str, random: random.Random) -> None:
        self.port, self.token, self.random = port, token, random
        self.connection: http.client.HTTPConnection | None = None
        self.projects: list[str] = []
        self.report = Report()

    def run(self, requests: int, frames: int) -> Report:
        self.projects = [json.loads(self.send("POST", "/api/v1/projects", b'{"model":"demo"}', {})[1])["id"]]
        for _ in range(requests):
            self.request()
        while self.report.frames < frames:
            self.socket(min(60, frames - self.report.frames))
        status, _ = self.send("GET", "/api/v1/info", None, {})
        if status != 200:
            self.report.bad.append(f"after all that info answers {status}")
        self.close()
        return self.report

    # --- values ------------------------------------------------------------------------------------------------

    def value(self, depth: int = 0) -> Any:
        draw = self.random
        plain: list[Any] = [
            None, True, 0, -1, 1, 2**31, 2**63, 1e308, -0.5, "", "demo", "../..", "\u202e\ud800", "a" * 5000, "<b>",
            "0" * 64, draw.choice(self.projects), "const", "label", "6-9", "9-6", [], {},
        ]  # fmt: skip
        if depth < 3 and draw.random() < 0.3:
            if draw.random() < 0.5:
                return [self.value(depth + 1) for _ in range(draw.randrange(4))]
            return {self.key(): self.value(depth + 1) for _ in range(draw.randrange(4))}
        return draw.choice(plain)

    def key(self) -> str:
        return self.random.choice(
            [
                "seed",
                "index",
                "label",
                "psi",
                "rows",
                "noise",
                "code",
                "direction",
                "amount",
                "type",
                "moves",
                "base",
                "x",
            ]
        )

    def base(self) -> Any:
        draw = self.random
        if draw.random() < 0.2:
            return self.value()
        return {
            key: self.value(3)
            for key in ("seed", "index", "label", "psi", "rows", "noise", "code")
            if draw.random() < 0.2
        }

    def event(self) -> Any:
        kinds = [
            "base",
            "moves",
            "draft",
            "cursor",
            "name",
            "annotation",
            "classes",
            "applied",
            "saved",
            "created",
            "x",
        ]
        event: dict[str, Any] = {"type": self.random.choice(kinds)}
        for key in ("base", "moves", "draft", "node", "name", "label", "classes", "keep"):
            if self.random.random() < 0.35:
                event[key] = self.base() if key == "base" else self.value()
        return event

    def job(self) -> Any:
        kinds = ["edit", "fit", "predict", "uncertain", "animate", "export", "invert", "x"]
        args: Any = self.value()
        if self.random.random() < 0.5:
            args = {
                "base": self.base(),
                "head": self.value(),
                "what": self.random.choice(["session", "direction", "strip", "x"]),
            }
            args = {key: item for key, item in args.items() if self.random.random() < 0.6}
        return {"kind": self.random.choice(kinds), "key": str(self.random.randrange(10**9)), "args": args}

    # --- requests ----------------------------------------------------------------------------------------------

    def request(self) -> None:
        draw = self.random
        project = draw.choice([*self.projects, "x", "..", quote("../../etc/passwd", safe=""), "0" * 32])
        routes = [
            ("GET", "info"), ("GET", f"directions?model={quote(str(self.value(3)), errors='replace')}"),
            ("GET", "projects"),
            ("POST", "projects"), ("GET", f"projects/{project}"), ("POST", f"projects/{project}/events"),
            ("PUT", f"projects/{project}/blobs?kind={draw.choice(['label', 'colour', 'x'])}"),
            ("GET", f"projects/{project}/blobs/{draw.choice(['x', '..', '0' * 64])}"),
            ("POST", f"projects/{project}/jobs"),
            ("GET", f"projects/{project}/export?what={draw.choice(['png', 'x', 'npy'])}"),
            ("GET", f"projects/{project}/command"), ("GET", f"jobs/{draw.choice(['x', '..'])}"), ("DELETE", "jobs/x"),
        ]  # fmt: skip
        method, path = draw.choice(routes)
        if draw.random() < 0.05:
            method = draw.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
        body, headers = self.body(method, path)
        if draw.random() < 0.05:
            headers["Authorization"] = draw.choice(["", "Bearer", "Bearer x", "Bearer \xff"])
        if draw.random() < 0.05:
            headers["Host"] = draw.choice(["x", "localhost@x", "localhost", "[", "127.0.0.1:0"])
        if draw.random() < 0.05:
            headers["Origin"] = draw.choice(["null", "http://x", f"http://localhost:{self.port}"])
        status, data = self.send(method, f"/api/v1/{path}", body, headers)
        self.report.requests += 1
        self.report.statuses[status] += 1
        if status >= 500 and status not in NAMED:
            self.report.bad.append(f"{method} {path} {body!r:.200} -> {status} {data!r:.300}")
        if method == "POST" and path == "projects" and status == 201 and len(self.projects) < 5:
            self.projects.append(json.loads(data)["id"])

    def body(self, method: str, path: str) -> tuple[bytes | None, dict[str, str]]:
        draw = self.random
        if method not in ("POST", "PUT"):
            return None, {}
        if draw.random() < 0.1:
            return draw.randbytes(draw.randrange(200)), {}
        if method == "PUT":
            kinds = ["application/octet-stream", "image/png", "image/jpeg", "text/html", ""]
            kind = draw.choices(kinds, [20, 1, 1, 2, 2])[0]  # pictures are decoded in a process each: fewer of them
            start = draw.choice([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b""]) if "image" in kind else b""
            return start + draw.randbytes(draw.choice([0, 1, 16, 64, 4096, 16384, 100])), {"Content-Type": kind}
        if path.endswith("events"):
            value: Any = {"rev": draw.choice([0, 1, 2, 3, -1, "1"]), "event": self.event()}
        elif path.endswith("jobs"):
            value = self.job()
        else:
            value = {
                "model": draw.choice(["demo", "x", 3]),
                **({self.key(): self.value()} if draw.random() < 0.8 else {}),
            }
        return json.dumps(value).encode(), {}

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

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    # --- messages ----------------------------------------------------------------------------------------------

    def message(self) -> str | bytes:
        draw = self.random
        if draw.random() < 0.1:
            return draw.randbytes(draw.randrange(50))
        if draw.random() < 0.1:
            return draw.choice(["", "{", "[]", "null", '{"t":"render"}', "\x00", "[" * 500])
        message = {
            "t": draw.choice(["render", "render", "render", "watch", "x"]), "seq": draw.choice([0, 1, 2**32, -1, "1"]),
            "pane": draw.choice([0, 1, 15, 31, 32, -1]), "project": draw.choice([*self.projects, "x"]),
            "base": self.base(), "moves": self.value(), "size": draw.choice([64, 0, 10**6]),
            "final": draw.choice([True, False, 1]),
        }  # fmt: skip
        return json.dumps({key: item for key, item in message.items() if draw.random() < 0.9})

    def socket(self, count: int) -> None:
        from websockets.exceptions import ConnectionClosed
        from websockets.sync.client import connect

        origin: Any = f"http://localhost:{self.port}"
        with connect(f"ws://localhost:{self.port}/api/v1/live", origin=origin, open_timeout=60) as socket:
            try:
                socket.send(json.dumps({"token": self.token}))
                for _ in range(count):
                    self.report.frames += 1
                    socket.send(self.message())
                    self.drain(socket, 0)
                self.drain(socket, 0.2)
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code == 1011:
                    self.report.bad.append(f"the socket ended with {closed.rcvd}")

    def drain(self, socket: Any, patience: float) -> None:
        while True:
            try:
                answer = socket.recv(patience)
            except TimeoutError:
                return
            if isinstance(answer, str) and json.loads(answer).get("code") == "defect":
                self.report.bad.append(f"a message is answered with {answer}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("link", help="what gantk web printed")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    link = urlsplit(given.link)
    token = link.fragment.removeprefix("token=")
    report = Fuzzer(link.port or 80, token, random.Random(given.seed)).run(given.requests, given.frames)
    print(f"{report.requests} requests, {report.frames} messages: {dict(sorted(report.statuses.items()))}")
    for line in report.bad:
        print(line)
    sys.exit(bool(report.bad))


if __name__ == "__main__":
    main()
