"""Long work in chunks: a fixed grid over the samples, shards of it, and a ledger of chunk files that survives a kill.

Chunk k of a grid covers samples ``[k * chunk, min((k + 1) * chunk, total))``. A shard takes a contiguous run of whole
chunks, so that the bytes of a chunk never depend on who computed it. A chunk is done when all of its files are there
and sound, each of which was written atomically; that set of files is the ledger. A chunk file is a .npy followed by a
seal (`gantk.store.seals`), by which damaged chunks and those of another run are told from good ones.
"""

from __future__ import annotations

import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from gantk.errors import StoreError, UsageError
from gantk.store import interruption
from gantk.store.files import load_npy, open_atomic, remove_empty, save_npy
from gantk.store.memory import shown as in_words
from gantk.store.seals import is_sound, save_sealed

if TYPE_CHECKING:
    import numpy as np

CONCATENATE = "concatenate"
SUM = "sum"
MOST_CHUNKS = 1_000_000  # files of a folder; each is looked for when a run is continued


class LedgerWarning(UserWarning):
    """Something in a run directory was damaged and is made again."""


@dataclass(frozen=True)
class Shard:
    """Part `index` (from 0) of `count`."""

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise UsageError(
                f"The shard {self.index}/{self.count} does not exist: shards are counted from 0, "
                f"so the last of {self.count} is {self.count - 1}/{self.count}."
            )

    @property
    def is_whole(self) -> bool:
        """Whether this is all of the work."""
        return self.count == 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_shard(text: str | None, environment: Mapping[str, str] | None = None) -> Shard:
    """Return the shard that ``--shard`` names: ``i/n`` with i from 0, nothing for all of it, or ``auto``.

    ``auto`` reads what torchrun (RANK, WORLD_SIZE), a slurm array or slurm tasks say in the environment.

    Raises:
        UsageError: the text is something else, the shard does not exist, or ``auto`` finds no such variable.
    """
    if text is None or not text.strip():
        return Shard()
    if text.strip() == "auto":
        return _shard_from_environment(os.environ if environment is None else environment)
    match = re.fullmatch(r"\s*([0-9]{1,7})\s*/\s*([0-9]{1,7})\s*", text)
    if match is None:
        wanted = "write i/n with i from 0 and at most 7 digits, such as 0/4, or auto"
        raise UsageError(f"The shard {text!r} is not understood: {wanted}.")
    return Shard(int(match[1]), int(match[2]))


