"""The pages of `gantk navigan`: eigenvectors, singular vectors, learned directions, and edited pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gantk.navigan.results import (
    ApplyResult,
    Curve,
    Exactness,
    HessianResult,
    LogLine,
    Shown,
    Spectrum,
    SvdResult,
    TrainResult,
    WeightResult,
)
from gantk.reports.answer import answer, film
from gantk.reports.numbers import show_number, show_rounded, show_step
from gantk.reports.page import Page
from gantk.reports.sections import (
    Cell,
    CellValue,
    Column,
    LinePlot,
    Link,
    Links,
    Panels,
    Picture,
    Section,
    Series,
    Sheet,
    Table,
)
from gantk.reports.strips import walk_sections
from gantk.runs.claims import counted, percent

MOST_CURVES = 8


def hessian_page(result: HessianResult) -> Page:
    asked = "Which directions in the weights of this convolution change pictures most?"
    after = _spectrum(result.spectrum)
    return _page("Leading directions of a convolution's weights", asked, result, _certain(result), after, "eigenvalue")


def svd_page(result: SvdResult) -> Page:
    values = result.singular_values
    caption = "The convolution's singular values, largest first. They are computed from the weight alone."
    series = [Series("singular values", np.arange(len(values)), values)]
    plot = LinePlot(series, "Singular values", caption, "direction", "singular value", markers=len(values) < 64)
    asked = "What do the singular vectors of this convolution's weights change?"
    numbers: list[tuple[object, str, str]] = [
        (show_rounded(float(values[0]), 3), "largest singular value", f"of {len(values)}")
    ]
    return _page("The singular directions of a convolution", asked, result, numbers, [plot], "singular value")


def train_page(result: TrainResult) -> Page:
    low, high = (percent(end) for end in result.interval)
    of = f"of {counted(result.held_out_edits, 'held-out edit')}"
    chance = f"chance is {percent(1 / len(result))}"
    numbers: list[tuple[object, str, str]] = [
        (percent(result.held_out), "named correctly", f"{of}; 95 % interval {low} to {high}; {chance}"),
        (result.steps, "steps", f"on the basis {result.basis}"),
    ]
    asked = "Which combinations of a basis change pictures in ways that a network recognises one by one?"
    after = [_training(result.log, len(result))]
    return _page("Weight directions with recognisable effects", asked, result, numbers, after)


def apply_page(result: ApplyResult) -> Page:
    picture = film(result.edited[0].walk) if result.edited else []
    sections: list[Section] = answer(result, picture)
    if result.edited:
        columns: list[Column | str] = ["direction", Column("strength", "The largest on the sliders", digits=3)]
        sections += [section for edit in result.edited for section in walk_sections(edit.walk)]
        if result.metric is not None:
            columns.append(Column("distance", "Of the last picture from the sample as it was, mean over samples"))
        rows: list[list[CellValue]] = []
        for edit in result.edited:
            row: list[CellValue] = [f"direction {edit.number}", Cell(edit.scale, f"{edit.scale:g}")]
            if edit.distance is not None:
                row.append(float(np.mean(edit.distance[:, -1])))
            rows.append(row)
        judge = f" Distances are those of {result.metric}." if result.metric is not None else ""
        sections.append(Table(columns, rows, "How far each direction was followed", judge.strip()))
    pictures = []
    for each in result.each:
        label = f"{each.number} at {show_step(each.strength)}"
        pictures.append(Picture(each.image.source, f"A sample, direction {label}", label))
    if pictures:
        caption = "Every sample with a direction and a strength of its own."
        sections.append(Sheet(pictures, "Samples, each with its own edit", caption, 112))
    asked = f"What do these directions of layer {result.layer} change?"
    about = f"They are from {result.name}, a file of {counted(result.count, 'direction')}."
    return Page("Edits of the weights", f"{asked} {about}", sections)


def _page(
    title: str, asked: str, result: WeightResult, numbers: list[tuple[object, str, str]], after: Sequence[Section],
    value_name: str = "value",
) -> Page:  # fmt: skip
    """What all pages of directions have in common: pictures first, then how they were found."""
    sections = answer(result, film(result.shown[0].walk) if result.shown else [], numbers)
    if result.shown:
        sections.append(_overview(result.shown, value_name))
    for shown in result.shown:
        sections += _direction(shown)
    sections += [*_curves(result), *after]
    text = "The directions, to be used with `gantk navigan apply` and `gantk navigan export`."
    sections.append(Links([Link(result.FILE, result.FILE)], "Files", text))
    shape = " x ".join(map(str, result.directions.shape))
    subtitle = (
        f"{asked} {counted(len(result), 'direction')} of layer {result.directions.layer}, a weight of {shape} and "
        f"length {show_rounded(result.weight_length, 3)}."
    )
    return Page(title, subtitle, sections)


def _certain(result: HessianResult) -> list[tuple[object, str, str]]:
    """How much was found, and how surely."""
    samples = counted(result.num, "sample")
    items: list[tuple[object, str, str]] = []
    exact = result.spectrum.exact
    if exact is not None and exact.captured is not None:
        note = f"of the Hessian's trace, {show_number(exact.trace)}, by {counted(len(result), 'direction')}"
        if exact.trace_error > 0.01 * exact.trace:
            note += f" (two estimates differ by {show_number(exact.trace_error)})"
        items.append((percent(exact.captured), "captured", f"{note}; {samples}"))
    if exact is not None and exact.agreement is not None:
        note = f"of the directions from either half of {samples}"
        items.append((percent(exact.agreement), "agreement", note))
    items.append((result.spectrum.products, "Hessian products", f"each with all of {samples}"))
    if exact is not None and exact.angle < 90:
        note = "between what was found and the true leading subspace"
        items.append((f"{exact.angle:.2g}°", "angle, at most", note))
    return items


def _spectrum(spectrum: Spectrum) -> list[Section]:
    values, exact = spectrum.values, spectrum.exact
    series = [Series("eigenvalues", np.arange(len(values)), values)]
    if exact is not None and len(exact.ritz) > len(values):
        beyond = np.arange(len(values), len(exact.ritz))
        series.append(Series("beyond (lower bounds)", beyond, exact.ritz[len(values) :]))
    caption = (
        "How much the mean perceptual distance curves along each direction: a step of length t moves a picture by "
        "about half the eigenvalue times t squared. A steep fall means a few directions carry most of the change."
    )
    sections: list[Section] = [LinePlot(series, "Eigenvalues by direction", caption, "direction", "eigenvalue")]
    if exact is not None:
        sections += [_eigenvalues(values, exact), *_convergence(exact)]
    return sections


def _eigenvalues(values: np.ndarray, exact: Exactness) -> Section:
    rows: list[list[CellValue]] = [
        [
            index,
            float(value),
            Cell(float(miss), show_rounded(float(miss))),
            float(100 * value / exact.trace) if exact.trace > 0 else None,
        ]
        for index, (value, miss) in enumerate(zip(values, exact.residuals, strict=True))
    ]
    columns = [
        Column("direction", digits=0),
        Column("eigenvalue", digits=4),
        Column("residual", "|Hv \u2212 \u03bbv|: the eigenvalue is wrong by at most this"),
        Column("% of the trace", digits=2),
    ]
    caption = "Every eigenvalue is known to within its residual; the trace is the sum of all eigenvalues."
    return Table(columns, rows, "Eigenvalues and their errors", caption)


def _convergence(exact: Exactness) -> list[Section]:
    told = [(step.products, step.residual) for step in exact.history if step.residual is not None]
    if len(told) < 2:
        return []
    logs = [math.log10(max(residual, 1e-12)) for _, residual in told]
    caption = (
        "The largest residual of the wanted directions over the last eigenvalue, as powers of ten; the search ends at "
        f"{exact.tolerance:g}."
    )
    series = [Series("residual", [float(products) for products, _ in told], logs)]
    return [LinePlot(series, "Convergence of the search", caption, "products", "log10 of the residual")]


def _training(log: Sequence[LogLine], count: int) -> Section:
    step = [float(line.step) for line in log]
    few = len(log) < 40
    told = [line for line in log if line.held_out is not None]
    entropy = "cross entropy of the direction"
    error = "error of the strength over the scale"
    accuracy = "share of directions named correctly"
    both = [
        Series("training", step, [line.accuracy for line in log]),
        Series("held out", [float(line.step) for line in told], [float(line.held_out or 0.0) for line in told]),
    ]
    panels = [
        LinePlot([Series(entropy, step, [x.cross_entropy for x in log])], entropy, x_name="step", markers=few),
        LinePlot([Series(error, step, [x.strength_error for x in log])], error, x_name="step", markers=few),
        LinePlot(both, accuracy, x_name="step", markers=few),
    ]
    caption = (
        "Each point is the mean over the steps since the point before; held-out samples are never trained on. Chance "
        f"is {percent(1 / count)}."
    )
    return Panels(panels, "Losses of the training", caption)


def _overview(shown: Sequence[Shown], value_name: str) -> Section:
    """One line per direction: where it acts, how far to go."""
    valued = any(each.value is not None for each in shown)
    columns: list[Column | str] = ["direction", Column("where it acts", "Mean absolute difference over samples")]
    if valued:
        columns.append(Column(value_name, digits=4))
    columns.append(Column("strength", "The largest on the sliders", digits=3))
    columns.append(
        Column("mean change", "Of a pixel's range [-1, 1] at that strength, mean over the picture", field="change")
    )
    columns.append(Column("largest change", "The same, at the pixel that changes most"))
    rows: list[list[CellValue]] = []
    for each in shown:
        row: list[CellValue] = [each.walk.name, Picture(each.where.source, f"Where {each.walk.name} acts", "")]
        if valued:
            row.append(each.value if each.value is None else Cell(each.value, show_rounded(each.value, 3)))
        rows.append([*row, Cell(each.scale, f"{each.scale:g}"), each.change, each.change_most])
    caption = (
        "The lighter, the more a pixel changes: black not at all, white the most of its map (the column "
        "`largest change`)."
    )
    return Table(columns, rows, "Where each direction acts", caption)


def _curves(result: WeightResult) -> list[Section]:
    curves: Sequence[Curve] = result.curves[:MOST_CURVES]
    if not curves or result.metric is None:
        return []
    series = [Series(f"direction {curve.number}", curve.strengths, curve.distances) for curve in curves]
    caption = (
        f"Mean distance from the originals, by {result.metric}. The recommended strength moves pictures by "
        f"{result.share:g} of the mean distance between samples."
    )
    return [
        LinePlot(
            series,
            "Distance of pictures by strength",
            caption,
            "strength, in units of the weights",
            f"distance by {result.metric}",
        )
    ]


def _direction(shown: Shown) -> list[Section]:
    """Sliders, then originals beside edits and where they differ."""
    name, strength = shown.walk.name, show_step(shown.scale)
    pictures = []
    for sample, pair in enumerate(shown.pairs):
        pictures += [
            Picture(pair.original.source, f"Sample {sample}, original", "original"),
            Picture(pair.edited.source, f"Sample {sample}, {name} at {strength}", f"at {strength}"),
            Picture(pair.change.source, f"Where {name} changes sample {sample}", "difference"),
        ]
    caption = (
        "Original, edited, and where they differ (mean of both signs of the strength): black is no difference, white "
        f"the largest of these samples, {show_number(shown.change_most)} of the range [-1, 1]."
    )
    return [*walk_sections(shown.walk), Sheet(pictures, "", caption, 112, 3)]
