"""The page of `gantk lse sample`: every target with the samples found for it.

Reads of `results`, all optional:
    targets         [{name, target (path), samples: [path], miou: [n], accuracy: [n], diversity: [codes, labels,
                      pixels]}]
    paper_miou, accuracy, classes: [K], class_names, class_colours, judge
    diversity       {codes, labels, pixels}
    curve           {mean, low, high}: cross entropy by step
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gantk.lse.pages.parts import METRIC, class_table
from gantk.reports.numbers import show_number
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, mapping, numbers, records, texts
from gantk.reports.sections import Facts, Headline, LinePlot, Prose, Section, Series, Sheet


def build(run: RunRecord) -> Page:
    results = run.results
    targets = records(results.get("targets"))
    spread = mapping(results.get("diversity"))
    sections: list[Section] = []
    if results.get("paper_miou") is not None:
        items: list[tuple[object, str, str]] = [
            (results["paper_miou"], "mIoU", f"as {results.get('judge')} labels the samples"),
            (results.get("accuracy"), "accuracy", "of labelled pixels"),
            (spread.get("labels"), "difference of labels", "between samples of one target"),
        ]
        sections.append(Headline(items))
    note = "Grey in a target means that anything may be there. The number below a sample is its accuracy."
    sections.append(Prose(f"Each sample stands beside the label map that the teacher gives it. {note}"))
    for place, target in enumerate(targets):
        sections += _target(run, target, place)
    curve = mapping(results.get("curve"))
    mean, low, high = (numbers(curve.get(key)) for key in ("mean", "low", "high"))
    if len(mean) > 1 and len(mean) == len(low) == len(high):
        caption = "Cross entropy with the target by step: mean over samples, the best and the worst."
        series = Series("samples", np.arange(len(mean)), mean, low, high)
        sections.append(LinePlot([series], "How they were found", caption, "step", "cross entropy", markers=False))
    sections += class_table(
        texts(results.get("class_names")), results.get("class_colours"), {"IoU": results.get("classes")}, "Classes",
        f"{METRIC}. Empty: neither wanted nor seen where something was wanted.",
    )  # fmt: skip
    sections.append(Facts(run.settings(), "Settings"))
    subtitle = "Images with a wanted label map" + (f", from `{run.subject}`" if run.subject else "")
    return Page("Sampling by labels", subtitle + ".", sections, run.command_line, run.manifest, run.command)


def _target(run: RunRecord, target: Mapping[str, Any], place: int) -> list[Section]:
    name = str(target.get("name", place))
    wanted = run.picture(target.get("target"), f"The wanted label map of {name}", "wanted")
    accuracy = numbers(target.get("accuracy"))
    pictures = [] if wanted is None else [wanted]
    for number, file in enumerate(texts(target.get("samples"))):
        label = show_number(accuracy[number]) if number < len(accuracy) else ""
        found = run.picture(file, f"Sample {number} for {name} and its label map", label)
        pictures += [] if found is None else [found]
    miou = numbers(target.get("miou"))
    caption = f"mIoU of the samples: {', '.join(show_number(value) for value in miou)}." if len(miou) else ""
    return [Sheet(pictures, name, caption, 260)] if pictures else []
