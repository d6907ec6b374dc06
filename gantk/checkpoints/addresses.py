"""An https address in the place of a file: fetched once, kept in the user's folder, and never fetched again by itself.

Only an address that was typed for this invocation is fetched (`OwnCode`; in Python fetch=True). One that a file names,
such as a manifest, a boundary list or a settings file, is looked up among those that were fetched and no more.

What was fetched lies in ``addresses/KEY/NAME`` of the user's folder with ``.address.json`` beside it: the address, the
size, the sha256 and the time. A file whose bytes are not those any more is not used.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from gantk.checkpoints.download import Cut, Expected, LinkError, download, part_of
from gantk.checkpoints.facts import KEYS, TUNED
from gantk.errors import GantkError, UsageError
from gantk.store.files import load_json, save_json, sha256_of
from gantk.store.locks import hold
from gantk.store.own_code import OwnCode
from gantk.store.shipped import home

LARGEST = 8 << 30  # bytes of one file: the largest public generators have 4 GB
LONGEST = 2000  # characters of an address
RECORD = ".address.json"  # no file's name begins with a dot
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_WORDS = {*KEYS, TUNED, "sha256"}
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Address:
    """An address as it is fetched.

    Attributes:
        url: without what stands behind #.
        sha256: of the file, where ``#sha256=HEX`` gave it, in small letters.
        facts: the other words behind #, ``#label_dim=4&fused=true``, which say what a checkpoint does not; words of
            gantk's may stand behind ? too, and what else stands there is the address's own.
    """

    url: str
    sha256: str | None
    facts: dict[str, str]

    def without(self, fact: str) -> str:
        """As it is typed, less one of its facts."""
        words = {"sha256": self.sha256, **self.facts}
        said = "&".join(f"{key}={quote(value)}" for key, value in words.items() if value is not None and key != fact)
        return f"{self.url}#{said}" if said else self.url

    @property
    def name(self) -> str:
        """A name for its file: the last part of its path, of plain letters alone."""
        last = unquote(PurePosixPath(urlsplit(self.url).path).name)
        return _PLAIN.sub("_", last).lstrip("._-")[-100:].lstrip("._-") or "file"

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return home() / "addresses" / hashlib.sha256(self.url.encode()).hexdigest()[:20]

    @property
    def path(self) -> Path:
        return self.folder / self.name


@dataclass(frozen=True)
class Kept:
    """What is recorded of a file in the cache; `fetched` is the time in words."""

    url: str
    sha256: str
    size: int
    fetched: str


def is_address(name: object) -> bool:
    """Whether a name is meant as an address, of whatever scheme."""
    return isinstance(name, str) and _SCHEME.match(name) is not None


def parse_address(text: str) -> Address:
    """An address as typed: ``https://host/path/file.pkl``, with ``#sha256=HEX`` behind it where it is to be checked.

    Raises:
        UsageError: another scheme, a name or password in it, or something behind # that is not understood.
    """
    shown = _clipped(text)
    scheme = _SCHEME.match(text)
    if scheme is None or scheme[1].lower() != "https":
        raise UsageError(
            f"{shown} is not fetched: gantk fetches https:// addresses only, where nobody on the way can change a file."
        )
    try:
        parts = urlsplit(text)
        words = parts.query.split("&")
        own = [word for word in words if word.partition("=")[0] in _WORDS]
        url = parts._replace(
            scheme="https", query="&".join(word for word in words if word not in own), fragment=""
        ).geturl()
        host, named = parts.hostname, parts.username is not None or parts.password is not None
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"{shown} is no address: {error}.") from None
    odd = re.search(r"[\x00-\x1f\x7f]", text) or re.search(r"[ \\<>\"]", url) or not url.isascii()
    if not host or len(text) > LONGEST or odd:
        raise UsageError(
            f"{shown} is no address: write https://host/path/file, in ASCII, without blanks (%20 stands for one)."
        )
    if named:
        raise UsageError(
            f"An address of {host} with a user's name in it is not fetched, because a run records its address: "
            "download the file and give its path."
        )
    facts: dict[str, str] = {}
    for item in filter(None, [*own, *re.split("[&?#]", parts.fragment)]):
        key, sign, value = item.partition("=")
        if not sign or not key or not value or key in facts:
            raise UsageError(f"{shown} has {item[:80]!r} behind it: write #sha256=HEX (64 digits) or #key=value, once.")
        facts[key] = unquote(value)
    digest = facts.pop("sha256", None)
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise UsageError(f"sha256={digest[:80]} behind {shown} is no SHA-256: give its 64 hexadecimal digits.")
    return Address(url, digest and digest.lower(), facts)


def file_at(name: str, fetch: bool = False) -> Path:
    """The file of an address: fetched now, or the one that was fetched before; either is said on stderr.

    Args:
        name: the address; one that was typed for this invocation is an `OwnCode`.
        fetch: the caller vouches for it as if it had been typed.

    Raises:
        UsageError: it is no https address, or was not typed and never fetched.
        GantkError: it cannot be had, or what came, or lies there, is not the file of the sha256.
    """
    address = parse_address(name)
    kept = _kept(address)
    if kept is None and not (fetch or isinstance(name, OwnCode)):
        raise UsageError(
            f"{_clipped(address.url)} was never fetched here, and gantk fetches no address that a file names: give it "
            "on this command line (in Python: fetch=True)."
        )
    if kept is not None:
        _check_kept(address, kept)
        _say(f"{address.name}: from the cache, fetched {kept.fetched}, sha256 {kept.sha256} ({address.path})")
        return address.path
    _make(address.folder)
    with hold(address.folder / ".lock", what=f"{address.folder} on {address.name}"):
        kept = _fetch(address)
    _say(
        f"{address.name}: fetched from {address.url}, {kept.size:,} bytes, sha256 {kept.sha256} "
        f"({'as given' if address.sha256 else 'nobody said what it should be'}; kept as {address.path})"
    )
    return address.path


def stem_of(name: str) -> str:
    """What a run of an address is called after: its file's name without the suffix."""
    return Path(parse_address(name).name).stem


