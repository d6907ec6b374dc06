"""The pages of `gantk mix` and `gantk walk`."""

from __future__ import annotations

from gantk.between.results import MixGrid, MixResult, grid_name
from gantk.between.walked import STRIP, WalkResult
from gantk.reports.answer import answer
from gantk.reports.page import Page
from gantk.reports.sections import (
    CellValue,
    Column,
    Link,
    Links,
    Picture,
    Prose,
    Section,
    Sheet,
    SliderStrip,
    Table,
)
from gantk.reports.strips import FORMATS

ABOUT = (
    "Every picture takes the named rows of wp from the code above it and all others from the code at its left. What "
    "follows the column is stored in those rows."
)


def mix_page(result: MixResult) -> Page:
    """The page of a grid, or of several."""
    grids = [_grid(result, grid) for grid in result.grids]
    sections: list[Section] = [*answer(result, grids[:1]), *grids[1:], Prose(ABOUT, "How to read the grids")]
    links = [Link(grid_name(grid), grid_name(grid)) for grid in result.grids]
    sections.append(Links(links, "Files", "Each grid as one picture, sources along the left and the top."))
    return Page("Style mixing", "What do these rows of wp change?", sections)


def _rows(grid: MixGrid) -> str:
    return f"Row{'s' if len(grid.rows) > 1 else ''} {grid.spelled}"


def _grid(result: MixResult, grid: MixGrid) -> Section:
    tops: list[CellValue] = [
        Picture(image.source, f"{name}, unmixed", "", f"top_{place}")
        for place, (name, image) in enumerate(zip(result.top, result.top_images, strict=True))
    ]
    rows: list[list[CellValue]] = [["", "", *tops]]
    for line, (name, image) in enumerate(zip(result.left, result.left_images, strict=True)):
        mixed = grid.images[line * len(result.top) : (line + 1) * len(result.top)]
        cells: list[CellValue] = [
            Picture(each.source, f"rows {grid.spelled} of {above}, the others of {name}", "")
            for above, each in zip(result.top, mixed, strict=True)
        ]
        rows.append([name, Picture(image.source, f"{name}, unmixed", "", f"left_{line}"), *cells])
    columns = [Column("left"), Column("unmixed"), *(Column(name) for name in result.top)]
    caption = f"{_rows(grid)} of wp from the top, the others from the left. Truncation: {result.truncation}."
    return Table(columns, rows, f"{_rows(grid)} from the top", caption, sortable=False)


MOST_STEPS = 48


def walk_page(result: WalkResult) -> Page:
    """The page of a walk: a slider over its frames, its strip, the files."""
    count = len(result.frames)
    chosen = range(count) if count <= MOST_STEPS else [place * count // MOST_STEPS for place in range(MOST_STEPS)]
    steps = [float(result.times[place]) for place in chosen]
    pictures = [_frame(result, place) for place in chosen]
    downloads = [Link(f"walk.{form}", FORMATS[form]) for form in result.formats]
    some = "Every frame" if len(pictures) == count else f"{len(pictures)} of {count} frames"
    keys = ", ".join(f"{place}: {name}" for place, name in enumerate(result.keys))
    caption = f"{some}; the slider counts keys ({keys}). Truncation: {result.truncation}. Arrow keys move it."
    shown = [_frame(result, place, f"strip_{place}") for place in result.shown]
    links = [*downloads, Link(STRIP, STRIP), Link("frames/", "frames/", "every frame as a PNG")]
    strip = Sheet(shown, "", "Evenly spaced frames, numbered in keys.", 128)
    sections: list[Section] = [
        *answer(result, [strip]),
        SliderStrip(pictures, steps, "Frames of the walk", caption, "key", start=0, downloads=downloads),
        Links(links, "Files"),
    ]
    return Page("A walk through codes", "What lies between these codes?", sections)


def _frame(result: WalkResult, place: int, name: str = "") -> Picture:
    key = f"{float(result.times[place]):.2f}"
    return Picture(result.frames[place].source, f"Frame {place}, at key {key}", key, name)
