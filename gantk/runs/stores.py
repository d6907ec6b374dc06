"""What a verb keeps while it works: chunks of arrays, pictures, states of a training.

A verb asks its store, and never knows whether that is memory or a run directory. With `MemoryStore` nothing is written;
with `RunStore` chunks, shards, continuation and whole files are the store's business.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, StoreError
from gantk.runs.exchange import Exchange, RunExchange
from gantk.runs.manifest import HALVED
from gantk.runs.structure import Image, Sink, Source, Strip, from_plain, to_plain
from gantk.store.chunks import CONCATENATE, SUM, Grid, Ledger, parts
from gantk.store.files import load_json, load_npy, save_json
from gantk.store.memory import require
from gantk.store.seals import is_sound, save_sealed

if TYPE_CHECKING:
    from gantk.pictures.images import ImageWriter
    from gantk.runs.options import Options
    from gantk.runs.run import Run

Array = npt.NDArray[Any]

T = TypeVar("T")


class OnlyAPart(Exception):
    """A shard has done its part: the rest of the verb is for the joined whole."""


class Chunks(Protocol):
    """The chunks of some arrays: which are still to be computed, and where they go."""

    grid: Grid
    joins: dict[str, str]

    def missing(self) -> list[int]:
        """Chunks that this process still has to compute, in order."""

    def write(self, index: int, arrays: Mapping[str, Array], beside: int = 0) -> None:
        """Keep one chunk of every array; `beside` are the bytes of its pictures."""


def remaining(chunks: Chunks, batch: int | None = None) -> tuple[list[tuple[int, int, int]], int]:
    """What this process still has to compute: (chunk, first sample, end) of each, and how many samples that is.

    Args:
        batch: samples at most of each; None is whole chunks.
    """
    whole = [(index, *chunks.grid.bounds(index)) for index in chunks.missing()]
    todo = [(index, *part) for index, start, stop in whole for part in parts(start, stop, batch or stop - start)]
    return todo, sum(stop - start for _, start, stop in todo)


class Pictures(Protocol):
    """Takes pictures while the next ones are computed."""

    def write(self, names: Sequence[str], images_NHWC: npt.NDArray[np.uint8]) -> list[Future[Any]]:
        """Keep pictures under their names; a name has a suffix: png, jpg or webp."""


class Store(ABC):
    """What every store can do. All names are those of files inside a run."""

    whole: bool = True  # False for a shard, and for another process of a training than the first
    halved: int = 0  # how often memory ran out: by so many powers of two fewer samples are computed at once

    def halve(self) -> None:
        """Note that memory ran out."""
        self.halved += 1

    def fewer(self, size: int) -> int:
        """How many of so many samples are computed at once, after memory ran out so often."""
        return max(1, size >> self.halved)

    @abstractmethod
    def chunks(self, arrays: Mapping[str, str] | Sequence[str], total: int, chunk: int, each: int = 0) -> Chunks:
        """Open the chunks of arrays over `total` samples; `arrays` are names, or name -> concatenate | sum.

        Args:
            each: bytes that a sample needs in them, at least.

        Raises:
            StoreError: so much is not free on the disk, or in memory where they are kept there.
        """

    @abstractmethod
    def assemble(self, chunks: Chunks, facts: object = None) -> dict[str, Array]:
        """The arrays by name, whole. In a shard this ends the verb (`OnlyAPart`), after `facts` were kept.

        Args:
            facts: a dataclass with what `conclude` needs to know beside arrays and options, equal in all shards.
        """

    @abstractmethod
    def pictures(self, quality: int = 95, workers: int | None = None) -> contextlib.AbstractContextManager[Pictures]:
        """Open a writer of pictures."""

    @abstractmethod
    def picture(self, name: str) -> Image:
        """A picture that was kept."""

    @abstractmethod
    def has_picture(self, name: str) -> bool:
        """Whether a picture was kept."""

    def write_pictures(self, named: Mapping[str, npt.NDArray[np.uint8]]) -> None:
        """Write pictures [H, W, C] of any sizes by name, for `picture`; they are there when this returns."""
        with self.pictures() as pictures:
            written = [done for name, picture in named.items() for done in pictures.write([name], picture[None])]
            for done in written:  # a full disk shows here
                done.result()

    def keep_pictures(self, named: Mapping[str, npt.NDArray[np.uint8]]) -> tuple[Image, ...]:
        """Write pictures as `write_pictures` does, all of them results."""
        self.write_pictures(named)
        return tuple(self.picture(name) for name in named)

    def strip(
        self, label: str, values: Sequence[float], names: Iterable[str], quantity: str = "distance", drawn: bool = True
    ) -> Strip:
        """Pictures that were kept, of one sample at several steps.

        Args:
            values: of the steps.
            drawn: whether 0, where it is among them, is the sample as it was drawn.
        """
        origin = values.index(0.0) if drawn and 0.0 in values else None
        images = tuple(self.picture(name) for name in names)
        return Strip(label=label, values=tuple(values), images=images, quantity=quantity, origin=origin)

    # Any: tensors, numbers, texts, lists and tables of them, as the training that saved them nests them
    @abstractmethod
    def load_state(self, name: str) -> dict[str, Any] | None:
        """The last state of a training, tensors and plain values; None where there is none of this very run."""

    @abstractmethod
    def save_state(self, name: str, state: Mapping[str, Any], about: str = "") -> None:
        """Keep the state of a training: all of it, or on a failure the one before."""

    @abstractmethod
    def drop_state(self, name: str) -> None:
        """Remove a state that nothing goes on from any more."""

    def keep(self, name: str, array: Array, about: str = "") -> Array:
        """Keep an array as a file of its own now, ``name.npy``, because the verb may be killed before its end."""
        return array

    def kept(self, name: str) -> Array | None:
        """An array that an earlier, killed run kept; None where there is none."""
        return None

    @abstractmethod
    def exchange(self) -> Exchange:
        """Arrays that are kept between steps, and that the shards of a run share."""

    def part(self, name: str, kind: type[T], make: Callable[[], T]) -> T:
        """A part of the result that is made once: a run that was killed after it reads it again.

        Args:
            name: of the part, unique within the run.
            kind: a `record`.
            make: computes it; pictures and arrays in it are kept with it.
        """
        return make()

    def task(self, name: str, task: str, arguments: Mapping[str, object], options: Options) -> Any:
        """The result of another task that this one needs; in a run directory it has one of its own, `sources/NAME`.

        Args:
            name: of the directory.
            task: as typed after `gantk`.
            arguments: of its verb.
        """
        from gantk.runs.table import find_task

        return find_task(task).call(arguments, options, MemoryStore())

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds of a stage to the run's timings."""
        yield


