"""The page of `gantk lse train`: the heads, how they learned, which maps matter, and what they see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gantk.lse.claims import worst_class
from gantk.lse.metrics import Intervals
from gantk.lse.pages.parts import METRIC, class_table, map_bars, strips
from gantk.lse.results import Training, TrainResult
from gantk.reports.answer import answer
from gantk.reports.numbers import show_number
from gantk.reports.page import Page
from gantk.reports.sections import Cell, CellValue, Column, LinePlot, Link, Links, Section, Series, Table
from gantk.runs.claims import counted, who

NONE = "no held-out images"


def page(result: TrainResult) -> Page:
    images = counted(result.held_out, "held-out image")
    scored = [each for each in result.trainings if each.scores is not None]
    numbers: list[tuple[object, str, str]] = []
    for each in scored[:4]:
        assert each.scores is not None
        worst = worst_class(each.scores.paper_K.tolist(), result.class_names)
        low = "" if worst is None else f"; lowest {worst[0]}, {worst[1]:.2f}"
        note = images if each.intervals is None else f"95 % interval {_ends(each.intervals)}, {images}"
        numbers.append((each.scores.paper_miou, f"mIoU of {each.name}", note + low))
    caption = "Held-out images, which no head has learned from."
    names, colours = result.class_names, result.class_colours
    title = "Held-out images, labels and what heads make of them"
    sections = answer(result, strips(result.sheet, result.sheet_columns, title, caption, names, colours), numbers)
    sections.append(_table(result))
    sections += _curves(result.trainings)
    caption = "Standard deviation over pixels of what each map adds to the linear head's logits."
    linear = next((each for each in result.trainings if each.contributions is not None), None)
    sections += map_bars(result.taps, None if linear is None else linear.contributions, "What each map adds", caption)
    columns: Mapping[str, Sequence[float]] = {
        "share of pixels": result.class_share.tolist(),
        **{each.name: each.scores.paper_K.tolist() for each in scored if each.scores is not None},
    }
    caption = "The paper's IoU of each class."
    sections += class_table(result.class_names, result.class_colours, columns, "IoU of each class", caption)
    files = [f"heads/{each.info.name}.safetensors" for each in result.heads]
    text = "Heads are predictors: `gantk.load_head(FILE, generator).segment(wp)`."
    sections.append(Links([Link(name, name) for name in files], "Files", text))
    return Page("Segmentation heads", "How well do the generator's own maps tell where each class is?", sections)


def _table(result: TrainResult) -> Table:
    rows: list[list[CellValue]] = []
    for each, head in zip(result.trainings, result.heads, strict=True):
        told = each.scores
        values: tuple[CellValue, ...] = (Cell(None, NONE),) * 4
        if told is not None:
            ends = Cell(None, "not kept")
            if each.intervals is not None:
                ends = Cell(each.intervals.paper_miou[0], _ends(each.intervals))
            values = (told.paper_miou, ends, told.dataset_miou, told.accuracy)
        rows.append([each.name, *values, float(head.parameters), float(each.passes)])
    columns = [
        Column("head"), Column("mIoU", METRIC, field="paper_miou"),
        Column("95 % interval", "Over resampled held-out images"),
        Column("mIoU, all pixels", "Of the summed confusion matrix", field="dataset_miou"),
        Column("accuracy"), Column("weights", digits=0), Column("image passes", digits=0, field="passes"),
    ]  # fmt: skip
    return Table(
        columns,
        rows,
        "Scores of the heads",
        f"Agreement with the labels of {who(result.teacher)} on {counted(result.held_out, 'held-out image')}.",
    )


def _ends(intervals: Intervals) -> str:
    """The interval of the mIoU."""
    low, high = intervals.paper_miou
    return f"{show_number(low)} to {show_number(high)}"


def _curves(trainings: Sequence[Training]) -> list[Section]:
    found = [
        Series(each.name, np.array(each.curve_passes, float), np.array(each.curve_miou))
        for each in trainings
        if len(each.curve_passes) > 1
    ]
    sections: list[Section] = []
    if found:
        caption = (
            "mIoU on held-out images by how many images had been drawn to learn from, those of the Gram matrix too."
        )
        sections.append(LinePlot(found, "mIoU by images learned from", caption, "image passes", "mIoU", (0.0, 1.0)))
    losses = [
        Series(each.name, each.losses[:, 0], each.losses[:, 1].clip(0, 1)) for each in trainings if len(each.losses) > 1
    ]
    if losses:
        caption = "Cross entropy on the training images (values above 1 drawn at 1)."
        sections.append(
            LinePlot(losses, "Cross entropy of the training", caption, "image passes", "cross entropy", markers=False)
        )
    return sections
