"""Public files into the user's folder, and where they lie there: `gantk models pull`, and names that load.

Hashes that gantk does not know are recorded at the first pull in ``pulled.json`` of the user's folder ($GANTK_HOME, or
``gantk`` in the cache folder); whatever is pulled later under the same name must be the same file.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict, cast

from gantk.checkpoints import hub
from gantk.checkpoints.download import Cut, Expected, LinkError, download, part_of
from gantk.errors import GantkError, UsageError, suggestion
from gantk.generators.zoo import LOADABLE, Entry, PublicFile, entries
from gantk.store.files import load_json, save_json, sha256_of
from gantk.store.json_values import Json
from gantk.store.locks import hold
from gantk.store.shipped import home

LEDGER = "pulled.json"


@dataclass(frozen=True)
class Pulled:
    """A file that is now in its place.

    Attributes:
        name: of the zoo, or hub:owner/name.
        path: where it lies.
        sha256: of its bytes.
        fresh: it was fetched now; otherwise it was there already.
        recorded: nobody said what its sha256 should be, so that it was recorded now.
    """

    name: str
    path: Path
    sha256: str
    fresh: bool
    recorded: bool


def select(pattern: str) -> list[str]:
    """Names that a word of the command line stands for: a name, hub:owner/name, or a pattern (`stylegan_tower/*`).

    Raises:
        UsageError: there is none; near matches are offered.
    """
    known = entries()
    if pattern in known or hub.is_hub(pattern):
        return [pattern]
    found = [name for name in known if fnmatch.fnmatchcase(name, pattern)] if set(pattern) & set("*?[") else []
    return found or [_entry(pattern).name]  # which refuses it


def pull(name: str, output_dir: str | os.PathLike[str] | None = None, force: bool = False) -> list[Pulled]:
    """Fetch the files of one name, or check those that are there.

    Args:
        name: of the zoo, or hub:owner/name[/file].
        output_dir: put them there instead of into the user's folder, where they would be found by name.
        force: fetch again what is there, and take what comes where only an earlier pull says what it should be.

    Raises:
        UsageError: no such name.
        GantkError: a file cannot be had (the sentence says how to place it by hand), is not the one that was expected,
            or another process is pulling it.
    """
    if hub.is_hub(name):
        return [_pull_hub(name, output_dir, force)]
    entry = _entry(name)
    if not entry.files:
        raise GantkError(f"{name} is {entry.note}: open {entry.page} in a browser.")
    return [_pull_file(entry, file, _place(entry, file, output_dir), force) for file in entry.files]


def locate(name: str) -> Path:
    """The file of a pulled network.

    Raises:
        UsageError: no such name, or it is no network.
        GantkError: it is not there yet (the sentence has the command), or is not the whole file.
    """
    if hub.is_hub(name):
        known = _ledger().get(name)
        path = Path(known["path"]) if known and known.get("path") else None
        if path is None or not path.is_file():
            raise GantkError(f"{name!r} was not pulled yet: run `gantk models pull {name}`.")
        return path
    entry = _entry(name)
    if entry.kind != LOADABLE:
        article = "an" if entry.kind[0] in "aeiou" else "a"
        raise UsageError(f"{name!r} is {article} {entry.kind} and no generator: {entry.title}.")
    for file in entry.files:
        path = _place(entry, file)
        if not path.is_file():
            raise GantkError(
                f"{name!r} was not pulled yet: run `gantk models pull {name}`, or fetch it from {entry.page} and save "
                f"it as {path}."
            )
        size = file.size or _ledger().get(_key(entry, file), LedgerRow()).get("size")
        if size and path.stat().st_size != size:
            raise GantkError(
                f"{path} has {path.stat().st_size:,} bytes and should have {size:,}: run "
                f"`gantk models pull --force {name}`."
            )
    return _place(entry, entry.files[0])


def is_pulled(entry: Entry) -> bool:
    """Whether every file of an entry is in the user's folder."""
    return bool(entry.files) and all(_place(entry, file).is_file() for file in entry.files)


def places(entry: Entry) -> list[Path]:
    """Where an entry's files belong."""
    return [_place(entry, file) for file in entry.files]


def pulled_size(entry: Entry) -> int | None:
    """Bytes of what is there, or else of what is known."""
    return sum(path.stat().st_size for path in places(entry)) if is_pulled(entry) else entry.size


# --- one file --------------------------------------------------------------------------------------------------------


def _pull_file(entry: Entry, file: PublicFile, target: Path, force: bool) -> Pulled:
    with _alone(target, entry.name):
        recorded = _ledger().get(_key(entry, file), LedgerRow())
        expected = Expected(file.size, file.sha256)
        if not file.sha256 and recorded and not force:
            expected = Expected(recorded.get("size"), recorded.get("sha256"), "an earlier pull")
        fresh = force or not target.is_file()
        digest = _fetch(entry, file, target, expected) if fresh else _check(entry, target, expected)
        known = bool(expected.sha256)
        if recorded.get("sha256") != digest:
            _record(_key(entry, file), target, digest, file.urls[0])
        return Pulled(entry.name, target, digest, fresh, not known)


