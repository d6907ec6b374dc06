"""The page of `gantk ghfeat extract`: every image with its reconstruction and its figures."""

from __future__ import annotations

import numpy as np

from gantk.ghfeat.figures import Figures, short
from gantk.ghfeat.pages.shared import closeness_items, pairs_sheet, picture
from gantk.ghfeat.results import ExtractResult, mean_of
from gantk.reports.answer import answer
from gantk.reports.page import Page
from gantk.reports.sections import BarPlot, Cell, CellValue, Column, Link, Links, Table
from gantk.runs.claims import counted

LONGEST = 192  # rows of the table


def page(result: ExtractResult) -> Page:
    figures = result.kept_figures
    numbers: list[tuple[object, str, str]] = []
    if figures is not None and len(figures):
        means = Figures.of(float(figures[:, 0].mean()), float(figures[:, 1].mean()), mean_of(figures[:, 2]))
        numbers = closeness_items(means, f"over {counted(len(figures))} in [-1, 1]")
    sections = answer(result, pairs_sheet(result.pairs, "Images and their reconstructions"), numbers)
    if figures is not None:
        sections.append(_table(result, figures[:LONGEST]))
    if result.off_manifold is not None:
        caption = (
            "How far the encoded styles of each row lie from those of any code w: 0 means that the generator's mapping "
            "could have made them, near 1 that it could not. Directions of w apply all the same."
        )
        labels = [f"row {row}" for row in range(len(result.off_manifold))]
        off = np.asarray(result.off_manifold)
        sections.append(
            BarPlot(
                labels,
                off,
                title="Distance of the styles from the generator's own codes",
                caption=caption,
                quantity="share",
                digits=2,
            )
        )
    sections.append(Links([Link(each.name, each.name, each.about) for each in result.exports()], "Files"))
    title = counted(len(result.kept), "encoded image")
    refined = f", which {counted(result.refine, 'step')} of optimisation refined" if result.refine else ""
    return Page(
        title,
        f"How well do codes keep these images? The encoder `{short(result.encoder)}` wrote the styles{refined}.",
        sections,
    )


def _table(result: ExtractResult, figures: np.ndarray) -> Table:
    pairs = {pair.name: pair for pair in result.pairs}
    features = bool(np.isfinite(figures[:, 2]).any())
    rows: list[list[CellValue]] = []
    for name, row in zip(result.kept_names, figures, strict=False):
        pair = pairs.get(name)
        cells: list[CellValue] = [short(name), Cell(None, "not kept"), Cell(None, "not kept")]
        if pair is not None and pair.original is not None:
            cells[1] = picture(pair.original, f"original of {name}")
            cells[2] = picture(pair.reconstruction, f"reconstruction of {name}")
        rows.append([*cells, float(row[0]), float(row[1]), *([float(row[2])] if features else [])])
    columns: list[Column | str] = [
        "name",
        "original",
        "reconstruction",
        Column("MSE", "Mean squared error of pixels in [-1, 1]", 4),
        Column("SSIM", "Structural similarity; 1 for equal images", 3),
    ]
    columns += (
        [
            Column(
                "feature distance",
                "Between features of the predictor, as in the training; 0 for equal images",
                3,
                "perceptual",
            )
        ]
        if features
        else []
    )
    return Table(columns, rows, "Image by image", "How close each reconstruction is to its original.")
