"""The process: an address that nobody else shares, the link, the tunnel's line, and uvicorn on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gantk.errors import GantkError, UsageError
from gantk.web.security import LOOPBACK

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp


@dataclass(frozen=True)
class Address:
    """A bound socket, and how a browser reaches it."""

    bound: socket.socket
    port: int
    path: Path | None

    def link(self, host: str, token: str | None) -> str:
        name = "localhost" if host in LOOPBACK or self.path is not None else host
        fragment = "" if token is None else f"#token={token}"
        return f"http://{name}:{self.port}/{fragment}"

    def tunnel(self) -> str:
        """What a person types at home to reach a server on a cluster's node."""
        node = socket.gethostname()
        if self.path is not None:
            return f"ssh -L {self.port}:{self.path} {node}"
        return f"ssh -L {self.port}:127.0.0.1:{self.port} {node}"


@contextlib.contextmanager
def listen(host: str, port: int, path: str | None) -> Iterator[Address]:
    """Bind before anything is printed, so that the link is right.

    Raises:
        GantkError: the port is taken, or the path cannot be bound.
    """
    if path is None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
        except OSError as error:
            bound.close()
            raise GantkError(
                f"Nothing can listen on {host}:{port} ({error.strerror}): leave --port out for a free one."
            ) from error
        try:
            yield Address(bound, bound.getsockname()[1], None)
        finally:
            bound.close()
        return
    place = Path(path).absolute()
    if place.exists() and stat.S_ISSOCK(place.stat().st_mode):
        place.unlink()  # of a server that was killed; a living one holds the project folder
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # nobody else may even connect, from the first moment on
    try:
        bound.bind(str(place))
    except OSError as error:
        bound.close()
        raise GantkError(f"The socket {place} cannot be made ({error.strerror}).") from error
    finally:
        os.umask(before)
    try:
        yield Address(bound, port or 8080, place)
    finally:
        bound.close()
        place.unlink(missing_ok=True)


@contextlib.contextmanager
def scratch_in(folder: Path) -> Iterator[None]:
    """A place for temporary files that the next server empties, should this one be killed."""
    place = folder.absolute() / ".scratch"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(place)
    try:
        yield
    finally:
        tempfile.tempdir = before
        shutil.rmtree(place, ignore_errors=True)


def check_host(host: str, allowed: tuple[str, ...], public: bool) -> None:
    """
    Raises:
        UsageError: an address that others can reach, without --allow-host or --public.
    """
    if host not in LOOPBACK and not allowed and not public:
        raise UsageError(
            f"--host {host} lets other machines in: say under which name with --allow-host NAME, or use an ssh tunnel."
        )


def server_of(app: ASGIApp) -> uvicorn.Server:
    """Uvicorn with the limits of the socket, and without a log of addresses."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        ws="websockets-sansio",
        ws_max_size=64 << 10,
        ws_max_queue=32,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=2,
        lifespan="on",
    )
    return uvicorn.Server(config)


def run(app: ASGIApp, address: Address) -> None:
    """Serve until interrupted."""
    server_of(app).run(sockets=[address.bound])
