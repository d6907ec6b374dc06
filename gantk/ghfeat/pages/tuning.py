"""The part of the page of `gantk invert --tune` that is about the weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gantk.ghfeat.figures import short
from gantk.ghfeat.pages.shared import picture, small
from gantk.ghfeat.results import Tuning
from gantk.reports.sections import Headline, LinePlot, Section, Series, Sheet
from gantk.reports.strips import walk_sections


def tuning_sections(tuning: Tuning) -> list[Section]:
    """What tuned weights change: figures, pictures, and the same edit with both networks."""
    before, after = (np.asarray(part).mean(0) for part in (tuning.before, tuning.after))
    items: list[tuple[object, str, str]] = [
        (small(float(after[0])), "mean squared error", f"{small(float(before[0]))} before"),
        (float(after[1]), "structural similarity", f"{before[1]:.3f} before"),
    ]
    if before[2] >= 0:
        items.append((small(float(after[2])), "feature distance", f"{small(float(before[2]))} before"))
    items.append((tuning.size_mb, "MB of weights", f"{len(tuning.weights)} weights, float16"))
    sections: list[Section] = [Headline(items)]
    pictures = []
    for each in tuning.images:
        name = short(each.name)
        pictures += [
            picture(each.original, f"image {name}", name),
            picture(each.inversion, f"{name} by its code", "by its code"),
            picture(each.tuned, f"{name} with tuned weights", "with tuned weights"),
        ]
    sections.append(
        Sheet(
            pictures,
            "With tuned weights",
            "Each image, what its code makes, and what it makes with tuned weights.",
            112,
        )
    )
    for walk, title in ((tuning.plain, "before"), (tuning.tuned, "with tuned weights")):
        if walk is not None:
            found = walk_sections(replace(walk, name=f"{walk.name}, {title}"))
            sections += found
    steps = list(range(1, len(tuning.curve) + 1))
    curve = np.asarray(tuning.curve)
    lines = [Series("images", steps, curve[:, 0].tolist())]
    if curve[:, 1].any():
        lines.append(Series("other codes", steps, curve[:, 1].tolist()))
    caption = "The distance of the images, and what holds the pictures of other codes where they were."
    if len(steps) > 1:
        sections.append(LinePlot(lines, "Loss of the tuning", caption, "step", "", markers=False))
    return sections
