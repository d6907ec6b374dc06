"""The page of `gantk ghfeat edit`."""

from __future__ import annotations

import numpy as np

from gantk.ghfeat.figures import short
from gantk.ghfeat.pages.shared import pairs_sheet, picture
from gantk.ghfeat.picture_results import EditResult, Exchanged, Moved
from gantk.reports.page import Page
from gantk.reports.sections import CellValue, Headline, LinePlot, Prose, Section, Series, Table
from gantk.reports.strips import walk_sections

STRONGEST = 6  # attributes that are drawn
CAPTION = (
    "{first}what the generator makes of its code, the same of the reference, the coded image with the reference's "
    "region, the change (white is the largest), and the region (white) with what it can reach (grey)."
)


def page(result: EditResult) -> Page:
    """The page of an edit."""
    if result.exchanged is not None:
        return _exchanged(result, result.exchanged)
    assert result.moved is not None
    moved = result.moved
    sections: list[Section] = [*walk_sections(moved.walk, titled=False), *_changes(moved)]
    sections += pairs_sheet(result.pairs, "The images")
    if result.mse is not None:
        where = "At 0 every slider shows" if 0.0 in moved.distances else "The edits start from"
        sections.append(
            Prose(
                f"{where} the reconstruction, whose mean squared error is {result.mse:.4f}: what the encoder did not "
                "see, no edit can keep."
            )
        )
    title = moved.walk.name.replace("_", " ")
    subtitle = "Images as styles, moved: a step of w becomes a step of styles, dy = A dw."
    return Page(title[:1].upper() + title[1:], subtitle, sections)


def _changes(moved: Moved) -> list[Section]:
    changes = moved.changes()
    if changes is None:
        return []
    order = sorted(range(len(changes)), key=lambda a: -float(np.ptp(changes[a])))[:STRONGEST]
    series = [Series(moved.attributes[a].replace("_", " "), list(moved.distances), changes[a]) for a in order]
    most = "" if len(changes) <= STRONGEST else f"; the {STRONGEST} that change most"
    nearest = min(moved.distances, key=abs)
    caption = (
        f"What the predictor reads from the images along the way, less its value at {nearest:g}, averaged over the "
        f"images{most}, each in its own unit."
    )
    return [LinePlot(series, "What changes", caption, "distance", "change")]


def _exchanged(result: EditResult, found: Exchanged) -> Page:
    sections: list[Section] = [
        Headline(
            [
                (found.inside, "mean change inside the region", "of pixels in [-1, 1]"),
                (found.outside, "mean change outside it", ""),
                (found.beyond_reach, "largest change beyond its reach", "0 is exactly none"),
                (found.share, "share of the image in reach", "the region included"),
            ]
        ),
        _cells(result, found),
    ]
    kept = ""
    if found.beyond_reach == 0:
        kept = " Normalisation keeps the statistics of the unedited image, so that nothing else changes at all."
    how = "feature maps exchanged" if found.way == "features" else "features styled by place"
    sections.append(
        Prose(
            f"The region was exchanged at {found.where} ({how}). Later layers see a little beyond it: that is its "
            f"reach.{kept}"
        )
    )
    if result.mse is not None:
        sections.append(Prose(f"The mean squared error of the coded images is {result.mse:.4f}."))
    subtitle = "A region of each image is another image's, in the generator's own feature maps."
    return Page("Local edit", subtitle, sections)


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
    caption = CAPTION.format(first="The image, " if known else "")
    return Table(titles, rows, "Results", caption[:1].upper() + caption[1:], sortable=False)
