"""Joining the shards of a run: check that they belong together and are all there, gather their chunks, finish."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gantk.errors import GantkError, UsageError
from gantk.runs.manifest import (
    MANIFEST_SUFFIX,
    Manifest,
    ShardAccount,
    decisive,
    difference,
    file_stem,
    manifests,
    read_manifest,
    shard_of,
)
from gantk.runs.run import Run
from gantk.store.chunks import Ledger, Shard, shard_range
from gantk.store.files import open_atomic
from gantk.store.inside import inside, regular_file
from gantk.store.json_values import JsonTable
from gantk.store.own_code import ask_again
from gantk.store.seals import is_sound

FEW = 1000  # chunks
Finish = Callable[[Run], None]
CODE_ARGUMENTS = ("teacher", "judge")
"""Arguments whose code joining needs, since it scores; what named code there is told again."""


@dataclass(frozen=True)
class ShardRun:
    """One shard's manifest and where it is."""

    directory: Path
    path: Path
    manifest: Manifest
    shard: Shard


def merge_runs(
    directories: Sequence[str | Path],
    target: str | Path | None,
    finish_of: Callable[[str], Finish | None],
    own_code: Mapping[str, str | None] | None = None,
) -> dict[str, Path]:
    """Join the shards found in run directories into `target` (default: the first directory).

    May be killed and run again at any moment; what was joined before is left as it is.

    Args:
        directories: one that all shards shared, or one for each; every command with shards there is joined.
        target: the run directory of the whole.
        finish_of: command -> what turns its assembled arrays into results, or None.
        own_code: argument -> what this invocation names for it; nothing that a manifest names is run.

    Returns:
        The manifest of the whole by command.

    Raises:
        GantkError: a shard is missing or not complete, or a chunk is.
        UsageError: the shards are of different runs, there are none, or their code is not named again.
    """
    by_command: dict[str, list[ShardRun]] = {}
    for directory in dict.fromkeys(Path(directory) for directory in directories):
        for path, manifest in manifests(directory).items():
            shard = shard_of(manifest)
            if not shard.is_whole:
                found = ShardRun(directory, path, manifest, shard)
                by_command.setdefault(str(manifest["command"]), []).append(found)
    whole = Path(target) if target is not None else Path(directories[0])
    merged = _merged(whole)
    if not by_command and not merged:
        names = ", ".join(str(directory) for directory in directories)
        raise UsageError(f"There are no shards in {names}: give the directories of runs made with --shard i/n.")
    done = {command: path for command, path in merged.items() if command not in by_command}
    offered = dict.fromkeys(CODE_ARGUMENTS) | dict(own_code or {})
    for command, shards in by_command.items():
        codes = ask_again(
            shards[0].manifest, offered, f"The run of `gantk {command}` in {shards[0].directory}", CODE_ARGUMENTS
        )
        if command in merged and all(run.directory.resolve() == whole.resolve() for run in shards):
            _leave_whole(command, shards, merged[command], finish_of(command), codes)
            done[command] = merged[command]
        else:
            done[command] = _merge(command, _check(command, shards), whole, finish_of(command), codes)
    return done


def _merged(target: Path) -> dict[str, Path]:
    """The runs in a directory that were joined from shards before, by command."""
    found = manifests(target) if target.is_dir() and any(target.glob("*" + MANIFEST_SUFFIX)) else {}
    whole = {path: manifest for path, manifest in found.items() if not manifest["arguments"].get("shard")}
    return {
        str(manifest["command"]): path
        for path, manifest in whole.items()
        if manifest.get("shards")
        and manifest["state"] == "complete"
        and all(inside(path.parent, f"{name}.npy").exists() for name in manifest["arrays"])
    }


@contextlib.contextmanager
def _joining(
    directory: Path, command: str, arguments: JsonTable, told: Manifest, finish: Finish | None, codes: dict[str, str]
) -> Iterator[Run]:
    """The run of the whole, of which a manifest tells; its results and page are made where the block ends."""
    begun = Run.begin(
        directory, command, arguments, told.get("seed"), told.get("device"), identity=told.get("identity")
    )  # fmt: skip
    with begun as run:
        run.manifest["facts"] = told.get("facts")
        run.own_code = codes
        yield run
        if finish is not None:
            finish(run)


def _leave_whole(
    command: str, shards: list[ShardRun], path: Path, finish: Finish | None, codes: dict[str, str]
) -> None:
    """End a joining that was killed after its last array: the page once more, then the shards' manifests go."""
    manifest = read_manifest(path)
    for shard in shards:
        _refuse_different(command, shard, ShardRun(path.parent, path, manifest, Shard()))
    with _joining(path.parent, command, manifest["arguments"], manifest, finish, codes) as run:
        run.manifest["shards"], run.manifest["argv"] = manifest.get("shards", []), manifest.get("argv", "")
    for shard in shards:
        shard.path.unlink(missing_ok=True)


def _refuse_different(command: str, run: ShardRun, first: ShardRun) -> None:
    ours, theirs = decisive(first.manifest), decisive(run.manifest)
    ours, theirs = ({k: v for k, v in each.items() if k != "shard"} for each in (ours, theirs))
    name = difference(ours, theirs)
    if name is not None:
        raise UsageError(
            f"{run.path} was made with {name} = {theirs.get(name)!r} and {first.path} with {ours.get(name)!r}: "
            f"they are shards of different runs of `gantk {command}`."
        )
    if run.manifest.get("facts") != first.manifest.get("facts"):
        raise UsageError(f"{run.path} and {first.path} disagree in what they found of their inputs: run one again.")


