"""All figures of two sets of features, each with an interval.

Legend: N samples, M real images, F features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.predictors.distance import frechet_distance
from gantk.predictors.manifolds import Between, distances_between, nearest_of, shares_of, unreached_of
from gantk.predictors.set_distances import checked, kernel_distance
from gantk.quality.results import Measured, Quality

NEIGHBOURS, SHOWN, SUBSETS = 5, 5, 20
INFINITE = float("inf")
ENDS = {  # what each figure can be: an interval says nothing beyond
    "frechet": (0.0, INFINITE), "kernel": (-INFINITE, INFINITE), "precision": (0.0, 1.0), "recall": (0.0, 1.0),
    "density": (0.0, INFINITE), "coverage": (0.0, 1.0),
}  # fmt: skip
CONFIDENT = 1.959964  # standard deviations of a 95 % interval


def compare(
    sample_NF: npt.NDArray[Any],
    real_MF: npt.NDArray[Any],
    features: str,
    *,
    neighbours: int = NEIGHBOURS,
    subsets: int = SUBSETS,
    shown: int = SHOWN,
    seed: int = 0,
) -> Quality:
    """Compare samples [N, F] with real images [M, F].

    The interval of a figure is its value on all images and 1.96 times its standard deviation over random halves of
    both sets on either side: halves drawn without putting back vary as much as whole sets drawn anew would.

    Args:
        features: whose they are; shown to people.
        neighbours: k of precision, recall, density and coverage.
        subsets: halves that are drawn; each costs a quarter of a comparison.
        shown: nearest real images per sample.
        seed: of the halves.

    Raises:
        GantkError: see `checked`. UsageError: k does not fit a half.
    """
    a, b = checked(sample_NF, real_MF, 4)
    between = distances_between(a, b)
    random = np.random.default_rng(seed)
    drawn: list[dict[str, float]] = []
    for _ in range(subsets):
        rows, columns = (np.sort(random.permutation(len(x))[: len(x) // 2]) for x in (a, b))
        drawn.append(_figures(a[rows], b[columns], between.take(rows, columns), neighbours))
    measured = {}
    for name, value in _figures(a, b, between, neighbours).items():
        half = CONFIDENT * float(np.std([part[name] for part in drawn], ddof=1)) if subsets > 1 else float("inf")
        low, high = ENDS[name]
        measured[name] = Measured(value, max(value - half, low), min(value + half, high))
    index_NK, distance_NK = nearest_of(between.across, shown)
    return Quality(
        features=features,
        samples=len(a),
        reals=len(b),
        neighbours=neighbours,
        nearest_NK=index_NK,
        nearest_distance_NK=distance_NK,
        unreached=unreached_of(between, neighbours),
        **measured,
    )


def _figures(
    a_NF: npt.NDArray[np.float64], b_MF: npt.NDArray[np.float64], between: Between, neighbours: int
) -> dict[str, float]:
    shares = shares_of(between, neighbours)._asdict()
    return {"frechet": frechet_distance(a_NF, b_MF), "kernel": kernel_distance(a_NF, b_MF), **shares}
