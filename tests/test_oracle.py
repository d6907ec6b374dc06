"""The oracle: a generator whose factors, rows and regions are known exactly.

Shape legend: N samples, L rows of wp, D width of w, F factors, K classes, H x W pixels.
"""

from __future__ import annotations

import pytest
import torch
from generator_cases import close, differ
from torch import Tensor
from torch.func import jvp, vmap

from gantk.errors import GantkError, UsageError
from gantk.world.oracle import ROWS, DemoOracle, DemoOracleConfig, oracle_generator, row_of_factor
from gantk.world.renderer import CLASSES, FACTOR_NAMES, FACTORS, NUISANCE_DIM, render, sample_scene


@pytest.fixture(scope="module")
def oracle() -> DemoOracle:
    return DemoOracle(DemoOracleConfig(resolution=32))


def sample(oracle: DemoOracle, n: int, seed: int = 0) -> Tensor:
    return oracle.map(oracle.sample_z(n, seed=seed))


def test_the_bundled_oracle_is_full_size() -> None:
    oracle = oracle_generator()
    assert oracle.spec.resolution == 64
    assert oracle.synthesize(oracle.expand(sample(oracle, 1))).shape == (1, 3, 64, 64)


def test_rows_carry_every_number_once() -> None:
    columns = [column for row in ROWS for column in row.columns]
    assert sorted(columns) == list(range(len(FACTORS) + NUISANCE_DIM))
    groups = {group: {row_of_factor(f.name) for f in FACTORS if f.group == group} for group in ("layout", "objects")}
    attributes = {row_of_factor(f.name) for f in FACTORS if f.group == "attributes"}
    assert max(groups["layout"]) < min(groups["objects"])
    assert max(groups["objects"]) < min(attributes)
    with pytest.raises(UsageError, match="house_size"):
        row_of_factor("house_siz")


def test_factors_are_those_drawn_and_uniform(oracle: DemoOracle) -> None:
    w_ND = sample(oracle, 4000)
    factors_NF, nuisance_NM = oracle.scene(w_ND)
    low, high = (torch.tensor([getattr(f, end) for f in FACTORS]) for end in ("low", "high"))
    uniform = (factors_NF - low) / (high - low)
    for column in (*uniform.t(), *nuisance_NM.t()):
        steps = (column.sort().values - (torch.arange(4000) + 0.5) / 4000).abs().max()
        assert steps < 1.63 / 4000**0.5, "Kolmogorov and Smirnov, 1 %, of 31 columns at a fixed seed"
    wp_NLD = oracle.expand(w_ND[:3])
    drawn = render(*oracle.scene(wp_NLD), 32)
    assert torch.equal(oracle.synthesize(wp_NLD), drawn.image_NCHW)
    assert torch.equal(oracle.true_masks(wp_NLD), drawn.mask_NKHW)
    _, maps = oracle.trace(wp_NLD, ["32x32/mask"])
    assert torch.equal(maps["32x32/mask"], drawn.mask_NKHW)
    close(maps["32x32/mask"].sum(1), torch.ones(3, 32, 32), 1e-5)


def test_a_row_moves_its_own_factors_only(oracle: DemoOracle) -> None:
    wp_NLD = oracle.expand(sample(oracle, 4)).contiguous()
    other_NLD = oracle.expand(sample(oracle, 4, seed=1))
    factors_NF, nuisance_NM = oracle.scene(wp_NLD)
    mask = oracle.true_masks(wp_NLD)
    for index, row in enumerate(ROWS):
        moved_NLD = wp_NLD.clone()
        moved_NLD[:, index] = other_NLD[:, index]
        moved_NF, moved_NM = oracle.scene(moved_NLD)
        own = torch.tensor([name in row.factors for name in FACTOR_NAMES])
        own_nuisance = torch.tensor([i in row.nuisance for i in range(NUISANCE_DIM)])
        assert torch.equal(moved_NF[:, ~own], factors_NF[:, ~own])
        assert torch.equal(moved_NM[:, ~own_nuisance], nuisance_NM[:, ~own_nuisance])
        assert (moved_NF[:, own] != factors_NF[:, own]).all()
        attributes = index > row_of_factor("clouds")
        assert torch.equal(oracle.true_masks(moved_NLD), mask) == attributes