def _check(command: str, found: list[ShardRun]) -> list[ShardRun]:
    """Return the shards in order, one for each index, or say what is wrong with them."""
    count = found[0].shard.count
    first = found[0]
    for run in found:
        if run.shard.count != count:
            raise UsageError(
                f"{run.path} is shard {run.shard} and {first.path} is shard {first.shard} of `gantk {command}`: "
                "join shards of one division only."
            )
        _refuse_different(command, run, first)
    by_index = {run.shard.index: run for run in found}
    absent = [str(Shard(index, count)) for index in range(count) if index not in by_index]
    if absent:
        which = f"shard {absent[0]} is" if len(absent) == 1 else f"shards {', '.join(absent)} are"
        raise GantkError(f"Of `gantk {command}` the {which} missing: run what is missing, then merge again.")
    for run in by_index.values():
        if run.manifest["state"] != "complete":
            raise GantkError(
                f"Shard {run.shard} of `gantk {command}` in {run.directory} is {run.manifest['state']}: "
                "run the same command again to complete it, then merge."
            )
    return [by_index[index] for index in range(count)]


def _merge(command: str, shards: list[ShardRun], target: Path, finish: Finish | None, codes: dict[str, str]) -> Path:
    first = shards[0].manifest
    arguments = {name: value for name, value in first["arguments"].items() if name != "shard"}
    arguments["output_dir"] = os.fspath(target)
    with _joining(target, command, arguments, first, finish, codes) as run:
        run.manifest["shards"] = [_account(shard) for shard in shards]
        run.manifest["argv"] = _without_shard(str(first.get("argv", "")))
        if "code" in first:
            run.manifest["code"] = first["code"]
        for shard in shards:
            _gather_outputs(run, shard)
        for name, value in first["results"].items():  # of shards from before results were typed
            if all(shard.manifest["results"].get(name) == value for shard in shards):
                run.manifest["results"][name] = value
        for name, about in first["arrays"].items():
            ledger = run.ledger({name: about["join"]}, about["total"], about["chunk"])
            _refuse_more_than_there_is(ledger, name, shards, command)
            for index in ledger.absent():
                _gather_chunk(ledger, name, shards, index, command)
            run.assemble(ledger)
    for shard in shards:  # now part of the whole
        if shard.directory.resolve() == target.resolve():
            shard.path.unlink(missing_ok=True)
    return run.manifest_path


def _without_shard(argv: str) -> str:
    """A command line as it would be typed for the whole."""
    try:
        words = shlex.split(argv)
    except ValueError:  # a quotation that does not end: no line that was typed
        return argv
    while "--shard" in words[:-1]:
        place = words.index("--shard")
        del words[place : place + 2]
    return shlex.join(word for word in words if not word.startswith("--shard="))


def _account(shard: ShardRun) -> ShardAccount:
    """What the whole keeps of a shard: when, where and how long it ran."""
    told = shard.manifest
    return {
        "shard": str(shard.shard),
        "state": told["state"],
        "started": told.get("started", ""),
        "ended": told.get("ended"),
        "timings": told["timings"],
        "attempts": told.get("attempts", 1),
        "job": told.get("job", {}),
        "device": told.get("device"),
    }


def _refuse_more_than_there_is(ledger: Ledger, name: str, shards: list[ShardRun], command: str) -> None:
    """Refuse a manifest that claims more chunks than there are files, before any of them is looked for."""
    if name in ledger.finished:
        return
    folders = {ledger.directory, *(inside(run.directory, f"chunks/{file_stem(command)}") for run in shards)}
    files = {path.name for folder in folders for path in folder.glob(f"{name}.*.npy")}
    if len(ledger.grid) > len(files) + FEW:  # a few that are missing are named one by one
        raise GantkError(
            f"{shards[0].path} claims {len(ledger.grid)} chunks of {name}, and {len(files)} are there: run the shards "
            "again, which computes what is not there, then merge."
        )


def _gather_chunk(ledger: Ledger, name: str, shards: list[ShardRun], index: int, command: str) -> None:
    owner = next(run for run in shards if index in shard_range(len(ledger.grid), run.shard))
    target = ledger.path(name, index)
    source = inside(owner.directory, f"chunks/{file_stem(command)}/{target.name}")
    if not is_sound(source, ledger.mark):
        how = "damaged or of another run" if source.exists() else "missing"
        raise GantkError(
            f"The chunk {source} is {how} although shard {owner.shard} says it is complete: "
            f"run that shard again, which computes what is not there, then merge."
        )
    target.unlink(missing_ok=True)
    _link_or_copy(source, target)


def _gather_outputs(run: Run, shard: ShardRun) -> None:
    """Bring what a shard made besides its arrays (images, say) into the whole."""
    for name, about in shard.manifest["outputs"].items():
        source = inside(shard.directory, name)
        if shard.directory.resolve() != run.directory.resolve() and source.exists():
            files = sorted(path for path in source.rglob("*") if not path.is_dir()) if source.is_dir() else [source]
            for file in files:
                relative = file.relative_to(shard.directory).as_posix()
                _link_or_copy(inside(shard.directory, relative), inside(run.directory, relative))
        run.output(name, about)


def _link_or_copy(source: Path, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # another file system, or one without links
        os.link(source, target)
        return
    with open(regular_file(source), "rb") as read, open_atomic(target) as write:
        shutil.copyfileobj(read, write, 1 << 20)
