"""Send nonsense to `gantk web`: routes, socket messages, uploads. Nothing of it may be a defect.

    python scripts/fuzz_web.py --requests 100000 --frames 10000       the application itself, in this process
    python scripts/fuzz_web.py LINK --requests 10000 --frames 10000   a running server, over the network

In this process every file that is opened to be written is looked at too: none may lie outside the projects. Prints what
it did and every answer that should not have been; leaves with 1 when there was one.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fuzzing.wires import HttpWire, InProcess, Wire

NAMED = (503, 507)  # the answers from 500 on that are promised


@dataclass
class Report:
    requests: int = 0
    frames: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)


class Fuzzer:
    """Requests drawn from `random`: the same seed sends the same."""

    def __init__(self, wire: Wire, random: random.Random) -> None:
        self.wire, self.random = wire, random
        self.projects: list[str] = []
        self.known: list[str] = []  # names that the server gave: of blobs, directions, jobs, heads
        self.jobs: list[str] = []
        self.report = Report()

    def run(self, requests: int, frames: int, until: float = float("inf")) -> Report:
        """`until` is a time of `time.process_time` after which no further request is begun."""
        self.projects = [json.loads(self.wire.send("POST", "/api/v1/projects", b'{"model":"demo"}', {})[1])["id"]]
        found = json.loads(self.wire.send("GET", "/api/v1/directions?model=demo", None, {})[1])
        self.known = [item["id"] for item in found[:4]]
        while self.report.requests < requests and time.process_time() < until:
            self.request()
        while self.report.frames < frames and time.process_time() < until:
            self.socket(min(60, frames - self.report.frames))
        status, _ = self.wire.send("GET", "/api/v1/info", None, {})
        if status != 200:
            self.report.bad.append(f"after all that info answers {status}")
        self.wire.close()
        return self.report

    # --- values ------------------------------------------------------------------------------------------------

    def value(self, depth: int = 0) -> Any:
        draw = self.random
        plain: list[Any] = [
            None, True, 0, -1, 1, 2, 2**31, 2**63, 1e308, -0.5, "", "demo", "../..", "\u202e\ud800", "a" * 5000, "<b>",
            "0" * 64, draw.choice(self.projects), "const", "label", "6-9", "9-6", [], {}, draw.choice(self.known),
            draw.choice(self.known),
        ]  # fmt: skip
        if depth < 3 and draw.random() < 0.3:
            if draw.random() < 0.5:
                return [self.value(depth + 1) for _ in range(draw.randrange(4))]
            return {self.key(): self.value(depth + 1) for _ in range(draw.randrange(4))}
        return draw.choice(plain)

    def key(self) -> str:
        keys = "seed index label psi rows noise code direction amount type moves base x mute hold name colour sha"
        return self.random.choice(keys.split())

    def base(self) -> Any:
        draw = self.random
        if draw.random() < 0.2:
            return self.value()
        names = ("seed", "index", "label", "psi", "rows", "noise", "code")
        return {name: self.value(3) for name in names if draw.random() < 0.2}

    def move(self) -> Any:
        draw = self.random
        if draw.random() < 0.2:
            return self.value()
        found: dict[str, Any] = {"direction": draw.choice(self.known), "amount": draw.choice([0, 0.5, -2, 1e9, "1"])}
        return {**found, **({self.key(): self.value(3)} if draw.random() < 0.3 else {})}

    def event(self) -> Any:
        kinds = "base moves draft cursor name annotation classes marks sorting paste applied saved created x"
        event: dict[str, Any] = {"type": self.random.choice(kinds.split())}
        made = {
            "base": self.base, "moves": lambda: [self.move() for _ in range(self.random.randrange(3))],
            "marks": lambda: [{"base": self.base(), "value": self.value(3)} for _ in range(self.random.randrange(3))],
            "step": lambda: self.random.choice([-1, 1, 0]), "on": lambda: self.random.choice([True, False, 1]),
        }  # fmt: skip
        for key in (
            "base", "moves", "draft", "node", "name", "label", "classes", "keep", "marks", "attribute", "step", "on",
        ):  # fmt: skip
            if self.random.random() < 0.35:
                event[key] = made.get(key, self.value)()
        return event

    def job(self) -> Any:
        draw = self.random
        if draw.random() < 0.3:
            return self.sound_job()
        kinds = "edit fit predict uncertain animate export invert region card superpixels sort x"
        args: Any = self.value()
        if draw.random() < 0.5:
            args = {
                "base": self.base(), "head": self.value(), "direction": self.value(3), "mask": self.value(3),
                "photo": self.value(3), "draft": {"label": self.value(3)}, "samples": draw.choice([2, 0, "2"]),
                "what": draw.choice(["session", "direction", "strip", "annotations", "x"]), "labels": self.value(),
                "frames": draw.choice([2, 1, -1]), "steps": draw.choice([1, 2, 0]), "count": draw.choice([1, 0, 2]),
            }  # fmt: skip
            share = draw.random()
            args = {key: item for key, item in args.items() if draw.random() < share}
        return {"kind": draw.choice(kinds.split()), "key": str(draw.randrange(10**9)), "args": args}

    def sound_job(self) -> Any:
        """A small job that is begun, or one field away from such a one."""
        draw = self.random
        direction, sha = (draw.choice([name for name in self.known if len(name) == size] or ["x"]) for size in (13, 64))
        base: dict[str, Any] = {"seed": draw.randrange(3), "index": draw.randrange(3)}
        kinds: dict[str, dict[str, Any]] = {
            "predict": {"base": base}, "superpixels": {"base": base, "side": draw.choice([16, 64])},
            "card": {"direction": direction, "samples": 2, "mask": sha},
            "animate": {"direction": direction, "frames": 2},
            "export": {"what": draw.choice(["session", "direction", "annotations", "labels"])}, "fit": {"teach": 1},
            "sort": {"attribute": "it", "base": {"seed": 0}, "pool": 8},
            "region": {"mask": sha, "count": 1, "rows": "9"}, "invert": {"photo": sha, "steps": 1},
            "uncertain": {"base": base, "head": draw.choice(self.known), "count": 1},
            "edit": {"head": draw.choice(self.known), "draft": {"label": sha}, "settings": {"steps": 1}},
        }  # fmt: skip
        kind = draw.choice(list(kinds))
        args = kinds[kind]
        if draw.random() < 0.5:
            args[draw.choice([*args, "x"])] = self.value()
        return {"kind": kind, "key": str(draw.randrange(10**9)), "args": args}

    # --- requests ----------------------------------------------------------------------------------------------

    def request(self) -> None:
        draw = self.random
        project = draw.choice([*(self.projects * 3), "x", "..", quote("../../etc/passwd", safe=""), "0" * 32])
        job = draw.choice(["x", "..", *self.jobs[-3:]])
        routes = [
            ("GET", "info"), ("GET", f"directions?model={quote(str(self.value(3)), errors='replace')}"),
            ("GET", "projects"),
            ("POST", "projects"), ("GET", f"projects/{project}"), ("POST", f"projects/{project}/events"),
            ("PUT", f"projects/{project}/blobs?kind={draw.choice(['label', 'colour', 'x'])}"),
            ("GET", f"projects/{project}/blobs/{draw.choice(['x', '..', '0' * 64, *self.known])}"),
            ("POST", f"projects/{project}/jobs"),
            ("GET", f"projects/{project}/export?what={draw.choice(['png', 'x', 'npy'])}"),
            ("GET", f"projects/{project}/command"), ("GET", f"jobs/{job}"), ("DELETE", f"jobs/{job}"),
            ("GET", f"jobs/{job}/command"),
        ]  # fmt: skip
        # whole lists of projects are dear once there are hundreds
        method, path = draw.choices(routes, [0.1 if path == "projects" else 1.0 for _, path in routes])[0]
        if draw.random() < 0.05:
            method = draw.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
        body, headers = self.body(method, path)
        if draw.random() < 0.05:
            headers["Authorization"] = draw.choice(["", "Bearer", "Bearer x", "Bearer \xff"])
        if draw.random() < 0.05:
            headers["Host"] = draw.choice(["x", "localhost@x", "localhost", "[", "127.0.0.1:0"])
        if draw.random() < 0.05:
            headers["Origin"] = draw.choice(["null", "http://x", f"http://localhost:{self.wire.port}"])
        if draw.random() < 0.01 and self.wire.raw:
            headers["Content-Length"] = draw.choice(["\xb2", "-1", "", "9" * 5000, "1e3", "4"])
        status, data = self.wire.send(method, f"/api/v1/{path}", body, headers)
        self.report.requests += 1
        self.report.statuses[status] += 1
        if status >= 500 and status not in NAMED:
            self.report.bad.append(f"{method} {path} {headers} {body!r:.200} -> {status} {data!r:.300}")
        if status in (201, 202) and data.startswith(b"{"):
            self.learn(json.loads(data))

    def learn(self, answer: dict[str, Any]) -> None:
        if "sha256" in answer and len(self.known) < 40:
            self.known.append(answer["sha256"])
        if "job" in answer:
            self.jobs.append(answer["job"])
        if "id" in answer and len(self.projects) < 5:
            self.projects.append(answer["id"])

    def body(self, method: str, path: str) -> tuple[bytes | None, dict[str, str]]:
        draw = self.random
        if method not in ("POST", "PUT"):
            return None, {}
        if draw.random() < 0.1:
            return draw.randbytes(draw.randrange(200)), {}
        if method == "PUT":
            kinds = ["application/octet-stream", "image/png", "image/jpeg", "text/html", ""]
            kind = draw.choices(kinds, [20, 1, 1, 2, 2])[0]
            magic = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"<svg"]
            # pictures are decoded in a process each: fewer of them
            start = draw.choices(magic, [1, 1, 40, 40])[0] if "image" in kind else b""
            return start + draw.randbytes(draw.choice([0, 1, 16, 64, 4096, 16384, 100])), {"Content-Type": kind}
        if path.endswith("events"):
            value: Any = {"rev": draw.choice([0, 1, 2, 3, -1, "1"]), "event": self.event()}
            if draw.random() < 0.5:
                value["rev"] = self.rev(path.split("/")[1])
        elif path.endswith("jobs"):
            value = self.job()
        else:
            value = {"model": draw.choice(["demo", "x", 3])}
            if draw.random() < 0.8:
                value[self.key()] = self.value()
        return json.dumps(value).encode(), {}

    def rev(self, project: str) -> Any:
        """The newest number of a project, so that its event is looked at."""
        _, data = self.wire.send("GET", f"/api/v1/projects/{project}", None, {})
        return json.loads(data).get("rev", 1) if data.startswith(b"{") else 1

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
            "base": self.base(), "moves": [self.move() for _ in range(draw.randrange(3))],
            "size": draw.choice([64, 0, 10**6]), "final": draw.choice([True, False, 1]),
            "paste": draw.choice([None, None, 0, 1, -1, "0"]),
        }  # fmt: skip
        return json.dumps({key: item for key, item in message.items() if draw.random() < 0.9})

    def socket(self, count: int) -> None:
        messages = [self.message() for _ in range(count)]
        self.report.frames += count
        for answer in self.wire.talk(messages):
            if isinstance(answer, str) and (answer == "1011" or json.loads(answer).get("code") == "defect"):
                self.report.bad.append(f"a message is answered with {answer}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("link", nargs="?", help="what gantk web printed; without one the application in this process")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of processor time, at most")
    given = parser.parse_args()
    begun, until = time.monotonic(), time.process_time() + given.seconds
    with tempfile.TemporaryDirectory() as folder:
        wire = HttpWire.of_link(given.link) if given.link else InProcess(Path(folder))
        report = Fuzzer(wire, random.Random(given.seed)).run(given.requests, given.frames, until)
        report.bad += wire.outside()
    spent = f"{time.monotonic() - begun:.0f} s, {time.process_time():.0f} s of them of a processor"
    print(f"{report.requests} requests, {report.frames} messages in {spent}: {dict(sorted(report.statuses.items()))}")
    for line in report.bad[:50]:
        print(line)
    print(f"{len(report.bad)} that should not have been")
    sys.exit(bool(report.bad))


if __name__ == "__main__":
    main()
