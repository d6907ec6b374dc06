"""What a comparison of two sets of images says: numbers with intervals, without torch.

Legend: N samples, M real images, K neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Measured:
    """A figure of all images and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


@dataclass(frozen=True, eq=False)
class Quality:
    """Samples against real images.

    Attributes:
        features: what they were compared by, such as imagenet; only Inception's may be called FID.
        samples, reals: N and M.
        neighbours: k of the four shares.
        frechet: Frechet distance of Gaussians; falls with more images, so compare sets of one size.
        kernel: unbiased squared maximum mean discrepancy with a polynomial kernel (KID's formula).
        precision, recall: share of samples near a real image, and of real images near a sample.
        density, coverage: mean number of real neighbourhoods a sample lies in over k, and share of real neighbourhoods
            with a sample in them.
        nearest_NK, nearest_distance_NK: real images nearest to each sample, nearest first.
        unreached: real images that no sample is near, the most remote first.
    """

    features: str
    samples: int
    reals: int
    neighbours: int
    frechet: Measured
    kernel: Measured
    precision: Measured
    recall: Measured
    density: Measured
    coverage: Measured
    nearest_NK: npt.NDArray[np.int64]
    nearest_distance_NK: npt.NDArray[np.float64]
    unreached: npt.NDArray[np.int64]

    def sentence(self) -> str:
        return (
            f"{self.samples} samples against {self.reals} real images by {self.features}: Frechet distance "
            f"{self.frechet}, kernel distance {self.kernel}, precision {self.precision}, recall {self.recall}, density "
            f"{self.density}, coverage {self.coverage}."
        )
