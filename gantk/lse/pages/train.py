"""The page of `gantk lse train`: the heads, how they learned, which maps matter, and what they see.

Reads of `results`, all optional:
    heads           [{name, file, parameters, passes, paper_miou, dataset_miou, accuracy, classes: [K],
                      curve: {passes, paper_miou}, losses: [[passes, loss]], contributions: [L]}]
    class_names, class_colours, class_share, empty_classes, taps, teacher
    sheet, sheet_columns    pictures of held-out images
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gantk.lse.pages.parts import METRIC, class_table, curve, plain, strips
from gantk.reports.numbers import show_number
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, mapping, matrix, numbers, records, texts
from gantk.reports.sections import (
    BarPlot,
    Column,
    Facts,
    Headline,
    LinePlot,
    Link,
    Links,
    Prose,
    Section,
    Series,
    Table,
)


def build(run: RunRecord) -> Page:
    results = run.results
    heads = records(results.get("heads"))
    names = texts(results.get("class_names"))
    sections: list[Section] = []
    best = max(heads, key=lambda head: numbers([head.get("paper_miou")])[0], default=None)
    if best is not None and best.get("paper_miou") is not None:
        items: list[tuple[object, str, str]] = [
            (float(head["paper_miou"]), f"mIoU of {head['name']}", f"{show_number(head.get('passes'), 0)} image passes")
            for head in heads
            if head.get("paper_miou") is not None
        ]
        sections.append(Headline(items))
    empty = texts(results.get("empty_classes"))
    if empty:
        sections.append(
            Prose(f"No pixel of any image is {' or '.join(empty)}, so no head has learned it.", tone="warning")
        )
    caption = "Held-out images, which no head has learned from."
    sections += strips(run, results.get("sheet"), results.get("sheet_columns"), "What the heads see", caption)
    rows = [
        [str(head.get("name")), *plain(head, "paper_miou", "dataset_miou", "accuracy", "parameters", "passes")]
        for head in heads
    ]
    if rows:
        columns = [
            Column("head"), Column("mIoU", METRIC), Column("mIoU, all pixels", "Of the summed confusion matrix"),
            Column("accuracy"), Column("weights", digits=0), Column("image passes", digits=0),
        ]  # fmt: skip
        said = f"Agreement with the teacher `{results.get('teacher')}` on held-out images. {METRIC}."
        sections.append(Table(columns, rows, "Heads", said))
    sections += _curves(heads)
    sections += _layers(run)
    share = {"share of pixels": results.get("class_share")}
    scores = {str(head.get("name")): head.get("classes") for head in heads if head.get("classes") is not None}
    sections += class_table(
        names, results.get("class_colours"), {**share, **scores}, "Classes", "The paper's IoU of each class; empty "
        "where it was never seen.",
    )  # fmt: skip
    files = [str(head.get("file")) for head in heads if run.path(head.get("file")) is not None]
    if files:
        text = "Heads are predictors: `gantk.load_predictor(FILE, generator=generator).segment_codes(generator, wp)`."
        sections.append(Links([Link(name, name) for name in files], "Files", text))
    sections.append(Facts(run.settings(), "Settings"))
    subtitle = "Where each class is, read from the generator's own maps" + (f": `{run.subject}`" if run.subject else "")
    return Page("Segmentation heads", subtitle + ".", sections, run.command_line, run.manifest, run.command)


def _curves(heads: list[Mapping[str, Any]]) -> list[Section]:
    found: list[Series] = []
    for head in heads:
        told = mapping(head.get("curve"))
        found += curve(str(head.get("name")), told.get("passes"), told.get("paper_miou"))
    sections: list[Section] = []
    if found:
        caption = (
            "mIoU on held-out images by how many images had been drawn to learn from, those of the Gram matrix too."
        )
        sections.append(LinePlot(found, "How they learned", caption, "image passes", "mIoU", (0.0, 1.0)))
    losses = []
    for head in heads:
        pairs_told = head.get("losses")
        pairs = matrix(pairs_told, len(pairs_told) if isinstance(pairs_told, list) else 0, 2)
        if pairs is not None and len(pairs) > 1:
            losses.append(Series(str(head.get("name")), pairs[:, 0], pairs[:, 1].clip(0, 1)))
    if losses:
        caption = "Cross entropy on the training images (values above 1 drawn at 1)."
        sections.append(LinePlot(losses, "Loss", caption, "image passes", "cross entropy", markers=False))
    return sections


def _layers(run: RunRecord) -> list[Section]:
    taps = texts(run.results.get("taps"))
    for head in records(run.results.get("heads")):
        told = numbers(head.get("contributions"))
        if len(told) == len(taps) and np.isfinite(told).all() and len(taps) > 1:
            caption = "Standard deviation over pixels of what each map adds to the linear head's logits."
            return [BarPlot(taps, told, title="Which maps matter", caption=caption, quantity="logits")]
    return []