class MemoryChunks:
    def __init__(self, grid: Grid, joins: dict[str, str]) -> None:
        self.grid, self.joins = grid, joins
        self.parts: dict[str, dict[int, Array]] = {name: {} for name in joins}

    def missing(self) -> list[int]:
        return [index for index in range(len(self.grid)) if any(index not in part for part in self.parts.values())]

    def write(self, index: int, arrays: Mapping[str, Array], beside: int = 0) -> None:
        if arrays.keys() != self.joins.keys():
            raise ValueError(f"chunk {index} has the arrays {sorted(arrays)} instead of {sorted(self.joins)}")
        for name, array in arrays.items():
            self.parts[name][index] = array


class _MemoryPictures:
    def __init__(self, kept: dict[str, npt.NDArray[np.uint8]]) -> None:
        self._kept = kept

    def write(self, names: Sequence[str], images_NHWC: npt.NDArray[np.uint8]) -> list[Future[Any]]:
        self._kept.update(zip(names, images_NHWC, strict=True))
        return []


class MemoryStore(Store):
    """Everything stays in memory; nothing is written."""

    def __init__(self) -> None:
        self._pictures: dict[str, npt.NDArray[np.uint8]] = {}

    def chunks(self, arrays: Mapping[str, str] | Sequence[str], total: int, chunk: int, each: int = 0) -> Chunks:
        joins = dict(arrays) if isinstance(arrays, Mapping) else dict.fromkeys(arrays, CONCATENATE)
        grid = Grid(total, chunk)
        require(each * total, f"{total} samples", "ask for fewer")
        return MemoryChunks(grid, joins)

    def assemble(self, chunks: Chunks, facts: object = None) -> dict[str, Array]:
        assert isinstance(chunks, MemoryChunks)
        whole = {}
        for name, join in chunks.joins.items():
            parts = [chunks.parts[name][index] for index in range(len(chunks.grid))]
            whole[name] = np.sum(parts, axis=0) if join == SUM else np.concatenate(parts)
        return whole

    @contextlib.contextmanager
    def pictures(self, quality: int = 95, workers: int | None = None) -> Iterator[Pictures]:
        yield _MemoryPictures(self._pictures)

    def picture(self, name: str) -> Image:
        return Image(name, self._pictures[name])

    def has_picture(self, name: str) -> bool:
        return name in self._pictures

    def load_state(self, name: str) -> None:
        return None

    def save_state(self, name: str, state: Mapping[str, Any], about: str = "") -> None:
        pass  # a process that ends takes its memory along: nothing could go on from it

    def drop_state(self, name: str) -> None:
        pass

    def exchange(self) -> Exchange:
        return Exchange()


