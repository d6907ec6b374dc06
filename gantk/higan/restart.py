"""Rendering an edit of some rows of wp from the first layer that those rows feed, instead of from the beginning.

Legend: N samples, T repetitions of each, L rows of wp.
"""

from __future__ import annotations

from collections.abc import Iterable

from gantk.generators.base import Generator, State


def first_layer(generator: Generator, rows: Iterable[int]) -> int | None:
    """The index of the first layer that any of these rows of wp feeds; None where none does."""
    wanted = set(rows)
    return min((layer.index for layer in generator.layers if layer.row in wanted), default=None)


def repeated(state: State, times: int, start: int, stop: int) -> State:
    """Samples start .. stop - 1 of the N * T that come of repeating each of N samples T times in a row."""
    places = [place // times for place in range(start, stop)]
    return state.mapped(lambda tensor: tensor[places])
