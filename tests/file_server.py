"""A web server on 127.0.0.1 that misbehaves as it is told, for the tests of downloads."""

from __future__ import annotations

import contextlib
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BODY = bytes(range(256)) * 1000 + b"end"


@dataclass
class Served:
    """What the server has and does, and what it was asked.

    Attributes:
        body: the file, at every path that is in neither `moves` nor `pages`.
        headers: of the answer with the file; ETag and Last-Modified are what If-Range is compared with.
        ranges: whether a request for a part is understood.
        status: other than 200, the answer to everything.
        cuts: each answer in turn ends after so many bytes of what it announces.
        chunked: "whole", "cut" (ends without its last chunk) or "endless".
        wait: after the first thousand bytes, wait for this.
        moves: path -> where it is said to have moved.
        pages: path -> HTML.
        span: a Content-Range to lie with.
    """

    body: bytes = BODY
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"1"'})
    ranges: bool = True
    status: int = 200
    cuts: list[int] = field(default_factory=list)
    chunked: str = ""
    wait: threading.Event | None = None
    moves: dict[str, str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    span: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def parts(self) -> list[str | None]:
        """The Range of each request."""
        return [request.get("range") for request in self.asked]

    @property
    def paths(self) -> list[str]:
        return [request["path"] for request in self.asked]


def start(served: Served, certificate: Path | None = None) -> ThreadingHTTPServer:
    """Serve in a thread; `served.url` becomes the address of the file, https where a certificate (and key) is given."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.close_connection = True
            headers = {name.lower(): value for name, value in self.headers.items()}
            served.asked.append({"path": self.path, **headers})
            if self.path in served.moves:
                self.reply(302, b"", {"Location": served.moves[self.path]})
            elif self.path in served.pages:
                self.reply(200, served.pages[self.path].encode(), {"Content-Type": "text/html; charset=utf-8"})
            elif served.status != 200:
                self.reply(served.status, b"", {})
            else:
                self.file(headers.get("range"), headers.get("if-range"))

        def file(self, part: str | None, version: str | None) -> None:
            total = len(served.body)
            if not served.ranges or part is None or version not in served.headers.values():
                self.reply(200, served.body, served.headers)
                return
            begin = int(part.removeprefix("bytes=").removesuffix("-"))
            if begin >= total:
                self.reply(416, b"", {"Content-Range": f"bytes */{total}"})
                return
            span = served.span or f"bytes {begin}-{total - 1}/{total}"
            self.reply(206, served.body[begin:], {**served.headers, "Content-Range": span})

        def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            length = {"Transfer-Encoding": "chunked"} if served.chunked else {"Content-Length": str(len(body))}
            for name, value in {**headers, **length}.items():
                self.send_header(name, value)
            self.end_headers()
            if served.cuts and status in (200, 206):
                body = body[: served.cuts.pop(0)]
            with contextlib.suppress(
                BrokenPipeError, ConnectionResetError, ssl.SSLError
            ):  # the other side has seen enough
                self.send_chunks(body) if served.chunked else self.send(body)

        def send(self, body: bytes) -> None:
            self.wfile.write(body[:1000])
            if served.wait is not None:
                served.wait.wait(5)
            self.wfile.write(body[1000:])

        def send_chunks(self, body: bytes) -> None:
            chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n"
            self.wfile.write(chunk)
            while served.chunked == "endless":
                self.wfile.write(chunk)
            if served.chunked == "whole":
                self.wfile.write(b"0\r\n\r\n")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if certificate is None else "https"
    served.url = f"{scheme}://127.0.0.1:{server.server_address[1]}/file.pkl"
    threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True).start()
    return server
