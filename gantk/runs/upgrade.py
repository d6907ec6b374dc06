"""Parts of runs that were made before results were typed (format 1): untyped tables become records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gantk.runs.structure import Image, Strip
from gantk.runs.walk import Walk
from gantk.store.inside import inside


def walks(entries: Sequence[Mapping[str, Any]], directory: Path) -> tuple[Walk, ...]:
    """The walks of a run's `directions`."""
    return tuple(walk(entry, directory) for entry in entries)


def walk(entry: Mapping[str, Any], directory: Path) -> Walk:
    """One entry of `directions`: name, row, space, layers, distances, frames, samples, animation, start, note."""
    values = tuple(float(value) for value in entry["distances"])
    start = entry.get("start")
    strips = tuple(
        Strip(
            label=str(label),
            values=values,
            images=tuple(Image(name, None, inside(directory, name)) for name in frames),
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
