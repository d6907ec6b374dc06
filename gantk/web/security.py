"""Who may ask: Host, Origin, token, and the headers that keep the page to itself. Pure ASGI, around the application.

Nothing is authorised by merely being sent by a browser: there is no cookie, and the token is in the link's fragment,
which browsers send nowhere.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gantk.web.wire import ApiError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

API = "/api/v1/"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def new_token() -> str:
    """256 random bits as text that fits into a link."""
    return secrets.token_urlsafe(32)


def same_token(given: str, token: str) -> bool:
    """Whether two tokens are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def hostname(host: str) -> str | None:
    """The name in a Host header, without the port; None for what is no such header."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    bad = parts.username is not None or parts.path or parts.query or parts.fragment
    return None if bad or "@" in host or not parts.hostname else parts.hostname


class Security:
    """Args:
    token: None in public mode, where a project's secret name is what opens it.
    hosts: names beside loopback's that the server answers to.
    framed_by: the one site that may embed the page.
    """

    def __init__(
        self, app: ASGIApp, token: str | None, hosts: Iterable[str] = (), framed_by: str | None = None
    ) -> None:
        self.app, self.token = app, token
        self.hosts = {*LOOPBACK, *(host.lower() for host in hosts)}
        frame = framed_by or "'none'"
        policy = (
            "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
            f"frame-ancestors {frame}"
        )
        self.headers = [
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        try:
            self.check(scope)
        except ApiError as error:
            await self._refuse(scope, receive, send, error)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self.headers]
            await send(message)

        await self.app(scope, receive, guarded)

    def check(self, scope: Scope) -> None:
        """
        Raises:
            ApiError: 403 for a Host or Origin that is not ours, 401 without the token.
        """
        headers: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value.decode("latin-1"))
        host = headers.get(b"host", [])
        if len(host) != 1 or hostname(host[0]) not in self.hosts:
            raise ApiError(403, "This server does not answer under that host name.", "Start it with --allow-host NAME.")
        origin = headers.get(b"origin", [])
        if origin and not (len(origin) == 1 and _same_origin(origin[0], host[0])):
            raise ApiError(403, "The request comes from another site.")
        if scope["type"] == "websocket":
            if not origin:
                raise ApiError(403, "A socket must say where it comes from (Origin).")
            return  # its first message is the token
        if scope["path"].startswith(API) and self.token is not None:
            given = headers.get(b"authorization", [""])
            kind, _, value = given[0].partition(" ")
            if len(given) != 1 or kind.lower() != "bearer" or not same_token(value.strip(), self.token):
                raise ApiError(401, "The token is missing or wrong.", "Open the link that gantk web printed.")

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, error: ApiError) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        body = json.dumps(error.body()).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *self.headers]
        if scope["method"] in ("POST", "PUT", "PATCH"):
            headers.append((b"connection", b"close"))  # its body is not read
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _same_origin(origin: str, host: str) -> bool:
    scheme, _, rest = origin.partition("://")
    return scheme in ("http", "https") and rest.lower() == host.lower()
