"""Run directories: what a command leaves behind, so that it can be continued, joined, shown and made again.

`<command>.run.json` holds the resolved arguments, the seed, versions, device, timings, the state (running, complete,
failed, interrupted), the outputs and the results a page is made from. Several commands may share a directory. One
process at a time runs a command in a directory (one per shard); a second one says so and stops.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gantk.errors import GantkError, UsageError
from gantk.store import interruption
from gantk.store.chunks import CONCATENATE, SUM, Grid, Ledger, LedgerWarning, Shard, parse_shard, shard_range
from gantk.store.command_line import typed
from gantk.store.files import (
    load_json,
    load_npy,
    open_atomic,
    remove_stale,
    save_image,
    save_json,
    save_npy,
    to_json,
    write_atomic,
)
from gantk.store.locks import hold
from gantk.store.progress import progress

__all__ = [
    "CONCATENATE",
    "SUM",
    "Grid",
    "Ledger",
    "LedgerWarning",
    "Run",
    "Shard",
    "load_json",
    "load_npy",
    "manifests",
    "open_atomic",
    "parse_shard",
    "progress",
    "save_image",
    "save_json",
    "save_npy",
    "shard_range",
    "write_atomic",
]

MANIFEST_SUFFIX = ".run.json"
FORMAT_VERSION = 1
# Arguments that do not change what a run computes: a run may be continued with other values.
VOLATILE = frozenset({"output_dir", "device", "shard", "config", "debug", "overwrite", "workers", "threads"})


class Run:
    """A command at work in a run directory; made by `Run.begin`."""

    def __init__(
        self, directory: Path, manifest: dict[str, Any], shard: Shard, resumed: bool, afresh: bool = False
    ) -> None:
        self.directory = directory
        self.manifest = manifest
        self.shard = shard
        self.resumed = resumed
        self.afresh = afresh  # nothing that an earlier run kept counts
        self._began = time.monotonic()
        self._seconds_before = float(manifest["timings"].get("total", 0.0))

    @classmethod
    @contextlib.contextmanager
    def begin(
        cls,
        output_dir: str | Path,
        command: str,
        arguments: Mapping[str, Any],
        seed: int | None = None,
        device: Any = None,
        shard: Shard | None = None,
        overwrite: bool = False,
        identity: Mapping[str, Any] | None = None,
    ) -> Iterator[Run]:
        """Enter a run directory: lock it, compare the identity with an earlier run's, write the manifest.

        On leaving, the manifest's state becomes complete, or failed or interrupted when an exception passes through.

        Args:
            output_dir: made when absent.
            command: as typed, such as "train-boundary" or "lse train".
            arguments: the resolved ones; those in `VOLATILE` may differ when a run is continued.
            seed, device: recorded.
            shard: the part this process computes; each has its own manifest beside the whole's.
            overwrite: forget an earlier run of the command (its manifest and chunks) instead of continuing it; a
                shard forgets its own part, and the others' where they are of a run with other arguments.
            identity: all that decides the result, by name; default: the arguments but those in `VOLATILE`.

        Raises:
            GantkError: another process is running the command there.
            UsageError: an earlier run there had other arguments; the message names the first that differs.
        """
        directory, shard = Path(output_dir), shard or Shard()
        stem = file_stem(command)
        path = directory / (stem + _shard_suffix(shard) + MANIFEST_SUFFIX)
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GantkError(f"The output directory {directory} cannot be made: {error.strerror}.") from error
        with contextlib.ExitStack() as stack:
            stack.enter_context(hold(directory / f".{stem}.lock", shared=not shard.is_whole, what=str(directory)))
            if not shard.is_whole:
                own = directory / f".{stem}{_shard_suffix(shard)}.lock"
                stack.enter_context(hold(own, what=f"{directory} (shard {shard})"))
            remove_stale(directory)
            resolved = to_json({**arguments, "shard": str(shard)} if not shard.is_whole else dict(arguments))
            same = to_json(dict(identity)) if identity is not None else _decisive(resolved)
            if overwrite:
                _forget(directory, stem, shard, same)
            before = _earlier(directory, stem, path)
            if before is not None:
                _refuse_another(before, same, directory)
            own_before = _readable(path)
            new = _new_manifest(command, resolved, seed, device, own_before)
            if identity is not None:
                new["identity"] = same
            run = cls(directory, new, shard, before is not None, overwrite)
            run.save()
            yield from run._watch()

    def _watch(self) -> Iterator[Run]:
        try:
            yield self
        except BaseException as caught:
            error = interruption.asked() or caught
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                error.add_note(f"The same command continues in {self.directory}.")
                self._end("interrupted", error)
            else:
                self._end("failed", error)
            raise
        self._end("complete", None)

    def _end(self, state: str, error: BaseException | None) -> None:
        self.manifest["state"] = state
        self.clock()
        self.manifest["error"] = None if error is None else f"{type(error).__name__}: {error}"
        if error is None:
            self.save()
        else:
            with contextlib.suppress(GantkError):  # a full disk must not hide the first error
                self.save()

    def clock(self) -> None:
        """Note the time as it is now: the end, or almost, where a page is about to say how long the run took."""
        seconds = time.monotonic() - self._began
        self.manifest["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
        self.manifest["timings"]["last"] = round(seconds, 3)
        self.manifest["timings"]["total"] = round(self._seconds_before + seconds, 3)

    @property
    def command(self) -> str:
        """The command's name as typed."""
        return str(self.manifest["command"])

    @property
    def manifest_path(self) -> Path:
        """Where the manifest is."""
        return self.directory / (file_stem(self.command) + _shard_suffix(self.shard) + MANIFEST_SUFFIX)

    @property
    def results(self) -> dict[str, Any]:
        """What was recorded so far."""
        return dict(self.manifest["results"])

    def save(self) -> None:
        """Write the manifest as it is now."""
        save_json(self.manifest_path, self.manifest)

    def path(self, name: str) -> Path:
        """Return the path of a file of this run."""
        return self.directory / name

    def record(self, key: str, value: Any) -> None:
        """Keep a result (anything JSON can hold, arrays included) in the manifest for the page.

        Like `output`, it reaches the disk with the next `save`: at the latest when the run ends, however it ends. A
        killed run loses nothing by that, since it says both again when it is continued.
        """
        self.manifest["results"][key] = to_json(value)

    def output(self, name: str | Path, about: str = "") -> Path:
        """Note that a file or folder of the run directory is a result; return its path."""
        path = Path(name)
        relative = path.relative_to(self.directory) if path.is_relative_to(self.directory) else path
        self.manifest["outputs"][relative.as_posix()] = about
        return self.directory / relative

    def save_npy(self, name: str, array: Any, about: str = "") -> Path:
        """Write an array of the run and note it as an output."""
        save_npy(self.directory / name, array)
        return self.output(name, about)

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds of a stage to the manifest's timings."""
        began = time.monotonic()
        try:
            yield
        finally:
            timings = self.manifest["timings"]
            timings[stage] = round(timings.get(stage, 0.0) + time.monotonic() - began, 3)

    def ledger(self, arrays: Mapping[str, str] | tuple[str, ...] | list[str], total: int, chunk: int) -> Ledger:
        """Return the ledger of arrays computed chunk by chunk over `total` samples.

        `arrays` are names, or name -> ``concatenate`` | ``sum``. Final files that this run assembled count as done.
        """
        joins = dict(arrays) if isinstance(arrays, Mapping) else dict.fromkeys(arrays, CONCATENATE)
        grid = Grid(total, chunk)
        for name, join in joins.items():
            self.manifest["arrays"][name] = {"total": total, "chunk": chunk, "join": join}
        self.save()
        finished = frozenset(name for name, join in joins.items() if self._is_assembled(name, join, total))
        folder = self.directory / "chunks" / file_stem(self.command)
        ledger = Ledger(folder, grid, joins, self.shard, finished, self.mark)
        if self.afresh:
            ledger.forget()
        return ledger

    @property
    def mark(self) -> str:
        """What tells the chunks of this run from another's: its command and the arguments that matter."""
        return json.dumps([self.command, decisive(self.manifest)], sort_keys=True)

    def keep_facts(self, facts: object) -> None:
        """Note what concluding a joined run needs to know: a dataclass of plain values and small arrays."""
        from gantk.runs.structure import Sink, to_plain

        if facts is not None:
            sink = Sink(self.directory, f"{file_stem(self.command)}.facts")
            self.manifest["facts"] = to_plain(facts, sink)
            for name in sink.names:
                self.output(name)  # goes where the parts are joined
        self.save()

    @property
    def parts(self) -> Path:
        """The folder of parts of the result that are kept until it is whole."""
        return self.directory / "parts" / file_stem(self.command)

    def drop_parts(self) -> None:
        """Remove the parts of a result that is whole."""
        import shutil

        shutil.rmtree(self.parts, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.parts.parent.rmdir()

    def complete(self) -> None:
        """Write the manifest as it will be at the end, for the page that is about to be written."""
        self.manifest["state"] = "complete"
        self.clock()
        self.save()

    def _is_assembled(self, name: str, join: str, total: int) -> bool:
        path = self.directory / f"{name}.npy"
        if f"{name}.npy" not in self.manifest["outputs"] or not path.exists():
            return False
        return join == SUM or len(load_npy(path, mmap=True)) == total

    def assemble(self, ledger: Ledger, about: Mapping[str, str] | None = None) -> dict[str, Path]:
        """Join the chunks of every array into `<array>.npy` with flat memory, then remove the chunk files.

        A shard only leaves its chunks for `gantk merge`, and gets an empty dictionary.
        """
        if not self.shard.is_whole:
            return {}
        paths = {}
        for name in ledger.joins:
            paths[name] = self.directory / f"{name}.npy"
            if name not in ledger.finished:
                ledger.assemble(name, paths[name])
                self.output(f"{name}.npy", (about or {}).get(name, ""))
                self.save()  # before the chunks go: a kill loses nothing
                ledger.finished.add(name)
            ledger.remove(name)
        return paths


def file_stem(command: str) -> str:
    """Return the stem of a command's files: "lse train" -> "lse-train"."""
    return "-".join(command.split())


def manifests(directory: str | Path) -> dict[Path, dict[str, Any]]:
    """Return every manifest of a run directory, those of shards included, by path.

    Raises:
        GantkError: the directory does not exist or holds none.
    """
    folder = Path(directory)
    found = {path: load_json(path) for path in sorted(folder.glob("*" + MANIFEST_SUFFIX))}
    if not found:
        what = "holds no *.run.json" if folder.is_dir() else "does not exist"
        raise GantkError(f"The run directory {folder} {what}: give the --output-dir of an earlier command.")
    return found


def _shard_suffix(shard: Shard) -> str:
    return "" if shard.is_whole else f".{shard.index}-of-{shard.count}"


def _new_manifest(
    command: str, arguments: dict[str, Any], seed: int | None, device: Any, before: dict[str, Any] | None
) -> dict[str, Any]:
    before = before or {}
    return {
        "format": FORMAT_VERSION,
        "command": command,
        "argv": typed(),
        "arguments": arguments,
        "seed": seed,
        "device": None if device is None else str(device),
        "versions": _versions(),
        "started": before.get("started", datetime.now(UTC).isoformat(timespec="seconds")),
        "ended": None,
        "timings": before.get("timings", {}),
        "attempts": int(before.get("attempts", 0)) + 1,
        **_job(),
        "state": "running",
        "error": None,
        "arrays": before.get("arrays", {}),
        "outputs": before.get("outputs", {}),
        "results": before.get("results", {}),
    }


def _job() -> dict[str, Any]:
    """Which job of a cluster this is, for the page of a chain."""
    names = {"id": "JOB_ID", "array": "ARRAY_JOB_ID", "task": "ARRAY_TASK_ID", "node": "JOB_NODELIST"}
    found = {key: os.environ[f"SLURM_{name}"] for key, name in names.items() if f"SLURM_{name}" in os.environ}
    return {"job": found} if "id" in found else {}


def _versions() -> dict[str, str]:
    import platform
    from importlib import metadata

    import gantk

    versions = {"gantk": gantk.__version__, "python": platform.python_version()}
    for name in ("torch", "numpy", "scikit-learn"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _earlier(directory: Path, stem: str, own: Path) -> dict[str, Any] | None:
    """Return the manifest to compare with: one's own, or else the whole's or another shard's."""
    for path in (own, *_manifest_paths(directory, stem)):
        manifest = _readable(path)
        if manifest is not None:
            return manifest
    return None


def _manifest_paths(directory: Path, stem: str) -> list[Path]:
    return [directory / (stem + MANIFEST_SUFFIX), *sorted(directory.glob(f"{stem}.*-of-*{MANIFEST_SUFFIX}"))]


def _readable(path: Path) -> dict[str, Any] | None:
    """A manifest, or None where there is none; a damaged one is set aside, and its chunks are known by their seals."""
    if not path.exists():
        return None
    manifest: Any = None
    with contextlib.suppress(GantkError):
        manifest = load_json(path)
    tables = ("arguments", "timings", "arrays", "outputs", "results")
    if isinstance(manifest, dict) and all(isinstance(manifest.get(name), dict) for name in tables):
        return manifest
    aside = path.with_name(path.name + ".damaged")
    with contextlib.suppress(OSError):  # another process may have done it
        os.replace(path, aside)
    warnings.warn(f"{path} is damaged and was renamed to {aside.name}: it is made again.", LedgerWarning, stacklevel=2)
    return None


def _decisive(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in VOLATILE}


def decisive(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the result of a run, by name."""
    identity = manifest.get("identity")
    return dict(identity) if isinstance(identity, dict) else _decisive(manifest["arguments"])


def _refuse_another(before: dict[str, Any], identity: dict[str, Any], directory: Path) -> None:
    earlier = decisive(before)
    name = difference(earlier, identity)
    if name is None:
        return
    if "identity" not in before and "result version" in identity:
        what = "made by an earlier gantk"
    elif name.startswith("the "):
        what = f"for which {name} had other contents than now"
    else:
        what = f"with {name} = {earlier.get(name)!r}, and now it is {identity.get(name)!r}"
    raise UsageError(
        f"{directory} holds a run of `gantk {before.get('command')}` {what}: choose another --output-dir, "
        "or give --overwrite to start afresh."
    )


def difference(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The name of the first thing that is not what it was; None where the run may be continued."""
    names = sorted(earlier.keys() | now.keys())
    return next((name for name in names if earlier.get(name) != now.get(name)), None)


def _forget(directory: Path, stem: str, shard: Shard, identity: dict[str, Any]) -> None:
    """Forget an earlier run; for a shard only its own part, unless what is there is of another run altogether."""
    manifests = {path: _readable(path) for path in _manifest_paths(directory, stem)}
    foreign = any(found is not None and difference(decisive(found), identity) for found in manifests.values())
    if not shard.is_whole and not foreign:
        (directory / (stem + _shard_suffix(shard) + MANIFEST_SUFFIX)).unlink(missing_ok=True)
        (directory / (stem + MANIFEST_SUFFIX)).unlink(missing_ok=True)  # of shards that were merged
        return
    for path in manifests:
        path.unlink(missing_ok=True)
    for path in (directory / "chunks" / stem).glob("*.npy"):
        path.unlink(missing_ok=True)
