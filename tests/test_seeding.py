"""Samples depend on the seed and their index alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gantk.errors import UsageError
from gantk.store import seeding

# Frozen: every artifact and every stored run depends on these draws.
GOLDEN = [0.112413473, 2.10751343, 1.43622053, 0.381082475, 1.14370501, -0.956073225]
BITS = [[9185882972651961413, 9427517301719881342]]
INTEGERS = [2, 4, 1, 8, 9, 2, 4, 4]


def test_draws_are_frozen() -> None:
    draw = seeding.random_normal(3, 6, seed=20, start=5)
    np.testing.assert_array_equal(draw[1], np.array(GOLDEN, dtype=np.float32))
    assert seeding.random_bits(1, 2, seed=0, start=7).tolist() == BITS
    assert seeding.random_integers(8, 10, seed=3).tolist() == INTEGERS


@given(
    seed=st.integers(0, 2**64 - 1),
    dim=st.integers(1, 9),
    start=st.integers(0, 50),
    cuts=st.lists(st.integers(0, 20), max_size=4),
)
def test_any_division_gives_the_same_samples(seed: int, dim: int, start: int, cuts: list[int]) -> None:
    whole = seeding.random_normal(20, dim, seed=seed, start=start)
    edges = [0, *sorted(cuts), 20]
    parts = [
        seeding.random_normal(stop - first, dim, seed=seed, start=start + first)
        for first, stop in itertools.pairwise(edges)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_internal_slices_do_not_show() -> None:
    rows = (1 << 20) // 512 + 3
    whole = seeding.random_normal(rows, 512, seed=1)
    np.testing.assert_array_equal(whole[-5:], seeding.random_normal(5, 512, seed=1, start=rows - 5))


def test_distribution() -> None:
    from scipy import stats

    draw = seeding.random_normal(20_000, 8, seed=2).ravel()
    assert stats.kstest(draw, "norm").pvalue > 0.01
    truncated = seeding.sample_z(20_000, 8, seed=2, distribution="truncated_normal").ravel()
    assert np.abs(truncated).max() <= 2.0
    assert stats.kstest(truncated, stats.truncnorm(-2, 2).cdf).pvalue > 0.01
    uniform = seeding.random_uniform(20_000, 8, seed=2)
    assert uniform.min() > 0.0 and uniform.max() < 1.0


def test_seeds_samples_and_streams_are_unrelated() -> None:
    draw = seeding.random_normal(2000, 64, seed=0)
    for other in (
        seeding.random_normal(2000, 64, seed=1),
        seeding.random_normal(2000, 64, seed=0, stream="noise"),
        seeding.random_normal(2000, 64, seed=0, start=1),
    ):
        assert abs(np.corrcoef(draw.ravel(), other.ravel())[0, 1]) < 0.02


def test_extreme_words_stay_finite() -> None:
    from scipy.special import ndtri

    for word in (0, 2**64 - 1):
        uniform = (np.uint64(word >> 12).astype(np.float64) + 0.5) * 2.0**-52
        assert np.isfinite(ndtri(uniform))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": -1, "dim": 4}, "-1 samples"),
        ({"n": 1, "dim": 4, "start": -2}, "index -2"),
        ({"n": 1, "dim": 4, "seed": -1}, "seed -1 is out of range"),
        ({"n": 1, "dim": 4, "seed": 2**64}, "out of range"),
        ({"n": 1, "dim": 4, "distribution": "cauchy"}, "'cauchy'"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        seeding.sample_z(**arguments)  # type: ignore[arg-type]
