"""Strokes as people write them: shapes of classes and of colours.

Shape legend: S side of the labels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gantk.errors import UsageError
from gantk.lse.editing import Stroke
from gantk.pictures.label_maps import draw
from gantk.pictures.shapes import BOX, DISC, parse_numbers, parse_shape, pixels_of
from gantk.predictors.heads import HeadInfo

COLOUR_FORM = f"#rrggbb:{BOX} or #rrggbb:{DISC}"


def stroke_of(
    info: HeadInfo, shapes: Sequence[str], colours: Sequence[str], label: npt.NDArray[np.uint8] | None = None
) -> Stroke:
    """The strokes of ``--shape`` and ``--colour``, drawn onto a label map that is given.

    Raises:
        UsageError: nothing is drawn, or a shape is not understood or lies outside the image.
    """
    size = info.size
    if shapes:
        label = draw(shapes, info.class_names, size, label)
    colour = painted = None
    for text in colours:
        match = re.fullmatch(r"#([0-9a-fA-F]{6}):(.+)", text.strip())
        if match is None or len(parse_numbers(match[2])) not in (3, 4):
            raise UsageError(f"--colour {text!r} is not understood: write {COLOUR_FORM}.")
        if colour is None or painted is None:
            colour, painted = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), bool)
        mask = pixels_of(parse_shape(match[2], f"--colour {text!r}", COLOUR_FORM), size, text)
        colour[mask], painted[mask] = np.frombuffer(bytes.fromhex(match[1]), np.uint8), True
    if label is None and colour is None:
        raise UsageError("There is no stroke: give --shape, --stroke or --colour.")
    return Stroke(label, colour, painted)
