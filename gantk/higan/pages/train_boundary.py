"""The page of `gantk train-boundary`: how well each boundary separates, and how much it can be trusted.

Reads of `results`, all optional but `attributes`:
    space           "z", "w" or "wp"
    attributes      [{name, solver, C, intercept, num_positive, num_negative, num_train, num_val, num_remaining,
                      accuracy_train, accuracy_val, accuracy_val_positive, accuracy_val_negative, accuracy_remaining,
                      auc, stability, stability_ci: [low, high], truth, path (the artifact), seconds, score_histogram:
                      {counts, edges}, threshold (the score that divides), projection_histogram: {edges, positive:
                      [n], negative: [n]} (signed distance to the boundary), layers: [{index, name, accuracy_val,
                      stability}] for per-layer boundaries}]
    cosine          {names: [n], values: [n][n]}: cosine between the boundaries
    solvers         [{name, solver, accuracy_val, accuracy_remaining, auc, truth, stability, seconds}]: a comparison
                      of solvers
    conditions      [name]: what the boundaries were made orthogonal to
    notes           [text]

`stability` is the mean cosine between boundaries fitted on resampled splits, `truth` the cosine with a known direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gantk.reports.numbers import read_number, show_number
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, interval, mapping, matrix, numbers, records, texts
from gantk.reports.sections import (
    BarPlot,
    Bins,
    Cell,
    CellValue,
    Column,
    Facts,
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

MEASURES = (
    ("accuracy_val", "validation", "Accuracy on held-out samples of the two tails"),
    ("accuracy_remaining", "remaining", "Accuracy on the samples between the tails, divided at the middle score"),
    ("auc", "AUC", "Area under the ROC curve"),
    ("stability", "stability", "Mean cosine between boundaries of resampled splits: 1 means the split does not matter"),
    ("truth", "truth", "Cosine with the known direction"),
    ("C", "C", "Inverse strength of the regularisation"),
    ("intercept", "intercept", "Signed distance of the boundary from the origin"),
    ("num_train", "train", "Samples the boundary was fitted on"),
    ("num_val", "held out", "Samples of the validation"),
    ("seconds", "seconds", "Time of the fit"),
)


def _present(entries: list[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    return [measure for measure in MEASURES if any(read_number(entry.get(measure[0])) is not None for entry in entries)]


def _cell(entry: Mapping[str, Any], key: str) -> CellValue:
    value = entry.get(key)
    number = read_number(value)
    if number is None:
        return None
    if key == "stability" and (ends := interval(entry.get("stability_ci"))) is not None:
        return Cell(number, note=f"95 % interval {show_number(ends[0])} to {show_number(ends[1])}")
    return value if isinstance(value, int) else number


def summary_table(entries: list[Mapping[str, Any]], title: str, caption: str, run: RunRecord) -> Table:
    measures = _present(entries)
    with_solver = any(entry.get("solver") for entry in entries)
    columns = [
        Column("attribute"),
        *([Column("solver")] if with_solver else []),
        *(Column(name, help) for _, name, help in measures),
    ]
    rows: list[list[CellValue]] = []
    for entry in entries:
        name, path = str(entry.get("name", "")), entry.get("path")
        href = str(path) if run.path(path) is not None else ""
        first: list[CellValue] = [Cell(name, href=href)]
        if with_solver:
            first.append(str(entry.get("solver") or ""))
        rows.append(first + [_cell(entry, key) for key, _, _ in measures])
    return Table(columns, rows, title, caption)


def projection_panel(entry: Mapping[str, Any]) -> Histogram | None:
    """Where the positives and the negatives fall along the boundary's normal."""
    found = mapping(entry.get("projection_histogram"))
    edges = numbers(found.get("edges"))
    series = []
    for key in ("negative", "positive"):
        counts = numbers(found.get(key))
        if len(counts) and len(edges) == len(counts) + 1:
            series.append(Bins(key, counts, edges))
    if not series:
        return None
    accuracy = read_number(entry.get("accuracy_val"))
    text = f"validation accuracy {show_number(accuracy)}" if accuracy is not None else ""
    return Histogram(series, str(entry.get("name", "")), text, x_name="signed distance", rule=(0.0, ""))


