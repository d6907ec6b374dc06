"""Trees of plain values with something wrong at one place, values made from the types of a result, and their texts."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import random
import types
import typing
from typing import Any, Literal, Union

import numpy as np

NAMES = ("../x", "/etc/passwd", "a\nb", "n" * 300, "CON", "\ud800", "x.png", "", "..", "a/../../b", "\x00", "é" * 90)


def wild(source: random.Random) -> Any:
    """A value that stands nowhere by right."""
    return source.choice(
        (
            lambda: None,
            lambda: source.random() < 0.5,
            lambda: source.choice(NAMES),
            lambda: source.choice([0, -1, 1, 2**31, 2**63, 10**12, 10**30, -(10**400)]),
            lambda: source.choice([-0.0, 0.5, 1e308, 1e21, math.nan, math.inf, -math.inf, 5e-324]),
            lambda: [],
            dict,
            lambda: [wild(source) for _ in range(source.randint(1, 4))],
            lambda: {source.choice(NAMES): wild(source)},
            lambda: {"file": source.choice(NAMES)},
            lambda: {"dtype": source.choice(["<f4", "O", "V9", "<U3", 7]), "shape": wild(source), "data": wild(source)},
            lambda: [[0] * 3 for _ in range(300)],  # 300 lists: one place changed is one place
            lambda: "0/0",
            lambda: "1/99999999999999999999",
            lambda: "x" * 5000,
        )
    )()


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a tree."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        keys = list(part) if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else []
        for key in keys:
            found.append((part, key))
            waiting.append(part[key])
    return found


def changed(tree: Any, source: random.Random) -> Any:
    """A copy with one to three places that hold, lack or have too much of something."""
    made = copy.deepcopy(tree)
    for _ in range(source.choice([1, 1, 1, 2, 3])):
        spots = places(made)
        if not spots:
            return wild(source)
        parent, key = source.choice(spots)
        how = source.randrange(6)
        if how < 3:
            parent[key] = wild(source)
        elif how == 3:
            del parent[key]
        elif how == 4:
            other, theirs = source.choice(spots)
            with_it = copy.deepcopy(other[theirs]) if _has(other, theirs) else None
            parent[key] = with_it
        elif isinstance(parent, dict):
            parent[source.choice(NAMES)] = wild(source)
        else:
            parent.extend(copy.deepcopy(parent[:3]))
    return wild(source) if source.random() < 0.01 else made


def _has(parent: Any, key: Any) -> bool:
    return key in parent if isinstance(parent, dict) else key < len(parent)


def text_of(tree: Any, source: random.Random) -> str:
    """JSON, now and then of a depth or with tokens that no program writes."""
    text = json.dumps(tree)
    if source.random() < 0.02:
        depth = source.choice([50, 900, 5000, 100_000])
        deep = source.choice(["[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth, "[" * depth])
        spot = source.choice([index for index, letter in enumerate(text) if letter in ":,["] or [0])
        text = source.choice([deep, text[: spot + 1] + deep + text[spot + 1 :]])
    return text


def value_of(kind: Any, source: random.Random, depth: int = 0) -> Any:
    """Plain JSON of a type as `gantk.runs.structure` writes it."""
    from gantk.runs.structure import Image

    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    few = source.randint(0, 3) if depth < 6 else 0
    if origin is typing.Annotated:
        return value_of(parts[0], source, depth)
    if isinstance(kind, types.UnionType) or origin is Union:
        return value_of(source.choice(parts), source, depth)
    if origin is Literal:
        return source.choice(parts)
    if kind is type(None):
        return None
    if kind is Image:
        return source.choice(["x.png", "y/z.jpg"] * 12 + list(NAMES))
    if origin is np.ndarray or kind is np.ndarray:
        if source.random() < 0.1:
            return {"file": source.choice(["a.npy"] * 12 + list(NAMES))}
        shape = [source.randint(0, 4) for _ in range(source.randint(0, 3))]
        data = [round(source.gauss(0, 1), 2) for _ in range(math.prod(shape))]
        return {"dtype": source.choice(["<f4", "<f8"]), "shape": shape, "data": data}
    if dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        hints = typing.get_type_hints(kind)
        names = [f.name for f in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else list(hints)
        return {name: value_of(hints[name], source, depth + 1) for name in names}
    if origin is tuple and not (len(parts) == 2 and parts[1] is Ellipsis):
        return [value_of(part, source, depth + 1) for part in parts]
    if origin in (tuple, list):
        return [value_of(parts[0], source, depth + 1) for _ in range(few)]
    if origin is not None and len(parts) == 2:
        return {source.choice(["a", "b"] * 8 + list(NAMES)): value_of(parts[1], source, depth + 1) for _ in range(few)}
    plain = {
        bool: lambda: source.random() < 0.5,
        int: lambda: source.choice([0, 1, 1, 2, 2, 3, 7, 10**12]),
        float: lambda: source.choice([0.0, 0.5, -1.5, 1e300]),
        str: lambda: source.choice(["a", "x y", "<b>"]),
    }
    return plain[kind]() if kind in plain else wild(source)