def _shard_from_environment(environment: Mapping[str, str]) -> Shard:
    """The part of this process: ranks below a slurm array divide their task's part further."""
    parts = []
    if "SLURM_ARRAY_TASK_ID" in environment and "SLURM_ARRAY_TASK_COUNT" in environment:
        first = _whole(environment, "SLURM_ARRAY_TASK_MIN", "0")
        step = _whole(environment, "SLURM_ARRAY_TASK_STEP", "1")
        index = (_whole(environment, "SLURM_ARRAY_TASK_ID") - first) // step
        parts.append(Shard(index, _whole(environment, "SLURM_ARRAY_TASK_COUNT")))
    for index_name, count_name in (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS")):
        if index_name in environment and count_name in environment:
            if parts and index_name == "SLURM_PROCID" and "SLURM_STEP_ID" not in environment:
                break  # the batch file itself, whose tasks were not started
            parts.append(Shard(_whole(environment, index_name), _whole(environment, count_name)))
            break
    if not parts:
        raise UsageError(
            "--shard auto found neither a slurm array (SLURM_ARRAY_TASK_ID) nor torchrun ranks (RANK, WORLD_SIZE) "
            "nor slurm tasks (SLURM_PROCID, SLURM_NTASKS) in the environment: write the shard as i/n."
        )
    shard = Shard()
    for part in parts:
        shard = Shard(shard.index * part.count + part.index, shard.count * part.count)
    return shard


def _whole(environment: Mapping[str, str], name: str, default: str = "") -> int:
    text = environment.get(name, default)
    if not text.isdecimal():
        raise UsageError(f"--shard auto read {name}={text!r} in the environment, which is no number: write it as i/n.")
    return int(text)


def shard_range(count: int, shard: Shard) -> range:
    """Return the contiguous part of ``range(count)`` that belongs to a shard; sizes differ by at most one."""
    return range(shard.index * count // shard.count, (shard.index + 1) * count // shard.count)


def parts(start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    """Divide ``range(start, stop)`` into parts of `size`: the first of each and the one after its last."""
    for first in range(start, stop, size):
        yield first, min(first + size, stop)


@dataclass(frozen=True)
class Grid:
    """`total` samples in chunks of `chunk`; the last one may be shorter."""

    total: int
    chunk: int

    def __post_init__(self) -> None:
        if self.total < 0 or self.chunk < 1:
            raise UsageError(f"{self.total} samples in chunks of {self.chunk} make no grid: a chunk is at least 1.")
        if len(self) > MOST_CHUNKS:
            raise UsageError(
                f"{self.total} samples in chunks of {self.chunk} are {len(self)} chunks, and a run has at most "
                f"{MOST_CHUNKS}: ask for at most {MOST_CHUNKS * self.chunk} samples, or give a larger --chunk "
                "(--batch-size where there is none)."
            )

    def __len__(self) -> int:
        return -(-self.total // self.chunk)

    def bounds(self, index: int) -> tuple[int, int]:
        """Return the first sample of chunk `index` and the one after its last."""
        if not 0 <= index < len(self):
            raise IndexError(f"chunk {index} of {len(self)}")
        return index * self.chunk, min((index + 1) * self.chunk, self.total)


class Ledger:
    """The chunk files of a set of arrays in one run directory.

    Args:
        directory: where the chunk files are (``RUN/chunks/COMMAND``).
        grid: the chunk grid; the same for every array.
        joins: array name -> how its chunks become the final array: ``concatenate`` (rows) or ``sum`` (accumulators).
        shard: the part of the grid this process computes.
        finished: arrays whose final file is already there, so that their chunks count as done.
        mark: what tells this run's chunks from another's; the same for all of its shards.
        begin: of a run that takes nothing over: called before its first chunk is written. Chunk files that are there
            do not count, and this shard's go then.
        guard: asked before anything is written whether the directory is still the run's.
    """

    def __init__(
        self,
        directory: Path,
        grid: Grid,
        joins: Mapping[str, str],
        shard: Shard | None = None,
        finished: frozenset[str] = frozenset(),
        mark: str = "",
        begin: Callable[[], None] | None = None,
        guard: Callable[[], None] | None = None,
    ) -> None:
        for name, join in joins.items():
            if join not in (CONCATENATE, SUM):
                raise ValueError(f"unknown join {join!r} of the array {name!r}")
        self.directory, self.grid, self.joins = directory, grid, dict(joins)
        self.shard = shard or Shard()
        self.finished = set(finished)
        self.mark, self._guard = mark, guard
        self._room_known = False
        self._afresh, self._begin = begin is not None, begin
        self._sound: set[tuple[str, int]] = set()  # files that were read and found good

    def path(self, array: str, index: int) -> Path:
        """Return the file of one array's chunk."""
        return self.directory / f"{array}.{index:06d}.npy"

    def done(self, index: int) -> bool:
        """Whether every array has this chunk, whole and of this run; says so where a file is there that is not."""
        return all(name in self.finished or self._is_good(name, index) for name in self.joins)

    def _is_good(self, array: str, index: int) -> bool:
        path = self.path(array, index)
        if not path.exists() or (self._afresh and (array, index) not in self._sound):
            return False
        if (array, index) in self._sound:
            return True
        if is_sound(path, self.mark):
            self._sound.add((array, index))
            return True
        warnings.warn(f"The chunk {path} is damaged or of another run: it is not used.", LedgerWarning, stacklevel=3)
        return False

    def mine(self) -> range:
        """Return the chunks of this shard."""
        return shard_range(len(self.grid), self.shard)

    def missing(self) -> list[int]:
        """Return the chunks of this shard that are still to be computed, in order."""
        if not self._listed() and not all(name in self.finished for name in self.joins):
            return list(self.mine())  # not a look for each of a million
        return [index for index in self.mine() if not self.done(index)]

    def absent(self) -> list[int]:
        """Return the chunks of the whole grid that are not there."""
        return [index for index in range(len(self.grid)) if not self.done(index)]

    def write(self, index: int, arrays: Mapping[str, np.ndarray[Any, Any]], beside: int = 0) -> None:
        """Write one chunk of every array.

        Args:
            beside: bytes of other files that this chunk has left and every chunk will.

        Raises:
            StoreError: the first chunk says that all will not fit on the disk.
            ValueError: the names are not those of the ledger, or a row count is not that of the chunk.
        """
        if arrays.keys() != self.joins.keys():
            raise ValueError(f"chunk {index} has the arrays {sorted(arrays)} instead of {sorted(self.joins)}")
        start, stop = self.grid.bounds(index)
        for name, array in arrays.items():
            if self.joins[name] == CONCATENATE and len(array) != stop - start:
                raise ValueError(f"chunk {index} of {name} has {len(array)} rows instead of {stop - start}")
        interruption.stop_if_asked()
        if self._guard is not None:
            self._guard()
        if not self._room_known:
            written = sum(array.nbytes for name, array in arrays.items() if name not in self.finished)
            self.refuse_too_large(written + beside, beside)
            self._room_known = True
        if self._begin is not None:
            self._begin()
            self.forget()
            self._begin = None
        for name, array in arrays.items():
            if name not in self.finished:
                save_sealed(self.path(name, index), array, self.mark)
                self._sound.add((name, index))

    def refuse_too_large(self, each: int, there_already: int = 0) -> None:
        """Refuse work whose chunks will not fit on the disk.

        Args:
            each: bytes of a chunk, at least.
            there_already: of the first one.

        Raises:
            StoreError: there are fewer free than all that are not there need.
        """
        there = self._listed()
        missing = len(self.mine())
        if there:
            missing -= sum(all(self.path(name, index).name in there for name in self.joins) for index in self.mine())
        needed = missing * each - there_already
        folder = next(path for path in (self.directory, *self.directory.parents) if path.is_dir())
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise StoreError(
                f"{self.grid.total} samples need {in_words(needed)} of disk in {folder}, where {in_words(free)} are "
                "free: ask for fewer, choose another --output-dir, or divide them with --shard over several disks."
            )

    def _listed(self) -> set[str]:
        """Names of the files that are there."""
        return set(os.listdir(self.directory)) if self.directory.is_dir() else set()

    def read(self, array: str) -> Iterator[np.ndarray[Any, Any]]:
        """Yield an array's chunks in order, memory-mapped."""
        for index in range(len(self.grid)):
            yield load_npy(self.path(array, index), mmap=True)

    def assemble(self, array: str, target: Path) -> None:
        """Join an array's chunks into `target`, one chunk in memory at a time; the chunk files stay.

        Raises:
            GantkError: chunks are missing (the message counts them), or do not fit together.
        """
        absent = [index for index in range(len(self.grid)) if not self._is_good(array, index)]
        if absent:
            raise StoreError(
                f"{len(absent)} of {len(self.grid)} chunks of {array} are missing or damaged in {self.directory} "
                f"(the first is {absent[0]}): run the command, or its shards, again, then try again."
            )
        if self.joins[array] == SUM:
            total: np.ndarray[Any, Any] | None = None
            for chunk in self.read(array):
                total = chunk.copy() if total is None else total + chunk
            assert total is not None  # a grid has a chunk
            save_npy(target, total)
            return
        with open_atomic(target) as file:
            _write_rows(file, self, array)

    def forget(self) -> None:
        """Remove the chunk files of this shard."""
        for index in self.mine():
            for name in self.joins:
                self.path(name, index).unlink(missing_ok=True)

    def remove(self, array: str) -> None:
        """Remove an array's chunk files, and the directory when it is empty."""
        for index in range(len(self.grid)):
            self.path(array, index).unlink(missing_ok=True)
        remove_empty((self.directory, self.directory.parent))


def _write_rows(file: IO[bytes], ledger: Ledger, array: str) -> None:
    import numpy as np
    from numpy.lib import format as npy

    first: np.ndarray[Any, Any] | None = None
    for index, chunk in enumerate(ledger.read(array)):
        if first is None:
            first = chunk
            shape = (ledger.grid.total, *chunk.shape[1:])
            header = {"descr": npy.dtype_to_descr(chunk.dtype), "fortran_order": False, "shape": shape}
            try:
                npy.write_array_header_1_0(file, header)
            except ValueError:  # more than 64 KiB of field names
                npy.write_array_header_2_0(file, header)
        start, stop = ledger.grid.bounds(index)
        if chunk.dtype != first.dtype or chunk.shape != (stop - start, *first.shape[1:]):
            raise StoreError(
                f"Chunk {index} of {array} is {chunk.dtype} {chunk.shape} where {first.dtype} "
                f"{(stop - start, *first.shape[1:])} was expected: remove {ledger.path(array, index)} and run again."
            )
        file.write(np.ascontiguousarray(chunk).tobytes())
