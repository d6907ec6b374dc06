"""The page of `gantk invert`: sliders over the steps of the optimisation beside the originals.

Reads of `results`, all optional:
    sequences       [{name, original, frames: [path per kept step]}]
    kept_steps      [step]
    losses          [mean loss at every step]
    figures         [[mse, ssim] of each image]
    means           {mse, ssim, psnr}
    skipped         [name]
"""

from __future__ import annotations

from gantk.ghfeat.pages.train import small
from gantk.reports.numbers import read_number
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, mapping, numbers, records, texts
from gantk.reports.sections import (
    Facts,
    Headline,
    LinePlot,
    Link,
    Links,
    Prose,
    Section,
    Series,
    Sheet,
    SliderGrid,
    SliderStrip,
)

FILES = {
    "codes.safetensors": "styles of every image, one array per layer",
    "wp.npy": "codes wp, for gantk manipulate -i",
    "w.npy": "codes w, for gantk manipulate -i",
    "z.npy": "codes z, for gantk manipulate -i",
}


def build(run: RunRecord) -> Page:
    results = run.results
    sections: list[Section] = []
    means = mapping(results.get("means"))
    if means:
        sections.append(
            Headline(
                [
                    (small(read_number(means.get("mse"))), "mean squared error", "of pixels in [-1, 1]"),
                    (read_number(means.get("psnr")), "dB", "signal to noise"),
                    (read_number(means.get("ssim")), "structural similarity", "1 is equal"),
                ]
            )
        )
    skipped = texts(results.get("skipped"))
    if skipped:
        sections.append(Prose(f"Left out, because they cannot be read: {', '.join(skipped)}.", tone="warning"))
    steps = [float(step) for step in numbers(results.get("kept_steps"))]
    originals, strips = [], []
    for entry in records(results.get("sequences")):
        name = str(entry.get("name", "")).rpartition("/")[2]
        original = run.picture(entry.get("original"), f"image {name}", name)
        frames = [run.picture(path, f"{name} after {step:.0f} steps", f"{step:.0f}")
                  for path, step in zip(texts(entry.get("frames")), steps, strict=False)]  # fmt: skip
        good = [frame for frame in frames if frame is not None]
        if original is not None:
            originals.append(original)
        if good and len(good) == len(steps):
            strips.append(SliderStrip(good, steps, name, quantity="step", start=len(good) - 1))
    if originals:
        sections.append(Sheet(originals, "Images", "What the codes should make.", 112))
    if strips:
        caption = "What the generator makes of each image's code, step by step; 0 is the start."
        sections.append(SliderGrid(strips, "Reconstructions", caption, "step"))
    losses = numbers(results.get("losses"))
    if len(losses) > 1:
        series = Series("loss", list(range(len(losses))), losses)
        caption = "Squared error, feature distance and prior together, averaged over the images."
        sections.append(LinePlot([series], "Loss", caption, "step", "", markers=False))
    links = [Link(name, name, text) for name, text in FILES.items() if run.path(name) is not None]
    sections += [Links(links, "Files"), Facts(run.settings(), "Settings")]
    subtitle = f"Codes of real images, found in the space `{run.arguments.get('space', '')}` of `{run.subject}`."
    return Page("Inversion", subtitle, sections, run.command_line, run.manifest, run.command)
