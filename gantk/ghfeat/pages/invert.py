"""The page of `gantk invert`: sliders over the steps of the optimisation beside the originals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gantk.ghfeat.figures import short
from gantk.ghfeat.pages.shared import closeness_items, picture, skipped_note, small
from gantk.ghfeat.results import GIVEN, InvertResult, Tuning
from gantk.reports.page import Page
from gantk.reports.sections import (
    Headline,
    LinePlot,
    Link,
    Links,
    Section,
    Series,
    Sheet,
    SliderGrid,
    SliderStrip,
)
from gantk.reports.strips import walk_sections


def page(result: InvertResult) -> Page:
    """The page of an inversion."""
    sections: list[Section] = [Headline(closeness_items(result.means, "of pixels in [-1, 1]"))]
    sections += skipped_note(result.skipped)
    steps = [float(step) for step in result.kept_steps]
    originals, strips = [], []
    for course in result.sequences:
        name = short(course.name)
        originals.append(picture(course.original, f"image {name}", name))
        frames = [
            picture(frame, f"{name} after {step:.0f} steps", f"{step:.0f}")
            for frame, step in zip(course.frames, steps, strict=True)
        ]
        strips.append(SliderStrip(frames, steps, name, quantity="step", start=len(frames) - 1))
    if originals:
        sections.append(Sheet(originals, "Images", "What the codes should make.", 112))
        caption = "What the generator makes of each image's code, step by step; 0 is the start."
        sections.append(SliderGrid(strips, "Reconstructions", caption, "step"))
    losses = result.loss
    if len(losses) > 1:
        series = Series("loss", list(range(len(losses))), losses)
        caption = "Squared error, feature distance and prior together, averaged over the images."
        sections.append(LinePlot([series], "Loss", caption, "step", "", markers=False))
    if result.tuning is not None:
        sections += tuning_sections(result.tuning)
    sections.append(Links([Link(each.name, each.name, each.about) for each in result.exports()], "Files"))
    began = {"none": "the nearest of some samples", GIVEN: GIVEN}.get(
        result.encoder, f"what `{short(result.encoder)}` says"
    )
    subtitle = f"Codes of real images in the space `{result.space}`: {result.steps} steps from {began}."
    return Page("Inversion", subtitle, sections)


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
