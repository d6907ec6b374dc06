"""The page of `gantk train-boundary`: how well each boundary separates, and how much it can be trusted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gantk.higan.boundaries import Boundary, TrainBoundaryResult
from gantk.higan.claims import STABLE
from gantk.reports.answer import answer
from gantk.reports.numbers import show_number
from gantk.reports.page import Page
from gantk.reports.sections import (
    BarPlot,
    Bins,
    Cell,
    CellValue,
    Column,
    HeatMap,
    Histogram,
    LinePlot,
    Panels,
    Picture,
    Section,
    Series,
    Sheet,
    Table,
)

MOST_PANELS = 24
MOST_BARS = 40

MEASURES: tuple[tuple[Column, Callable[[Boundary], float | None]], ...] = (
    (
        Column("held-out accuracy", "On held-out samples of the two ends", field="accuracy_val"),
        lambda each: each.figures.accuracy_val,
    ),
    (
        Column(
            "accuracy between",
            "On the samples between the ends, divided at the middle score",
            field="accuracy_remaining",
        ),
        lambda each: each.figures.accuracy_remaining,
    ),
    (Column("AUC", "Area under the ROC curve", field="auc"), lambda each: each.figures.auc),
    (
        Column("stability", "Mean cosine between boundaries of resampled splits: 1 means the split does not matter"),
        lambda each: each.figures.stability,
    ),
    (Column("C", "Inverse strength of the regularisation"), lambda each: each.C),
    (Column("intercept", "Signed distance of the origin from the boundary"), lambda each: each.intercepts[0]),
    (Column("train", "Samples of the two ends that were not held out"), lambda each: each.num_train),
    (
        Column("held out", "Samples of the two ends that the accuracy was measured on", field="held_out"),
        lambda each: each.num_val,
    ),
    (Column("seconds", "Time of the fit"), lambda each: each.seconds),
)


def page(result: TrainBoundaryResult) -> Page:
    figures = [*_stability(result), *_separation(result)]
    picture = _ends(result) or figures[:1]
    sections: list[Section] = answer(result, picture, _headline(result))
    sections.append(_table(result))
    sections += [figure for figure in figures if figure not in picture]
    sections += [_scores(result), *_by_row(result)]
    names = [each.name for each in result.boundaries][:MOST_BARS]
    if len(names) > 1:
        caption = "Cosine between boundaries: away from zero, moving along one also moves along the other."
        if len(result) > MOST_BARS:
            caption += f" The first {MOST_BARS} of {len(result)}."
        chart = HeatMap(
            result.cosines[:MOST_BARS, :MOST_BARS], names, names, "Cosines between the boundaries", caption, "boundary",
            "boundary", "diverging", 1.0, 2, "cosine",
        )  # fmt: skip
        sections.append(chart)
    count = "One boundary" if len(result) == 1 else f"{len(result)} boundaries"
    subtitle = f"Which direction of {result.space} does each attribute grow along? {count}."
    conditions = sorted({name for each in result.boundaries for name in each.conditions})
    if conditions:
        subtitle += f" Made orthogonal to {', '.join(conditions)}."
    return Page("Boundaries from scores", subtitle, sections)


def _headline(result: TrainBoundaryResult) -> list[tuple[object, str, str]]:
    """How well the boundaries divide, and which is the least certain, each with the samples it was counted on."""
    known = [(value, each) for each in result.boundaries if (value := each.figures.accuracy_val) is not None]
    items: list[tuple[object, str, str]] = []
    if known:
        least = min(known, key=lambda pair: pair[0])
        held = {each.num_val for _, each in known}
        on = f"{min(held)}" if len(held) == 1 else f"{min(held)} to {max(held)}"
        over = f"mean of {len(known)} boundaries, each " if len(known) > 1 else ""
        note = f"{over}on {on} held-out samples of the two ends"
        alike = len({show_number(value) for value, _ in known}) == 1
        note += "" if alike else f"; lowest {show_number(least[0])} of {least[1].name}"
        items.append((float(np.mean([value for value, _ in known])), "validation accuracy", note))
    between = [(value, each.num_remaining) for each in result.boundaries
               if (value := each.figures.accuracy_remaining) is not None]  # fmt: skip
    if between:
        mean, most = float(np.mean([value for value, _ in between])), max(count for _, count in between)
        items.append((mean, "accuracy between the ends", f"on {most} samples, divided at the middle score"))
    stable = [(value, each) for each in result.boundaries if (value := each.figures.stability) is not None]
    if stable:
        value, each = min(stable, key=lambda pair: pair[0])
        low = "" if each.stability_low is None else f"; smallest cosine {show_number(each.stability_low)}"
        items.append((value, f"stability of {each.name}", f"the lowest of {len(stable)}{low}"))
    return items


def _ends(result: TrainBoundaryResult) -> list[Section]:
    """Pictures of the samples that the most stable boundary tells apart."""
    found = result.ends
    if found is None:
        return []
    pictures = []
    for word, end in (("lowest", found.low), ("highest", found.high)):
        for each in end:
            score = "no score" if each.score is None else f"score {show_number(each.score, 2)}"
            alt = f"sample {each.sample}, among the {word} along {found.boundary}, {score}"
            pictures.append(
                Picture(each.image.source, alt, f"{word}, {score}", f"{found.boundary}_{word}_sample_{each.sample}")
            )
    count = len(found.low)
    caption = (
        f"Of the {found.pictured} samples that have a picture, the {count} that lie lowest along {found.boundary} and "
        f"the {count} that lie highest, in this order, each with its score of {found.boundary}."
    )
    return [Sheet(pictures, "", caption, 136, count)]


def _separation(result: TrainBoundaryResult) -> list[Section]:
    panels = [_projections(each) for each in result.boundaries if each.projections is not None][:MOST_PANELS]
    caption = (
        "Signed distance of the held-out samples of both ends from the boundary: the less the two colours overlap, "
        "the better it divides."
    )
    return [Panels(panels, "Held-out samples on both sides of each boundary", caption)] if panels else []


def _table(result: TrainBoundaryResult) -> Table:
    present = [measure for measure in MEASURES if any(measure[1](each) is not None for each in result.boundaries)]
    columns = [Column("attribute"), Column("solver"), *(column for column, _ in present)]
    rows: list[list[CellValue]] = []
    for each in result.boundaries:
        values: list[CellValue] = [read(each) for _, read in present]
        rows.append([Cell(each.name, href=f"{each.file}.safetensors"), each.solver, *values])
    caption = (
        "Each row is one boundary. Accuracy says how well it divides, stability how far it can be trusted as a "
        "direction."
    )
    return Table(columns, rows, "Boundaries", caption)


def _stability(result: TrainBoundaryResult) -> list[Section]:
    found = [(value, each.name) for each in result.boundaries if (value := each.figures.stability) is not None]
    if len(found) < 2:
        return []
    ranked = sorted(found, key=lambda pair: -pair[0])
    caption = (
        f"Mean cosine between boundaries fitted on resampled splits. Below {STABLE:g} another split gives another "
        "direction: do not use such a boundary."
    )
    few = f" The {MOST_BARS} most stable of {len(ranked)}." if len(ranked) > MOST_BARS else ""
    names, values = [name for _, name in ranked[:MOST_BARS]], [value for value, _ in ranked[:MOST_BARS]]
    return [BarPlot(names, values, title="Stability of each boundary", caption=caption + few, quantity="cosine")]


def _projections(each: Boundary) -> Histogram:
    """Where the positives and the negatives fall along the boundary's normal."""
    found = each.projections
    assert found is not None
    series = [Bins("negative", found.negative, found.edges), Bins("positive", found.positive, found.edges)]
    accuracy = each.figures.accuracy_val
    text = f"validation accuracy {show_number(accuracy)}" if accuracy is not None else ""
    return Histogram(series, each.name, text, x_name="signed distance", rule=(0.0, ""), y_name="samples")


def _scores(result: TrainBoundaryResult) -> Section:
    panels = []
    for each in result.boundaries:
        rule = None if each.threshold is None else (each.threshold, "threshold")
        panels.append(
            Histogram(
                [Bins("", each.score_counts, each.score_edges)], each.name, x_name="score", rule=rule, y_name="samples"
            )
        )
    every = all(each.solver == "ridge" for each in result.boundaries)
    taken = "those of all samples were regressed on" if every else "samples of both ends were taken"
    return Panels(panels[:MOST_PANELS], "Scores", f"Scores that the boundaries were trained from; {taken}.")


def _by_row(result: TrainBoundaryResult) -> list[Section]:
    series = []
    for each in result.boundaries:
        known = [(part.row, part.accuracy_val) for part in each.rows if part.accuracy_val is not None]
        if len(known) > 1:
            rows, values = zip(*known, strict=True)
            series.append(Series(each.name, np.array(rows, float), np.array(values, float)))
    if not series:
        return []
    few = "" if len(series) <= 6 else ", of the first six attributes"
    caption = f"Validation accuracy of the boundary of each row of wp{few}."
    return [LinePlot(series[:6], "Accuracy by row of wp", caption, "row", "accuracy")]
