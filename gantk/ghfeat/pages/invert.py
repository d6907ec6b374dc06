"""The page of `gantk invert`: sliders over the steps of the optimisation beside the originals."""

from __future__ import annotations

from gantk.ghfeat.figures import short
from gantk.ghfeat.pages.shared import closeness_items, picture, skipped_note
from gantk.ghfeat.results import InvertResult
from gantk.reports.page import Page
from gantk.reports.sections import Headline, LinePlot, Link, Links, Section, Series, Sheet, SliderGrid, SliderStrip


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
    sections.append(Links([Link(each.name, each.name, each.about) for each in result.exports()], "Files"))
    began = "the nearest of some samples" if result.encoder == "none" else f"what `{short(result.encoder)}` says"
    subtitle = f"Codes of real images in the space `{result.space}`: {result.steps} steps from {began}."
    return Page("Inversion", subtitle, sections)
