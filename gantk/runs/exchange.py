"""Arrays that a verb keeps between its steps, and that the shards of one run share while they work together.

In memory there is one process and nothing to wait for. In a run directory every array is a sealed file in the run's
chunk folder, so that the same command continues after a kill, and processes that share the directory see each other's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gantk.errors import StoreError
from gantk.store.chunks import Shard
from gantk.store.files import load_npy, remove_empty
from gantk.store.seals import is_sound, save_sealed

if TYPE_CHECKING:
    from gantk.runs.run import Run

Array = npt.NDArray[Any]

FOLDER = "shared"  # below the folder of chunks


class Exchange:
    """Arrays by name, in memory."""

    shard = Shard()

    def __init__(self) -> None:
        self._kept: dict[str, Array] = {}

    def has(self, name: str) -> bool:
        """Whether an array is there and whole."""
        return name in self._kept

    def write(self, name: str, array: Array) -> None:
        self._kept[name] = np.array(array)

    def read(self, name: str) -> Array:
        """An array of this process's own.

        Raises:
            GantkError: it is not there.
        """
        if name not in self._kept:
            raise StoreError(f"The array {name} of this run is not there: run the same command again.")
        return self._kept[name].copy()

    def remove(self, name: str) -> None:
        """Forget an array."""
        self._kept.pop(name, None)

    def clear(self, but: Collection[str] = ()) -> None:
        """Forget all but some."""
        self._kept = {name: array for name, array in self._kept.items() if name in but}

    def wait(self, ready: Callable[[], bool], what: str, patience: float) -> None:
        """Until something is there.

        Args:
            what: for the message.
            patience: seconds.

        Raises:
            GantkError: it did not come.
        """
        began, pause = time.monotonic(), 0.05
        while not ready():
            if time.monotonic() - began > patience:
                raise StoreError(
                    f"Shard {self.shard} waited {patience:g} s for {what}: start all shards of a search together, "
                    "in one --output-dir; the same command continues."
                )
            time.sleep(pause)
            pause = min(2.0, pause * 1.5)


class RunExchange(Exchange):
    """Arrays by name, as files in the chunk folder of a run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.folder, self.mark, self.shard = run.chunk_folder / FOLDER, run.mark, run.shard

    def path(self, name: str) -> Path:
        """Where an array lies."""
        return self.folder / f"{name}.npy"

    def has(self, name: str) -> bool:
        path = self.path(name)
        if self._run.waits and self.shard.is_whole:
            return False  # of the run that this one will replace
        return path.exists() and is_sound(path, self.mark)

    def write(self, name: str, array: Array) -> None:
        self._run.replace()
        save_sealed(self.path(name), np.asarray(array), self.mark)

    def read(self, name: str) -> Array:
        return load_npy(self.path(name)).copy()

    def remove(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)

    def clear(self, but: Collection[str] = ()) -> None:
        for path in self.folder.glob("*.npy"):
            if path.stem not in but:
                path.unlink(missing_ok=True)
        remove_empty((self.folder, *self.folder.parents[:2]))
