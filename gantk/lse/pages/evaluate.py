"""The page of `gantk lse evaluate`: every head of every generator, by both metrics, with intervals."""

from __future__ import annotations

import numpy as np

from gantk.lse.evaluated import EvaluateResult, Judged, ScoredHead
from gantk.lse.pages.parts import METRIC, class_table, map_bars, strips
from gantk.reports.answer import answer
from gantk.reports.numbers import show_number
from gantk.reports.page import Page
from gantk.reports.sections import Cell, CellValue, Column, HeatMap, Link, Links, Prose, Section, Table
from gantk.runs.claims import counted


def page(result: EvaluateResult) -> Page:
    sections: list[Section] = [
        *answer(result, _pictures(result, 0), _numbers(result)),
        *_teachers(result),
        _table(result),
    ]
    for place, generator in enumerate(result.generators):
        here = result.of(place)
        of = f" of {generator.model}" if len(result.generators) > 1 else ""
        if place > 0:
            sections += _pictures(result, place)
        columns = {row.head: row.scores.paper_K.tolist() for row in here}
        caption = "The paper's IoU of each class."
        sections += class_table(
            generator.class_names, generator.class_colours, columns, f"IoU of each class{of}", caption
        )
        sections.append(_confusion(max(here, key=lambda row: row.scores.paper_miou), generator, of))
        known = next((row for row in here if row.contributions is not None), None)
        if known is not None:
            caption = f"Standard deviation over pixels of what each map adds to the logits of {known.head}."
            sections += map_bars(known.taps, known.contributions, f"What each map adds{of}", caption)
    files = ["scores.csv", "scores.tex", *(f"classes-{place}.tex" for place in range(len(result.generators)))]
    sections.append(Links([Link(name, name) for name in files], "Tables", "For a spreadsheet and for a paper."))
    return Page("Scores of heads", _question(len(result.scores)), sections)


def _question(count: int) -> str:
    return "How well does the head agree with its teacher?" if count == 1 else (
        f"How well do {count} heads agree with their teacher?"
    )  # fmt: skip


def _pictures(result: EvaluateResult, place: int) -> list[Section]:
    generator = result.generators[place]
    title, caption = f"Images of {generator.model}, labels and heads", "Fresh images, none left out."
    names, colours = generator.class_names, generator.class_colours
    return strips(generator.sheet, generator.columns, title, caption, names, colours)


def _numbers(result: EvaluateResult) -> list[tuple[object, str, str]]:
    ranked = sorted(result.scores, key=lambda row: -row.scores.paper_miou)[:4]
    return [
        (row.scores.paper_miou, f"mIoU of {row.head}",
         f"95 % interval {show_number(row.intervals.paper_miou[0])} to {show_number(row.intervals.paper_miou[1])}, "
         f"{counted(result.num, 'image')}")
        for row in ranked
    ]  # fmt: skip


def _teachers(result: EvaluateResult) -> list[Section]:
    said = [
        f"The labels are the bundled segmenter's, which can be wrong: on {show_number(one.num, 0)} renders, "
        f"whose classes are known, it has a mIoU of **{show_number(one.paper_miou)}** itself. A head's score is "
        "its agreement with this teacher."
        for one in result.renders
    ]
    truth = [f"`{one.model}`" for one in result.generators if one.teacher == "truth"]
    if truth:
        models = " and ".join(dict.fromkeys(truth))
        said.append(f"The classes of {models} are known exactly: its heads are scored against the truth.")
    return [Prose("\n\n".join(said))] if said else []


def _table(result: EvaluateResult) -> Table:
    cells: list[list[CellValue]] = []
    for row in result.scores:
        low, high = row.intervals.paper_miou
        told = row.scores
        cells.append(
            [
                row.model,
                f"{row.head} ({row.kind})" if row.kind not in row.head else row.head,
                Cell(told.paper_miou, bar=told.paper_miou),
                Cell(low, f"{show_number(low)} to {show_number(high)}"),
                Cell(row.relative, "best" if row.relative == 0 else f"{row.relative:+.1f} %"),
                told.dataset_miou,
                told.accuracy,
                float(row.parameters),
            ]
        )
    columns = [
        Column("generator"), Column("head"), Column("mIoU", METRIC, field="paper_miou"),
        Column("95 % interval", "Over resampled images"),
        Column("from the best", "(mIoU \u2212 best) / best among the heads of the generator, as in the paper's tables"),
        Column("mIoU, all pixels", "Of the summed confusion matrix", field="dataset_miou"), Column("accuracy"),
        Column("weights", digits=0),
    ]  # fmt: skip
    caption = "Each row is one head on the same fresh images of its generator."
    return Table(columns, cells, "Scores of every head", caption)


def _confusion(row: ScoredHead, generator: Judged, of: str) -> HeatMap:
    counts, names = row.scores.confusion_KK, list(generator.class_names)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    caption = (
        f"Of the head {row.head}: of the pixels of the class on the left, the share that it calls the class on "
        "top. A perfect head has ones on the diagonal."
    )
    title = f"Classes of the teacher and of the head{of}"
    return HeatMap(share, names, names, title, caption, "teacher", "head", limit=1.0, quantity="share of pixels",
                   diagonal=True)  # fmt: skip
