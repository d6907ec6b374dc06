"""The page of `gantk ghfeat edit`."""

from __future__ import annotations

import numpy as np

from gantk.ghfeat.figures import short
from gantk.ghfeat.pages.shared import pairs_sheet, picture, small
from gantk.ghfeat.picture_results import EditResult, Exchanged, Moved
from gantk.reports.answer import answer, film
from gantk.reports.numbers import show_rounded
from gantk.reports.page import Page
from gantk.reports.sections import CellValue, LinePlot, Prose, Section, Series, Sheet, Table
from gantk.reports.strips import walk_sections
from gantk.runs.claims import counted, percent

STRONGEST = 6  # attributes that are drawn
MOST_BESIDE = 3  # images before and after
CAPTION = (
    "{first}what the generator makes of its code, the same of the reference, the coded image with the reference's "
    "region, the change ({scale}), and the region (white) with what it can reach (grey)."
)


def page(result: EditResult) -> Page:
    if result.exchanged is not None:
        return _exchanged(result, result.exchanged)
    assert result.moved is not None
    moved = result.moved
    numbers: list[tuple[object, str, str]] = []
    if result.mse is not None:
        numbers.append(
            (small(result.mse), "mean squared error", f"of the reconstructions, {counted(len(result.pairs))}")
        )
    sections = answer(result, film(moved.walk), numbers)
    sections += [*walk_sections(moved.walk), *_changes(moved)]
    sections += pairs_sheet(result.pairs, "The images and their reconstructions")
    title = moved.walk.name.replace("_", " ")
    subtitle = (
        "What does the direction change in these images? Codes are styles: a step of w is turned into the step of the "
        "styles that it causes."
    )
    return Page(title[:1].upper() + title[1:], subtitle, sections)


def _changes(moved: Moved) -> list[Section]:
    changes = moved.changes()
    if changes is None:
        return []
    order = sorted(range(len(changes)), key=lambda a: -float(np.ptp(changes[a])))[:STRONGEST]
    series = [Series(moved.attributes[a].replace("_", " "), list(moved.distances), changes[a]) for a in order]
    most = "" if len(changes) <= STRONGEST else f"; the {STRONGEST} that change most"
    nearest = min(moved.distances, key=abs)
    measured = moved.deviation is not None
    unit = "in standard deviations of samples" if measured else "each in its own unit"
    caption = (
        f"What the predictor reads from the images along the way, less its value at {nearest:g}, averaged over the "
        f"images{most}, {unit}."
    )
    axis = "change, in standard deviations" if measured else "change, in each attribute's own unit"
    return [LinePlot(series, "Change of each attribute by distance", caption, "distance in w", axis)]


def _exchanged(result: EditResult, found: Exchanged) -> Page:
    numbers: list[tuple[object, str, str]] = [
        (
            show_rounded(found.inside),
            "mean change inside the region",
            f"of pixels in [-1, 1], {counted(len(result.pairs))}",
        ),
        (show_rounded(found.outside), "mean change outside it", ""),
        (percent(found.share), "of the image in reach", "the region included"),
    ]
    sections = [*answer(result, [_beside(result, found)], numbers), _cells(result, found)]
    kept = ""
    if found.beyond_reach == 0 and found.share < 1:
        kept = " Normalisation keeps the statistics of the unedited image, so that nothing beyond the reach changes."
    how = "feature maps exchanged" if found.way == "features" else "features styled by place"
    sections.append(
        Prose(
            f"The region was exchanged at {found.where} ({how}). Later layers see a little beyond it: that is its "
            f"reach.{kept}",
            "How the region was exchanged",
        )
    )
    subtitle = "Does a region of another image fit into these, and what else changes?"
    return Page("A region from another image", subtitle, sections)


def _beside(result: EditResult, found: Exchanged) -> Sheet:
    """The first images before and after."""
    pictures = []
    for number, pair in enumerate(result.pairs[:MOST_BESIDE]):
        name = short(pair.name)
        pictures.append(picture(found.coded[number], f"{name} as its code is drawn", f"{name}, before"))
        pictures.append(picture(found.edited[number], f"{name} with the region of the reference", f"{name}, after"))
    return Sheet(pictures, "", "What the generator makes of the codes, before and after the exchange.", 136, 2)


def _cells(result: EditResult, found: Exchanged) -> Table:
    originals = [pair.original for pair in result.pairs]
    columns = [("coded", found.coded), ("reference", found.reference), ("edited", found.edited),
               ("change", found.change), ("reach", found.reach)]  # fmt: skip
    known = all(image is not None for image in originals)
    rows: list[list[CellValue]] = []
    for number, pair in enumerate(result.pairs):
        name = short(pair.name)
        row: list[CellValue] = [name]
        if pair.original is not None and known:
            row.append(picture(pair.original, f"{name}: image"))
        rows.append([*row, *(picture(images[number], f"{name}: {title}") for title, images in columns)])
    titles = ["name", *(["image"] if known else []), *(title for title, _ in columns)]
    scale = "black: none, white: the largest of these images"
    if found.change_most is not None:
        scale += f", {show_rounded(found.change_most)} of a pixel in [-1, 1]"
    caption = CAPTION.format(first="The image, " if known else "", scale=scale)
    return Table(
        titles,
        rows,
        "Images before and after, and where they changed",
        caption[:1].upper() + caption[1:],
        sortable=False,
    )
