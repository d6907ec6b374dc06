"""Walks as moving pictures: all samples side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gantk.runs.results import Export
from gantk.runs.walk import Walk

if TYPE_CHECKING:
    from gantk.pictures.animation import GridStyle


def animation_names(stem: str, forms: Sequence[str]) -> dict[str, str] | None:
    """Format -> file of an animation; None where none was asked for."""
    return {form: f"{stem}.{form}" for form in forms} or None


def animations(walk: Walk, fps: float, once: bool = False, style: GridStyle | None = None) -> Iterator[Export]:
    """The animations that a walk names, as files that a result leaves; there and back, or one way.

    Args:
        style: how the samples of a frame are put side by side.
    """
    for name in (walk.animations or {}).values():
        yield Export(name, partial(_write, walk, fps, once, style), "the steps as an animation")


def _write(walk: Walk, fps: float, once: bool, style: GridStyle | None, path: Path) -> Path:
    from gantk.pictures.animation import GridStyle, animate_arrays

    frames = [[image.array() for image in strip.images] for strip in walk.strips]
    return animate_arrays(frames, path, fps, once, style or GridStyle())
