"""Manifests of runs: made, read, compared and forgotten. `gantk.runs.run` keeps one up to date.

What decides the result of a run is its identity; runs made before there was one are compared by their arguments.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal, TypedDict, cast

from gantk.errors import GantkError, StoreError, UsageError
from gantk.store.chunks import CONCATENATE, SUM, LedgerWarning, Shard, parse_shard
from gantk.store.command_line import typed
from gantk.store.files import load_json, remove_empty
from gantk.store.inside import RunName, inside
from gantk.store.json_values import Json, JsonTable, in_words, shown
from gantk.store.seals import bears

MANIFEST_SUFFIX = ".run.json"
FORMAT_VERSION = 1
HALVED: Literal["halved"] = "halved"  # how often the batch size was halved because memory ran out
_KINDS = {"format": int, "argv": str, "seed": int, "attempts": int, "device": str, "started": str, "ended": str,
          "error": str, "versions": dict, "identity": dict, "code": dict, "job": dict, "shards": list,
          HALVED: int}  # fmt: skip
_TEXTS = ("state", "command")
_SHARD_TEXTS = ("shard", "state")
_WORDS = {int: "a whole number", str: "a text", dict: "a table", list: "a list"}
_TABLES = ("arguments", "timings", "arrays", "outputs", "results")
# Arguments that do not change what a run computes: a run may be continued with other values.
VOLATILE = frozenset({"output_dir", "device", "shard", "config", "debug", "overwrite", "workers", "threads"})


class ArrayFacts(TypedDict):
    """Of an array that is computed chunk by chunk."""

    total: int
    chunk: int
    join: str


class ShardAccount(TypedDict, total=False):
    """What the whole keeps of a shard: when, where and how long it ran."""

    shard: str
    state: str
    started: str
    ended: str | None
    timings: dict[str, float]
    attempts: int
    job: dict[str, str]
    device: str | None


class _Always(TypedDict):
    """What every manifest holds."""

    format: int
    command: str
    argv: str
    arguments: JsonTable
    seed: int | None
    device: str | None
    versions: dict[str, str]
    started: str
    ended: str | None
    timings: dict[str, float]
    attempts: int
    state: str
    error: str | None
    arrays: dict[str, ArrayFacts]
    outputs: dict[str, str]
    results: JsonTable


class Manifest(_Always, total=False):
    """What `<command>.run.json` holds; `read_manifest` and `readable` see to its parts and their types.

    `results` are those of a run from before results were files of their own.
    """

    job: dict[str, str]
    identity: JsonTable
    code: dict[str, dict[str, str]]
    facts: Json
    shards: list[ShardAccount]
    halved: int


def file_stem(command: str) -> str:
    """Return the stem of a command's files: "lse train" -> "lse-train".

    Raises:
        GantkError: it is no name of a command, which a manifest may say.
    """
    stem = "-".join(command.split())
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", stem):
        raise StoreError(f"{command[:80]!r} is no command of gantk: do not trust the run that names it.")
    return stem


def manifests(directory: str | Path) -> dict[Path, Manifest]:
    """Return every manifest of a run directory, those of shards included, by path.

    Raises:
        GantkError: the directory does not exist or holds none.
    """
    folder = Path(directory)
    found = {path: read_manifest(path) for path in sorted(folder.glob("*" + MANIFEST_SUFFIX))}
    if not found:
        what = "holds no *.run.json" if folder.is_dir() else "does not exist"
        raise StoreError(f"The run directory {folder} {what}: give the --output-dir of an earlier command.")
    return found


def read_manifest(path: Path) -> Manifest:
    """A manifest whose parts are of the kinds that a manifest has, and whose names stay in its directory.

    Raises:
        GantkError: it is damaged, or made to harm; the message names the file.
    """
    manifest = _as_manifest(load_json(inside(path.parent, path.name)))
    if manifest is None:
        raise StoreError(f"{path} is no run manifest: it lacks {', '.join(_TABLES)}.")
    command = manifest.get("command")
    file_stem(command if isinstance(command, str) else "")
    for name in (*manifest["outputs"], *manifest["arrays"]):
        RunName(name)
    wrong = _fault(manifest)
    if wrong:
        raise StoreError(f"In {path} {wrong}: it is damaged, or no manifest; run the command again.")
    return manifest


def _fault(manifest: Manifest) -> str:
    """What is missing or of another type than a manifest's, in words; "" where nothing is."""
    if missing := sorted(_Always.__required_keys__ - manifest.keys()):
        return f"{missing[0]} is missing"
    if wrong := _odd(manifest, _TEXTS):
        return wrong
    for place, account in enumerate(manifest.get("shards") or ()):
        if not isinstance(account, dict):
            return f"shards.{place} is {shown(account)}, and a table is expected"
        if wrong := _odd(account, _SHARD_TEXTS):
            return f"shards.{place}.{wrong}"
    for name, about in manifest["arrays"].items():
        if not (isinstance(about, dict) and _is_grid(about)):
            return f"arrays.{name} is {shown(about)}, and total, chunk and join are expected"
    for name, said in manifest["outputs"].items():
        if said is not None and not isinstance(said, str):
            return f"outputs.{name} is {shown(said)}, and a text is expected"
    shard = manifest["arguments"].get("shard")
    if shard is not None and not isinstance(shard, str):
        return f"arguments.shard is {shown(shard)}, and a text is expected"
    return ""


