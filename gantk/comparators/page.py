"""The pages of `gantk sefa` and `gantk ganspace`."""

from __future__ import annotations

import numpy as np

from gantk.comparators.results import ClosedForm, GanspaceResult, SefaResult
from gantk.reports.page import Page
from gantk.reports.sections import LinePlot, Link, Links, Prose, Section, Series
from gantk.reports.strips import walk_sections

LONGEST = 128

SEFA = (
    "The steps that change the styles of the chosen rows most, found from the weights alone (SeFa). They are large "
    "changes of the whole image; nothing says that they mean one thing."
)
GANSPACE = "The steps along which sampled codes vary most (GANSpace). Sliders end at two standard deviations."


def sefa_page(result: SefaResult) -> Page:
    """The page of `gantk sefa`."""
    caption = "Squared change of the styles of a unit step along each direction."
    spectrum = _curve("Spectrum", "eigenvalue", result.eigenvalues, caption)
    return _page(result, "Directions from the weights", SEFA, [spectrum])


def ganspace_page(result: GanspaceResult) -> Page:
    """The page of `gantk ganspace`."""
    curves = [
        _curve("Standard deviations", "deviation", result.deviations, "Of the sampled codes along each component."),
        _curve("Explained variance", "share", result.explained, "Each component's share of the variance of the codes."),
    ]
    return _page(result, "Principal components of the codes", GANSPACE, curves)


def _curve(title: str, name: str, values: np.ndarray, caption: str) -> LinePlot:
    values = values[:LONGEST]
    series = Series(title, np.arange(len(values)), values)
    return LinePlot([series], title, caption, "direction", name, markers=len(values) < 40)


def _page(result: ClosedForm, title: str, about: str, curves: list[LinePlot]) -> Page:
    sections: list[Section] = [Prose(about), *curves]
    for walk in result.walks:
        sections += walk_sections(walk)
    file = f"{result.TASK}.safetensors"
    text = "For `gantk manipulate` and `gantk rescore`; `--pick` chooses among the directions."
    sections.append(Links([Link(file, file)], "Files", text))
    subtitle = f"{len(result.direction)} directions of {result.direction.space}, strongest first."
    return Page(title, subtitle, sections)
