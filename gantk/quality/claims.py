"""What the page of `gantk quality` says, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.runs.claims import Claims, advise, doubt, found

if TYPE_CHECKING:
    from gantk.quality.results import QualityResult


FEW = 500
"""Images on either side below which a page doubts what it compares."""


def _interval(result: QualityResult) -> str:
    figure = result.found.figures[1]
    _, low, high = figure.measured.shown()
    return f"the interval of the {figure.name}, {low} to {high},"


def _missed(result: QualityResult) -> str:
    found = result.found
    one = len(found.unreached) == 1
    return (
        f"{len(found.unreached)} of {found.reals} real images {'has' if one else 'have'} no sample in "
        f"{'its' if one else 'their'} own neighbourhood: look below at what the generator does not draw."
    )


QUALITY: Claims[QualityResult] = (
    found(lambda r: r.found.sentence()),
    found(
        lambda r: f"The two sets differ: {_interval(r)} lies above 0, its value for equal sets.",
        lambda r: r.found.kernel.low > 0,
    ),
    found(
        lambda r: (
            f"At these numbers of images {_interval(r)} contains 0, its value for equal sets: it does not tell the two "
            "sets apart."
        ),
        lambda r: r.found.kernel.low <= 0 <= r.found.kernel.high,
    ),
    doubt(
        lambda r: (
            f"{r.found.copies} of {r.found.samples} samples {'has' if r.found.copies == 1 else 'have'} "
            "exactly the features of a real image. Distances and "
            "intervals are meant for two sets that were drawn independently: where sets share images, the kernel "
            "distance and its whole interval come out below 0."
        ),
        lambda r: r.found.copies > 0,
    ),
    doubt(
        lambda r: (
            f"{r.found.samples} samples and {r.found.reals} real images are few: the {r.found.figures[0].name} comes "
            f"out too large, and differences between the sets may stay unseen. Give {FEW} or more with `--num`."
        ),
        lambda r: min(r.found.samples, r.found.reals) < FEW,
    ),
    doubt(
        lambda r: (
            f"The features are those of {r.found.features}, so that these are no FID and no KID: they can be compared "
            "with figures that the same features gave, not with published ones."
        ),
        lambda r: r.found.features != "inception",
    ),
    advise(_missed, lambda r: len(r.found.unreached) > 0),
    advise(
        "`gantk quality MODEL IMAGES --truncation 0.7` measures the same with samples nearer to the mean code: "
        "precision against recall.",
        lambda r: r.truncation is not None,
    ),
    advise(
        "`gantk quality FOLDER IMAGES` of two halves of the real images gives the figures of equal sets: compare "
        "with those, at the same number of images."
    ),
)
