"""Parts of runs that were made before results were typed (format 1): untyped tables become records."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from gantk.runs.structure import Image, Strip
from gantk.runs.walk import Walk
from gantk.store.hints import type_hints
from gantk.store.inside import inside

T = TypeVar("T")


def part(kind: type[T], entry: Mapping[str, Any], directory: Path, **given: object) -> T:
    """A record: the fields that are given, and the others from the entries of their names.

    Entries are converted to the field's type, and more of them than fields are passed over. A name that is not there
    is None where the field may be; numbers that are not finite are None there too.

    Raises:
        KeyError, TypeError, ValueError, AssertionError: an entry is missing or of another kind.
    """
    hints = type_hints(kind)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # a dataclass, of which Python has no type
        hint = hints[field.name]
        if field.name in given or (field.name not in entry and field.default is not dataclasses.MISSING):
            continue
        absent = field.name not in entry and type(None) in typing.get_args(hint)
        given[field.name] = None if absent else _converted(hint, entry[field.name], directory)
    return kind(**given)


# Any: an annotation (a class, a union, a generic alias), of which Python has no type
def _converted(hint: Any, value: object, directory: Path) -> object:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None or (isinstance(value, float) and not np.isfinite(value)):
            return None
        return _converted(parts[0], value, directory)
    if hint is Image:
        return Image(str(value), None, inside(directory, str(value)))
    if origin is np.ndarray:
        (dtype,) = typing.get_args(parts[1])
        return np.asarray(value, None if dtype is Any else dtype)
    if origin is tuple:
        assert isinstance(value, Sequence)
        kinds = parts if parts[-1] is not Ellipsis else (parts[0],) * len(value)
        return tuple(_converted(kind, each, directory) for kind, each in zip(kinds, value, strict=True))
    if hint in (bool, int, float, str):
        return hint(value)
    assert isinstance(value, Mapping)
    if origin is dict:
        return {str(key): _converted(parts[1], each, directory) for key, each in value.items()}
    return part(hint, value, directory)


def walks(entries: Sequence[Mapping[str, Any]], directory: Path) -> tuple[Walk, ...]:
    """The walks of a run's `directions`."""
    return tuple(walk(entry, directory) for entry in entries)


def walk(entry: Mapping[str, Any], directory: Path) -> Walk:
    """One entry of `directions`: name, row, space, layers, distances, frames, samples, animation, start, note."""
    start = entry.get("start")
    strips = tuple(
        part(
            Strip,
            {"label": label, "values": entry["distances"], "images": frames},
            directory,
            quantity=str(entry.get("quantity") or "distance"),
            origin=start if isinstance(start, int) else None,
        )
        for label, frames in zip(entry["samples"], entry["frames"], strict=True)
    )
    layers, number = entry.get("layers"), entry.get("row")
    return Walk(
        name=str(entry["name"]),
        number=number if isinstance(number, int) else None,
        space=str(entry.get("space") or ""),
        rows=tuple(layers) if isinstance(layers, list) else None,
        strips=strips,
        note=str(entry.get("note") or ""),
        animations=dict(entry.get("animation") or {}) or None,
    )