def _fetch(entry: Entry, file: PublicFile, target: Path, expected: Expected) -> str:
    """Try the addresses in turn; one whose download has begun is not left for another."""
    for number, url in enumerate(file.urls, 1):
        try:
            return download(url, target, expected, entry.name)
        except LinkError as error:
            sentence = str(error).rstrip(".")
            sentence = sentence[0].upper() + sentence[1:]
            if isinstance(error, Cut) and part_of(target).is_file():
                raise GantkError(f"{sentence}: run the same command again to continue.") from error
            if number == len(file.urls):
                raise GantkError(
                    f"{sentence}. Look for it on {entry.page}, save it as {target}, and run "
                    f"`gantk models pull {entry.name}` to check it."
                ) from error
    raise AssertionError("a public file has an address")


def _check(entry: Entry, target: Path, expected: Expected) -> str:
    """The hash of a file that is there already, compared."""
    digest = sha256_of(target)
    size = target.stat().st_size
    if (expected.size and size != expected.size) or (expected.sha256 and not digest.startswith(expected.sha256)):
        raise GantkError(
            f"{target} is not the file that {expected.by} named: it has {size:,} bytes and the sha256 {digest}, not "
            f"{expected.sha256 or f'{expected.size:,} bytes'}. Remove it and pull again, or give --force."
        )
    return digest


@contextlib.contextmanager
def _alone(target: Path, name: str) -> Iterator[None]:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GantkError(f"{target.parent} cannot be made: {error.strerror or error}.") from error
    with hold(target.with_name(f".{target.name}.lock"), what=f"{target.parent} on {name}"):
        yield


def _entry(name: str) -> Entry:
    known = entries()
    if name not in known:
        raise UsageError(f"The zoo has no {name!r}.{suggestion(name, known)} `gantk models list --all` has every name.")
    return known[name]


def _place(entry: Entry, file: PublicFile, output_dir: str | os.PathLike[str] | None = None) -> Path:
    return (Path(output_dir) if output_dir is not None else home() / entry.folder) / file.path


# --- the ledger ------------------------------------------------------------------------------------------------------


class LedgerRow(TypedDict, total=False):
    """What is written down of a pulled file."""

    path: str
    sha256: str
    size: int
    url: str
    pulled: str


def _key(entry: Entry, file: PublicFile) -> str:
    return f"{entry.folder}/{file.path}"


def _ledger() -> dict[str, LedgerRow]:
    path = home() / LEDGER
    if not path.is_file():
        return {}
    found = load_json(path)
    rows = {key: row for key, row in found.items() if _is_row(row)} if isinstance(found, dict) else {}
    if not isinstance(found, dict) or len(rows) != len(found):
        raise GantkError(f"{path} is no table of pulled files: remove it, and hashes are recorded anew.")
    return cast(dict[str, LedgerRow], rows)


def _is_row(row: Json) -> bool:
    if not isinstance(row, dict):
        return False
    texts = all(isinstance(row.get(key, ""), str) for key in ("path", "sha256", "url", "pulled"))
    return texts and isinstance(row.get("size", 0), int)


def _record(key: str, path: Path, digest: str, url: str) -> None:
    """Write a file's hash down; pulls of other files may do the same at the same time."""
    row: LedgerRow = {
        "path": str(path.absolute()),
        "sha256": digest,
        "size": path.stat().st_size,
        "url": url,
        "pulled": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    home().mkdir(parents=True, exist_ok=True)
    lock, patience = home() / f".{LEDGER}.lock", 100
    while True:
        try:
            with hold(lock):
                save_json(home() / LEDGER, {**_ledger(), key: row})
            return
        except GantkError:
            patience -= 1
            if not patience:
                raise
            time.sleep(0.02)


# --- Hugging Face Hub ------------------------------------------------------------------------------------------------


def _pull_hub(name: str, output_dir: str | os.PathLike[str] | None, force: bool) -> Pulled:
    recorded = _ledger().get(name, LedgerRow())
    path = hub.fetch(name, Path(output_dir) if output_dir is not None else home() / "hub", force)
    digest = sha256_of(path)
    wanted = recorded.get("sha256") if not force else None
    if wanted and wanted != digest:
        raise GantkError(
            f"What the Hub gives for {name} is not the file of an earlier pull: its sha256 is {digest} and was "
            f"{wanted}. Give --force to take it."
        )
    if wanted != digest or recorded.get("path") != str(path.absolute()):
        _record(name, path, digest, f"https://huggingface.co/{hub.parse(name)[0]}")
    return Pulled(name, path, digest, True, wanted is None)
