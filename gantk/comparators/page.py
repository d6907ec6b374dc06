"""The pages of `gantk sefa` and `gantk ganspace`.

Reads of `results`, all optional: directions (as those of manipulate), eigenvalues [K], deviations [K], explained [K],
count, space, files.
"""

from __future__ import annotations

import numpy as np

from gantk.reports.page import Page
from gantk.reports.record import RunRecord, numbers, records, texts
from gantk.reports.sections import Facts, LinePlot, Link, Links, Prose, Section, Series
from gantk.reports.strips import direction_sections

TITLES = {"sefa": "Directions from the weights", "ganspace": "Principal components of the codes"}
ABOUT = {
    "sefa": "The steps that change the styles of the chosen rows most, found from the weights alone (SeFa). They are "
    "large changes of the whole image; nothing says that they mean one thing.",
    "ganspace": "The steps along which sampled codes vary most (GANSpace). Sliders end at two standard deviations.",
}
CURVES = {
    "eigenvalues": ("Spectrum", "eigenvalue", "Squared change of the styles of a unit step along each direction."),
    "deviations": ("Standard deviations", "deviation", "Of the sampled codes along each component."),
    "explained": ("Explained variance", "share", "Each component's share of the variance of the codes."),
}
LONGEST = 128


def build(run: RunRecord) -> Page:
    results = run.results
    sections: list[Section] = [Prose(ABOUT.get(run.command, ""))]
    for key, (title, name, caption) in CURVES.items():
        values = numbers(results.get(key))[:LONGEST]
        if len(values):
            series = Series(title, np.arange(len(values)), values)
            sections.append(LinePlot([series], title, caption, "row", name, markers=len(values) < 40))
    for direction in records(results.get("directions")):
        sections += direction_sections(run, direction)
    files = [name for name in texts(results.get("files")) if run.path(name) is not None]
    if files:
        text = "For `gantk manipulate` and `gantk rescore`; `--rows` chooses among the directions."
        sections.append(Links([Link(name, name) for name in files], "Files", text))
    sections.append(Facts(run.settings(), "Settings"))
    of = f" of `{run.subject}`" if run.subject else ""
    subtitle = f"{results.get('count', 0)} directions of {results.get('space', 'w')}{of}, strongest first."
    return Page(TITLES.get(run.command, "Directions"), subtitle, sections, run.command_line, run.manifest, run.command)
