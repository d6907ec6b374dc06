"""Where and how far codes are moved along a direction (HiGAN, section 3.3; specs: out = x + d * s * b).

Codes are moved in the space that says what is wanted: z before mapping, w before truncation when the whole code moves,
and wp, row by row, when rows are chosen. A w-direction inside truncated wp is scaled by psi on the truncated rows, so
that both ways of moving every row give the same image.

Legend: N samples, T steps, L rows of wp, D the width of a code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.entries import Entry
from gantk.codes.projection import project
from gantk.codes.source import Codes, CodeSource
from gantk.errors import UsageError
from gantk.generators.base import Generator, Styles, WpOrStyles
from gantk.generators.rows import parse_layers
from gantk.higan.manipulated import moved_name

Array = npt.NDArray[Any]

Rows = str | tuple[int, ...] | None


@dataclass(frozen=True)
class Edit:
    """One direction and how far codes go along it.

    Attributes:
        entry: the direction.
        space: the space codes are moved in: z, w, wp or s.
        layers: the rows of wp that move (of the styles for s); None in z and w, which feed all.
        distances: of the steps [T], signed.
        compensate: whether a w-direction inside wp is scaled by psi on truncated rows.
        absolute: distances are those from the boundary, not those to go.
    """

    entry: Entry
    space: str
    layers: tuple[int, ...] | None
    distances: tuple[float, ...]
    compensate: bool = True
    absolute: bool = False

    @property
    def array(self) -> str:
        """The array of the moved codes: HiGAN's `<name>_<space>_manipulated_<space moved in>`."""
        return moved_name(self.entry.prefix, self.space)


def steps(start: float, end: float, count: int) -> tuple[float, ...]:
    """Evenly spaced distances, both ends included; any count from 1 on. One step is the start alone.

    Values that are zero but for rounding are zero, so that the unmoved code is among them exactly.
    """
    if count < 1 or not (math.isfinite(start) and math.isfinite(end)):
        raise UsageError(f"{count} steps from {start} to {end} make no range: give finite ends and at least one step.")
    values = np.linspace(start, end, count)
    scale = max(abs(start), abs(end))
    return tuple(float(value) if abs(value) > 1e-12 * scale else 0.0 for value in values)


def plan_edit(
    entry: Entry,
    source: CodeSource,
    distances: Sequence[float],
    rows: Rows = None,
    layerwise: bool = False,
    compensate: bool = True,
    absolute: bool = False,
) -> Edit:
    """Decide where codes are moved: in the direction's own space, or in wp when rows are chosen.

    Args:
        rows: what the caller asks for ("all" for every row); None leaves it to the direction.
        layerwise: move wp although no rows are chosen.

    Raises:
        UsageError: rows for a z-direction, rows out of range, or codes given after the direction's space.
    """
    direction, spec = entry.direction, source.generator.spec
    if direction.space not in (*source.spaces, "s") and not (direction.space == "w" and "wp" in source.spaces):
        raise UsageError(
            f"{entry.title!r} is a direction of {direction.space}, and of the codes given only "
            f"{' and '.join(source.spaces)} are known: give codes of {direction.space}, or draw them."
        )
    distances = tuple(float(distance) for distance in distances)
    if direction.space == "s":
        chosen = parse_layers(_text(rows, direction.layers), len(source.generator.styled_layers))
        return Edit(entry, "s", chosen, distances, compensate, absolute)
    if direction.space == "z":
        if rows not in (None, "all"):
            raise UsageError(
                f"{entry.title!r} is a direction of z, which feeds every layer: leave --rows out, or find one of w."
            )
        return Edit(entry, "z", None, distances, compensate, absolute)
    chosen = choose_rows(rows, direction.layers, source.generator)
    every = chosen == tuple(range(spec.num_layers))
    if direction.space == "w" and every and not layerwise and "w" in source.spaces:
        return Edit(entry, "w", None, distances, compensate, absolute)
    return Edit(entry, "wp", chosen, distances, compensate, absolute)


def _text(rows: Rows, own: tuple[int, ...] | None) -> Rows:
    return own if rows is None else None if rows == "all" else rows


def choose_rows(rows: Rows, own: tuple[int, ...] | None, generator: Generator) -> tuple[int, ...]:
    """The rows of wp to move: as the caller asks, by number, range or layer name, or else what a direction brings."""
    return generator.parse_rows(_text(rows, own))


def condition(entry: Entry, others: Sequence[Entry]) -> Entry:
    """The direction without what it shares with others of its space (HiGAN's conditional manipulation).

    Raises:
        UsageError: another space, or nothing is left.
    """
    if not others:
        return entry
    for other in others:
        if other.space != entry.space:
            raise UsageError(
                f"{other.title!r} is a direction of {other.space} and {entry.title!r} one of {entry.space}: "
                "a condition must be of the same space."
            )
    alone = entry.alone()
    vectors = project(alone.vectors[0], [other.direction.vectors[other.number] for other in others])
    projected = alone.replace(vectors=vectors[None].astype(np.float32), intercept=None)
    return Entry(entry.title, projected, 0, entry.source)


def motion(rotate: float, translate: tuple[float, float], generator: Generator) -> Array | None:
    """StyleGAN3's forward motion [3, 3]: rotation in degrees, then translation in fractions of the canvas.

    Raises:
        UsageError: the generator has no such input.
    """
    if not rotate and not any(translate):
        return None
    if not generator.spec.has_transform:
        raise UsageError(
            f"--rotate and --translate move the input of a StyleGAN3, and this is a {generator.spec.family}: "
            "leave them out, or give a StyleGAN3."
        )
    cosine, sine = math.cos(math.radians(rotate)), math.sin(math.radians(rotate))
    return np.array([[cosine, sine, translate[0]], [-sine, cosine, translate[1]], [0.0, 0.0, 1.0]])


def move(codes: Codes, source: CodeSource, edit: Edit) -> Tensor | Styles:
    """Codes moved by every step: [N, T, D] or [N, T, L, D]; for styles a tuple of [N, T, C]."""
    direction, row = edit.entry.direction, edit.entry.number
    count = len(edit.distances)
    if edit.space == "s":
        base: WpOrStyles = tuple(style.repeat_interleave(count, dim=0) for style in source.generator.styles(codes.wp))
        n = len(codes.wp)
    else:
        base = codes.space(edit.space).repeat_interleave(count, dim=0)
        n = len(base) // count
    distance = torch.tensor(edit.distances, dtype=codes.wp.dtype, device=codes.wp.device).repeat(n)
    truncation = source.truncation if edit.compensate and edit.space == "wp" and direction.space == "w" else None
    moved = direction.apply(base, distance, edit.layers, truncation, row, edit.absolute)
    if not isinstance(moved, Tensor):
        return tuple(style.reshape(n, count, -1) for style in moved)
    return moved.reshape(n, count, *moved.shape[1:])


def check_edits(source: CodeSource, edits: Sequence[Edit]) -> None:
    """Try every edit on one code, so that what cannot be done is said before anything is written."""
    with torch.inference_mode():
        codes = source.batch(0, 1)
        for edit in edits:
            move(codes, source, edit)
