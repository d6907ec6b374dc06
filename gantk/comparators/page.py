"""The pages of `gantk sefa` and `gantk ganspace`."""

from __future__ import annotations

import numpy as np

from gantk.comparators.claims import codes_of
from gantk.comparators.results import ClosedForm, GanspaceResult, SefaResult
from gantk.reports.answer import answer, film
from gantk.reports.numbers import show_rounded
from gantk.reports.page import Page
from gantk.reports.sections import LinePlot, Link, Links, Section, Series
from gantk.reports.strips import walk_sections
from gantk.runs.claims import counted, percent

LONGEST = 128


def sefa_page(result: SefaResult) -> Page:
    caption = "Squared change of the styles of a unit step along each direction."
    spectrum = _curve("Eigenvalues", "eigenvalue", result.eigenvalues, caption)
    asked = "Which steps change the styles of the chosen rows most? The answer comes from the weights alone (SeFa)."
    numbers: list[tuple[object, str, str]] = [(show_rounded(float(result.eigenvalues[0]), 3), "largest eigenvalue",
                                               f"squared change of the styles of a unit step; of "
                                               f"{counted(len(result.direction), 'direction')}")]  # fmt: skip
    return _page(result, "Directions from the weights", asked, numbers, [spectrum])


def ganspace_page(result: GanspaceResult) -> Page:
    curves = [
        _curve(
            "Spread of the codes along each component",
            "standard deviation",
            result.deviations,
            "Standard deviation of the sampled codes along each component.",
        ),
        _curve("Explained variance", "share", result.explained, "Each component's share of the variance of the codes."),
    ]
    asked = "Along which steps do sampled codes vary most (GANSpace)? Sliders end at two standard deviations."
    numbers: list[tuple[object, str, str]] = [
        (
            percent(float(result.explained[0])),
            "of the variance explained by the first",
            f"of {counted(len(result.direction), 'component')}; {codes_of(result)}",
        )
    ]
    return _page(result, "Principal components of the codes", asked, numbers, curves)


def _curve(title: str, name: str, values: np.ndarray, caption: str) -> LinePlot:
    values = values[:LONGEST]
    series = Series(title, np.arange(len(values)), values)
    return LinePlot([series], title, caption, "direction", name, markers=len(values) < 40)


def _page(
    result: ClosedForm, title: str, asked: str, numbers: list[tuple[object, str, str]], curves: list[LinePlot]
) -> Page:
    sections: list[Section] = answer(result, film(result.walks[0]) if result.walks else [], numbers)
    for walk in result.walks:
        sections += walk_sections(walk)
    sections += [curve for curve in curves if len(curve.series[0].x) > 1]
    file = f"{result.TASK}.safetensors"
    text = "For `gantk manipulate` and `gantk rescore`; `--pick` chooses among the directions."
    sections.append(Links([Link(file, file)], "Files", text))
    return Page(title, f"{asked} {counted(len(result.direction), 'direction')} of {result.direction.space}.", sections)
