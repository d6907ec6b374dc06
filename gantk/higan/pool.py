"""Latent codes in a file that may be larger than memory: rows gathered by index, distances in one pass.

Legend: N samples, L rows of a code, D the width of a row, A normals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, UsageError
from gantk.generators.rows import parse_layers
from gantk.store.chunks import parts

CHUNK_BYTES = 64 << 20  # of codes read at once
DISTANCE_BYTES = 256 << 20  # of distances held at once

SHARED = -1  # the "row" that is the mean of the chosen ones


class Pool:
    """Codes [N, D] or [N, ..., D], seen as [N, L, D].

    Args:
        codes: the array; may be memory-mapped.
        layers: rows to use; None is all.
        shared: use the mean of the rows instead of each.

    Raises:
        UsageError: the array is none of codes, or a layer is out of range.
    """

    def __init__(self, codes: npt.NDArray[Any], layers: Sequence[int] | None = None, shared: bool = False) -> None:
        if codes.ndim < 2 or 0 in codes.shape:
            raise UsageError(f"The latent codes have the shape {codes.shape}: [N, D] or [N, L, D] is expected.")
        if codes.dtype.kind != "f":
            raise UsageError(f"The latent codes are {codes.dtype}: floating-point numbers are expected.")
        self.codes = codes.reshape(len(codes), -1, codes.shape[-1])
        self.num_layers = self.codes.shape[1]
        if layers is not None and self.num_layers == 1:
            raise UsageError("Layers cannot be chosen where there is one code per sample: give wp.")
        self.layers = None if layers is None else parse_layers(tuple(layers), self.num_layers, noun="row")
        chosen = self.layers or tuple(range(self.num_layers))
        self.shared = shared and self.num_layers > 1
        self.chosen = chosen
        self.rows: tuple[int, ...] = (SHARED,) if self.shared else chosen

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def width(self) -> int:
        return int(self.codes.shape[-1])

    @property
    def _step(self) -> int:
        """Samples that are read at once."""
        return max(1, CHUNK_BYTES // max(1, self.codes[0].nbytes))

    def _take(self, part_NLD: npt.NDArray[Any], row: int) -> npt.NDArray[Any]:
        if row == SHARED:
            return np.asarray(part_NLD[:, list(self.chosen)].mean(axis=1))
        return np.asarray(part_NLD[:, row])

    def gather(self, indices: npt.NDArray[np.int64], row: int) -> npt.NDArray[Any]:
        """Return one row of some samples, [n, D], in the order of `indices`; a file is read front to back.

        Raises:
            GantkError: a code is not finite.
        """
        order = np.argsort(indices, kind="stable")
        result = np.empty((len(indices), self.width), dtype=self.codes.dtype)
        for start, stop in parts(0, len(order), self._step):
            part = order[start:stop]
            some = indices[part]
            result[part] = self._take(self.codes[some], row) if row == SHARED else self.codes[some, row]
        wrong = np.flatnonzero(~np.isfinite(result).all(axis=1))
        if len(wrong):
            raise GantkError(
                f"The latent code of sample {indices[wrong[0]]} is not finite: synthesize the codes again."
            )
        return result

    def chunks(self, row: int) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
        """Yield ranges of samples and their row, [n, D]."""
        for span in (slice(*bounds) for bounds in parts(0, len(self), self._step)):
            yield span, self._take(self.codes[span], row)

    def distances(self, normals_DA: npt.NDArray[Any], row: int) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
        """Yield blocks of normals and the products [N, block] of all samples with them; few passes, bounded memory."""
        width = max(1, DISTANCE_BYTES // (4 * len(self)))
        for block in (slice(*bounds) for bounds in parts(0, normals_DA.shape[1], width)):
            result = np.empty((len(self), block.stop - block.start), dtype=np.float32)
            for span, x_nD in self.chunks(row):
                result[span] = x_nD @ normals_DA[:, block].astype(x_nD.dtype)
            yield block, result
