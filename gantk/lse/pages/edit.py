"""The page of `gantk lse edit`: the image, the stroke, the edited image, and the steps from one to the other."""

from __future__ import annotations

import numpy as np

from gantk.lse.image_results import EditResult
from gantk.lse.pages.parts import legend_of
from gantk.reports.answer import answer
from gantk.reports.numbers import show_rounded
from gantk.reports.page import Page
from gantk.reports.sections import (
    BarPlot,
    LinePlot,
    Link,
    Links,
    Picture,
    Section,
    Series,
    Sheet,
    SliderStrip,
)
from gantk.runs.claims import percent

ALT = {
    "before": "The image before the edit",
    "stroke": "The image with the strokes painted on it",
    "after": "The image after the edit",
    "labels_before": "Where each class was",
    "labels_after": "Where each class is now",
    "change": "How much each pixel changed",
}


def page(result: EditResult) -> Page:
    items: list[tuple[object, str, str]] = []
    if result.followed is not None:
        before, after = result.followed
        items.append((percent(after), "of the strokes' pixels as wanted", f"{percent(before)} before"))
    items.append((result.changed, "change outside", "RMS of pixels, of a range of 2"))
    pictures = [Picture(getattr(result, name).source, alt, name.replace("_", " ")) for name, alt in ALT.items()]
    scale = "" if result.change_most is None else f": by {show_rounded(result.change_most)}, of a range of 2"
    caption = f"Change: black where a pixel did not change, white where one changed the most{scale}."
    legend = legend_of(result.class_names, result.class_colours)
    sections: list[Section] = answer(result, [Sheet(pictures, "", caption, 170, 3, legend)], items)
    strip = result.strip
    frames = [
        Picture(image.source, f"Frame {place} of {len(strip.images)} from the image to the edited one")
        for place, image in enumerate(strip.images)
    ]
    caption = "From the image (0) to the edited one (1), in a straight line between their codes."
    sections.append(SliderStrip(frames, strip.values, "From the image to the edited one", caption, strip.quantity, 0))
    if len(result.losses) > 1:
        series = [Series("loss", np.arange(len(result.losses)), np.array(result.losses))]
        sections.append(
            LinePlot(
                series,
                "Loss by step",
                "The loss after each step; the code with the lowest is kept.",
                "step",
                "loss",
                markers=False,
            )
        )
    if len(result.moved) > 1:
        rows = [str(row) for row in range(len(result.moved))]
        caption = "How far each row of wp moved (RMS over its numbers), coarse rows first."
        sections.append(
            BarPlot(
                rows, result.moved, title="Movement of each row of wp", caption=caption, quantity="RMS, in units of w"
            )
        )
    said = "wp.npy: the code before and after. session.zip: image, labels and code of the result."
    sections.append(Links([Link(name, name) for name in ("wp.npy", "session.zip", "label.png")], "Files", said))
    which = "A code" if result.index is None else f"Sample {result.index} of seed {result.seed}"
    return Page("An edit by strokes", f"Does the image follow the strokes, and what else changes? {which}.", sections)
