"""The page of `gantk ghfeat train`: curves, validation, and held-out images beside their reconstructions.

Reads of `results`, all optional:
    curve           [{images, pixel, perceptual, adversarial, style, judge_fake, judge_real, r1, rate}]: means of
                    neighbouring steps, in the order of training
    validations     [{images, mse, ssim, perceptual, recovery: {attribute: R2}}]
    final           the same, of the encoder that was written, with psnr, mean_code_mse and images (how many)
    encoder         {file, sha256, bytes, parameters, config}
    pairs           [[original, reconstruction]]
    reached, skipped    images seen, updates left out
"""

from __future__ import annotations

from typing import Any

from gantk.reports.numbers import read_number
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, mapping, records, texts
from gantk.reports.sections import (
    BarPlot,
    Facts,
    Headline,
    LinePlot,
    Link,
    Links,
    Panels,
    Picture,
    Prose,
    Section,
    Series,
    Sheet,
)

LOSSES = (
    ("style", "Error of known codes", "in units of a style's variance"),
    ("pixel", "Squared error", "of pixels in [-1, 1]"),
    ("perceptual", "Feature distance", "of the perception"),
    ("adversarial", "Adversarial", "softplus(-D(reconstruction))"),
    ("judge_real", "Discriminator, real", "softplus(-D(image))"),
    ("judge_fake", "Discriminator, reconstructed", "softplus(D(reconstruction))"),
    ("r1", "Gradient penalty", "mean squared gradient of D on real images"),
)


def build(run: RunRecord) -> Page:
    results = run.results
    final = mapping(results.get("final"))
    sections: list[Section] = []
    if final:
        sections += [_headline(final), *_recovery(final)]
    sections += pairs_sheet(run, "Held-out images and their reconstructions")
    sections += _curves(records(results.get("curve")), records(results.get("validations")))
    if not final:
        sections.append(Prose("The training has not reached a checkpoint yet.", tone="warning"))
    skipped = read_number(results.get("skipped"))
    if skipped:
        text = f"{skipped:.0f} updates were left out because a gradient was not finite."
        sections.append(Prose(text, tone="warning"))
    encoder = mapping(results.get("encoder"))
    if encoder:
        sections.append(_file(run, encoder))
    sections.append(Facts(run.settings(), "Settings"))
    subtitle = f"An encoder of images into the styles of `{run.subject}`" if run.subject else ""
    reached = read_number(results.get("reached"))
    if reached:
        subtitle += f", after {reached:,.0f} images."
    return Page("Encoder training", subtitle, sections, run.command_line, run.manifest, run.command)


def _headline(final: Any) -> Headline:
    mse, mean = read_number(final.get("mse")), read_number(final.get("mean_code_mse"))
    count = read_number(final.get("images"))
    items: list[tuple[object, str, str]] = [
        (small(mse), "mean squared error", f"on {count:.0f} held-out images" if count else "")
    ]
    if mse and mean:
        items.append((mean / mse, "times better than one code", "the mean code for every image"))
    items.append((read_number(final.get("ssim")), "structural similarity", "1 is equal"))
    distance = read_number(final.get("perceptual"))
    if distance is not None:
        items.append((distance, "feature distance", "0 is equal"))
    return Headline(items)


def small(value: float | None) -> str | None:
    """An error as a headline has it: to four places, since two would be nought."""
    return None if value is None else f"{value:.4f}"


def _recovery(final: Any) -> list[Section]:
    recovery = {str(key): read_number(value) for key, value in mapping(final.get("recovery")).items()}
    found = {key.replace("_", " "): value for key, value in recovery.items() if value is not None}
    if not found:
        return []
    caption = (
        "R2 between what the predictor reads from a reconstruction and what it reads from the original: 1 means that "
        "the generator shows the same thing, 0 that it might as well show the average."
    )
    return [BarPlot(list(found), list(found.values()), title="What is kept", caption=caption, quantity="R2", digits=2)]


def pairs_sheet(run: RunRecord, title: str) -> list[Section]:
    """Originals with their reconstructions below, from `pairs`: [original, reconstruction], or with a name before."""
    pictures: list[Picture] = []
    entries = run.results.get("pairs")
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        words = texts(entry) if not isinstance(entry, list) else [str(word) for word in entry]
        if len(words) < 2:
            continue
        name = words[0].rpartition("/")[2] if len(words) > 2 else f"{number}"
        for path, what in zip(words[-2:], ("original", "reconstruction"), strict=True):
            picture = run.picture(path, f"{what} of image {name}", f"{name}, {what}")
            if picture is not None:
                pictures.append(picture)
    if not pictures:
        return []
    return [Sheet(pictures, title, "Each original is followed by what the generator makes of its code.", 96)]


def _curves(curve: list[Any], validations: list[Any]) -> list[Section]:
    panels = []
    for key, title, unit in LOSSES:
        points = [(read_number(row.get("images")), read_number(row.get(key))) for row in curve]
        good = [(x, y) for x, y in points if x is not None and y is not None]
        if len(good) > 1:
            panels.append(
                LinePlot([Series(title, [x for x, _ in good], [y for _, y in good])], title, unit, "images", "",
                         markers=False)
            )  # fmt: skip
    sections: list[Section] = []
    held = [(read_number(row.get("images")), row) for row in validations]
    for key, title in (("mse", "Held-out squared error"), ("ssim", "Held-out structural similarity")):
        good = [(x, y) for x, row in held if x is not None and (y := read_number(row.get(key))) is not None]
        if len(good) > 1:
            series = Series(title, [x for x, _ in good], [y for _, y in good])
            panels.append(LinePlot([series], title, "of the averaged encoder", "images", ""))
    names = [str(name) for row in validations for name in mapping(row.get("recovery"))]
    kept = []
    for name in dict.fromkeys(names):
        good = [
            (x, y) for x, row in held
            if x is not None and (y := read_number(mapping(row.get("recovery")).get(name))) is not None
        ]  # fmt: skip
        if len(good) > 1:
            kept.append(Series(name.replace("_", " "), [x for x, _ in good], [max(y, -0.2) for _, y in good]))
    if panels:
        caption = "Each point is the mean of neighbouring steps; held-out figures are of the averaged weights."
        sections.append(Panels(panels, "Curves", caption))
    if kept:
        caption = "R2 of each attribute on held-out images, see above; values below -0.2 are drawn there."
        sections.append(LinePlot(kept, "What is kept, over the training", caption, "images", "R2"))
    return sections


def _file(run: RunRecord, encoder: Any) -> Section:
    name = str(encoder.get("file", ""))
    size, parameters = read_number(encoder.get("bytes")), read_number(encoder.get("parameters"))
    text = ", ".join(
        part for part in (
            f"{size / 1e6:.1f} MB" if size else "", f"{parameters:,.0f} parameters" if parameters else "",
            f"sha256 {str(encoder.get('sha256', ''))[:16]}...",
        ) if part
    )  # fmt: skip
    return Links(
        [Link(name, name, text)] if run.path(name) is not None else [], "The encoder", "Give it as `--encoder`."
    )