@pytest.mark.parametrize("name", FACTOR_NAMES)
def test_linear_boundaries_are_exactly_right(oracle: DemoOracle, name: str) -> None:
    factor, column = FACTORS[FACTOR_NAMES.index(name)], FACTOR_NAMES.index(name)
    w_ND = sample(oracle, 500)
    direction_D = oracle.factor_direction_w(name)
    close(direction_D.norm(), torch.tensor(1.0), 1e-6)
    values = oracle.factors(w_ND)[:, column]
    for share in (0.1, 0.5, 0.8):
        value = factor.low + share * (factor.high - factor.low)
        near = (values - value).abs() < 1e-4
        above = w_ND @ direction_D > oracle.factor_level(name, value)
        assert torch.equal((values > value)[~near], above[~near])
        assert 0 < above.sum() < 500
    moved = oracle.factors(w_ND + 0.7 * direction_D)
    others = torch.arange(len(FACTORS)) != column
    assert (moved[:, column] > values).all()
    assert (moved - oracle.factors(w_ND))[:, others].abs().max() < 1e-5
    with pytest.raises(UsageError, match=name):
        oracle.factor_level(name, factor.high)


def test_scenes_are_inverted_exactly(oracle: DemoOracle) -> None:
    scene = sample_scene(20, seed=4)
    w_ND = oracle.codes_of(*scene)
    assert torch.isfinite(w_ND).all()
    factors_NF, nuisance_NM = oracle.scene(w_ND)
    assert (factors_NF - scene.factors_NF).abs().max() < 1e-4  # whole counts at the ends of their range included
    assert (nuisance_NM - scene.nuisance_NM).abs().max() < 1e-4
    picture = oracle.synthesize(oracle.expand(w_ND))
    assert (picture - render(*scene, 32).image_NCHW).abs().max() < 0.02


def test_gradients_lead_to_a_factor(oracle: DemoOracle) -> None:
    """The derivative of each factor in wp is its own direction, in its own row, and nothing elsewhere."""
    wp_NLD = oracle.expand(sample(oracle, 2)).contiguous().requires_grad_()
    for column, name in enumerate(FACTOR_NAMES):
        (gradient,) = torch.autograd.grad(oracle.factors(wp_NLD)[:, column].sum(), wp_NLD)
        row = row_of_factor(name)
        cosine = torch.cosine_similarity(gradient[:, row], oracle.factor_direction_w(name)[None])
        assert (cosine > 1 - 1e-5).all()
        gradient[:, row] = 0
        assert not gradient.any()


def test_forward_derivatives_show_the_region(oracle: DemoOracle) -> None:
    """Lighting the windows changes windows and nothing else: what a region direction has to find."""
    wp_NLD = oracle.expand(sample(oracle, 2)).contiguous()
    names = ("window_light", "time_of_day")
    tangents = torch.zeros(len(names), *wp_NLD.shape)
    for i, name in enumerate(names):
        tangents[i, :, row_of_factor(name)] = oracle.factor_direction_w(name)
    change = vmap(lambda v: jvp(oracle.synthesize, (wp_NLD,), (v,))[1])(tangents)
    window_NHW = oracle.true_masks(wp_NLD)[:, CLASSES.index("window")]
    energy = change.abs().sum(2)
    assert (energy[0] * (window_NHW == 0)).max() < 1e-4 * energy[0].max()
    assert (energy[1] * (window_NHW == 0)).max() > 0.1


def test_what_it_cannot_do_is_said(oracle: DemoOracle) -> None:
    wp_NLD = oracle.expand(sample(oracle, 1))
    with pytest.raises(UsageError, match="no convolution weight"):
        oracle.synthesize(wp_NLD, weight_deltas={"32x32/mask": (torch.zeros(1), 1.0)})
    with pytest.raises(UsageError, match="no noise"):
        oracle.synthesize(wp_NLD, noise=1)
    with pytest.raises(UsageError, match="31"):
        oracle.factors(wp_NLD[:, :, 1:])
    with pytest.raises(GantkError, match="4 pixels"):
        DemoOracleConfig(resolution=4)


def test_rotations_differ_by_seed_and_are_orthogonal(oracle: DemoOracle) -> None:
    rotation = oracle.rotation.double()
    assert (rotation @ rotation.t() - torch.eye(len(rotation))).abs().max() < 1e-6
    assert differ(DemoOracle(DemoOracleConfig(seed=1)).rotation, oracle.rotation)
    assert rotation.abs().max() < 0.95, "no axis of w is a factor"
