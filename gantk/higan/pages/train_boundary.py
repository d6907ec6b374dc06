"""The page of `gantk train-boundary`: how well each boundary separates, and how much it can be trusted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gantk.higan.boundaries import Boundary, TrainBoundaryResult
from gantk.reports.numbers import show_number
from gantk.reports.page import Page
from gantk.reports.sections import (
    BarPlot,
    Bins,
    Cell,
    CellValue,
    Column,
    Headline,
    HeatMap,
    Histogram,
    LinePlot,
    Panels,
    Prose,
    Section,
    Series,
    Table,
)

MOST_PANELS = 24

MEASURES: tuple[tuple[str, str, Callable[[Boundary], float | None]], ...] = (
    ("validation", "Accuracy on held-out samples of the two ends", lambda each: each.figures.accuracy_val),
    (
        "remaining",
        "Accuracy on the samples between the ends, divided at the middle score",
        lambda each: each.figures.accuracy_remaining,
    ),
    ("AUC", "Area under the ROC curve", lambda each: each.figures.auc),
    (
        "stability",
        "Mean cosine between boundaries of resampled splits: 1 means the split does not matter",
        lambda each: each.figures.stability,
    ),
    ("C", "Inverse strength of the regularisation", lambda each: each.C),
    ("intercept", "Signed distance of the origin from the boundary", lambda each: each.intercepts[0]),
    ("train", "Samples the boundary was fitted on", lambda each: each.num_train),
    ("held out", "Samples of the validation", lambda each: each.num_val),
    ("seconds", "Time of the fit", lambda each: each.seconds),
)


def page(result: TrainBoundaryResult) -> Page:
    """The page of a boundary search."""
    sections: list[Section] = [Prose(note, tone="warning") for note in result.notes()]
    sections += [*_headline(result), _table(result), *_stability(result)]
    panels = [_projections(each) for each in result.boundaries if each.projections is not None]
    if panels:
        caption = (
            "Signed distance of the held-out samples of both ends from the boundary: the less the two colours overlap, "
            "the better it divides."
        )
        sections.append(Panels(panels[:MOST_PANELS], "Separation", caption))
    sections += [_scores(result), *_by_row(result)]
    names = [each.name for each in result.boundaries]
    if len(names) > 1:
        caption = "Cosine between boundaries: away from zero, moving along one also moves along the other."
        chart = HeatMap(
            result.cosines, names, names, "Alignment of the boundaries", caption, "boundary", "", "diverging", 1.0, 2,
            "cosine",
        )  # fmt: skip
        sections.append(chart)
    count = "One boundary" if len(names) == 1 else f"{len(names)} boundaries"
    subtitle = f"{count} in {result.space} space."
    conditions = sorted({name for each in result.boundaries for name in each.conditions})
    if conditions:
        subtitle += f" Made orthogonal to {', '.join(conditions)}."
    return Page("Boundaries from scores", subtitle, sections)


def _headline(result: TrainBoundaryResult) -> list[Section]:
    """How well the boundaries divide, and which is the least certain."""
    accuracy = [value for each in result.boundaries if (value := each.figures.accuracy_val) is not None]
    items: list[tuple[object, str, str]] = []
    if accuracy:
        note = f"on held-out samples of the two ends; lowest {show_number(min(accuracy))}"
        items.append((float(np.mean(accuracy)), "mean validation accuracy", note))
    stable = [(value, each.name) for each in result.boundaries if (value := each.figures.stability) is not None]
    if stable:
        least = min(stable)
        items.append((least[0], "least stability", f"of {least[1]}; 1 means that the split does not matter"))
    return [Headline(items)] if len(result.boundaries) > 1 and items else []


def _table(result: TrainBoundaryResult) -> Table:
    present = [measure for measure in MEASURES if any(measure[2](each) is not None for each in result.boundaries)]
    columns = [Column("attribute"), Column("solver"), *(Column(name, help) for name, help, _ in present)]
    rows: list[list[CellValue]] = []
    for each in result.boundaries:
        values: list[CellValue] = [read(each) for _, _, read in present]
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
        "Mean cosine between boundaries fitted on resampled splits. A low bar says that another split gives another "
        "direction."
    )
    names, values = [name for _, name in ranked], [value for value, _ in ranked]
    return [BarPlot(names, values, title="Stability", caption=caption, quantity="cosine")]


def _projections(each: Boundary) -> Histogram:
    """Where the positives and the negatives fall along the boundary's normal."""
    found = each.projections
    assert found is not None
    series = [Bins("negative", found.negative, found.edges), Bins("positive", found.positive, found.edges)]
    accuracy = each.figures.accuracy_val
    text = f"validation accuracy {show_number(accuracy)}" if accuracy is not None else ""
    return Histogram(series, each.name, text, x_name="signed distance", rule=(0.0, ""))


def _scores(result: TrainBoundaryResult) -> Section:
    panels = []
    for each in result.boundaries:
        rule = None if each.threshold is None else (each.threshold, "threshold")
        panels.append(Histogram([Bins("", each.score_counts, each.score_edges)], each.name, rule=rule))
    every = all(each.solver == "ridge" for each in result.boundaries)
    taken = "all samples were regressed on" if every else "both ends were taken"
    return Panels(panels[:MOST_PANELS], "Scores", f"Scores the boundaries were trained from; {taken}.")


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
    return [LinePlot(series[:6], "Row by row", caption, "row", "accuracy")]
