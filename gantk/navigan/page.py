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
from gantk.reports.numbers import show_number, show_step
from gantk.reports.page import Page
from gantk.reports.sections import (
    CellValue,
    Column,
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
from gantk.reports.strips import walk_sections

MOST_CURVES = 8
UNSTABLE = 0.7  # agreement of the two halves of the samples below which a page warns


def hessian_page(result: HessianResult) -> Page:
    """The page of `gantk navigan hessian`."""
    spectrum = result.spectrum
    sections = [_headline(result, _certain(spectrum)), *_doubts(result, spectrum.exact), *_spectrum(spectrum)]
    return _page("What this convolution changes most", result, sections, "eigenvalue")


def svd_page(result: SvdResult) -> Page:
    """The page of `gantk navigan svd`."""
    values = result.singular_values
    caption = "The convolution's singular values, largest first. They are computed from the weight alone."
    series = [Series("singular values", np.arange(len(values)), values)]
    plot = LinePlot(series, "Singular values", caption, "direction", "value", markers=len(values) < 64)
    sections = [_headline(result, []), *_doubts(result), plot]
    return _page("The singular directions of a convolution", result, sections, "singular value")


def train_page(result: TrainResult) -> Page:
    """The page of `gantk navigan train`."""
    told = (f"{100 * result.held_out:.0f} %", "told apart", "directions named correctly on samples held out")
    steps: tuple[object, str, str] = (result.steps, "steps", f"on the basis {result.basis}")
    sections = [_headline(result, [told, steps]), *_doubts(result), _training(result.log, len(result))]
    return _page("Directions that a network can tell apart", result, sections)


def apply_page(result: ApplyResult) -> Page:
    """The page of `gantk navigan apply`."""
    sections: list[Section] = []
    if result.edited:
        columns: list[Column | str] = ["direction", Column("strength", "The largest on the sliders", digits=3)]
        if result.metric is not None:
            columns.append(Column("distance", "Of the last picture from the sample as it was, mean over samples"))
        rows: list[list[CellValue]] = []
        for edit in result.edited:
            row: list[CellValue] = [f"direction {edit.number}", edit.scale]
            if edit.distance is not None:
                row.append(float(np.mean(edit.distance[:, -1])))
            rows.append(row)
        judge = f" Distances are those of {result.metric}." if result.metric is not None else ""
        sections.append(Table(columns, rows, "Directions", f"Each has its sliders below.{judge}"))
    for edit in result.edited:
        sections += walk_sections(edit.walk)
    pictures = []
    for each in result.each:
        label = f"{each.number} at {show_step(each.strength)}"
        pictures.append(Picture(each.image.source, f"A sample, direction {label}", label))
    if pictures:
        caption = "Every sample with a direction and a strength of its own."
        sections.append(Sheet(pictures, "Samples", caption, 112))
    about = f"{result.name}, {result.count} direction{'s' if result.count != 1 else ''}"
    return Page("Edits by weight", f"Layer {result.layer}: {about}.", sections)


def _page(title: str, result: WeightResult, sections: list[Section], value_name: str = "value") -> Page:
    """What all pages of directions have in common."""
    if result.shown:
        sections.append(_overview(result.shown, value_name))
    sections += _curves(result)
    for shown in result.shown:
        sections += _direction(shown)
    text = "The directions, to be used with `gantk navigan apply` and `export`."
    sections.append(Links([Link(result.FILE, result.FILE)], "Files", text))
    shape = " x ".join(map(str, result.directions.shape))
    subtitle = f"Layer {result.directions.layer}: a weight of {shape} and length {show_number(result.weight_length)}."
    return Page(title, subtitle, sections)


def _headline(result: WeightResult, more: list[tuple[object, str, str]]) -> Section:
    return Headline([(len(result), "directions", result.directions.layer), *more])


def _certain(spectrum: Spectrum) -> list[tuple[object, str, str]]:
    """How much was found, and how surely."""
    items: list[tuple[object, str, str]] = []
    exact = spectrum.exact
    if exact is not None and exact.captured is not None:
        note = f"of the Hessian's trace, {show_number(exact.trace)}"
        if exact.trace_error > 0.01 * exact.trace:
            note += f" (two estimates differ by {show_number(exact.trace_error)})"
        items.append((f"{100 * exact.captured:.0f} %", "captured", note))
    if exact is not None and exact.agreement is not None:
        note = "of the directions from either half of the samples"
        items.append((f"{100 * exact.agreement:.0f} %", "agreement", note))
    items.append((spectrum.products, "Hessian products", "each with all samples"))
    if exact is not None and exact.angle < 90:
        note = "between what was found and the true leading subspace"
        items.append((f"{exact.angle:.2g}°", "angle, at most", note))
    return items


def _doubts(result: WeightResult, exact: Exactness | None = None) -> list[Section]:
    """What a reader should know before believing the rest."""
    sections: list[Section] = []
    if exact is not None and not exact.converged:
        text = (
            "The search stopped before all residuals were small: the last directions are mixtures. Give more products."
        )
        sections.append(Prose(text, tone="warning"))
    if exact is not None and exact.agreement is not None and exact.agreement < UNSTABLE:
        text = (
            f"The two halves of the samples share only {100 * exact.agreement:.0f} % of their leading directions: "
            "other samples would give other ones. Give more with `--num`."
        )
        sections.append(Prose(text, tone="warning"))
    unreached = sum(not curve.reached for curve in result.curves)
    if unreached:
        text = (
            f"{unreached} direction{'s' if unreached > 1 else ''} never moved the pictures as far as was asked, "
            "whatever the strength: their recommended strength is the best that was tried."
        )
        sections.append(Prose(text))
    if result.unmeasured:
        sections.append(Prose(result.unmeasured))
    return sections


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
    sections: list[Section] = [LinePlot(series, "Spectrum", caption, "direction", "eigenvalue")]
    if exact is not None:
        sections += [_eigenvalues(values, exact), *_convergence(exact)]
    return sections


def _eigenvalues(values: np.ndarray, exact: Exactness) -> Section:
    rows: list[list[CellValue]] = [
        [index, float(value), float(miss), float(100 * value / exact.trace) if exact.trace > 0 else None]
        for index, (value, miss) in enumerate(zip(values, exact.residuals, strict=True))
    ]
    columns = [
        Column("direction", digits=0),
        Column("eigenvalue", digits=4),
        Column("residual", "|Hv - lambda v|: the eigenvalue is wrong by at most this", digits=6),
        Column("% of the trace", digits=2),
    ]
    caption = "Every eigenvalue is known to its residual; the trace is what all directions together make."
    return Table(columns, rows, "Eigenvalues", caption)


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
    return [LinePlot(series, "Convergence", caption, "products", "log10 of the residual")]


def _training(log: Sequence[LogLine], count: int) -> Section:
    step = [float(line.step) for line in log]
    few = len(log) < 40
    told = [line for line in log if line.held_out is not None]
    entropy = "cross entropy of the direction"
    error = "error of the strength over the scale"
    accuracy = "directions told, training"
    both = [
        Series("training", step, [line.accuracy for line in log]),
        Series("held out", [float(line.step) for line in told], [float(line.held_out or 0.0) for line in told]),
    ]
    panels = [
        LinePlot([Series(entropy, step, [x.cross_entropy for x in log])], entropy, x_name="step", markers=few),
        LinePlot([Series(error, step, [x.strength_error for x in log])], error, x_name="step", markers=few),
        LinePlot(both, accuracy, x_name="step", markers=few),
    ]
    caption = f"Means since the line before; held-out samples are never trained on. Chance is {100 / count:.1f} %."
    return Panels(panels, "Training", caption)


def _overview(shown: Sequence[Shown], value_name: str) -> Section:
    """One line per direction: where it acts, how far to go."""
    valued = any(each.value is not None for each in shown)
    columns: list[Column | str] = ["direction", Column("where it acts", "Mean absolute difference over samples")]
    if valued:
        columns.append(Column(value_name, digits=4))
    columns.append(Column("strength", "The largest on the sliders", digits=3))
    columns.append(Column("mean change", "Of a pixel's range [-1, 1] at that strength, mean over the picture"))
    columns.append(Column("largest change", "The same, at the pixel that changes most"))
    rows: list[list[CellValue]] = []
    for each in shown:
        row: list[CellValue] = [each.walk.name, Picture(each.where.source, f"Where {each.walk.name} acts", "")]
        if valued:
            row.append(each.value)
        rows.append([*row, each.scale, each.change, each.change_most])
    caption = "Bright is where the picture changes. Each has its sliders below."
    return Table(columns, rows, "Directions", caption)


def _curves(result: WeightResult) -> list[Section]:
    curves: Sequence[Curve] = result.curves[:MOST_CURVES]
    if not curves or result.metric is None:
        return []
    series = [Series(f"direction {curve.number}", curve.strengths, curve.distances) for curve in curves]
    caption = (
        f"Mean distance from the originals, by {result.metric}. The recommended strength moves pictures by "
        f"{result.share:g} of the mean distance between samples."
    )
    return [LinePlot(series, "How far to go", caption, "strength", "distance")]


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
    caption = "Original, edited, and where they differ (mean of both signs of the strength; one scale for the samples)."
    return [*walk_sections(shown.walk), Sheet(pictures, "", caption, 96)]
