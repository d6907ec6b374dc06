"""Boxes and discs as people write them. The order is one everywhere: top, left, bottom, right; a disc's row before its
column. Whether the numbers are pixels or fractions of the image, the caller says.

Shape legend: S side of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gantk.errors import UsageError
from gantk.pictures.forms import BOX as BOX
from gantk.pictures.forms import DISC as DISC
from gantk.store.numerals import read_float


@dataclass(frozen=True)
class Box:
    """Edges, counted from the top and from the left."""

    top: float
    left: float
    bottom: float
    right: float


@dataclass(frozen=True)
class Disc:
    """A centre, counted from the top and from the left, and a radius."""

    row: float
    column: float
    radius: float

    @property
    def bounds(self) -> Box:
        """The smallest box around it."""
        r = self.radius
        return Box(self.row - r, self.column - r, self.row + r, self.column + r)


def parse_numbers(text: str) -> tuple[float, ...]:
    """``1,2.5,3``; empty where a word is no finite number."""
    try:
        found = tuple(read_float(word) for word in text.split(","))
    except ValueError:
        return ()
    return found if np.isfinite(found).all() else ()


def parse_box(numbers: str, what: str, form: str, most: float = 1.0) -> Box:
    """A box ``TOP,LEFT,BOTTOM,RIGHT``.

    Args:
        what: the option and its value, which begin the message. form: how it is to be written.
        most: the largest number: 1 for fractions of the image.

    Raises:
        UsageError: not four numbers from 0 to `most`, or an end before its start.
    """
    found = parse_numbers(numbers)
    if len(found) != 4:
        raise UsageError(f"{what} is not understood: write {form}.")
    box = Box(*found)
    if not (0 <= box.top < box.bottom <= most and 0 <= box.left < box.right <= most):
        raise UsageError(f"{what} needs 0 <= top < bottom <= {most:g} and 0 <= left < right <= {most:g}.")
    return box


def parse_shape(numbers: str, what: str, form: str) -> Box | Disc:
    """A box of four numbers, or a disc ``ROW,COLUMN,RADIUS`` of three.

    Raises:
        UsageError: neither; see `parse_box` for the arguments.
    """
    found = parse_numbers(numbers)
    if len(found) not in (3, 4):
        raise UsageError(f"{what} is no shape: write {form}.")
    return Box(*found) if len(found) == 4 else Disc(*found)


def pixels_of(shape: Box | Disc, size: int, what: str) -> npt.NDArray[np.bool_]:
    """The pixels [S, S] whose centres a shape has, its numbers being pixels.

    Raises:
        UsageError: it has no pixel of the image, or reaches beyond it.
    """
    y, x = np.mgrid[:size, :size] + 0.5
    if isinstance(shape, Box):
        mask = (x > shape.left) & (x < shape.right) & (y > shape.top) & (y < shape.bottom)
    else:
        mask = (x - shape.column) ** 2 + (y - shape.row) ** 2 < shape.radius**2
    edges = shape if isinstance(shape, Box) else shape.bounds
    beyond = min(edges.left, edges.top) < 0 or max(edges.right, edges.bottom) > size
    if beyond or not mask.any():
        where = "reaches outside" if beyond else "covers no pixel of"
        raise UsageError(f"The stroke {what!r} {where} the image: coordinates run from 0 to {size} in both directions.")
    return np.asarray(mask)