def _fetch(address: Address) -> Kept:
    expected = Expected(sha256=address.sha256, by="the address", most=LARGEST)
    try:
        digest = download(address.url, address.path, expected, address.name)
    except LinkError as error:
        sentence, how = str(error).rstrip("."), "or download it elsewhere and give its path"
        if isinstance(error, Cut) and part_of(address.path).is_file():
            raise GantkError(f"Not all was fetched: {sentence}; the same command continues, {how}.") from error
        raise GantkError(f"Nothing was fetched: {sentence}; run the same command again, {how}.") from error
    fetched = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    record = Kept(address.url, digest, address.path.stat().st_size, fetched)
    save_json(address.folder / RECORD, asdict(record))
    return record


def _kept(address: Address) -> Kept | None:
    """The record of an earlier fetch; None where there is none, or it never came to its end."""
    path = address.folder / RECORD
    if not path.is_file() or not address.path.is_file():
        return None
    record = load_json(path)
    match record:
        case {"url": address.url, "sha256": str(sha256), "size": int(size), "fetched": str(fetched)}:
            return Kept(address.url, sha256, size, fetched)
    raise GantkError(f"{path} is no record of {address.url}: remove the folder {address.folder} to fetch it again.")


def _check_kept(address: Address, kept: Kept) -> None:
    again = f"remove the folder {address.folder} to fetch it again"
    if address.sha256 is not None and kept.sha256 != address.sha256:
        raise GantkError(
            f"{address.path}, fetched {kept.fetched}, is not the file that was asked for: its sha256 is "
            f"{kept.sha256} and should be {address.sha256}; {again}."
        )
    if address.path.stat().st_size != kept.size or sha256_of(address.path) != kept.sha256:
        raise GantkError(f"{address.path} was changed since it was fetched {kept.fetched}: {again}.")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GantkError(f"{folder} cannot be made: {error.strerror or error}.") from error


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _clipped(text: str) -> str:
    """An address for messages: without a password, at most 120 characters, on one line."""
    plain = re.sub(r"//[^/@]*@", "//...@", text)
    return repr(plain[:120] + ("..." if len(plain) > 120 else ""))
