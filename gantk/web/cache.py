"""Least recently used things in memory, bounded by their bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from torch import Tensor

from gantk.generators.base import State

V = TypeVar("V")


class Cache(Generic[V]):
    """Values by key; `limit` bytes of them are kept, the least recently used leave first."""

    def __init__(self, limit: int = 512 << 20) -> None:
        self.limit, self.used = limit, 0
        self._held: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._held

    def get(self, key: Hashable) -> V | None:
        if key not in self._held:
            return None
        self._held.move_to_end(key)
        return self._held[key][0]

    def put(self, key: Hashable, value: V, size: int) -> None:
        """Keep a value; one larger than the limit is not kept."""
        if key in self._held:
            self.used -= self._held.pop(key)[1]
        if size > self.limit:
            return
        self._held[key] = (value, size)
        self.used += size
        while self.used > self.limit:
            self.used -= self._held.popitem(last=False)[1][1]

    def clear(self) -> None:
        self._held.clear()
        self.used = 0


def size_of(state: State) -> int:
    """Bytes of a generator's state."""
    tensors: list[Tensor | None] = [state.x, state.image, state.shortcut]
    tensors += [part for pair in state.statistics.values() for part in pair]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)
