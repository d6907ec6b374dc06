"""What the results of several commands of GH-Feat have in common: figures of reconstructions, and their pictures.

Without torch, so that pages are made where there is none.
"""

from __future__ import annotations

import math

from gantk.runs.results import record
from gantk.runs.structure import Image


def psnr(mse: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error between images in [-1, 1]."""
    return 10 * math.log10(4 / max(mse, 1e-12))


@record
class Figures:
    """How close reconstructions are to their originals, means over the images.

    Attributes:
        mse: squared error of pixels in [-1, 1]. psnr: the same in dB.
        ssim: structural similarity; 1 is equal.
        perceptual: distance of a perception; None without one.
        recovery: R2 of each attribute, read by a predictor from the reconstructions against the originals.
    """

    mse: float
    psnr: float
    ssim: float
    perceptual: float | None
    recovery: dict[str, float]

    @classmethod
    def of(
        cls, mse: float, ssim: float, perceptual: float | None = None, recovery: dict[str, float] | None = None
    ) -> Figures:
        return cls(mse=mse, psnr=psnr(mse), ssim=ssim, perceptual=perceptual, recovery=recovery or {})


@record
class Pair:
    """An image and what the generator makes of its code; `original` is None where the code was given."""

    name: str
    original: Image | None
    reconstruction: Image


def short(name: str) -> str:
    """The name of an image without its folder."""
    return name.rpartition("/")[2]