def build(run: RunRecord) -> Page:
    results = run.results
    entries = records(results.get("attributes"))
    sections: list[Section] = [Prose(note, tone="warning") for note in texts(results.get("notes"))]
    sections += _headline(entries)
    if entries:
        caption = (
            "Each row is one boundary. Accuracy says how well it divides, stability how far it can be trusted as a "
            "direction."
        )
        sections.append(summary_table(entries, "Boundaries", caption, run))
    stable = [entry for entry in entries if read_number(entry.get("stability")) is not None]
    if len(stable) > 1:
        ranked = sorted(stable, key=lambda entry: -float(entry["stability"]))
        intervals = [interval(entry.get("stability_ci")) for entry in ranked]
        ends: dict[str, Any] = {}
        if any(intervals):
            ends = {
                "low": [pair[0] if pair else np.nan for pair in intervals],
                "high": [pair[1] if pair else np.nan for pair in intervals],
            }
        values = [float(entry["stability"]) for entry in ranked]
        caption = (
            "Mean cosine between boundaries fitted on resampled splits. A low bar says that another split gives "
            "another direction."
        )
        names = [str(entry.get("name", "")) for entry in ranked]
        sections.append(BarPlot(names, values, title="Stability", caption=caption, quantity="cosine", **ends))
    panels = [panel for entry in entries if (panel := projection_panel(entry)) is not None]
    if panels:
        caption = (
            "Signed distance of the held-out samples from the boundary: the less the two colours overlap, the better "
            "it divides."
        )
        sections.append(Panels(panels[:MOST_PANELS], "Separation", caption))
    scores = []
    for entry in entries:
        found = mapping(entry.get("score_histogram"))
        counts, edges = numbers(found.get("counts")), numbers(found.get("edges"))
        if len(counts) and len(edges) == len(counts) + 1:
            threshold = read_number(entry.get("threshold"))
            rule = (threshold, "threshold") if threshold is not None else None
            scores.append(Histogram([Bins("", counts, edges)], str(entry.get("name", "")), rule=rule))
    if scores:
        every = all(entry.get("solver") == "ridge" for entry in entries)
        taken = "all samples were regressed on" if every else "both tails were taken"
        caption = f"Scores the boundaries were trained from; {taken}."
        sections.append(Panels(scores[:MOST_PANELS], "Scores", caption))
    sections += _per_layer(entries)
    cosine = mapping(results.get("cosine"))
    names = texts(cosine.get("names"))
    values_NN = matrix(cosine.get("values"), len(names), len(names))
    if values_NN is not None and len(names) > 1:
        caption = "Cosine between boundaries: away from zero, moving along one also moves along the other."
        chart = HeatMap(
            values_NN,
            names,
            names,
            "Alignment of the boundaries",
            caption,
            "boundary",
            "",
            "diverging",
            1.0,
            2,
            "cosine",
        )
        sections.append(chart)
    solvers = records(results.get("solvers"))
    if solvers:
        sections.append(summary_table(solvers, "Solvers compared", "The same samples, divided by each solver.", run))
    sections.append(Facts(run.settings(), "Settings"))
    space = str(results.get("space") or "")
    subject = f" in {space} space" if space else ""
    count = "One boundary" if len(entries) == 1 else f"{len(entries)} boundaries"
    subtitle = f"{count}{subject}" + (f" of `{run.subject}`" if run.subject else "") + "."
    conditions = texts(results.get("conditions"))
    if conditions:
        subtitle += f" Made orthogonal to {', '.join(conditions)}."
    return Page("Boundaries from scores", subtitle, sections, run.command_line, run.manifest, run.command)


def _headline(entries: list[Mapping[str, Any]]) -> list[Section]:
    """How well the boundaries divide, and which is the least certain."""
    accuracy = [value for entry in entries if (value := read_number(entry.get("accuracy_val"))) is not None]
    items: list[tuple[object, str, str]] = []
    if accuracy:
        items.append((float(np.mean(accuracy)), "mean validation accuracy", f"lowest {show_number(min(accuracy))}"))
    stable = [(value, entry) for entry in entries if (value := read_number(entry.get("stability"))) is not None]
    if stable:
        least = min(stable, key=lambda pair: pair[0])
        items.append((least[0], "least stability", f"of {least[1].get('name', '')}; 1 is a direction no split changes"))
    return [Headline(items)] if len(entries) > 1 and items else []


def _per_layer(entries: list[Mapping[str, Any]]) -> list[Section]:
    series = []
    for entry in entries:
        layers = records(entry.get("layers"))
        accuracy = numbers([layer.get("accuracy_val") for layer in layers])
        if len(layers) > 1 and np.isfinite(accuracy).any():
            index = numbers([layer.get("index", place) for place, layer in enumerate(layers)])
            series.append(Series(str(entry.get("name", "")), index, accuracy))
    if not series:
        return []
    caption = "Validation accuracy of the boundary of each layer."
    return [LinePlot(series[:6], "Layer by layer", caption, "layer", "accuracy")]
