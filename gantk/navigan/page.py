"""The pages of `gantk navigan`: eigenvectors, singular vectors, learned directions, and edited pictures.

Reads of `results`, all optional:
    directions      [{name, scale, value, value_name, reached, change, change_most, map (path), curve: {strengths,
                      distances}, pairs: [{original, edited, change}], and what manipulate reads: quantity, distances,
                      frames, samples, start, animation}]
    curves          [{row, scale, strengths, distances, reached}]
    eigenvalues, residuals, ritz, singular_values       [number]
    history         [[products, residual over the last eigenvalue, bound on the angle in degrees]]
    captured        share of the Hessian's trace in the eigenvectors
    agreement       share of one half of the samples' leading directions in the other's
    trace, trace_error, products, converged, angle
    log             [{step, cross_entropy, strength_error, accuracy, held_out}]
    each            [[path, direction, strength]]
    layer, shape, weight_length, count, metric, share, file
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gantk.reports.numbers import read_number, show_number, show_step
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, numbers, records
from gantk.reports.sections import (
    CellValue,
    Column,
    Facts,
    Headline,
    LinePlot,
    Link,
    Links,
    Panels,
    Picture,
    Prose,
    Section,
    Series,
    Sheet,
    Table,
)
from gantk.reports.strips import direction_sections

TITLES = {
    "navigan-hessian": "What this convolution changes most",
    "navigan-svd": "The singular directions of a convolution",
    "navigan-train": "Directions that a network can tell apart",
    "navigan-apply": "Edits by weight",
}
MOST_CURVES = 8


def build(run: RunRecord) -> Page:
    """The page of any of the commands."""
    results = run.results
    layer = str(results.get("layer") or "")
    subtitle = f"`{run.subject}`" + (f", layer {layer}" if layer else "") + "."
    sections = [*_headline(results), *_found(results)]
    sections += _spectrum(results) + _training(results)
    shown = records(results.get("directions"))
    if shown:
        sections.append(_overview(run, shown))
    sections += _curves(results)
    for entry in shown:
        sections += direction(run, entry)
    sections += _each(run)
    name = results.get("file")
    if isinstance(name, str) and run.path(name) is not None:
        sections.append(
            Links([Link(name, name)], "Files", "The directions, to be used with `gantk navigan apply` and `export`.")
        )
    sections.append(Facts(run.settings(), "Settings"))
    title = TITLES.get(run.command, "Weight directions")
    return Page(title, subtitle, sections, run.command_line, run.manifest, run.command)


def _headline(results: Mapping[str, Any]) -> list[Section]:
    items: list[tuple[object, str, str]] = []
    count = read_number(results.get("count"))
    if count is not None and (results.get("eigenvalues") or results.get("singular_values") or results.get("log")):
        items.append((int(count), "directions", str(results.get("layer") or "")))
    captured = read_number(results.get("captured"))
    if captured is not None:
        note = f"of the Hessian's trace, {show_number(results.get('trace'))}"
        items.append((f"{100 * captured:.0f} %", "captured", note))
    agreement = read_number(results.get("agreement"))
    if agreement is not None:
        items.append((f"{100 * agreement:.0f} %", "agreement", "of the directions from either half of the samples"))
    products = read_number(results.get("products"))
    if products is not None:
        items.append((int(products), "Hessian products", "each with all samples"))
    angle = read_number(results.get("angle"))
    if angle is not None and angle < 90:
        items.append((f"{angle:.2g}°", "angle, at most", "between what was found and the true leading subspace"))
    told = read_number(results.get("held_out"))
    if told is not None:
        items.append((f"{100 * told:.0f} %", "told apart", "directions named correctly on samples held out"))
    return [Headline(items)] if items else []


def _found(results: Mapping[str, Any]) -> list[Section]:
    sections: list[Section] = []
    if results.get("converged") is False:
        text = (
            "The search stopped before all residuals were small: the last directions are mixtures. Give more products."
        )
        sections.append(Prose(text, tone="warning"))
    agreement = read_number(results.get("agreement"))
    if agreement is not None and agreement < 0.7:
        text = (
            f"The two halves of the samples share only {100 * agreement:.0f} % of their leading directions: other "
            "samples would give other ones. Give more with `--num`."
        )
        sections.append(Prose(text, tone="warning"))
    unreached = [entry for entry in records(results.get("curves")) if entry.get("reached") is False]
    if unreached:
        text = (
            f"{len(unreached)} direction{'s' if len(unreached) > 1 else ''} never moved the pictures as far as was "
            "asked, whatever the strength: their recommended strength is the best that was tried."
        )
        sections.append(Prose(text))
    return sections


def _spectrum(results: Mapping[str, Any]) -> list[Section]:
    values, ritz = numbers(results.get("eigenvalues")), numbers(results.get("ritz"))
    sections: list[Section] = []
    if len(values):
        series = [Series("eigenvalues", np.arange(len(values)), values)]
        if len(ritz) > len(values):
            beyond = np.arange(len(values), len(ritz))
            series.append(Series("beyond (lower bounds)", beyond, ritz[len(values) :]))
        caption = (
            "How much the mean perceptual distance curves along each direction: a step of length t moves a picture by "
            "about half the eigenvalue times t squared. A steep fall means a few directions carry most of the change."
        )
        sections.append(LinePlot(series, "Spectrum", caption, "direction", "eigenvalue"))
        residuals = numbers(results.get("residuals"))
        if len(residuals) == len(values):
            trace = read_number(results.get("trace")) or math.nan
            rows: list[list[CellValue]] = [
                [index, float(value), float(miss), float(100 * value / trace) if trace == trace else None]
                for index, (value, miss) in enumerate(zip(values, residuals, strict=True))
            ]
            columns = [
                Column("direction", digits=0),
                Column("eigenvalue", digits=4),
                Column("residual", "|Hv - lambda v|: the eigenvalue is wrong by at most this", digits=6),
                Column("% of the trace", digits=2),
            ]
            caption = "Every eigenvalue is known to its residual; the trace is what all directions together make."
            sections.append(Table(columns, rows, "Eigenvalues", caption))
    history = [numbers(row) for row in results.get("history") or [] if len(numbers(row)) == 3]
    told = [row for row in history if np.isfinite(row[1])]
    if len(told) > 1:
        x = [row[0] for row in told]
        logs = [math.log10(max(float(row[1]), 1e-12)) for row in told]
        caption = "The largest residual of the wanted directions over the last eigenvalue, as powers of ten."
        sections.append(
            LinePlot([Series("residual", x, logs)], "Convergence", caption, "products", "log10 of the residual")
        )
    singular = numbers(results.get("singular_values"))
    if len(singular):
        caption = "The convolution's singular values, largest first. They know nothing of pictures."
        series = [Series("singular values", np.arange(len(singular)), singular)]
        sections.append(LinePlot(series, "Singular values", caption, "direction", "value", markers=len(singular) < 64))
    return sections


def _training(results: Mapping[str, Any]) -> list[Section]:
    log = records(results.get("log"))
    if not log:
        return []
    step = numbers([line.get("step") for line in log])
    panels = []
    names = {
        "cross_entropy": "cross entropy of the direction",
        "strength_error": "error of the strength over the scale",
        "accuracy": "directions told, training",
    }
    for key, name in names.items():
        value = numbers([line.get(key) for line in log])
        series = [Series(name, step, value)]
        if key == "accuracy":
            kept = [(s, line["held_out"]) for s, line in zip(step, log, strict=True) if "held_out" in line]
            if kept:
                x, y = [float(s) for s, _ in kept], [float(v) for _, v in kept]
                series = [Series("training", step, value), Series("held out", x, y)]
        panels.append(LinePlot(series, name, x_name="step", markers=len(log) < 40))
    count = read_number(results.get("count"))
    chance = f" Chance is {100 / count:.1f} %." if count else ""
    caption = f"Means since the line before; held-out samples are never trained on.{chance}"
    return [Panels(panels, "Training", caption)]


def _overview(run: RunRecord, shown: list[Mapping[str, Any]]) -> Section:
    """One row per direction: where it acts, how far to go."""
    columns: list[Column | str] = ["direction", Column("where it acts", "Mean absolute difference over samples")]
    valued = any(entry.get("value") is not None for entry in shown)
    mapped = any(entry.get("map") for entry in shown)
    if not mapped:
        columns = ["direction"]
    if valued:
        columns.append(Column(str(shown[0].get("value_name") or "value"), digits=4))
    columns.append(Column("strength", "Recommended: the largest on the sliders", digits=3))
    if mapped:
        columns.append(Column("mean change", "Of a pixel's range [-1, 1] at that strength, mean over the picture"))
    rows: list[list[CellValue]] = []
    for entry in shown:
        row: list[CellValue] = [str(entry.get("name"))]
        if mapped:
            row.append(run.picture(entry.get("map"), f"Where {entry.get('name')} acts", ""))
        if valued:
            row.append(read_number(entry.get("value")))
        row.append(read_number(entry.get("scale")))
        if mapped:
            row.append(read_number(entry.get("change")))
        rows.append(row)
    legend = "Bright is where the picture changes. " if mapped else ""
    return Table(columns, rows, "Directions", f"{legend}Each has its sliders below.")


def _curves(results: Mapping[str, Any]) -> list[Section]:
    curves = records(results.get("curves"))[:MOST_CURVES]
    series = [
        Series(f"direction {curve.get('row')}", numbers(curve.get("strengths")), numbers(curve.get("distances")))
        for curve in curves
        if len(numbers(curve.get("strengths"))) == len(numbers(curve.get("distances"))) > 0
    ]
    if not series:
        return []
    share = read_number(results.get("share"))
    rule = (
        f" The recommended strength moves pictures by {share:g} of the mean distance between samples." if share else ""
    )
    caption = f"Mean distance from the originals, by {results.get('metric') or 'the metric'}.{rule}"
    return [LinePlot(series, "How far to go", caption, "strength", "distance")]


def direction(run: RunRecord, entry: Mapping[str, Any]) -> list[Section]:
    """Sliders, then originals beside edits and where they differ."""
    sections = direction_sections(run, entry)
    pictures: list[Picture] = []
    name, strength = str(entry.get("name")), show_step(float(read_number(entry.get("scale")) or 0.0))
    for sample, pair in enumerate(records(entry.get("pairs"))):
        titles = {"original": "original", "edited": f"at {strength}", "change": "difference"}
        for key, label in titles.items():
            alt = f"Sample {sample}, {label}" if key != "change" else f"Where {name} changes sample {sample}"
            picture = run.picture(pair.get(key), alt, label)
            if picture is not None:
                pictures.append(picture)
    if pictures:
        caption = (
            "Original, edited, and where they differ (mean of both signs of the strength; one scale for the samples)."
        )
        sections.append(Sheet(pictures, "", caption, 96))
    return sections


def _each(run: RunRecord) -> list[Section]:
    rows = run.results.get("each")
    pictures = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, list) and len(row) == 3:
            label = f"{int(row[1])} at {show_step(float(row[2]))}"
            picture = run.picture(row[0], f"A sample, direction {label}", label)
            if picture is not None:
                pictures.append(picture)
    caption = "Every sample with a direction and a strength of its own."
    return [Sheet(pictures, "Samples", caption, 112)] if pictures else []
