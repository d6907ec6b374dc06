"""The page of `gantk lse sample`: every target with the samples found for it."""

from __future__ import annotations

import numpy as np

from gantk.lse.image_results import SampleResult, Target
from gantk.lse.pages.parts import METRIC, class_table
from gantk.reports.numbers import show_number
from gantk.reports.page import Page
from gantk.reports.sections import Headline, LinePlot, Picture, Prose, Section, Series, Sheet


def page(result: SampleResult) -> Page:
    """The page of `gantk lse sample`."""
    items = [
        (result.scores.paper_miou, "mIoU", f"as {result.judge} labels the samples"),
        (result.scores.accuracy, "accuracy", "of labelled pixels"),
    ]
    if len(result.targets[0].samples) > 1:
        items.append((result.spread.labels, "difference of labels", "between samples of one target"))
    sections: list[Section] = [Headline(items)]
    note = "Grey in a target means that anything may be there. The number below a sample is its accuracy."
    sections.append(Prose(f"Each sample stands beside the label map that {result.judge} gives it. {note}"))
    sections += [_target(target) for target in result.targets]
    mean, low, high = result.curve
    if len(mean) > 1:
        caption = "Cross entropy with the target by step: mean over samples, the best and the worst."
        series = Series("samples", np.arange(len(mean)), mean, low, high)
        sections.append(LinePlot([series], "How they were found", caption, "step", "cross entropy", markers=False))
    caption = f"{METRIC}. Empty: neither wanted nor seen where something was wanted."
    columns = {"IoU": result.scores.paper_K.tolist()}
    sections += class_table(result.class_names, result.class_colours, columns, "Classes", caption)
    return Page("Sampling by labels", "Images with a wanted label map.", sections)


def _target(target: Target) -> Sheet:
    pictures = [Picture(target.wanted.source, f"The wanted label map of {target.name}", "wanted")]
    for number, (image, accuracy) in enumerate(zip(target.samples, target.accuracy, strict=True)):
        alt = f"Sample {number} for {target.name} and its label map"
        pictures.append(Picture(image.source, alt, show_number(accuracy)))
    told = ", ".join("none" if value is None else show_number(value) for value in target.miou)
    return Sheet(pictures, target.name, f"mIoU of the samples: {told}.", 260)
