"""Finished runs as they are compared: name, result, recorded settings. Nothing that a run names is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gantk.errors import GantkError, UsageError, suggestion
from gantk.runs.manifest import VOLATILE, Manifest, manifests, shard_of
from gantk.runs.reporting import read_from, read_run
from gantk.runs.results import Result
from gantk.runs.table import find_task, is_task
from gantk.store.fingerprint import fingerprint
from gantk.store.json_values import Json, in_words

LONGEST = 120  # letters of a value on the page


@dataclass(frozen=True, eq=False, kw_only=True)
class Finished:
    """One finished run, or a result that was given in Python.

    Attributes:
        settings: option -> value as text; None where the run is not known.
        contents: input -> fingerprint of what it holds.
    """

    name: str
    result: Result
    settings: dict[str, str] | None = None
    contents: dict[str, str]

    def fingerprint(self) -> object:
        """What tells this run from the same directory with other contents, arrays and pictures included."""
        return fingerprint([self.name, self.settings, self.contents, self.result])


def read_runs(paths: Sequence[str | Path], command: str | None = None, alone: bool = False) -> list[Finished]:
    """Read finished runs of one command.

    Args:
        command: where the directories hold runs of several.
        alone: one is enough: it is compared with a result.

    Raises:
        UsageError: fewer than two, one twice, of different commands, or shards that are not joined.
        GantkError: no run, or one that is not finished or is damaged.
    """
    folders = [Path(path) for path in paths]
    for folder in folders:
        manifests(folder)  # a directory that is no run is told before anything else
    if len(folders) < 2 and not alone:
        given = f"Only {folders[0]} is given" if folders else "No run is given"
        raise UsageError(f"{given}: give two or more run directories of one command.")
    seen: dict[Path, Path] = {}
    for folder in folders:
        if folder.resolve() in seen:
            raise UsageError(f"{folder} is given twice: give each run once.")
        seen[folder.resolve()] = folder
    held = [_whole(folder, command) for folder in folders]
    chosen = _chosen(folders, held, command)
    return [
        _finished(folder, name, found[chosen])
        for folder, name, found in zip(folders, distinct(folders), held, strict=True)
    ]


def _whole(folder: Path, command: str | None) -> dict[str, Manifest]:
    """Command -> manifest of the runs that are no shards and are tasks."""
    every = list(manifests(folder).values())
    whole = {each["command"]: each for each in every if shard_of(each).is_whole}
    if not whole or (command is not None and command not in whole and any(e["command"] == command for e in every)):
        raise UsageError(f"{folder} holds only shards: join them with `gantk merge {folder}` first.")
    return {name: manifest for name, manifest in whole.items() if is_task(name)}


def _chosen(folders: Sequence[Path], held: Sequence[dict[str, Manifest]], command: str | None) -> str:
    """The command that is compared."""
    if command is not None:
        for folder, found in zip(folders, held, strict=True):
            if command not in found:
                raise UsageError(f"{folder} holds no run of --command {command!r}.{suggestion(command, found)}")
        return command
    common = [name for name in held[0] if all(name in found for found in held)]
    if not common:
        said = ", ".join(
            f"{folder} of {' and '.join(found) or 'no analysis'}" for folder, found in zip(folders, held, strict=True)
        )
        raise UsageError(f"These are runs of different commands ({said}): give runs of one command.")
    if len(common) > 1:
        raise UsageError(f"All of these hold runs of {' and '.join(common)}: choose one by --command.")
    return common[0]


def _finished(folder: Path, name: str, manifest: Manifest) -> Finished:
    task = find_task(manifest["command"])
    state = str(manifest.get("state"))
    if state != "complete":
        raise GantkError(f"The run of `{task.spelled}` in {folder} is not finished (it is {state}): finish it first.")
    result = read_run(task, folder)
    with read_from(task.spelled, folder):  # all that a comparison asks a result for, while its directory is known
        result.sentence(), result.table(), task.page_of(result)
    identity = manifest.get("identity", {})
    settings = {
        "--" + key.replace("_", "-"): in_words(value)
        for key, value in manifest["arguments"].items()
        if key not in VOLATILE
    }
    contents = {}
    for key, value in identity.items():
        if key.startswith("the "):
            contents[key] = in_words(value) if value is None or isinstance(value, str) else _checksum(value)
        elif key == "result version" or settings.get(key) != in_words(value):
            contents[key if key == "result version" else f"contents of {key}"] = in_words(value)
    settings["gantk"] = in_words(manifest.get("versions", {}).get("gantk"))
    return Finished(name=name, result=result, settings=settings, contents=contents)


def _checksum(value: Json) -> str:
    """Of an input that is several values, such as directions: of all of them."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def distinct(folders: Sequence[Path]) -> list[str]:
    """A short name for each folder, no two alike: its own, or with as many of its parents as are needed."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, parts)) + 1):
        names = [shown("/".join(each[-depth:])) for each in parts]
        if len(set(names)) == len(names):
            return names
    return [f"run {place + 1}" for place in range(len(folders))]


def shown(text: str) -> str:
    """A name that came from a run, for sentences: no control characters, and no marks of code or emphasis."""
    clean = "".join(letter if letter.isprintable() and letter not in "`*" else "_" for letter in text)
    return clean if len(clean) <= LONGEST else clean[: LONGEST - 3] + "..."
