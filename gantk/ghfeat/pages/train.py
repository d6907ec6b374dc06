"""The page of `gantk ghfeat train`: curves, validation, and held-out images beside their reconstructions."""

from __future__ import annotations

from gantk.ghfeat.pages.shared import closeness_items, pairs_sheet, recovery_plot
from gantk.ghfeat.results import ENCODER, TrainResult
from gantk.reports.answer import answer
from gantk.reports.numbers import show_fixed, show_number
from gantk.reports.page import Page
from gantk.reports.sections import LinePlot, Link, Links, Panels, Section, Series
from gantk.runs.claims import counted

LOSSES = (
    ("style", "Error of known codes", "in units of a style's variance"),
    ("pixel", "Squared error", "of pixels in [-1, 1]"),
    ("perceptual", "Feature distance", "of the perception"),
    ("adversarial", "Adversarial", "softplus(-D(reconstruction))"),
    ("judge_real", "Discriminator, real", "softplus(-D(image))"),
    ("judge_fake", "Discriminator, reconstructed", "softplus(D(reconstruction))"),
    ("r1", "Gradient penalty", "mean squared gradient of D on real images"),
)
LOWEST = -0.2  # R2 is drawn down to here


def page(result: TrainResult) -> Page:
    about = f"on {counted(result.held_out, 'held-out image')}"
    pictures = pairs_sheet(result.pairs, "Held-out images and their reconstructions")
    sections = answer(result, pictures, closeness_items(result.final, about, result.mean_code_mse))
    sections += recovery_plot(result.final)
    sections += _curves(result)
    count = show_number(result.parameters, 0)
    size = f"{result.file.size / 1e6:.1f} MB, {count} parameters, sha256 {result.sha256[:16]}..."
    sections.append(Links([Link(ENCODER, ENCODER, size)], "The encoder", "Give it as `--encoder`."))
    reached = show_number(result.reached, 0)
    subtitle = f"How close are the images that a generator makes of the encoder's codes? After {reached} images."
    return Page("Encoder training", subtitle, sections)


def _curves(result: TrainResult) -> list[Section]:
    panels = []
    for key, title, unit in LOSSES:
        found = [(point.images, getattr(point, key)) for point in result.curve if getattr(point, key) is not None]
        if len(found) > 1:
            panels.append(_plot(title, found, unit, markers=False))
    held = result.validations
    if len(held) > 1:
        of = "of the averaged encoder"
        panels.append(_plot("Held-out squared error", [(at.images, at.figures.mse) for at in held], of))
        panels.append(_plot("Held-out structural similarity", [(at.images, at.figures.ssim) for at in held], of))
    sections: list[Section] = []
    if panels:
        caption = "Each point is the mean of neighbouring steps; held-out figures are of the averaged weights."
        sections.append(Panels(panels, "Losses and held-out figures", caption))
    kept = [
        Series(
            name.replace("_", " "),
            [at.images for at in held],
            [max(at.figures.recovery[name], LOWEST) for at in held],
        )
        for name in (result.final.recovery if len(held) > 1 else ())
    ]
    if kept:
        low = show_fixed(LOWEST, 1)
        caption = f"R2 of each attribute on held-out images; values below {low} are drawn there."
        panels = [LinePlot([each], each.name, x_name="images", y_name="R2", y_range=(LOWEST, 1.0)) for each in kept]
        sections.append(Panels(panels, "What reconstructions keep, over the training", caption))
    return sections


def _plot(title: str, points: list[tuple[int, float]], unit: str, markers: bool = True) -> LinePlot:
    series = Series(title, [x for x, _ in points], [y for _, y in points])
    return LinePlot([series], title, unit, "images", "", markers=markers)
