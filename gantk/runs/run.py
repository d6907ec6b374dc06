"""Run directories: what a command leaves behind, so that it can be continued, joined, shown and made again.

`<command>.run.json` holds the resolved arguments, the seed, versions, device, timings, the state (running, complete,
failed, interrupted) and the outputs. Several commands may share a directory. One
process at a time runs a command in a directory (one per shard); a second one says so and stops.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gantk.errors import GantkError, StoreError
from gantk.runs.manifest import (
    HALVED,
    MANIFEST_SUFFIX,
    Manifest,
    decisive,
    decisive_arguments,
    earlier,
    file_stem,
    forget,
    holds_another,
    manifest_paths,
    new_manifest,
    readable,
    refuse_another,
    shard_suffix,
)
from gantk.store import interruption
from gantk.store.chunks import CONCATENATE, SUM, Grid, Ledger, Shard
from gantk.store.files import (
    load_npy,
    make_directory,
    place_of,
    remove_empty,
    remove_stale,
    save_json,
    to_table,
)
from gantk.store.inside import inside
from gantk.store.json_values import JsonTable
from gantk.store.locks import hold
from gantk.store.own_code import ran


class Run:
    """A command at work in a run directory; made by `Run.begin`."""

    def __init__(self, directory: Path, manifest: Manifest, shard: Shard, afresh: bool = False) -> None:
        self.directory = directory
        self.manifest = manifest
        self.shard = shard
        self.afresh = afresh  # nothing that an earlier run kept counts
        self.waits = False  # the earlier run that is to be forgotten is still there, and nothing was written
        self.below: set[str] = set()  # runs below this one that it has asked for
        self.own_code: dict[str, str] = {}  # argument -> what this invocation names for it, of a run being merged
        self.is_new = False  # whether no run of the command was there before
        self._ended = False
        self._place = place_of(directory)
        self._began = time.monotonic()
        self._seconds_before = float(manifest["timings"].get("total", 0.0))

    @classmethod
    @contextlib.contextmanager
    def begin(
        cls,
        output_dir: str | Path,
        command: str,
        arguments: Mapping[str, object],
        seed: int | None = None,
        device: object = None,
        shard: Shard | None = None,
        overwrite: bool = False,
        identity: Mapping[str, object] | None = None,
    ) -> Iterator[Run]:
        """Enter a run directory: lock it, compare the identity with an earlier run's, write the manifest.

        On leaving, the manifest's state becomes complete, or failed or interrupted when an exception passes through. A
        run that is refused before anything was computed leaves nothing, not even a directory.

        Args:
            output_dir: made when absent.
            command: as typed, such as "train-boundary" or "lse train".
            arguments: the resolved ones; those in `VOLATILE` may differ when a run is continued.
            seed, device: recorded.
            shard: the part this process computes; each has its own manifest beside the whole's.
            overwrite: forget an earlier run of the command (its manifest and chunks) instead of continuing it; a
                shard forgets its own part, and the others' where they are of a run with other arguments. It is
                forgotten by `replace`, when this one has something whole to put in its place.
            identity: all that decides the result, by name; default: the arguments but those in `VOLATILE`.

        Raises:
            GantkError: another process is running the command there.
            UsageError: an earlier run there had other arguments; the message names the first that differs.
        """
        directory, shard = Path(output_dir), shard or Shard()
        stem = file_stem(command)
        path = directory / (stem + shard_suffix(shard) + MANIFEST_SUFFIX)
        absent = [folder for folder in (directory, *directory.parents) if not folder.exists()]
        make_directory(directory)
        with contextlib.ExitStack() as stack:
            stack.callback(remove_empty, absent)  # last of all, when the locks are gone
            stack.enter_context(hold(directory / f".{stem}.lock", shared=not shard.is_whole, what=str(directory)))
            if not shard.is_whole:
                own = directory / f".{stem}{shard_suffix(shard)}.lock"
                stack.enter_context(hold(own, what=f"{directory} (shard {shard})"))
            remove_stale(directory)
            resolved = to_table({**arguments, "shard": str(shard)} if not shard.is_whole else arguments)
            same = to_table(identity) if identity is not None else decisive_arguments(resolved)
            before = None if overwrite else earlier(directory, stem, path)
            if before is not None:
                refuse_another(before, same, directory)
            own_before = None if overwrite else readable(path)
            new = new_manifest(command, resolved, seed, device, own_before)
            codes = ran(resolved)
            if codes:  # whose source a later merge is asked for again
                new["code"] = codes
            if identity is not None:
                new["identity"] = same
            run = cls(directory, new, shard, overwrite)
            there = overwrite and any(path.exists() for path in manifest_paths(directory, stem))
            run.is_new, run.waits = own_before is None and not there, overwrite
            if not there:
                run.replace()  # nothing to keep but chunks whose manifest is gone
            run.save()
            yield from run._watch()

    def _watch(self) -> Iterator[Run]:
        try:
            try:
                yield self
                self._end("complete", None)
            except BaseException as caught:
                with interruption.shielded():
                    self._fail(interruption.asked() or caught)
                raise
        finally:
            if not self._ended:  # a second request came before the first was written down
                with interruption.shielded():
                    self._end("interrupted", KeyboardInterrupt())

    def _fail(self, error: BaseException) -> None:
        """Note how the run ended; one that was refused before anything was computed leaves nothing."""
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            error.add_note(f"The same command continues in {self.directory}.")
            self._end("interrupted", error)
        elif isinstance(error, GantkError) and self.is_new and not self._left_anything():
            self._ended = True
            self.manifest_path.unlink(missing_ok=True)
        else:
            self._end("failed", error)

    def _left_anything(self) -> bool:
        """Whether there are results, or parts of them."""
        made = any(self.path(name).exists() for name in self.manifest["outputs"])
        chunks = self.chunk_folder
        return made or self.parts.is_dir() or (chunks.is_dir() and any(chunks.iterdir()))

    def _end(self, state: str, error: BaseException | None) -> None:
        self.manifest["state"] = state
        self.clock()
        self.manifest["error"] = None if error is None else f"{type(error).__name__}: {error}"
        with interruption.shielded(), contextlib.suppress(*(() if error is None else (GantkError,))):
            if error is None:
                self.replace()
            self.save()  # a full disk must not hide the first error
        self._ended = True

    def clock(self) -> None:
        """Note the time as it is now: the end, or almost, where a page is about to say how long the run took."""
        seconds = time.monotonic() - self._began
        self.manifest["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
        self.manifest["timings"]["last"] = round(seconds, 3)
        self.manifest["timings"]["total"] = round(self._seconds_before + seconds, 3)

    @property
    def arguments(self) -> JsonTable:
        """The resolved arguments; those that name code only if this invocation does too."""
        return {**self.manifest["arguments"], **self.own_code}

    @property
    def command(self) -> str:
        """The command's name as typed."""
        return str(self.manifest["command"])

    @property
    def manifest_path(self) -> Path:
        """Where the manifest is."""
        return self.directory / (file_stem(self.command) + shard_suffix(self.shard) + MANIFEST_SUFFIX)

    def save(self) -> None:
        """Write the manifest as it is now, unless an earlier run's is still to be kept.

        Raises:
            GantkError: the directory is not the one that the run began in, or cannot be written.
        """
        self.stay()
        if not self.waits:
            save_json(self.manifest_path, self.manifest)

    def replace(self) -> None:
        """Put this run in the place of an earlier one that it overwrites: called when something whole is at hand.

        Until then the earlier run stays as it was, so that what is refused, or killed before, costs nothing.
        """
        if not self.waits:
            return
        stem = file_stem(self.command)
        foreign = holds_another(self.directory, stem, decisive(self.manifest))
        self.waits = False
        self.save()  # first, so that a manifest is there at any moment
        forget(self.directory, stem, self.shard, foreign, self.mark)

    def stay(self) -> None:
        """Refuse to go on in a directory that was removed or replaced since the run began.

        Raises:
            GantkError: it was.
        """
        if place_of(self.directory) != self._place:
            raise StoreError(
                f"The run directory {self.directory} was removed or replaced while the run was in it: what was "
                "computed is not kept; run the command again."
            )

    def path(self, name: str) -> Path:
        """Return the path of a file of this run.

        Raises:
            GantkError: the name, or a link on the way, leaves the directory.
        """
        return inside(self.directory, name)

    def output(self, name: str, about: str = "") -> Path:
        """Note that a file or folder of the run directory is a result; return its path.

        It reaches the disk with the next `save`: at the latest when the run ends, however it ends. A killed run loses
        nothing by that, since it says so again when it is continued.
        """
        target = inside(self.directory, name)
        self.replace()
        self.manifest["outputs"][name] = about
        return target

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds of a stage to the manifest's timings."""
        began = time.monotonic()
        try:
            yield
        finally:
            timings = self.manifest["timings"]
            timings[stage] = round(timings.get(stage, 0.0) + time.monotonic() - began, 3)

    def ledger(self, arrays: Mapping[str, str] | Sequence[str], total: int, chunk: int, each: int = 0) -> Ledger:
        """Return the ledger of arrays computed chunk by chunk over `total` samples.

        `arrays` are names, or name -> ``concatenate`` | ``sum``. Final files that this run assembled count as done.
        `each` is how many bytes a sample needs in them, at least: what has no room is refused before any work.
        """
        joins = dict(arrays) if isinstance(arrays, Mapping) else dict.fromkeys(arrays, CONCATENATE)
        for name in joins:
            self.path(f"{name}.npy")
        grid = Grid(total, self._same_chunk(joins, total) or chunk)
        finished = frozenset(name for name, join in joins.items() if self._is_assembled(name, join, total))
        begin = self.replace if self.afresh else None
        ledger = Ledger(self.chunk_folder, grid, joins, self.shard, finished, self.mark, begin, self.stay)
        if not finished:
            ledger.refuse_too_large(each * min(grid.chunk, total))
        for name, join in joins.items():
            self.manifest["arrays"][name] = {"total": total, "chunk": grid.chunk, "join": join}
        self.save()
        return ledger

    def _same_chunk(self, joins: Mapping[str, str], total: int) -> int | None:
        """The chunks that these arrays have already, where memory ran out since: only the batch size was halved."""
        if not self.manifest.get(HALVED):
            return None
        known = [self.manifest["arrays"][name] for name in joins if name in self.manifest["arrays"]]
        chunks = {about["chunk"] for about in known if about["total"] == total}
        return chunks.pop() if len(chunks) == 1 and len(known) == len(joins) else None

    @property
    def mark(self) -> str:
        """What tells the chunks of this run from another's: its command and the arguments that matter."""
        return json.dumps([self.command, decisive(self.manifest)], sort_keys=True)

    def keep_facts(self, facts: object) -> None:
        """Note what concluding a joined run needs to know: a dataclass of plain values and small arrays."""
        from gantk.runs.structure import Sink, to_plain

        if facts is not None:
            self.replace()
            sink = Sink(self.directory, f"{file_stem(self.command)}.facts")
            self.manifest["facts"] = to_plain(facts, sink)
            for name in sink.names:
                self.output(name)  # goes where the parts are joined
        self.save()

    @property
    def chunk_folder(self) -> Path:
        """The folder of what is kept until arrays are whole."""
        return self.path(f"chunks/{file_stem(self.command)}")

    @property
    def parts(self) -> Path:
        """The folder of parts of the result that are kept until it is whole."""
        return self.directory / "parts" / file_stem(self.command)

    def drop_parts(self) -> None:
        """Remove the parts of a result that is whole."""
        shutil.rmtree(self.parts, ignore_errors=True)
        remove_empty([self.parts.parent])

    def complete(self) -> None:
        """Write the manifest as it will be at the end, for the page that is about to be written."""
        self.replace()
        self.manifest["state"] = "complete"
        self.clock()
        self.save()

    def _is_assembled(self, name: str, join: str, total: int) -> bool:
        path = self.path(f"{name}.npy")
        if f"{name}.npy" not in self.manifest["outputs"] or not path.exists():
            return False
        return join == SUM or len(load_npy(path, mmap=True)) == total

    def assemble(self, ledger: Ledger, about: Mapping[str, str] | None = None) -> dict[str, Path]:
        """Join the chunks of every array into `<array>.npy` with flat memory, then remove the chunk files.

        A shard only leaves its chunks for `gantk merge`, and gets an empty dictionary.
        """
        if not self.shard.is_whole:
            return {}
        self.replace()
        paths = {}
        for name in ledger.joins:
            paths[name] = self.path(f"{name}.npy")
            if name not in ledger.finished:
                ledger.assemble(name, paths[name])
                self.output(f"{name}.npy", (about or {}).get(name, ""))
                self.save()  # before the chunks go: a kill loses nothing
                ledger.finished.add(name)
            ledger.remove(name)
        return paths
