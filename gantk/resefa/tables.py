"""Regions by name: the boxes that ReSeFa and LowRankGAN published, in relative coordinates, and groups of classes.

A published box is (centre row, centre column, rows, columns) at 256 pixels, which covers rows
centre - rows // 2 .. + rows; a rough box is enough (Zhu et al. 2022). Those of `ffhqu` are of single pictures:
unaligned faces need one box each, and a segmenter finds them by itself.
"""

from __future__ import annotations

from gantk.errors import UsageError, suggestion
from gantk.pictures.shapes import Box

UNIT = 256

_BOXES: dict[str, dict[str, tuple[int, int, int, int]]] = {
    "ffhq": {
        "left_eye": (120, 95, 20, 38),
        "right_eye": (120, 159, 20, 38),
        "eyes": (120, 128, 20, 115),
        "nose": (142, 131, 40, 46),
        "mouth": (184, 127, 30, 70),
        "chin": (217, 130, 42, 110),
        "eyebrow": (126, 105, 15, 118),
        # LowRankGAN's
        "left_region": (128, 74, 128, 64),
        "point_eye": (120, 95, 2, 2),
        "point_mouth": (184, 127, 2, 2),
    },
    "ffhqu": {
        "eyesr2": (134, 116, 30, 115),
        "eyesr3": (64, 128, 26, 115),
        "eyest0": (70, 88, 30, 115),
        "eyest3": (108, 142, 26, 115),
    },
    "biggan": {
        "center0": (120, 120, 80, 80),
        "center1": (120, 120, 130, 130),
        "center2": (120, 120, 200, 200),
        "left_side": (128, 64, 256, 128),
        "top_side": (64, 128, 128, 256),
        "head0": (89, 115, 49, 70),
        "head1": (93, 110, 48, 70),
    },
}

# Groups of classes of the bundled world: what a user would call one thing.
CLASS_GROUPS: dict[str, tuple[str, ...]] = {
    "house": ("wall", "roof", "window", "door"),
    "sky": ("sky", "sun", "cloud"),
    "tree": ("tree",),
    "ground": ("ground",),
}
WORLD = tuple(CLASS_GROUPS)


def published_box(name: str) -> Box:
    """A published box by name, with its table ("ffhq/eyes") or without.

    Raises:
        UsageError: there is none; near matches are offered.
    """
    table, _, short = name.rpartition("/")
    tables = [_BOXES[table]] if table in _BOXES else list(_BOXES.values()) if not table else []
    for boxes in tables:
        if short in boxes:
            row, column, rows, columns = boxes[short]
            top, left = row - rows // 2, column - columns // 2
            return Box(top / UNIT, left / UNIT, (top + rows) / UNIT, (left + columns) / UNIT)
    known = [each for boxes in _BOXES.values() for each in boxes]
    raise UsageError(
        f"There is no published region {name!r}.{suggestion(short, [*known, *WORLD])} "
        "Give a box (--box), a mask (--mask) or classes (--region NAME=CLASS,...)."
    )
