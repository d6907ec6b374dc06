"""Strips, sheets and grids of pictures: one PNG at native pixels, and one SVG with labels as text."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gantk.pictures.opening import open_picture
from gantk.reports.drawing import LETTER, UNIT, document, element, legend_at, text_at
from gantk.reports.images import LARGEST
from gantk.reports.numbers import show_step, step_digits
from gantk.reports.sections import Picture, Sheet, SliderGrid, SliderStrip
from gantk.reports.text import typeset
from gantk.store.channels import viewable

GAP = 2  # white pixels between two pictures


@dataclass(frozen=True)
class Row:
    """Pictures side by side with a label each ("" for none), and what stands above them."""

    pictures: Sequence[Picture]
    labels: Sequence[str]
    name: str = ""


def rows_of(section: Sheet | SliderStrip | SliderGrid) -> list[Row]:
    """How the pictures of a section are laid out; the pictures of a group stay in one row."""
    if isinstance(section, SliderGrid):
        rows = [rows_of(strip)[0] for strip in section.strips]
        bare = [""] * len(section.strips[0].values)
        names = [strip.title or f"sample {place}" for place, strip in enumerate(section.strips)]
        last = len(rows) - 1
        return [
            Row(row.pictures, row.labels if place == last else bare, names[place]) for place, row in enumerate(rows)
        ]
    if isinstance(section, SliderStrip):
        values = [float(value) for value in section.values]
        digits = step_digits(values)
        return [Row(section.frames, [show_step(value, digits) for value in values])]
    across = max(1, min(len(section.pictures), 920 // section.size))
    across = max(across // section.group, 1) * section.group
    parts = [section.pictures[start : start + across] for start in range(0, len(section.pictures), across)]
    return [Row(part, [typeset(picture.label) for picture in part]) for part in parts]


def _pixels(picture: Picture) -> Image.Image:
    if isinstance(picture.source, np.ndarray):
        return Image.fromarray(viewable(picture.source)).convert("RGB")
    return open_picture(picture.source, max_pixels=LARGEST).convert("RGB")


def png_bytes(image: Image.Image) -> bytes:
    """A picture as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def tile(rows: Sequence[Row]) -> Image.Image:
    """All pictures on white at their own pixels; those smaller than their cell stand in its middle."""
    images = [[_pixels(picture) for picture in row.pictures] for row in rows]
    wide, high = (max(image.size[axis] for row in images for image in row) for axis in (0, 1))
    across = max(len(row) for row in images)
    sheet = Image.new("RGB", (across * (wide + GAP) - GAP, len(rows) * (high + GAP) - GAP), "white")
    for i, row in enumerate(images):
        for j, image in enumerate(row):
            corner = (j * (wide + GAP) + (wide - image.width) // 2, i * (high + GAP) + (high - image.height) // 2)
            sheet.paste(image, corner)
    return sheet


def draw_rows(
    rows: Sequence[Row], width_mm: float, title: str, legend: Sequence[tuple[tuple[int, int, int], str]] = ()
) -> str:
    """The rows as SVG, `width_mm` wide; labels that are longer than their picture are shortened.

    `legend` names the colours of label maps, above the pictures.
    """
    width, gap = width_mm / UNIT, 4.0
    across = max(len(row.pictures) for row in rows)
    cell = (width - gap * (across - 1)) / across
    made, y = legend_at([("#{:02x}{:02x}{:02x}".format(*colour), name) for colour, name in legend], width)
    most = max(int(cell // LETTER), 1)
    for row in rows:
        if row.name:
            made.append(text_at(row.name, 0, y + 13))
            y += 18
        images = [_pixels(picture) for picture in row.pictures]
        tallest = max(cell * image.height / image.width for image in images)
        for j, (image, label) in enumerate(zip(images, row.labels, strict=True)):
            x, data = j * (cell + gap), base64.b64encode(png_bytes(image)).decode("ascii")
            made.append(
                element(
                    "image", x=x, y=y, width=cell, height=cell * image.height / image.width,
                    href=f"data:image/png;base64,{data}",
                )
            )  # fmt: skip
            short = label if len(label) <= most else label[: most - 1] + "\u2026"
            if label:
                made.append(text_at(short, x + cell / 2, y + tallest + 14, "middle"))
        y += tallest + (20 if any(row.labels) else gap)
    return document(made, width, y, title)
