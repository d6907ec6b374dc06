"""Figures of two sets of features against closed forms and slow definitions.

Legend: N samples, M real images, F features.
"""

from __future__ import annotations

import numpy as np
import pytest

from gantk import quality
from gantk.errors import GantkError, UsageError
from gantk.predictors.distance import frechet_distance
from gantk.predictors.manifolds import manifold_shares, nearest, unreached
from gantk.quality.comparison import compare


def cloud(n: int, f: int = 6, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, f)) + shift


def test_kernel_distance_is_its_definition() -> None:
    a, b = cloud(7), cloud(9, shift=0.5, seed=1)

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return (float(x @ y) / 6 + 1) ** 3

    within = [np.mean([k(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j]) for s in (a, b)]
    expected = sum(within) - 2 * np.mean([k(x, y) for x in a for y in b])
    assert np.isclose(quality.kernel_distance(a, b), expected, rtol=1e-10)


def test_kernel_distance_is_unbiased() -> None:
    found = [quality.kernel_distance(cloud(40, seed=2 * i), cloud(40, seed=2 * i + 1)) for i in range(200)]
    assert abs(np.mean(found)) < 3 * np.std(found) / 200**0.5
    assert min(found) < 0, "an unbiased estimate of nought is negative half the time"


def test_frechet_distance_of_gaussians_known_in_closed_form() -> None:
    a, b = cloud(60_000, 3), 2 * cloud(60_000, 3, seed=1) + np.array([1.0, 0, 0])
    # |m|^2 + sum (s_a - s_b)^2 = 1 + 3
    assert abs(frechet_distance(a, b) - 4) < 0.1


def test_shares_of_a_line_counted_by_hand() -> None:
    real = np.array([[0.0], [1.0], [2.0], [10.0]])  # with k = 1 their balls reach 1, 1, 1 and 8
    sample = np.array([[0.5], [3.5], [30.0], [31.0]])  # 3, 3, 1 and 1
    shares = manifold_shares(sample, real, 1)
    # 0.5 lies in the balls of 0 and 1; 3.5 in that of 10; 30 and 31 in none
    assert shares.precision == 0.5 and shares.density == 3 / 4
    # 0.5 reaches 0, 1, 2; 3.5 reaches 2, 1 and not 10
    assert shares.recall == 0.75
    assert shares.coverage == 0.75, "the neighbourhoods of 0, 1 and 10 have a sample, that of 2 has none"
    assert unreached(sample, real, 1).tolist() == [2]
    index, distance = nearest(sample, real, 2)
    assert index[1].tolist() == [2, 1] and distance[1].tolist() == [1.5, 2.5]


def test_shares_of_equal_and_of_distant_sets() -> None:
    real = cloud(200)
    same = manifold_shares(real, real, 3)
    assert same.precision == same.recall == same.coverage == 1.0
    far = manifold_shares(cloud(200, shift=50, seed=1), real, 3)
    assert far == (0, 0, 0, 0)
    collapsed = manifold_shares(0.05 * cloud(200, seed=2), real, 3)
    assert collapsed.precision > 0.9 > 0.1 > collapsed.recall, "samples that are all alike"


def test_a_missing_mode_is_found() -> None:
    real = np.concatenate([cloud(150), cloud(50, shift=8, seed=1)])
    found = unreached(cloud(300, seed=2), real)
    assert set(range(150, 200)) <= set(found.tolist())
    assert set(found[:40].tolist()) <= set(range(150, 200)), "the most remote first"


def test_compare_gathers_all_with_intervals() -> None:
    a, b = cloud(160, shift=0.3), cloud(200, seed=1)
    found = compare(a, b, "toy", neighbours=3)
    assert (found.samples, found.reals, found.features) == (160, 200, "toy")
    assert found.frechet.value == frechet_distance(a, b)
    assert found.kernel.value == quality.kernel_distance(a, b)
    assert (found.precision.value, found.recall.value, found.density.value, found.coverage.value) == tuple(
        manifold_shares(a, b, 3)
    )
    for name in ("frechet", "kernel", "precision", "recall", "density", "coverage"):
        part = getattr(found, name)
        assert part.low < part.value < part.high, name
    again = compare(a, b, "toy", neighbours=3)
    assert again.frechet == found.frechet, "the halves are seeded"
    assert found.nearest_NK.shape == (160, 5) and "recall" in found.sentence()


def test_intervals_are_as_wide_as_sets_drawn_anew_vary() -> None:
    anew = [quality.kernel_distance(cloud(80, shift=0.4, seed=3 * i), cloud(80, seed=3 * i + 1)) for i in range(60)]
    widths = [
        (found.high - found.low) / (2 * 1.959964)
        for i in range(5)
        for found in [compare(cloud(80, shift=0.4, seed=500 + i), cloud(80, seed=600 + i), "toy").kernel]
    ]
    assert 0.7 < np.mean(widths) / np.std(anew) < 1.4


@pytest.mark.parametrize(
    ("a", "b"), [(cloud(5), cloud(5, 4)), (cloud(3), cloud(9)), (cloud(5) * np.nan, cloud(5)), (cloud(5)[0], cloud(5))]
)
def test_sets_that_do_not_fit_are_refused(a: np.ndarray, b: np.ndarray) -> None:
    with pytest.raises(GantkError):
        compare(a, b, "toy", neighbours=1)


def test_more_neighbours_than_images_are_refused() -> None:
    with pytest.raises(UsageError, match="k = 9"):
        manifold_shares(cloud(5), cloud(8), 9)
