"""Scores of disentanglement on codes whose scores are known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gantk import disentanglement
from gantk.disentanglement.dci import of_importance
from gantk.disentanglement.gaps import mutual_information
from gantk.disentanglement.results import equal_bins
from gantk.errors import GantkError, UsageError


def grid(levels: int = 8, factors: int = 3) -> np.ndarray:
    """Every combination of evenly spaced values: factors are independent to the last bit."""
    axes = np.meshgrid(*[np.linspace(-1, 1, levels)] * factors, indexing="ij")
    return np.stack([axis.ravel() for axis in axes], 1)


def rotated(values_NF: np.ndarray, angle: float) -> np.ndarray:
    """The first two coordinates turned into each other, the rest as they are."""
    c, s = math.cos(angle), math.sin(angle)
    turned = values_NF.copy()
    turned[:, 0] = c * values_NF[:, 0] + s * values_NF[:, 1]
    turned[:, 1] = -s * values_NF[:, 0] + c * values_NF[:, 1]
    return turned


@pytest.mark.parametrize("regressor", ["lasso", "elastic", "trees"])
def test_a_code_that_is_the_factors_scores_one(regressor: str) -> None:
    factors = grid()
    found = disentanglement.measure(factors[:, [2, 0, 1]] * [3, -1, 0.1] + 5, factors, regressor=regressor)
    assert found.dci.disentanglement > 0.97
    assert found.dci.completeness > 0.97
    assert found.dci.informativeness > 0.97
    assert found.mig == pytest.approx(1)
    assert found.sap == pytest.approx(1)
    assert found.factor_vae == 1


@pytest.mark.parametrize("angle", [0.0, math.pi / 12, math.pi / 8, math.pi / 6, math.pi / 4])
def test_a_rotated_code_scores_what_its_angle_says(angle: float) -> None:
    """R2 of a coordinate is cos^2 or sin^2, a linear regressor's weights are |cos| and |sin|."""
    factors = grid(16, 2)
    found = disentanglement.measure(rotated(factors, angle), factors)
    c, s = math.cos(angle), math.sin(angle)
    assert found.sap == pytest.approx(c * c - s * s, abs=1e-9)
    share = np.array([c, s]) / (c + s)
    purity = 1 + sum(p * math.log2(p) for p in share if p > 0)
    assert found.dci.disentanglement == pytest.approx(purity, abs=0.02)
    assert found.dci.completeness == pytest.approx(purity, abs=0.02)
    assert found.dci.informativeness > 0.99


def test_a_code_rotated_by_an_eighth_turn_tells_no_factor_alone() -> None:
    factors = grid(16, 2)
    found = disentanglement.measure(rotated(factors, math.pi / 4), factors)
    assert abs(found.sap) < 1e-9
    assert found.mig < 0.05
    assert found.factor_vae < 0.6  # a coin between two coordinates


def test_duplicated_coordinates_lose_the_gap_but_not_the_vote() -> None:
    factors = grid()
    twice = np.concatenate([factors, factors], 1)
    found = disentanglement.measure(twice, factors, regressor="elastic")
    assert found.mig == pytest.approx(0, abs=1e-12)
    assert found.sap == pytest.approx(0, abs=1e-12)
    assert found.factor_vae == 1
    assert found.dci.disentanglement > 0.97
    assert found.dci.completeness == pytest.approx(1 - math.log(2) / math.log(6), abs=0.02)


def test_noise_scores_nothing() -> None:
    factors = grid()
    noise = np.random.default_rng(0).normal(size=(len(factors), 5))
    found = disentanglement.measure(noise, factors)
    assert found.dci.informativeness < 0.05
    assert found.mig < 0.15  # histograms of few samples are never quite empty of information
    assert found.sap < 0.05
    assert found.factor_vae < 0.6


def test_mutual_information_of_known_tables() -> None:
    a = np.repeat([0, 1], 8)
    assert mutual_information(a, a) == pytest.approx(math.log(2))
    assert mutual_information(a, np.tile([0, 1], 8)) == pytest.approx(0)
    noisy = a.copy()
    noisy[[0, 1, 8, 9]] ^= 1  # a symmetric channel that errs in a quarter of the cases
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert mutual_information(a, noisy) == pytest.approx(math.log(2) - entropy)


def test_scores_of_a_matrix_of_importance() -> None:
    found = of_importance(np.array([[1.0, 1.0], [0.0, 2.0], [0.0, 0.0]]), np.array([0.5, 1.0]))
    assert found.disentanglement_D[0] == pytest.approx(0)
    assert found.disentanglement_D[1] == pytest.approx(1)
    assert np.isnan(found.disentanglement_D[2])
    assert found.disentanglement == pytest.approx(0.5)  # both coordinates weigh the same
    thirds = 1 + (math.log(1 / 3) / 3 + 2 * math.log(2 / 3) / 3) / math.log(3)
    assert found.completeness == pytest.approx((1 + thirds) / 2)
    assert found.informativeness == pytest.approx(0.75)


def test_bins_hold_equal_counts_and_keep_equal_values_together() -> None:
    assert np.bincount(equal_bins(np.arange(1000.0), 20)).tolist() == [50] * 20
    assert equal_bins(np.array([3.0, 1.0, 3.0, 2.0]), 20).tolist() == [2, 0, 2, 1]


def test_the_same_call_gives_the_same_scores() -> None:
    factors = np.random.default_rng(1).normal(size=(300, 3))
    first, second = (disentanglement.measure(rotated(factors, 0.3), factors, seed=4) for _ in range(2))
    assert repr(first) == repr(second)


def test_refusals() -> None:
    factors = grid()
    with pytest.raises(GantkError, match="do not fit"):
        disentanglement.measure(factors[1:], factors)
    with pytest.raises(GantkError, match="too few"):
        disentanglement.measure(factors[:9], factors[:9])
    with pytest.raises(GantkError, match="not finite"):
        disentanglement.measure(np.where(factors > 0.9, np.nan, factors), factors)
    with pytest.raises(GantkError, match="No factor varies"):
        disentanglement.measure(factors, np.ones_like(factors))
    with pytest.raises(UsageError, match="none of lasso"):
        disentanglement.measure(factors, factors, regressor="forest")
    with pytest.raises(UsageError, match="names were given"):
        disentanglement.measure(factors, factors, ["a"])
    with pytest.raises(UsageError, match="bins"):
        disentanglement.measure(factors, factors, bins=1)
