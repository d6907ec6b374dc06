"""The page of `gantk ghfeat harmonize`."""

from __future__ import annotations

from gantk.ghfeat.figures import short
from gantk.ghfeat.pages.shared import picture, small
from gantk.ghfeat.picture_results import HarmonizeResult
from gantk.reports.answer import answer
from gantk.reports.page import Page
from gantk.reports.sections import CellValue, Table
from gantk.runs.claims import counted

CAPTION = "The image, the patch on it, and what the generator makes of the code of the pasted image."


def page(result: HarmonizeResult) -> Page:
    """The page of harmonised images."""
    rows: list[list[CellValue]] = []
    for each in result.images:
        name = short(each.name)
        shown = (("image", each.original), ("pasted", each.pasted), ("harmonised", each.harmonized))
        rows.append([name, *(picture(image, f"{name}: {what}") for what, image in shown)])
    table = Table(
        ["name", "image", "pasted", "harmonised"], rows, "Images, pastes and results", CAPTION, sortable=False
    )
    numbers: list[tuple[object, str, str]] = [
        (small(result.outside), "mean change outside", f"of pixels in [-1, 1], {counted(len(result.images))}"),
        (small(result.against_paste), "mean squared error", "against the paste"),
    ]
    subtitle = "Does a pasted region fit, once the whole picture is encoded and made again?"
    return Page("Harmonised pastes", subtitle, answer(result, [table], numbers))
