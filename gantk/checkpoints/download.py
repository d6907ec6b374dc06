"""One file from one address: resumable, checked, and either whole under its name or not there.

What has come so far lies in ``NAME.part``, with the address and the server's mark of the version (ETag or
Last-Modified) in ``NAME.part.json``; a later call asks for the rest, and starts over where the server has another
version, marks none, or ignores the question. Only http and https are followed; the file's name is the caller's, never
the server's. Nothing but the standard library is used.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import urlsplit

from gantk.checkpoints.drive import confirmed_address, title
from gantk.errors import GantkError, UsageError
from gantk.store.files import load_json, save_json, sha256_of
from gantk.store.json_values import Json
from gantk.store.progress import progress

TIMEOUT = 30.0  # seconds without a byte
TRIES = 5  # connections that are cut but bring new bytes are taken up again
PAUSE = 1.0  # seconds between them
CHUNK = 1 << 18
LONGEST_PAGE = 1 << 20
LARGEST = 32 << 30  # bytes; no network is larger, and some servers never end
_MEGABYTE = 10**6
_SCHEMES = ("http", "https")
_PAGE_STARTS = (b"<!doctype html", b"<html")


class LinkError(GantkError):
    """The address does not give the file; another way to get it should be named."""


class Cut(LinkError):
    """The connection ended before the file did; what came is kept."""

    def __init__(self, sentence: str, rest: bytes = b""):
        super().__init__(sentence)
        self.rest = rest  # came before the end and is not yet written


@dataclass(frozen=True)
class Expected:
    """What the file must be: size and sha256 (or its first digits) where known, and who says so; `most` bytes."""

    size: int | None = None
    sha256: str | None = None
    by: str = "its authors"
    most: int | None = None


def download(url: str, target: Path, expected: Expected | None = None, name: str = "") -> str:
    """Fetch `url` to `target` and return the sha256 of what came.

    Args:
        url: http or https.
        target: where the file goes; a file there is replaced once the new one is whole and right.
        expected: what to compare with.
        name: for progress and messages.

    Raises:
        LinkError: the server cannot be reached or has no such file, or a page came instead; `Cut`: the connection broke
            again and again, and the next call continues.
        GantkError: what came is not the expected file (nothing is left of it), or it cannot be written.
    """
    expected = expected or Expected()
    name = name or target.name
    _check_address(url, url)
    part = part_of(target)
    for attempt in range(1, TRIES + 1):
        before = _length(part)
        try:
            _receive(url, part, expected, name)
            break
        except Cut:
            if attempt == TRIES or _length(part) <= before:
                raise
            time.sleep(PAUSE)
    _check_size(part, _length(part), expected, url, name)
    digest = sha256_of(part)
    if expected.sha256 and not digest.startswith(expected.sha256.lower()):
        discard(target)
        raise GantkError(
            f"What {url} gives for {name} is not the file that {expected.by} named: its sha256 is {digest} and should "
            f"{'be' if len(expected.sha256) == 64 else 'begin with'} {expected.sha256}; nothing of it was kept."
        )
    try:
        part.replace(target)
    except OSError as error:
        raise GantkError(f"{target} cannot be written: {error.strerror or error}.") from error
    discard(target)
    return digest


def part_of(target: Path) -> Path:
    """Where the beginning of an unfinished download lies."""
    return target.with_name(target.name + ".part")


def discard(target: Path) -> None:
    """Remove what an unfinished download of `target` left."""
    _discard(part_of(target))


# --- one connection --------------------------------------------------------------------------------------------------


def _receive(url: str, part: Path, expected: Expected, name: str) -> None:
    """Bring `part` to its end, or raise `Cut` when the connection ends before."""
    have, version = _begun(part, url)
    headers = {"User-Agent": "gantk", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    opener, address = _opener(), url
    for _ in range(2):  # Drive's page leads to the file, once
        with contextlib.closing(_open(opener, address, headers, url, name)) as response:
            if response.status == 416:  # there is nothing beyond what we have
                if response.headers.get("Content-Range", "").strip() == f"bytes */{have}":
                    return
                break
            head = _read(response, 512)
            if not _is_page(response, head):
                if _write(response, head, url, part, have, version, expected, name):
                    return
                break
            page = head + _read(response, LONGEST_PAGE)
            shown = response.geturl()
        following = confirmed_address(page, shown)
        if following is None or address != url:
            called = f" ({title(page)!r})" if title(page) else ""
            raise LinkError(f"{url} gives a web page{called} instead of {name}")
        _check_address(following, url)
        address = following
    if not have:
        raise LinkError(f"{url} answers a request for the whole of {name} with a part of it")
    _discard(part)  # the server has another version, or counts otherwise: from the beginning
    _receive(url, part, expected, name)


class Response(Protocol):
    """What `urllib` answers with."""

    status: int

    @property
    def headers(self) -> HTTPMessage: ...

    def read(self, amount: int = ..., /) -> bytes: ...

    def geturl(self) -> str: ...


def _write(
    response: Response, head: bytes, url: str, part: Path, have: int, version: str, expected: Expected, name: str
) -> bool:
    """Append an answer's body to `part`; False when it is no continuation of what is there."""
    total = _whole(response.headers.get("Content-Length"))
    found = _version(response)
    if response.status == 206:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
        if not have or span is None or int(span[1]) != have or (found and found != version):
            return False
        total = _whole(span[2])
    elif response.status == 200:
        have = 0  # all of it, whether or not a part was asked for
    else:
        raise LinkError(f"{url} answers {response.status} where {name} was expected")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise LinkError(f"{url} sends {name} compressed although that was not asked for")
    most = LARGEST if expected.most is None else expected.most
    if total:
        _check_size(part, total, expected, url, name)
        if total > most:
            _discard(part)
            raise GantkError(
                f"{url} announces {total:,} bytes for {name}, more than the {most:,} that are fetched: download it "
                "yourself and give its path."
            )
    limit = total or expected.size or most
    _check_space(part, limit - have if limit != most else 0, name)
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        save_json(_state_of(part), {"url": url, "version": found or (version if have else "")})
        with open(part, "ab" if have else "wb") as file, _counter(total, have, name) as counter:
            block = head
            while block:
                have += len(block)
                if have > limit:
                    break
                file.write(block)
                counter(have)
                try:
                    block = _read(response, CHUNK)
                except Cut as cut:
                    file.write(cut.rest)
                    raise
    except OSError as error:
        raise GantkError(f"{part} cannot be written: {error.strerror or error}.") from error
    if have > limit:
        _discard(part)
        raise GantkError(f"{url} sends more than the {limit:,} bytes that {name} has; nothing of it was kept.")
    if not have and not total:
        _discard(part)
        raise LinkError(f"{url} gives an empty file instead of {name}")
    if have < (total or expected.size or 0):
        raise Cut(f"the connection to {urlsplit(url).hostname} ended after {have:,} of {limit:,} bytes of {name}")
    return True


