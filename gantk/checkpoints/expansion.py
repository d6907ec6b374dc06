"""Bound what a tree of containers unfolds to, so that nothing that walks, prints or compares it can take for ever.

A pickle can refer to one object many times: two hundred tuples, each holding the one before twice, are a kilobyte in
the file and 2^200 leaves to whoever walks them.
"""

from __future__ import annotations

from gantk.checkpoints.pickle_machine import Inert, Source
from gantk.checkpoints.stand_ins import Record, StoredArray

DEEPEST = 200  # levels; NVIDIA's modules have about thirty


def children(value: object) -> list[object]:
    """What a container holds; empty for numbers, strings, tensors."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, Record | Inert):
        return [value.state]
    if isinstance(value, StoredArray) and value.items is not None:
        return list(value.items)
    return []


def check_expansion(source: Source, root: object) -> None:
    """Refuse a tree that contains itself, is deeper than 200 levels, or unfolds far beyond the size of its file.

    Each container is visited once; its unfolded size is one more than the sum of its children's.
    """
    sizes: dict[int, int] = {}  # unfolded size of finished containers by identity
    depths: dict[int, int] = {}
    open_: set[int] = set()
    waiting: list[tuple[object, bool]] = [(root, False)]
    while waiting:
        value, finished = waiting.pop()
        key = id(value)
        inside = children(value)
        if finished:
            open_.discard(key)
            sizes[key] = 1 + sum(sizes.get(id(child), 1) for child in inside)
            depths[key] = 1 + max((depths.get(id(child), 0) for child in inside), default=0)
            if depths[key] > DEEPEST:
                raise source.damaged(f"its containers are nested more than {DEEPEST} deep")
            if sizes[key] > 4 * source.size + (1 << 20):
                raise source.damaged(f"its {source.size} bytes unfold to far more, as no real checkpoint does")
        elif key in open_:
            raise source.damaged("one of its containers contains itself")
        elif inside and key not in sizes:
            open_.add(key)
            waiting.append((value, True))
            waiting.extend((child, False) for child in inside)