class Following(MemoryStore):
    """Of a process that takes the same steps of a training as the first, which keeps what comes of them."""

    whole = False


class _RunPictures:
    def __init__(self, run: Run, writer: ImageWriter) -> None:
        self._run, self._writer = run, writer

    def write(self, names: Sequence[str], images_NHWC: npt.NDArray[np.uint8]) -> list[Future[Any]]:
        for folder in dict.fromkeys(name.partition("/")[0] for name in names):
            self._run.output(folder)  # for `gantk merge`, which gathers what the parts made
        return self._writer.write([self._run.directory / name for name in names], images_NHWC)


class RunStore(Store):
    """A run directory."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.whole = run.shard.is_whole
        self.halved = int(run.manifest.get(HALVED, 0))

    def halve(self) -> None:
        super().halve()
        self.run.manifest[HALVED] = self.halved  # said again where the run is continued
        self.run.save()

    def chunks(self, arrays: Mapping[str, str] | Sequence[str], total: int, chunk: int, each: int = 0) -> Chunks:
        return self.run.ledger(arrays, total, chunk, each)

    def assemble(self, chunks: Chunks, facts: object = None) -> dict[str, Array]:
        assert isinstance(chunks, Ledger)
        if not self.whole:
            self.run.keep_facts(facts)
        paths = self.run.assemble(chunks)
        if not self.whole:
            raise OnlyAPart
        return {name: load_npy(path, mmap=True) for name, path in paths.items()}

    @contextlib.contextmanager
    def pictures(self, quality: int = 95, workers: int | None = None) -> Iterator[Pictures]:
        from gantk.pictures.images import ImageWriter

        with ImageWriter("png", quality, workers) as writer:
            yield _RunPictures(self.run, writer)

    def picture(self, name: str) -> Image:
        self.run.output(name)
        return Image(name, None, self.run.directory / name)

    def has_picture(self, name: str) -> bool:
        return (self.run.directory / name).is_file()

    def exchange(self) -> Exchange:
        return RunExchange(self.run)

    # Any: tensors, numbers, texts, lists and tables of them, as the training that saved them nests them
    def load_state(self, name: str) -> dict[str, Any] | None:
        import torch

        path = self.run.directory / name
        if self.run.afresh or not path.is_file():
            return None
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            mark = state.pop("mark")
        except Exception as error:  # torch.load raises what its parts raise
            raise StoreError(f"The state in {path} cannot be read ({error}): run with --overwrite.") from error
        return state if mark == self.run.mark else None

    def save_state(self, name: str, state: Mapping[str, Any], about: str = "") -> None:
        from gantk.store.states import write_state

        write_state(self.run.output(name, about), {**state, "mark": self.run.mark})

    def drop_state(self, name: str) -> None:
        (self.run.directory / name).unlink(missing_ok=True)
        self.run.manifest["outputs"].pop(name, None)

    def keep(self, name: str, array: Array, about: str = "") -> Array:
        save_sealed(self.run.output(f"{name}.npy", about), array, self.run.mark)
        return array

    def kept(self, name: str) -> Array | None:
        path = self.run.directory / f"{name}.npy"
        if self.run.afresh:
            return None
        return load_npy(path) if path.is_file() and is_sound(path, self.run.mark) else None

    def part(self, name: str, kind: type[T], make: Callable[[], T]) -> T:
        folder = self.run.parts
        path = folder / f"{name}.json"
        left = self.run.waits and self.run.shard.index == 0  # of the run that this one will replace
        if path.is_file() and not left:
            with contextlib.suppress(GantkError):  # damaged, or a file of it is gone: made again
                plain = load_json(path)
                if isinstance(plain, dict) and plain.get("mark") == self.run.mark:
                    kept: T = from_plain(kind, plain.get("part"), Source(self.run.directory, str(path)))
                    return kept
        made = make()
        self.run.replace()
        sink = Sink(self.run.directory, f"{folder.relative_to(self.run.directory).as_posix()}/{name}")
        save_json(path, {"mark": self.run.mark, "part": to_plain(made, sink)})
        return made

    def task(self, name: str, task: str, arguments: Mapping[str, object], options: Options) -> Any:
        from gantk.runs.runner import execute_below
        from gantk.runs.table import find_task

        return execute_below(find_task(task), self.run, name, arguments, options)

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        with self.run.timed(stage):
            yield
