"""What the pages of GH-Feat have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gantk.ghfeat.figures import Figures, Pair, short
from gantk.reports.numbers import show_rounded
from gantk.reports.sections import BarPlot, Picture, Section, Sheet
from gantk.runs.structure import Image


def small(value: float) -> str:
    """An error as a headline has it: to four places, since two would read as zero."""
    return f"{value:.4f}"


def picture(image: Image, alt: str, caption: str = "") -> Picture:
    return Picture(image.source, alt, caption, Path(image.name).stem)


def pairs_sheet(pairs: Sequence[Pair], title: str) -> list[Section]:
    """Originals with their reconstructions."""
    pictures: list[Picture] = []
    for pair in pairs:
        name = short(pair.name)
        for image, what in ((pair.original, "original"), (pair.reconstruction, "reconstruction")):
            if image is not None:
                pictures.append(picture(image, f"{what} of image {name}", f"{name}, {what}"))
    if not pictures:
        return []
    coded = any(pair.original is None for pair in pairs)
    caption = "What the generator makes of the codes." if coded else (
        "Each original is followed by what the generator makes of its code."
    )  # fmt: skip
    return [Sheet(pictures, title, caption, 112, 1 if coded else 2)]


def recovery_plot(figures: Figures) -> list[Section]:
    """How much of what a predictor reads is kept."""
    if not figures.recovery:
        return []
    caption = (
        "R2 between what the predictor reads from a reconstruction and what it reads from the original: 1 is the same "
        "value in every image, 0 no better than the average of all."
    )
    title, names = "What reconstructions keep of each attribute", [name.replace("_", " ") for name in figures.recovery]
    return [BarPlot(names, list(figures.recovery.values()), title=title, caption=caption, quantity="R2", digits=2)]


def closeness_items(figures: Figures, about: str, mean_code: float | None = None) -> list[tuple[object, str, str]]:
    """The headline of reconstructions.

    Args:
        mean_code: the error of the mean code's picture.
    """
    items: list[tuple[object, str, str]] = [(small(figures.mse), "mean squared error", about)]
    if mean_code is not None and figures.mse > 0:
        items.append(
            (show_rounded(mean_code / figures.mse), "times smaller error", "than that of the mean code for every image")
        )
    if mean_code is None:
        items.append((f"{figures.psnr:.1f} dB", "peak signal to noise", "higher is closer"))
    items.append((figures.ssim, "structural similarity", "1 is equal"))
    if figures.perceptual is not None:
        items.append((figures.perceptual, "feature distance", "0 is equal"))
    return items
