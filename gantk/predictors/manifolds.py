"""What of one set lies in the neighbourhoods of another: precision, recall, density, coverage, and which images do not.

Legend: N samples, M real images, F features, k neighbours that make a neighbourhood, K neighbours that are shown.

A neighbourhood of an image is the ball that reaches its k-th nearest neighbour in its own set.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gantk.errors import UsageError
from gantk.predictors.set_distances import checked, pairwise

Distances = npt.NDArray[np.float32]


class Shares(NamedTuple):
    """Precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020)."""

    precision: float
    recall: float
    density: float
    coverage: float


class Between(NamedTuple):
    """Distances among samples [N, N], among real images [M, M], and from samples to real images [N, M]."""

    samples: Distances
    reals: Distances
    across: Distances

    def take(self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> Between:
        """Those of some samples and some real images."""
        return Between(
            self.samples[np.ix_(rows, rows)], self.reals[np.ix_(columns, columns)], self.across[np.ix_(rows, columns)]
        )


def distances_between(sample_NF: npt.NDArray[Any], real_MF: npt.NDArray[Any]) -> Between:
    """All distances; a few thousand images of each at most."""
    a, b = checked(sample_NF, real_MF)
    return Between(pairwise(a, a), pairwise(b, b), pairwise(a, b))


def radii(among: Distances, k: int) -> Distances:
    """Distance of each image to its k-th nearest neighbour; the image itself does not count."""
    if not 1 <= k < len(among):
        raise UsageError(f"k = {k} neighbours do not fit {len(among)} images: 1 to {len(among) - 1} do.")
    others = among.copy()
    np.fill_diagonal(others, np.inf)
    result: Distances = np.partition(others, k - 1, axis=1)[:, k - 1]
    return result


def shares_of(between: Between, k: int) -> Shares:
    """The four shares from distances."""
    in_real_NM = between.across <= radii(between.reals, k)
    in_sample_NM = between.across <= radii(between.samples, k)[:, None]
    return Shares(
        float(in_real_NM.any(1).mean()),
        float(in_sample_NM.any(0).mean()),
        float(in_real_NM.sum(1).mean() / k),
        float(in_real_NM.any(0).mean()),
    )


def manifold_shares(sample_NF: npt.NDArray[Any], real_MF: npt.NDArray[Any], k: int = 5) -> Shares:
    """Precision, recall, density and coverage of samples [N, F] against real images [M, F]."""
    return shares_of(distances_between(sample_NF, real_MF), k)


def nearest(
    sample_NF: npt.NDArray[Any], real_MF: npt.NDArray[Any], count: int = 5
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The real images nearest to each sample, [N, K] indices and distances, nearest first."""
    a, b = checked(sample_NF, real_MF, 1)
    return nearest_of(pairwise(a, b), count)


def nearest_of(across: Distances, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    order = np.argsort(across, 1, kind="stable")[:, :count]
    return order, np.take_along_axis(across, order, 1).astype(np.float64)


def unreached(sample_NF: npt.NDArray[Any], real_MF: npt.NDArray[Any], k: int = 5) -> npt.NDArray[np.int64]:
    """Real images in whose neighbourhood no sample lies; the furthest, in units of the neighbourhood, first."""
    return unreached_of(distances_between(sample_NF, real_MF), k)


def unreached_of(between: Between, k: int) -> npt.NDArray[np.int64]:
    radius_M = radii(between.reals, k)
    distance_M = between.across.min(0)
    outside = np.flatnonzero(distance_M > radius_M)
    ratio = distance_M[outside] / np.maximum(radius_M[outside], 1e-12)
    return outside[np.argsort(-ratio, kind="stable")]
