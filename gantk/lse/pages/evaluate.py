"""The page of `gantk lse evaluate`: every head of every generator, by both metrics, with intervals.

Reads of `results`, all optional:
    scores          [{model, head, kind, paper_miou, dataset_miou, accuracy, relative, parameters, intervals: {key:
                      [low, high]}, class_names, paper_classes: [K], dataset_classes: [K], confusion: [K][K],
                      taps, contributions: [L]}]
    teachers        [{teacher, num, paper_miou, dataset_miou, accuracy}]: the bundled segmenter on renders
    sheets          [{model, columns, files, class_names, class_colours}]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gantk.lse.pages.parts import METRIC, class_table, plain, strips
from gantk.reports.numbers import show_number
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, interval, mapping, matrix, numbers, records, texts
from gantk.reports.sections import (
    BarPlot,
    Cell,
    CellValue,
    Column,
    Facts,
    HeatMap,
    Link,
    Links,
    Prose,
    Section,
    Table,
)


def build(run: RunRecord) -> Page:
    rows = records(run.results.get("scores"))
    sections: list[Section] = _teachers(run)
    sections += _table(rows)
    models = list(dict.fromkeys(str(row.get("model")) for row in rows))
    for sheet in records(run.results.get("sheets")):
        model = str(sheet.get("model"))
        here = [row for row in rows if str(row.get("model")) == model]
        of = f" of {model}" if len(models) > 1 else ""
        sections += strips(run, sheet.get("files"), sheet.get("columns"), f"Images{of}", "Fresh images, none left out.")
        scores = {str(row.get("head")): row.get("paper_classes") for row in here}
        sections += class_table(
            texts(sheet.get("class_names")), sheet.get("class_colours"), scores, f"Classes{of}",
            "The paper's IoU of each class; empty where it was never seen. A click on a heading sorts.",
        )  # fmt: skip
        if here:
            best = max(here, key=lambda row: numbers([row.get("paper_miou")])[0])
            sections += _confusion(best, of)
            sections += _layers(here, of)
    files = [name for name in ("scores.csv", "scores.tex") if run.path(name) is not None]
    files += [f"classes-{place}.tex" for place in range(len(models)) if run.path(f"classes-{place}.tex") is not None]
    if files:
        sections.append(Links([Link(name, name) for name in files], "Tables", "For a spreadsheet and for a paper."))
    sections.append(Facts(run.settings(), "Settings"))
    subtitle = f"{len(rows)} head{'s' * (len(rows) != 1)} on {show_number(run.arguments.get('num'), 0)} fresh images"
    return Page("How good the heads are", subtitle + ".", sections, run.command_line, run.manifest, run.command)


def _teachers(run: RunRecord) -> list[Section]:
    found = records(run.results.get("teachers"))
    said = [
        f"The labels are the bundled segmenter's, which is no truth: on {show_number(one.get('num'), 0)} renders, "
        f"whose classes are known, it has a mIoU of **{show_number(one.get('paper_miou'))}** itself. A head's score is "
        "its agreement with this teacher."
        for one in found
    ]
    truth = [row for row in records(run.results.get("scores")) if row.get("teacher") == "truth"]
    if truth:
        models = " and ".join(dict.fromkeys(f"`{row.get('model')}`" for row in truth))
        said.append(f"The classes of {models} are known exactly: its heads are scored against the truth.")
    return [Prose("\n\n".join(said))] if said else []


def _table(rows: list[Mapping[str, Any]]) -> list[Section]:
    cells: list[list[CellValue]] = []
    for row in rows:
        ends = interval(mapping(row.get("intervals")).get("paper_miou"))
        behind = numbers([row.get("relative")])[0]
        miou = numbers([row.get("paper_miou")])[0]
        cells.append(
            [
                str(row.get("model")),
                str(row.get("head")),
                Cell(float(miou), bar=float(miou)) if np.isfinite(miou) else None,
                Cell(ends[0], f"{show_number(ends[0])} \u2026 {show_number(ends[1])}") if ends else None,
                Cell(float(behind), "best" if behind == 0 else f"{behind:+.1f} %"),
                *plain(row, "dataset_miou", "accuracy", "parameters"),
            ]
        )
    columns = [
        Column("generator"), Column("head"), Column("mIoU", METRIC), Column("95 % interval", "Over resampled images"),
        Column("to the best", "(mIoU - best) / best among the heads of the generator, as in the paper's tables"),
        Column("mIoU, all pixels", "Of the summed confusion matrix"), Column("accuracy"), Column("weights", digits=0),
    ]  # fmt: skip
    return [Table(columns, cells, "Scores", f"{METRIC}.")] if cells else []


def _confusion(row: Mapping[str, Any], of: str) -> list[Section]:
    names = texts(row.get("class_names"))
    counts = matrix(row.get("confusion"), len(names), len(names))
    if counts is None:
        return []
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    caption = (
        f"Of the head {row.get('head')}: of the pixels of the class on the left, the share that it calls the class on "
        "top. A perfect head has ones on the diagonal."
    )
    title = f"What is taken for what{of}"
    return [HeatMap(share, names, names, title, caption, "teacher", "head", limit=1.0, diagonal=True)]


def _layers(rows: list[Mapping[str, Any]], of: str) -> list[Section]:
    for row in rows:
        taps, told = texts(row.get("taps")), numbers(row.get("contributions"))
        if len(told) == len(taps) and len(taps) > 1 and np.isfinite(told).all():
            caption = f"Standard deviation over pixels of what each map adds to the logits of {row.get('head')}."
            return [BarPlot(taps, told, title=f"Which maps matter{of}", caption=caption, quantity="logits")]
    return []
