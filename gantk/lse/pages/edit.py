"""The page of `gantk lse edit`: the image, the stroke, the edited image, and the way between."""

from __future__ import annotations

import numpy as np

from gantk.lse.image_results import EditResult
from gantk.lse.pages.parts import class_table, percent
from gantk.reports.page import Page
from gantk.reports.sections import (
    BarPlot,
    Headline,
    LinePlot,
    Link,
    Links,
    Picture,
    Section,
    Series,
    Sheet,
    SliderStrip,
)

ALT = {
    "before": "The image before the edit",
    "stroke": "The image with the strokes painted on it",
    "after": "The image after the edit",
    "labels_before": "Where each class was",
    "labels_after": "Where each class is now",
    "change": "How much each pixel changed",
}


def page(result: EditResult) -> Page:
    """The page of `gantk lse edit`."""
    items: list[tuple[object, str, str]] = []
    if result.followed is not None:
        before, after = result.followed
        items.append((percent(after), "of the stroke followed", f"{percent(before)} before"))
    items.append((result.changed, "change outside", "RMS of pixels, of a range of 2"))
    sections: list[Section] = [Headline(items)]
    pictures = [Picture(getattr(result, name).source, alt, name.replace("_", " ")) for name, alt in ALT.items()]
    sections.append(Sheet(pictures, "The edit", "Change: white where a pixel changed the most.", 170))
    strip = result.strip
    frames = [Picture(image.source, f"The way, frame {place}") for place, image in enumerate(strip.images)]
    caption = "From the image (0) to the edited one (1), in a straight line between their codes."
    end = len(frames) - 1
    sections.append(SliderStrip(frames, strip.values, "The way between", caption, strip.quantity, end))
    if len(result.losses) > 1:
        series = [Series("loss", np.arange(len(result.losses)), np.array(result.losses))]
        sections.append(LinePlot(series, "How it was found", "The lowest is kept.", "step", "loss", markers=False))
    if len(result.moved) > 1:
        rows = [str(row) for row in range(len(result.moved))]
        caption = "How far each row of wp moved (RMS over its numbers), coarse rows first."
        sections.append(BarPlot(rows, result.moved, title="Which rows moved", caption=caption, quantity="distance"))
    sections += class_table(result.class_names, result.class_colours, {}, "Classes", "")
    said = "wp.npy: the code before and after. session.zip: image, labels and code of the result."
    sections.append(Links([Link(name, name) for name in ("wp.npy", "session.zip", "label.png")], "Files", said))
    which = "A code" if result.index is None else f"Sample {result.index} of seed {result.seed}"
    return Page("Editing by strokes", f"{which}, edited by strokes.", sections)