def _odd(told: Mapping[str, object], texts: tuple[str, ...]) -> str:
    """What of a manifest, or of its account of a shard, is of another type, in words; "" where nothing is."""
    for name, kinds in _KINDS.items():
        value = told.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            return f"{name} is {shown(value)}, and {_WORDS[kinds]} is expected"
    for name in texts:
        if not isinstance(told.get(name), str):
            return f"{name} is {shown(told.get(name))}, and a text is expected"
    timings = told.get("timings", {})
    if not isinstance(timings, dict):
        return f"timings is {shown(timings)}, and a table is expected"
    for name, seconds in timings.items():
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not -1e15 < seconds < 1e15:
            return f"timings.{name} is {shown(seconds)}, and seconds are expected"
    return ""


def _is_grid(about: Mapping[str, object]) -> bool:
    sizes = [about.get("total"), about.get("chunk")]
    whole = all(isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= 1 << 53 for size in sizes)
    return whole and about["chunk"] != 0 and about.get("join") in (CONCATENATE, SUM)


def _as_manifest(found: Json) -> Manifest | None:
    """A manifest, where all of its tables are there; None where they are not."""
    if not isinstance(found, dict) or not all(isinstance(found.get(name), dict) for name in _TABLES):
        return None
    return cast(Manifest, found)


def shard_of(manifest: Manifest) -> Shard:
    """Which part of its run a manifest is of."""
    said = manifest["arguments"].get("shard")
    return parse_shard(said if isinstance(said, str) else None)


def shard_suffix(shard: Shard) -> str:
    return "" if shard.is_whole else f".{shard.index}-of-{shard.count}"


def new_manifest(
    command: str, arguments: JsonTable, seed: int | None, device: object, before: Manifest | None
) -> Manifest:
    made: Manifest = {
        "format": FORMAT_VERSION,
        "command": command,
        "argv": typed(),
        "arguments": arguments,
        "seed": seed,
        "device": None if device is None else str(device),
        "versions": _versions(),
        "started": before.get("started", _now()) if before else _now(),
        "ended": None,
        "timings": before["timings"] if before else {},
        "attempts": (int(before.get("attempts", 0)) if before else 0) + 1,
        "state": "running",
        "error": None,
        "arrays": before["arrays"] if before else {},
        "outputs": before["outputs"] if before else {},
        "results": before["results"] if before else {},
    }
    job = _job()
    if job:
        made["job"] = job
    if before and isinstance(before.get(HALVED), int):
        made["halved"] = before["halved"]
    return made


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _job() -> dict[str, str]:
    """Which job of a cluster this is, for the page of a chain."""
    names = {"id": "JOB_ID", "array": "ARRAY_JOB_ID", "task": "ARRAY_TASK_ID", "node": "JOB_NODELIST"}
    found = {key: os.environ[f"SLURM_{name}"] for key, name in names.items() if f"SLURM_{name}" in os.environ}
    return found if "id" in found else {}


