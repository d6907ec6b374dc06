"""Chunks of arrays that count once their pictures are on the disk; meanwhile the network goes on with the next ones."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy.typing as npt

from gantk.runs.stores import Chunks

Array = npt.NDArray[Any]


class CommitsBehind:
    """Writes each chunk's arrays once its images are written, one chunk late: meanwhile the next one is computed."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
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
        for future in images:
            future.result()  # a full disk shows here
        self._chunks.write(index, arrays)
        self._pending = None
