"""What the page of `gantk quality` says, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.runs.claims import Claim, Claims

if TYPE_CHECKING:
    from gantk.quality.results import QualityResult

QUALITY: Claims[QualityResult] = (
    Claim("found", lambda r: True, lambda r: r.found.sentence()),
    Claim(
        "doubt",
        lambda r: r.found.copies > 0,
        lambda r: (
            f"{r.found.copies} of {r.found.samples} samples are real images to the last feature. Distances and "
            "intervals are of two sets that were drawn apart: of sets that share images the kernel distance comes out "
            "below nought, interval and all."
        ),
    ),
)
