"""The page of `gantk ghfeat evaluate`: what each level knows, and how well images are made again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np

from gantk.ghfeat.pages.shared import closeness_items, picture, recovery_plot
from gantk.ghfeat.probe_results import EvaluateResult, Verified
from gantk.ghfeat.probe_results import Table as Scores
from gantk.reports.answer import answer
from gantk.reports.page import Page
from gantk.reports.sections import BarPlot, Cell, CellValue, Column, HeatMap, Prose, Section, Table
from gantk.runs.claims import counted
from gantk.runs.structure import Image

REGRESSION = (
    "How much of each factor a linear model reads from the codes of one level alone, from all, and from the "
    "baselines where there are some. 1 is all of it, 0 none; values below 0 are left at 0."
)
RETRIEVAL = "Share of the five nearest neighbours (by cosine) that are of the same class."
VERIFICATION = (
    "Accuracy of telling by the cosine of two images' features whether they agree: the threshold is chosen on most "
    "of the pairs and judged on the others, in turn."
)


def page(result: EvaluateResult) -> Page:
    probes = result.probes
    names = [features.name for features in probes.features]
    about = f"of {counted(result.count, 'reconstruction')}, in [-1, 1]"
    what = "Factors" if result.exact else "Labels"
    table = _map(
        probes.regression, names, f"{what} read from each level", "R2, cross-validated", REGRESSION, what.lower()[:-1]
    )
    sections = answer(result, table, closeness_items(result.reconstruction, about, result.mean_code_mse))
    sections += recovery_plot(result.reconstruction)
    truth = "the factors the scenes were drawn from, which are known exactly" if result.exact else "the labels given"
    sections.append(
        Prose(
            "A linear model is fitted to frozen features on most of the images and judged on the others, in turn; "
            f"what it predicts are {truth}. Row 0 of wp is the coarsest; levels count from the image, as GH-Feat's do.",
            "How the levels are probed",
        )
    )
    text = "Share of images whose class a linear softmax names."
    sections += _map(probes.classification, names, "Classes read from each level", "accuracy", text, "class")
    sections += _map(
        probes.retrieval, names, "Nearest neighbours of the same class", "precision at 5", RETRIEVAL, "class"
    )
    sections += _landmarks(probes.landmarks, names)
    sections += _verification(probes.verification)
    sections += _neighbours(result.neighbours)
    return Page(
        "What each level of the codes holds",
        "Which factors can be read from which level of the encoder's features?",
        sections,
    )


def _map(
    table: Scores | None, features: list[str], title: str, quantity: str, caption: str, what: str
) -> list[Section]:
    """Scores as a heat map; features that were not scored have no line."""
    if table is None:
        return []
    values = np.asarray(table.values, np.float64)
    scored = [bool(np.isfinite(row).any()) for row in values]
    notes = None
    if table.deviations is not None:
        notes = [
            [
                f"{value:.3f} (deviation {deviation:.3f} over folds)"
                for value, deviation in zip(row, spread, strict=True)
            ]
            for row, spread in zip(values, np.asarray(table.deviations), strict=True)
        ]
    names = [name.replace("_", " ") for name in table.columns]
    if table.chance is not None:
        parts = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, table.chance, strict=True))
        caption += f" By chance: {parts}."
    return [
        HeatMap(np.maximum(values[scored], 0), list(compress(features, scored)), names, title, caption, "features",
                what, "sequential", 1.0, 2, quantity, None if notes is None else list(compress(notes, scored)))
    ]  # fmt: skip


def _landmarks(table: Scores | None, features: list[str]) -> list[Section]:
    if table is None:
        return []
    points = ", ".join(table.columns)
    caption = (
        f"Mean distance of predicted points ({points}) from the true ones, in per cent of the image. Less is better."
    )
    errors = [100 * float(row[0]) for row in table.values]
    return [
        BarPlot(features, errors, title="Error of predicted points", caption=caption, quantity="% of image", digits=2)
    ]


def _verification(entries: Sequence[Verified]) -> list[Section]:
    if not entries:
        return []
    rows: list[list[CellValue]] = [
        [entry.name, Cell(entry.accuracy, bar=entry.accuracy), entry.deviation, entry.area] for entry in entries
    ]
    columns: list[Column | str] = [
        "features",
        Column("accuracy"),
        Column("deviation", "Standard deviation of the accuracy over folds"),
        Column("AUC", "Area under the ROC curve"),
    ]
    return [Table(columns, rows, "Whether two images show the same thing", VERIFICATION)]


def _neighbours(found: Sequence[Sequence[Image]]) -> list[Section]:
    if not found:
        return []
    rows: list[list[CellValue]] = [
        [
            picture(image, f"image {number}" if not place else f"neighbour {place} of image {number}")
            for place, image in enumerate(images)
        ]
        for number, images in enumerate(found)
    ]
    columns = ["image", *(str(place) for place in range(1, len(rows[0])))]
    return [
        Table(
            columns,
            rows,
            "Nearest neighbours",
            "Each image and the images whose codes of all levels are nearest to its own, nearest first.",
            sortable=False,
        )
    ]
