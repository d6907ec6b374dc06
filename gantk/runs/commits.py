"""Chunks of arrays that count once their pictures are on the disk; meanwhile the network goes on with the next ones."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy.typing as npt

from gantk.runs.stores import Chunks

Array = npt.NDArray[Any]


class CommitsBehind:
    """Writes each chunk's arrays once its images are written, one chunk late: meanwhile the next one is computed."""

    def __init__(self, chunks: Chunks, every: bool = True) -> None:
        """`every`: whether all samples have pictures, so that a chunk's tell what the others will need."""
        self._chunks, self._every = chunks, every
        self._pending: tuple[int, dict[str, Array], list[Future[Any]]] | None = None

    def add(self, index: int, arrays: dict[str, Array], images: list[Future[Any]]) -> None:
        """Take a chunk and commit the one before."""
        self.flush()
        self._pending = (index, arrays, images)

    def flush(self) -> None:
        """Commit what is left."""
        if self._pending is None:
            return
        index, arrays, images = self._pending
        paths = [future.result() for future in images]  # a full disk shows here
        self._chunks.write(index, arrays, sum(path.stat().st_size for path in paths) if self._every else 0)
        self._pending = None
