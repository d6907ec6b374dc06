"""The page of `gantk lse sample`: every target with the samples found for it."""

from __future__ import annotations

import numpy as np

from gantk.lse.claims import worst_class
from gantk.lse.image_results import SampleResult, Target
from gantk.lse.pages.parts import class_table, legend_of
from gantk.reports.answer import answer
from gantk.reports.numbers import show_number
from gantk.reports.page import Page
from gantk.reports.sections import LinePlot, Picture, Section, Series, Sheet
from gantk.runs.claims import counted, percent, who


def page(result: SampleResult) -> Page:
    samples, targets = counted(result.num, "sample"), counted(len(result.targets), "label map")
    worst = worst_class(result.scores.paper_K.tolist(), result.class_names)
    items: list[tuple[object, str, str]] = [
        (
            percent(result.scores.accuracy),
            "pixels as wanted",
            f"of those labelled, {samples} of {targets}, as {who(result.judge)} sees them",
        ),
        (
            result.scores.paper_miou,
            "mIoU",
            samples if worst is None else f"{samples}; lowest: {worst[0]}, {worst[1]:.2f}",
        ),
    ]
    if len(result.targets[0].samples) > 1:
        note = f"between two samples of one target, mean of {targets}"
        items.append((percent(result.spread.labels), "labelled otherwise", note))
    sheets = [_target(result, target, place) for place, target in enumerate(result.targets, 1)]
    sections: list[Section] = [*answer(result, sheets[:1], items), *sheets[1:]]
    mean, low, high = result.curve
    if len(mean) > 1:
        caption = "Cross entropy with the target by step"
        caption += ": the line is the mean over samples, the band goes from the best to the worst." * (result.num > 1)
        caption += "." * (result.num == 1)
        series = Series("samples", np.arange(len(mean)), mean, low, high)
        sections.append(LinePlot([series], "Cross entropy by step", caption, "step", "cross entropy", markers=False))
    caption = (
        "The IoU of a class is averaged over the images where it is seen or predicted. A class that was never seen was "
        "neither wanted nor drawn where something was wanted."
    )
    columns = {"IoU": result.scores.paper_K.tolist()}
    sections += class_table(result.class_names, result.class_colours, columns, "IoU of each class", caption)
    return Page(
        "Samples by label map", "Do samples with the wanted label maps exist, and how well do they match?", sections
    )


def _target(result: SampleResult, target: Target, place: int) -> Sheet:
    pictures = [Picture(target.wanted.source, f"The wanted label map of {target.name}", "wanted")]
    for number, (image, accuracy) in enumerate(zip(target.samples, target.accuracy, strict=True)):
        alt = f"Sample {number} for {target.name} beside its label map"
        pictures.append(Picture(image.source, alt, f"{percent(accuracy)} of pixels as wanted"))
    told = ", ".join("not defined" if value is None else show_number(value) for value in target.miou)
    caption = (
        f"Each sample stands beside the label map that {who(result.judge)} gives it. A target is a label map without "
        "an image, so that its left half is grey; grey in the map itself means that anything may be there. "
        f"mIoU of the samples: {told}."
    )
    return Sheet(
        pictures,
        f"Target {place}: {target.name}",
        caption,
        260,
        legend=legend_of(result.class_names, result.class_colours),
    )
