"""The page of `gantk lse edit`: the image, the stroke, the edited image, and the way between.

Reads of `results`, all optional:
    pictures        {before, stroke, after, "labels before", "labels after", change}: paths
    frames, values  the way from the code to the edited one
    losses          [T], followed: [before, after], changed, moved: [L], class_names, class_colours
"""

from __future__ import annotations

import numpy as np

from gantk.lse.pages.parts import class_table, percent
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, mapping, numbers, texts
from gantk.reports.sections import (
    BarPlot,
    Facts,
    Headline,
    LinePlot,
    Link,
    Links,
    Section,
    Series,
    Sheet,
    SliderStrip,
)

ALT = {
    "before": "The image before the edit",
    "stroke": "The image with the strokes painted on it",
    "after": "The image after the edit",
    "labels before": "Where each class was",
    "labels after": "Where each class is now",
    "change": "How much each pixel changed",
}


def build(run: RunRecord) -> Page:
    results = run.results
    sections: list[Section] = []
    followed = numbers(results.get("followed"))
    items: list[tuple[object, str, str]] = []
    if len(followed) == 2:
        items.append((percent(followed[1]), "of the stroke followed", f"{percent(followed[0])} before"))
    if results.get("changed") is not None:
        items.append((results["changed"], "change outside", "RMS of pixels, of a range of 2"))
    if items:
        sections.append(Headline(items))
    files = mapping(results.get("pictures"))
    named = [(name, run.picture(files.get(name), alt, name)) for name, alt in ALT.items()]
    pictures = [picture for _, picture in named if picture is not None]
    if pictures:
        sections.append(Sheet(pictures, "The edit", "Change: white where a pixel changed the most.", 170))
    frames = [run.picture(name, f"The way, frame {place}") for place, name in enumerate(texts(results.get("frames")))]
    shown = [frame for frame in frames if frame is not None]
    values = [float(value) for value in numbers(results.get("values"))]
    if shown and len(shown) == len(values):
        caption = "From the image (0) to the edited one (1), in a straight line between their codes."
        sections.append(SliderStrip(shown, values, "The way between", caption, "share of the edit", len(values) - 1))
    losses = numbers(results.get("losses"))
    if len(losses) > 1:
        series = [Series("loss", np.arange(len(losses)), losses)]
        sections.append(LinePlot(series, "How it was found", "The lowest is kept.", "step", "loss", markers=False))
    moved = numbers(results.get("moved"))
    if len(moved) > 1 and np.isfinite(moved).all():
        rows = [str(row) for row in range(len(moved))]
        caption = "How far each row of wp moved (RMS over its numbers), coarse rows first."
        sections.append(BarPlot(rows, moved, title="Which rows moved", caption=caption, quantity="distance"))
    sections += class_table(texts(results.get("class_names")), results.get("class_colours"), {}, "Classes", "")
    files_there = [name for name in ("wp.npy", "session.zip", "label.png") if run.path(name) is not None]
    if files_there:
        said = "wp.npy: the code before and after. session.zip: image, labels and code of the result."
        sections.append(Links([Link(name, name) for name in files_there], "Files", said))
    sections.append(Facts(run.settings(), "Settings"))
    subtitle = "An image edited by strokes" + (f", of `{run.subject}`" if run.subject else "")
    return Page("Editing by strokes", subtitle + ".", sections, run.command_line, run.manifest, run.command)
