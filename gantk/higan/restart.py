"""Rendering an edit of some rows of wp from the first layer that those rows feed, instead of from the beginning.

Legend: N samples, T repetitions of each, L rows of wp.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from torch import Tensor

from gantk.generators.base import Generator, State


def first_layer(generator: Generator, rows: Iterable[int]) -> int | None:
    """The index of the first layer that any of these rows of wp feeds; None where none does."""
    wanted = set(rows)
    return min((layer.index for layer in generator.layers if layer.row in wanted), default=None)


def repeat(state: State, times: int) -> State:
    """The state of N samples as that of N * T: each repeated T times in a row, as `repeat_interleave` does."""
    return _each(state, lambda tensor: tensor.repeat_interleave(times, dim=0))


def rows_of(state: State, start: int, stop: int) -> State:
    """The state of samples start .. stop - 1."""
    return _each(state, lambda tensor: tensor[start:stop])


def _each(state: State, change: Callable[[Tensor], Tensor]) -> State:
    x, image, shortcut = (None if part is None else change(part) for part in (state.x, state.image, state.shortcut))
    return dataclasses.replace(state, x=x, image=image, shortcut=shortcut)
