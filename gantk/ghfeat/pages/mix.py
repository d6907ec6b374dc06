"""The page of `gantk ghfeat mix`."""

from __future__ import annotations

from gantk.ghfeat.figures import short
from gantk.ghfeat.pages.shared import picture
from gantk.ghfeat.picture_results import Grid, MixResult
from gantk.reports.answer import answer
from gantk.reports.page import Page
from gantk.reports.sections import CellValue, Prose, Section, Table

ABOUT = (
    "Columns are the contents, rows the styles. Each cell is the content's code with the named rows of wp taken from "
    "the style's. Levels count from the image, as GH-Feat's do: low ones are fine. Rows count from the coarsest, as "
    "everywhere else in gantk."
)

ABOVE = (
    "The first line shows the content images as they are; each line below takes the named rows from one style image."
)


def page(result: MixResult) -> Page:
    """The page of mixtures."""
    grids = [_grid(result, grid) for grid in result.grids]
    sections: list[Section] = [*answer(result, grids[:1]), *grids[1:], Prose(ABOUT, "How to read the grids")]
    return Page(
        "Mixed images",
        "What do the rows of the styles change? Each grid takes some of them from one image, the others from another.",
        sections,
    )


def _grid(result: MixResult, grid: Grid) -> Table:
    names = [short(pair.name) for pair in result.content]
    head: list[CellValue] = ["as it is"]
    head += [picture(pair.reconstruction, f"content {short(pair.name)}") for pair in result.content]
    rows: list[list[CellValue]] = [head]
    for pair, cells in zip(result.style, grid.cells, strict=True):
        of = short(pair.name)
        made: list[CellValue] = [
            picture(cell, f"content {name} with {grid.title} of style {of}")
            for cell, name in zip(cells, names, strict=True)
        ]
        rows.append([picture(pair.reconstruction, f"style {of}"), *made])
    return Table(["style", *names], rows, f"Styles in {grid.title}", ABOVE, sortable=False)
