"""The page of `gantk ghfeat evaluate`: what each level knows, and how well images are made again.

Reads of `results`, all optional:
    reconstruction  {mse, psnr, ssim, perceptual, mean_code_mse, recovery: {attribute: R2}}
    probes          {features: [{name, kind, width}], and where there were labels:
                     regression, classification, landmarks: {columns, values: [features][columns], deviations},
                     chance: [per class column], retrieval: {columns, values, chance},
                     verification: [{name, accuracy, deviation, area}]}
    known           "exact" (the bundled world) or "labels"
    neighbours      [[path of an image, of its nearest neighbours]]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gantk.ghfeat.pages.train import small
from gantk.reports.numbers import read_number
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, mapping, records, texts
from gantk.reports.sections import (
    BarPlot,
    Cell,
    CellValue,
    Column,
    Facts,
    Headline,
    HeatMap,
    Prose,
    Section,
    Table,
)


def build(run: RunRecord) -> Page:
    results = run.results
    probes = mapping(results.get("probes"))
    features = [str(entry.get("name", "")) for entry in records(probes.get("features"))]
    exact = results.get("known") == "exact"
    sections: list[Section] = []
    made = mapping(results.get("reconstruction"))
    if made:
        sections += _reconstruction(made)
    truth = "the factors the scenes were drawn from, which are known exactly" if exact else "the labels given"
    sections.append(
        Prose(
            f"A linear model is fitted to frozen features on most of the images and judged on the others, in turn; "
            f"what it predicts are {truth}. Layer 0 is the coarsest; levels count from the image, as GH-Feat's do."
        )
    )
    sections += _map(
        probes.get("regression"), features, "Factors by level", "R2, cross-validated",
        "How much of each factor a linear model reads from the codes of one level alone, from all, and from the "
        "baselines. 1 is all of it, 0 none; values below 0 are left at 0.",
    )  # fmt: skip
    sections += _map(
        probes.get("classification"), features, "Classes by level", "accuracy",
        "Share of images whose class a linear softmax names. " + _chance(probes, "chance", "classification"),
    )  # fmt: skip
    sections += _map(
        probes.get("retrieval"), features, "Retrieval", "precision at 5",
        "Share of the five nearest neighbours (by cosine) that are of the same class. "
        + _chance(mapping(probes.get("retrieval")), "chance", "retrieval"),
    )  # fmt: skip
    sections += _landmarks(mapping(probes.get("landmarks")), features)
    sections += _verification(records(probes.get("verification")))
    sections += _neighbours(run)
    sections.append(Facts(run.settings(), "Settings"))
    subtitle = f"Features of an encoder for `{run.subject}`, frozen."
    return Page("What the codes know", subtitle, sections, run.command_line, run.manifest, run.command)


def _reconstruction(made: Mapping[str, Any]) -> list[Section]:
    mse, mean = read_number(made.get("mse")), read_number(made.get("mean_code_mse"))
    items: list[tuple[object, str, str]] = [(small(mse), "mean squared error", "of reconstructions, in [-1, 1]")]
    if mse and mean:
        items.append((mean / mse, "times better than one code", "the mean code for every image"))
    items.append((read_number(made.get("ssim")), "structural similarity", "1 is equal"))
    sections: list[Section] = [Headline(items)]
    recovery = {str(k).replace("_", " "): read_number(v) for k, v in mapping(made.get("recovery")).items()}
    found = {name: value for name, value in recovery.items() if value is not None}
    if found:
        caption = "R2 between what the predictor reads from reconstructions and from the originals."
        sections.append(BarPlot(list(found), list(found.values()), title="What reconstructions keep", caption=caption,
                                quantity="R2", digits=2))  # fmt: skip
    return sections


def _map(table: Any, features: list[str], title: str, quantity: str, caption: str) -> list[Section]:
    columns, values = texts(mapping(table).get("columns")), mapping(table).get("values")
    if not columns or not isinstance(values, list) or len(values) != len(features):
        return []
    matrix = np.array([[np.nan if (v := read_number(x)) is None else v for x in row] for row in values])
    deviations = mapping(table).get("deviations")
    notes = None
    if isinstance(deviations, list):
        notes = [
            [f"{value:.3f} +- {read_number(d) or 0:.3f} over folds" for value, d in zip(row, spread, strict=True)]
            for row, spread in zip(matrix, deviations, strict=True)
        ]
    names = [name.replace("_", " ") for name in columns]
    return [
        HeatMap(np.maximum(matrix, 0), features, names, title, caption, "features", "", "sequential", 1.0, 2, quantity,
                notes)
    ]  # fmt: skip


def _chance(holder: Mapping[str, Any], key: str, table: str) -> str:
    columns = texts(mapping(holder.get(table)).get("columns")) or texts(holder.get("columns"))
    values = holder.get(key)
    parts = [
        f"{name.replace('_', ' ')} {value:.2f}"
        for name, x in zip(columns, values if isinstance(values, list) else [], strict=False)
        if (value := read_number(x)) is not None
    ]
    return f"By chance: {', '.join(parts)}." if parts else ""


def _landmarks(table: Mapping[str, Any], features: list[str]) -> list[Section]:
    values = table.get("values")
    if not isinstance(values, list) or len(values) != len(features):
        return []
    errors = [read_number(row[0]) if isinstance(row, list) and row else None for row in values]
    good = [(name, 100 * error) for name, error in zip(features, errors, strict=True) if error is not None]
    points = ", ".join(texts(table.get("columns")))
    caption = (
        f"Mean distance of predicted points ({points}) from the true ones, in per cent of the image. Less is better."
    )
    return [BarPlot([n for n, _ in good], [e for _, e in good], title="Points", caption=caption, quantity="% of image",
                    digits=2)]  # fmt: skip


def _verification(entries: list[Mapping[str, Any]]) -> list[Section]:
    rows: list[list[CellValue]] = []
    for entry in entries:
        accuracy = read_number(entry.get("accuracy"))
        rows.append([
            str(entry.get("name", "")), Cell(accuracy, bar=accuracy) if accuracy is not None else None,
            read_number(entry.get("deviation")), read_number(entry.get("area")),
        ])  # fmt: skip
    if not rows:
        return []
    columns: list[Column | str] = [
        "features",
        Column("accuracy"),
        Column("±", "Deviation over folds"),
        Column("area", "Under the ROC curve"),
    ]
    caption = (
        "Whether two images show the same thing, by the cosine of their features: the threshold is chosen on nine "
        "tenths of the pairs and judged on the other, in turn. Half of the pairs are of the same thing."
    )
    return [Table(columns, rows, "Verification", caption)]


def _neighbours(run: RunRecord) -> list[Section]:
    found = run.results.get("neighbours")
    rows: list[list[CellValue]] = []
    for number, paths in enumerate(found if isinstance(found, list) else []):
        names = texts(paths)
        rows.append([
            run.picture(path, f"image {number}" if not place else f"neighbour {place} of image {number}")
            for place, path in enumerate(names)
        ])  # fmt: skip
    if not rows or len({len(row) for row in rows}) != 1:
        return []
    columns = ["image", *(str(place) for place in range(1, len(rows[0])))]
    return [Table(columns, rows, "Nearest neighbours", "By all levels, nearest first.", sortable=False)]
