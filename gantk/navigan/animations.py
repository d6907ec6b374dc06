"""Strips of a result as moving pictures: all samples side by side, there and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from gantk.runs.results import Export
from gantk.runs.walk import Walk


def names(stem: str, forms: Sequence[str]) -> dict[str, str] | None:
    """Format -> file of an animation; None where none was asked for."""
    return {form: f"{stem}.{form}" for form in forms} or None


def animations(walks: Sequence[Walk], fps: float) -> Iterator[Export]:
    """The animations that walks name, as files that a result leaves."""
    for walk in walks:
        for name in (walk.animations or {}).values():
            yield Export(name, partial(_write, walk, fps), "the steps as an animation")


def _write(walk: Walk, fps: float, path: Path) -> None:
    from gantk.pictures.animation import GridStyle, animate_arrays

    frames = [[image.array() for image in strip.images] for strip in walk.strips]
    animate_arrays(frames, path, fps, once=False, style=GridStyle())