def _versions() -> dict[str, str]:
    import platform

    import gantk

    versions = {"gantk": gantk.__version__, "python": platform.python_version()}
    for name in ("torch", "numpy", "scikit-learn"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def earlier(directory: Path, stem: str, own: Path) -> Manifest | None:
    """Return the manifest to compare with: one's own, or else the whole's or another shard's."""
    for path in (own, *manifest_paths(directory, stem)):
        manifest = readable(path)
        if manifest is not None:
            return manifest
    return None


def manifest_paths(directory: Path, stem: str) -> list[Path]:
    """Where the manifest of a command's run is, if it is there, and those of its shards that are."""
    return [directory / (stem + MANIFEST_SUFFIX), *sorted(directory.glob(f"{stem}.*-of-*{MANIFEST_SUFFIX}"))]


def readable(path: Path) -> Manifest | None:
    """A manifest, or None where there is none; a damaged one is set aside, and its chunks are known by their seals."""
    if not path.exists():
        return None
    with contextlib.suppress(GantkError):
        manifest = _as_manifest(load_json(path))
        if manifest is not None and not _fault(manifest):
            return manifest
    aside = path.with_name(path.name + ".damaged")
    with contextlib.suppress(OSError):  # another process may have done it
        os.replace(path, aside)
    warnings.warn(f"{path} is damaged and was renamed to {aside.name}: it is made again.", LedgerWarning, stacklevel=2)
    return None


def decisive_arguments(arguments: Mapping[str, Json]) -> JsonTable:
    return {name: value for name, value in arguments.items() if name not in VOLATILE}


def decisive(manifest: Manifest) -> JsonTable:
    """What decides the result of a run, by name."""
    identity = manifest.get("identity")
    return dict(identity) if isinstance(identity, dict) else decisive_arguments(manifest["arguments"])


def refuse_another(before: Manifest, identity: JsonTable, directory: Path) -> None:
    earlier = decisive(before)
    name = difference(earlier, identity)
    if name is None:
        return
    if "identity" not in before and "result version" in identity:
        what = "made by an earlier gantk"
    elif name.startswith("the "):
        what = f"for which {name} had other contents than now"
    else:
        what = f"{_given(name, earlier.get(name))}, and this one is {_given(name, identity.get(name))}"
    raise UsageError(
        f"{directory} holds a run of `gantk {before.get('command')}` {what}: choose another --output-dir, "
        "or give --overwrite to start afresh."
    )


def _given(name: str, value: Json) -> str:
    """An option and its value as they are typed."""
    if value is None or value is False or value in ("", [], {}):
        return f"without {name}"
    return f"with {name}" if value is True else f"with {name} {in_words(value)}"


def difference(earlier: Mapping[str, Json], now: Mapping[str, Json]) -> str | None:
    """The name of the first thing that is not what it was; None where the run may be continued."""
    names = sorted(earlier.keys() | now.keys())
    return next((name for name in names if earlier.get(name) != now.get(name)), None)


def holds_another(directory: Path, stem: str, identity: JsonTable) -> bool:
    """Whether a run of a command is in a directory that is another one altogether."""
    found = [readable(path) for path in manifest_paths(directory, stem)]
    return any(manifest is not None and difference(decisive(manifest), identity) for manifest in found)


def forget(directory: Path, stem: str, shard: Shard, foreign: bool, mark: str) -> None:
    """Forget an earlier run, whose own manifest was replaced; for a shard only its part, unless the run was another.

    Shards that begin at once, each in place of another run, leave what the others have made.

    Args:
        foreign: whether what was there was of another run, see `holds_another`.
        mark: of the chunks of the run that begins.
    """
    own = directory / (stem + shard_suffix(shard) + MANIFEST_SUFFIX)
    if shard.index == 0:  # the first makes what all share
        shutil.rmtree(inside(directory, f"parts/{stem}"), ignore_errors=True)
    if not shard.is_whole and not foreign:
        (directory / (stem + MANIFEST_SUFFIX)).unlink(missing_ok=True)  # of shards that were merged
        return
    for path in manifest_paths(directory, stem):
        if path != own and (shard.is_whole or _of_another(path, own)):
            path.unlink(missing_ok=True)
    folder = inside(directory, f"chunks/{stem}")
    for path in (*folder.glob("*.npy"), *folder.glob("shared/*.npy")):
        if shard.is_whole or not bears(path, mark):
            path.unlink(missing_ok=True)
    remove_empty((folder / "shared", folder, folder.parent))


def _of_another(path: Path, own: Path) -> bool:
    """Whether two manifests are of different runs; one that is damaged is of another."""
    mine, theirs = readable(own), readable(path)
    return mine is None or theirs is None or difference(decisive(theirs), decisive(mine)) is not None
