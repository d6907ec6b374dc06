"""What a comparison of two sets of images says: numbers with intervals, without torch.

Legend: N samples, M real images, K neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from gantk.quality.claims import QUALITY
from gantk.runs.claims import Claims, decimals
from gantk.runs.results import Export, Result, record
from gantk.runs.structure import Image
from gantk.store.files import write_atomic
from gantk.store.text import csv_bytes

FILE = "quality.csv"


@dataclass(frozen=True)
class Measured:
    """A figure of all images and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        value, low, high = self.shown()
        return f"{value} ({low} to {high})"

    def shown(self) -> tuple[str, str, str]:
        """Value and ends of the interval as text, with one decimal more than the interval deserves; no end reads as 0
        that is not 0."""
        digits = decimals(self.low, self.high) + (self.high > self.low)
        while digits < 6 and any(end != 0 and float(f"{end:.{digits}f}") == 0 for end in (self.low, self.high)):
            digits += 1
        return f"{self.value:.{digits}f}", f"{self.low:.{digits}f}", f"{self.high:.{digits}f}"


class Figure(NamedTuple):
    """A figure with the name it may have, and what it says."""

    name: str
    measured: Measured
    about: str


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

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All six; FID and KID are the names of distances between Inception's features only."""
        inception = self.features == "inception"
        k = self.neighbours
        return (
            Figure("FID" if inception else "Frechet distance", self.frechet, "Distance of Gaussians; 0 for equal sets"),
            Figure("KID" if inception else "kernel distance", self.kernel, "Unbiased distance; about 0 for equal sets"),
            Figure("precision", self.precision, f"Share of samples in a real image's neighbourhood of {k}"),
            Figure("recall", self.recall, f"Share of real images in a sample's neighbourhood of {k}"),
            Figure("density", self.density, f"Real neighbourhoods that a sample lies in, over {k}; 1 for equal sets"),
            Figure("coverage", self.coverage, "Share of real neighbourhoods that have a sample"),
        )

    @property
    def copies(self) -> int:
        """How many samples have the very features of a real image."""
        return int((self.nearest_distance_NK[:, 0] == 0).sum()) if self.nearest_distance_NK.size else 0

    def sentence(self) -> str:
        figures = self.figures
        distance, precision, recall = (f"{figure.name} is {figure.measured}" for figure in (figures[0], *figures[2:4]))
        return (
            f"{self.samples} samples were compared with {self.reals} real images by the features of {self.features}: "
            f"the {distance}, the {precision} and the {recall}."
        )


@record
class Shown:
    """One image under its name."""

    name: str
    image: Image


@record
class Matched:
    """A sample and the real images nearest to it, nearest first, with their distances."""

    sample: Shown
    nearest: tuple[Shown, ...]
    distances: tuple[float, ...]


@record
class QualityResult(Result):
    """Two sets of images compared.

    Attributes:
        samples, reals: what they are.
        truncation: of the samples; None where they are images, or of a network that has none.
        found: all figures, and the nearest real images of every sample.
        closest, furthest: the samples that are nearest to a real image, and furthest from all.
        missed: the real images that no sample is near, the most remote first, as many as are shown.
    """

    TASK: ClassVar[str] = "quality"
    CLAIMS: ClassVar[Claims[QualityResult]] = QUALITY
    samples: str
    reals: str
    truncation: str | None
    found: Quality
    closest: tuple[Matched, ...]
    furthest: tuple[Matched, ...]
    missed: tuple[Shown, ...]

    def lines(self) -> tuple[str, ...]:
        lines = [f"{figure.name}: {figure.measured}" for figure in self.found.figures]
        count = len(self.found.unreached)
        return (*lines, f"{count} of {self.found.reals} real images {'has' if count == 1 else 'have'} no sample near")

    def table(self) -> list[dict[str, object]]:
        return [
            {"figure": name, "value": measured.value, "low": measured.low, "high": measured.high}
            for name, measured, _ in self.found.figures
        ]

    def exports(self) -> Iterator[Export]:
        rows = self.table()
        data = csv_bytes(rows[0], (row.values() for row in rows))
        yield Export(FILE, partial(write_atomic, data=data), "the figures with their intervals")
