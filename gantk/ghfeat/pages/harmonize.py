"""The page of `gantk ghfeat harmonize`."""

from __future__ import annotations

from gantk.ghfeat.figures import short
from gantk.ghfeat.pages.shared import picture
from gantk.ghfeat.picture_results import HarmonizeResult
from gantk.reports.page import Page
from gantk.reports.sections import CellValue, Prose, Table

CAPTION = "The image, the patch on it, and what the generator makes of the code of that."


def page(result: HarmonizeResult) -> Page:
    """The page of harmonised images."""
    rows: list[list[CellValue]] = []
    for each in result.images:
        name = short(each.name)
        shown = (("image", each.original), ("pasted", each.pasted), ("harmonized", each.harmonized))
        rows.append([name, *(picture(image, f"{name}: {what}") for what, image in shown)])
    table = Table(["name", "image", "pasted", "harmonized"], rows, "Results", CAPTION, sortable=False)
    text = (
        f"Outside the pasted region the result differs from the image by {result.outside:.3f} on average, in [-1, 1]; "
        f"its mean squared error against the paste is {result.against_paste:.4f}."
    )
    subtitle = "A patch is pasted in; encoded and made again, the picture is of one piece."
    return Page("Harmonisation", subtitle, [table, Prose(text)])