@contextlib.contextmanager
def _counter(total: int | None, have: int, name: str) -> Any:
    """Progress in megabytes; none for small files."""
    if (total or 0) < _MEGABYTE:
        yield lambda _done: None
        return
    with progress(-(-(total or 0) // _MEGABYTE), f"pulling {name}", unit="MB") as bar:

        def show(done: int) -> None:
            bar.update(done // _MEGABYTE - bar.n)

        show(have)
        yield show


def _read(response: Response, size: int) -> bytes:
    try:
        data: bytes = response.read(size)
        return data
    except (OSError, http.client.HTTPException) as error:
        rest = getattr(error, "partial", b"")
        sentence = f"the connection to {urlsplit(response.geturl()).hostname} broke ({_reason(error)})"
        raise Cut(sentence, rest) from error


def _is_page(response: Response, head: bytes) -> bool:
    kind = response.headers.get_content_type() if "Content-Type" in response.headers else ""
    return kind in ("text/html", "application/xhtml+xml") or head.lstrip().lower().startswith(_PAGE_STARTS)


def _version(response: Response) -> str:
    """What `If-Range` can name: a strong ETag, or a date; empty when there is neither."""
    tag: str = response.headers.get("ETag", "").strip()
    date: str = response.headers.get("Last-Modified", "").strip()
    return tag if tag.startswith('"') else date


# --- what is there already -------------------------------------------------------------------------------------------


def _begun(part: Path, url: str) -> tuple[int, str]:
    """How many bytes of this address's file are there and of which version; 0 when they cannot be continued."""
    have = _length(part)
    state: Json = None
    if have and _state_of(part).is_file():
        with contextlib.suppress(GantkError):
            state = load_json(_state_of(part))
    version = state.get("version") if isinstance(state, dict) and state.get("url") == url else None
    if not have or not isinstance(version, str) or not re.fullmatch(r"[\x20-\x7e]{1,300}", version):
        return 0, ""
    return have, version


def _length(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _state_of(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _discard(part: Path) -> None:
    for path in (part, _state_of(part)):
        path.unlink(missing_ok=True)


def _check_size(part: Path, size: int, expected: Expected, url: str, name: str) -> None:
    if expected.size and size != expected.size:
        _discard(part)
        raise GantkError(
            f"What {url} gives for {name} is not the file that {expected.by} named: it has {size:,} bytes and should "
            f"have {expected.size:,}; nothing of it was kept."
        )


def _check_space(part: Path, more: int, name: str) -> None:
    folder = next((place for place in part.parents if place.is_dir()), None)
    if folder is None:
        return
    free = shutil.disk_usage(folder).free
    if more > free:
        raise GantkError(
            f"{name} needs {more:,} more bytes and the disk of {part.parent} has {free:,}: make room, or choose "
            "another folder with --output-dir."
        )


def _whole(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,18}", text.strip()) else None


# --- the way there ---------------------------------------------------------------------------------------------------


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to http and https only, and never from https back to http."""

    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> Response | None:
        place = headers.get("Location") or headers.get("URI")
        if place:
            _check_address(urllib.parse.urljoin(req.full_url, place), req.full_url)
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _opener() -> urllib.request.OpenerDirector:
    """Handlers for http and https alone: no file:, ftp: or data:."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPCookieProcessor(),  # Drive's older confirmation is a cookie and a word
        urllib.request.UnknownHandler(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _open(opener: urllib.request.OpenerDirector, address: str, headers: dict[str, str], url: str, name: str) -> Any:
    """Open an address; an answer of 416 is returned like a good one."""
    host = urlsplit(address).hostname
    try:
        return opener.open(urllib.request.Request(address, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and "Range" in headers:
            return error
        error.close()
        gone = {401: "asks for a login", 403: "refuses access", 404: "is not there any more", 410: "is gone"}
        raise LinkError(f"the address of {name}, {url}, {gone.get(error.code, 'fails')} ({error.code})") from None
    except urllib.error.URLError as error:
        raise LinkError(f"{host} cannot be reached for {name} ({_reason(error.reason)})") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise LinkError(f"{host} does not answer for {name} ({_reason(error)})") from None


def _check_address(address: str, origin: str) -> None:
    """Refuse what is neither http nor https, and a step from https to http.

    Raises:
        LinkError: a redirect or form leads there. UsageError: the address itself was given so.
    """
    try:
        parts = urlsplit(address)
        fine = parts.scheme in _SCHEMES and bool(parts.hostname)
    except ValueError:
        fine = False
    if not fine:
        shown = repr(address[:100])
        if address == origin:
            raise UsageError(f"{shown} is no address to pull from: it must begin with http:// or https://.")
        raise LinkError(f"{origin} leads to {shown}, and only http and https are followed")
    if urlsplit(origin).scheme == "https" and parts.scheme == "http":
        raise LinkError(f"{origin} leads from https to {address[:100]!r}, which is not protected and not followed")


def _reason(error: BaseException | str) -> str:
    """A few words of a network error."""
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT:g} s"
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    return text[:120] or type(error).__name__
