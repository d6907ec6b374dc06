"""The page of `gantk invert`: sliders over the steps of the optimisation beside the originals."""

from __future__ import annotations

from gantk.ghfeat.figures import short
from gantk.ghfeat.pages.shared import closeness_items, picture
from gantk.ghfeat.pages.tuning import tuning_sections
from gantk.ghfeat.results import GIVEN, InvertResult
from gantk.reports.answer import answer
from gantk.reports.page import Page
from gantk.reports.sections import LinePlot, Link, Links, Section, Series, Sheet, SliderGrid, SliderStrip
from gantk.runs.claims import counted


def page(result: InvertResult) -> Page:
    steps = [float(step) for step in result.kept_steps]
    pairs, strips = [], []
    for course in result.sequences:
        name = short(course.name)
        pairs.append(picture(course.original, f"image {name}", f"{name}, image"))
        pairs.append(picture(course.frames[-1], f"what the generator makes of the code of {name}", f"{name}, inverted"))
        frames = [
            picture(frame, f"{name} after {step:.0f} steps", f"{step:.0f}")
            for frame, step in zip(course.frames, steps, strict=True)
        ]
        strips.append(SliderStrip(frames, steps, name, quantity="step", start=len(frames) - 1))
    caption = "Each image is followed by what the generator makes of its code."
    shown: list[Section] = [Sheet(pairs, "", caption, 160, 2)] if pairs else []
    sections = answer(result, shown, closeness_items(result.means, f"{counted(len(result.kept))}, pixels in [-1, 1]"))
    if strips:
        caption = "What the generator makes of each image's code, step by step; 0 is the start."
        sections.append(SliderGrid(strips, "Reconstructions by step", caption, "step"))
    losses = result.loss
    if len(losses) > 1:
        series = Series("loss", list(range(len(losses))), losses)
        caption = "Squared error, feature distance and prior together, averaged over the images."
        sections.append(LinePlot([series], "Loss by step", caption, "step", "loss", markers=False))
    if result.tuning is not None:
        sections += tuning_sections(result.tuning)
    sections.append(Links([Link(each.name, each.name, each.about) for each in result.exports()], "Files"))
    began = {"none": "the nearest of some samples", GIVEN: GIVEN}.get(
        result.encoder, f"the codes of `{short(result.encoder)}`"
    )
    subtitle = f"Which codes make these images? Codes in the space `{result.space}`: "
    subtitle += f"{counted(result.steps, 'step')} from {began}."
    return Page("Inversion", subtitle, sections)
