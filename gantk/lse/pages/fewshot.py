"""The page of `gantk lse fewshot`: mIoU by number of labelled images, and what the heads see.

Reads of `results`, all optional:
    shots           [{shots, files, seconds, eps: [R], steps: [R], paper_miou, deviation, each: [R], dataset_miou,
                      intervals, classes: [K], of_full}]
    full            {paper_miou, ...} of the head of many images
    fits            {name: {eps, steps, seconds, left_out: [E][T]}}
    class_names, class_colours, teacher, judge, shot_images, sheet, sheet_columns
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gantk.lse.pages.parts import METRIC, class_table, percent, strips
from gantk.reports.numbers import show_number
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, mapping, numbers, records, texts
from gantk.reports.sections import CellValue, Column, Facts, Headline, LinePlot, Section, Series, Table


def build(run: RunRecord) -> Page:
    results = run.results
    rows = records(results.get("shots"))
    scored = [row for row in rows if row.get("paper_miou") is not None]
    sections: list[Section] = []
    if scored:
        sections.append(
            Headline(
                [
                    (float(row["paper_miou"]), _shots(row), _note(row))
                    for row in scored[:5]
                ]
            )
        )  # fmt: skip
        sections += _curve(scored, mapping(results.get("full")))
    sections += strips(
        run, results.get("sheet"), results.get("sheet_columns"), "What the heads see",
        "Fresh images; n8-r0 is the head of 8 shots, first repeat.",
    )  # fmt: skip
    sections += strips(
        run, results.get("shot_images"), ["image", "labels"], "The labelled images",
        "Those of the first repeat, of which fewer shots take the first.",
    )  # fmt: skip
    sections += _table(rows)
    scores = {_shots(row): row.get("classes") for row in scored}
    full = mapping(results.get("full"))
    if full:
        scores["many images"] = full.get("paper_classes")
    sections += class_table(
        texts(results.get("class_names")), results.get("class_colours"), scores, "Classes",
        "The paper's IoU of each class, averaged over repeats; empty where it was never seen.",
    )  # fmt: skip
    sections += _left_out(run)
    sections.append(Facts(run.settings(), "Settings"))
    subtitle = "Linear heads from a handful of labelled images" + (f" of `{run.subject}`" if run.subject else "")
    return Page("Few-shot heads", subtitle + ".", sections, run.command_line, run.manifest, run.command)


def _shots(row: Mapping[str, Any]) -> str:
    return f"{row.get('shots')} shot{'s' * (row.get('shots') != 1)}"


def _note(row: Mapping[str, Any]) -> str:
    share = percent(row.get("of_full"))
    return f"{share} of the full head" if share else f"fitted in {show_number(row.get('seconds'), 1)} s"


def _curve(rows: list[Mapping[str, Any]], full: Mapping[str, Any]) -> list[Section]:
    x = numbers([row.get("shots") for row in rows])
    y, off = (numbers([row.get(key) for row in rows]) for key in ("paper_miou", "deviation"))
    series = [Series("few shots", x, y, y - off, y + off)]
    if full.get("paper_miou") is not None:
        series.append(Series("many images", x, np.full(len(x), float(full["paper_miou"]))))
    caption = f"Mean over repeats; the band is the largest deviation from it, as in the paper. {METRIC}."
    if len(x) < 2:
        return []
    return [LinePlot(series, "By number of labelled images", caption, "labelled images", "mIoU", (0.0, 1.0))]


def _table(rows: list[Mapping[str, Any]]) -> list[Section]:
    cells: list[list[CellValue]] = []
    for row in rows:
        eps = ", ".join(show_number(value) for value in numbers(row.get("eps")))
        number = [numbers([row.get(key)])[0] for key in ("shots", "paper_miou", "deviation", "dataset_miou", "seconds")]
        values: list[CellValue] = [float(value) if np.isfinite(value) else None for value in number]
        cells.append([*values[:4], percent(row.get("of_full")), values[4], eps])
    columns = [
        Column("shots", digits=0), Column("mIoU", METRIC), Column("±", "Largest deviation of a repeat from the mean"),
        Column("mIoU, all pixels"), Column("of the full head"), Column("seconds", "To fit one head, choosing included",
        1), Column("shrinkage", "Chosen by leaving images out; one for each repeat"),
    ]  # fmt: skip
    caption = "± is the largest deviation of a repeat from the mean; shrinkage is chosen by leaving images out."
    return [Table(columns, cells, "Scores", caption)] if cells else []


def _left_out(run: RunRecord) -> list[Section]:
    """How the shrinkage was chosen, for the largest head of the first repeat."""
    fits = mapping(run.results.get("fits"))
    named = [name for name in fits if name.endswith("-r0") and mapping(fits[name]).get("left_out")]
    if not named:
        return []
    name = max(named, key=lambda text: int(text[1:].split("-")[0]))
    table = fits[name]["left_out"]
    from gantk.lse.fewshot import EPS

    series = []
    for eps, values in zip(EPS, table, strict=False):
        y = numbers(values)
        series.append(Series(f"shrinkage {eps:g}", np.arange(1, len(y) + 1), y.clip(0, float(np.nanmin(y)) * 4)))
    caption = (
        f"Cross entropy of left-out images after each step, for the head {name}: the lowest point is what was taken."
    )
    return [LinePlot(series, "How the shrinkage was chosen", caption, "step", "cross entropy", markers=False)]
