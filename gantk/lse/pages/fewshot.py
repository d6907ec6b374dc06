"""The page of `gantk lse fewshot`: mIoU by number of labelled images, and what the heads see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gantk.lse.pages.parts import METRIC, class_table, strips, tenths
from gantk.lse.results import FewshotResult, Fit, ShotRow, ShotScores
from gantk.reports.answer import answer
from gantk.reports.numbers import show_number
from gantk.reports.page import Page
from gantk.reports.sections import Cell, CellValue, Column, LinePlot, Link, Links, Section, Series, Table
from gantk.runs.claims import counted, who


def page(result: FewshotResult) -> Page:
    scored = [row for row in result.shots if row.scores is not None]
    best = result.best().info.name
    names, colours = result.class_names, result.class_colours
    caption = f"Fresh images; {best} is the head of {counted(result.shots[-1].shots, 'labelled image')}, first repeat."
    title = "Fresh images, labels and what the heads make of them"
    sections = answer(
        result,
        strips(result.sheet, result.sheet_columns, title, caption, names, colours),
        [
            (row.scores.paper_miou, f"mIoU of {_shots(row)}", _note(row.scores, result.num_eval))
            for row in scored[:5]
            if row.scores is not None
        ],
    )
    sections += _curve(result)
    caption = "The images of the first repeat; heads of fewer shots learned from the first of them."
    sections += strips(result.shot_images, ["image", "labels"], "The labelled images", caption, names, colours)
    sections.append(_table(result.shots))
    columns = {_shots(row): row.scores.classes.tolist() for row in scored if row.scores is not None}
    if result.full is not None:
        columns["many images"] = result.full.paper_K.tolist()
    caption = f"The paper's IoU of each class, as {who(result.judge)} labels the images, averaged over repeats."
    sections += class_table(result.class_names, result.class_colours, columns, "IoU of each class", caption)
    sections += _left_out(result.fits)
    files = [f"heads/{each.info.name}.safetensors" for each in result.heads]
    text = f"Labels were those of {who(result.teacher)}. `gantk.load_head(FILE, generator).segment(wp)` reads a head."
    sections.append(Links([Link(name, name) for name in files], "Files", text))
    return Page("Few-shot heads", "How good is a linear head that learns from a few labelled images?", sections)


def _shots(row: ShotRow) -> str:
    return f"{row.shots} shot{'s' * (row.shots != 1)}"


def _note(told: ShotScores, num: int) -> str:
    if len(told.each) == 1:
        low, high = told.intervals[0]
        text = f"95 % interval {show_number(low)} to {show_number(high)}"
    else:
        text = f"mean of {len(told.each)} repeats, none further than {show_number(told.deviation)} from it"
    text += f"; {counted(num, 'fresh image')}"
    return text if told.of_full is None else f"{text}; {tenths(told.of_full)} of the full head"


def _curve(result: FewshotResult) -> list[Section]:
    told = [(row.shots, row.scores) for row in result.shots if row.scores is not None]
    if len(told) < 2:
        return []
    x = np.array([shots for shots, _ in told], float)
    y, off = (np.array(values) for values in zip(*((s.paper_miou, s.deviation) for _, s in told), strict=True))
    series = [Series("few shots", x, y, y - off, y + off)]
    if result.full is not None:
        series.append(Series("many images", x, np.full(len(x), result.full.paper_miou)))
    band = "Mean over repeats; the band is the largest deviation from it, as in the paper."
    if all(len(scores.each) == 1 for _, scores in told):
        band = "One repeat."
    caption = f"{band} mIoU is the {METRIC}."
    return [LinePlot(series, "mIoU by number of labelled images", caption, "labelled images", "mIoU", (0.0, 1.0))]


def _table(rows: Sequence[ShotRow]) -> Table:
    cells: list[list[CellValue]] = []
    for row in rows:
        told = row.scores
        numbers: tuple[CellValue, ...] = (Cell(None, "not scored"),) * 3
        share: CellValue = Cell(None, "no full head")
        if told is not None:
            off = told.deviation if len(told.each) > 1 else Cell(None, "one repeat")
            numbers = (told.paper_miou, off, told.dataset_miou)
            share = share if told.of_full is None else Cell(told.of_full, tenths(told.of_full))
        seconds: CellValue = Cell(None, "in shards") if row.seconds is None else row.seconds
        cells.append([float(row.shots), *numbers, share, seconds, ", ".join(f"{eps:g}" for eps in row.eps)])
    columns = [
        Column("shots", digits=0), Column("mIoU", METRIC, field="paper_miou"),
        Column("deviation", "Largest deviation of a repeat from the mean", field="deviation"),
        Column("mIoU, all pixels", "Of the summed confusion matrix", field="dataset_miou"),
        Column("of the full head", field="of_full"),
        Column("seconds", "To fit one head, choosing included", 1),
        Column("shrinkage", "Chosen by leaving images out; one for each repeat"),
    ]  # fmt: skip
    caption = "Each row is one number of labelled images, averaged over repeats."
    return Table(columns, cells, "Scores by number of labelled images", caption)


def _left_out(fits: Sequence[Fit]) -> list[Section]:
    """How the shrinkage was chosen, for the largest head of the first repeat."""
    known = [fit for fit in fits if fit.repeat == 0 and fit.left_out is not None]
    if not known:
        return []
    fit = max(known, key=lambda each: each.shots)
    assert fit.left_out is not None
    series = []
    for eps, values in zip(fit.eps_tried, fit.left_out, strict=True):
        series.append(
            Series(f"shrinkage {eps:g}", np.arange(1, len(values) + 1), values.clip(0, float(values.min()) * 4))
        )
    caption = (
        f"Cross entropy of left-out images after each step, for the head {fit.name}: the lowest point is what was "
        "taken."
    )
    return [
        LinePlot(
            series, "Cross entropy of left-out images, by shrinkage", caption, "step", "cross entropy", markers=False
        )
    ]
