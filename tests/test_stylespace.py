"""Channels of space s by region and by attribute, against plain derivatives and the oracle's known truth.

Legend: N samples, S channels, R regions, H x W pixels.
"""

from __future__ import annotations

from typing import Any

import foreign_files as foreign
import numpy as np
import pytest
import torch
from generator_cases import close, tiny
from torch import Tensor

from gantk import stylespace
from gantk.checkpoints.load import build_generator
from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.predictors.base import Predictor
from gantk.predictors.truth import ExactFactors
from gantk.stylespace.regions import locality
from gantk.world.oracle import ROWS, DemoOracle, DemoOracleConfig, oracle_generator
from gantk.world.renderer import CLASSES, FACTOR_NAMES

STYLED = ["stylegan2-skip", "stylegan2-orig", "stylegan", "stylegan3-t"]


class Quarters(Predictor):
    """Three of the image's quarters as classes; the fourth belongs to the last."""

    name = "quarters"
    class_names = ("left", "right", "below")

    def segment_codes(self, generator: Any, wp: Any, **options: Any) -> Tensor:
        height, width = generator.spec.size
        logit = torch.zeros(len(wp), 3, height, width)
        logit[:, 0, : height // 2, : width // 2] = 1
        logit[:, 1, : height // 2, width // 2 :] = 1
        logit[:, 2, height // 2 :] = 1
        return logit


def codes(generator: Any, n: int, seed: int = 0) -> Tensor:
    label = generator.sample_label(n, seed=seed)
    with torch.no_grad():
        wp: Tensor = generator.expand(generator.map(generator.sample_z(n, seed=seed), label)).contiguous()
    return wp


@pytest.mark.parametrize("name", STYLED)
def test_shares_are_those_of_the_plain_derivative_in_every_family_with_styles(name: str) -> None:
    if name == "stylegan3-t":
        _check_shares(tiny(name, resolution=8))
    else:
        _check_shares(tiny(name, resolution=8, channels=[8, 6]))


def test_shares_of_a_canvas_that_is_not_square() -> None:
    generator = build_generator(foreign.small_checkpoint(base=(2, 4), resolution=16))
    _check_shares(generator)
    found = stylespace.region_channels(generator, Quarters(), codes(generator, 2), probes=4)
    assert found.share_SR.shape == (len(found.channels), 3)


def _check_shares(generator: Generator) -> None:
    wp_NLD = codes(generator, 1)
    found = stylespace.region_channels(generator, Quarters(), wp_NLD, probes=0)
    share_SR = np.zeros_like(found.share_SR)
    for wp_1LD in wp_NLD.split(1):
        styles = tuple(style.detach() for style in generator.styles(wp_1LD))
        parts = torch.autograd.functional.jacobian(lambda *s: generator.synthesize(s)[0], styles)
        square_SHW = torch.cat([part[:, :, :, 0] for part in parts], 3).square().sum(0).permute(2, 0, 1)
        logit = Quarters().segment_codes(generator, wp_1LD)[0].argmax(0)
        sums = torch.stack([square_SHW[:, logit == k].sum(1) for k in range(3)], 1)
        share_SR += (sums / sums.sum(1, keepdim=True).clamp_min(1e-30)).double().numpy()
    assert [channel.index for channel in found.channels] == list(range(len(share_SR)))
    close(torch.from_numpy(found.share_SR), torch.from_numpy(share_SR), 2e-4)
    assert found.passes == len(share_SR)


def test_probes_agree_with_tangents() -> None:
    generator = tiny("stylegan2-skip")
    wp_NLD = codes(generator, 2)
    exact = stylespace.region_channels(generator, Quarters(), wp_NLD, probes=0)
    drawn = stylespace.region_channels(generator, Quarters(), wp_NLD, probes=400, seed=3)
    assert np.abs(exact.share_SR - drawn.share_SR).max() < 0.06
    assert np.allclose(exact.change_S, drawn.change_S, rtol=0.1, atol=1e-6)
    few = stylespace.region_channels(generator, Quarters(), wp_NLD, probes=8, seed=3)
    assert np.abs(exact.share_SR - few.share_SR).max() > np.abs(exact.share_SR - drawn.share_SR).max()


def column_of(factor: str) -> int:
    """The channel of the oracle that says a factor."""
    order = [column for row in ROWS for column in row.columns]
    return order.index(FACTOR_NAMES.index(factor))


@pytest.mark.slow
def test_the_oracle_channels_find_their_regions() -> None:
    oracle = DemoOracle(DemoOracleConfig(resolution=32))
    found = stylespace.region_channels(oracle, ExactFactors(oracle), codes(oracle, 1))
    belongs = {name: found.region_S[column_of(name)] for name in FACTOR_NAMES}
    assert CLASSES[belongs["window_light"]] == "window"
    assert CLASSES[belongs["material"]] in ("wall", "roof")
    assert CLASSES[belongs["tree_size"]] == "tree"
    assert CLASSES[belongs["season"]] in ("tree", "ground")
    window = CLASSES.index("window")
    assert found.locality_SR[column_of("window_light"), window] > 50
    assert found.share_SR[column_of("window_light"), window] > 0.95
    assert column_of("window_light") in [channel.index for channel in found.of("window", rgb=True)]
    assert all(not channel.is_rgb for channel in found.of("window")), "the oracle's last row only writes colours"


def test_the_oracle_channels_carry_their_attributes() -> None:
    oracle = oracle_generator()
    wp_NLD = codes(oracle, 1500)
    found = stylespace.attribute_channels(oracle, wp_NLD, oracle.factors(wp_NLD).numpy(), FACTOR_NAMES)
    for name in FACTOR_NAMES:
        (first, distance), (_, other) = found.of(name, 2, rgb=True)
        assert first.index == column_of(name)
        # the mean of a normal number beyond its 95 % quantile is 2.063
        assert distance == pytest.approx(2.063, abs=0.12)
        assert abs(other) < 0.5
        assert found.relevance_AS[FACTOR_NAMES.index(name)].argmax() == first.index


def test_a_channel_is_a_direction_that_moves_only_itself() -> None:
    generator = tiny("stylegan2-skip")
    wp_NLD = codes(generator, 40)
    statistics = stylespace.style_statistics(generator, wp_NLD)
    channel = stylespace.channels(generator)[11]
    direction = stylespace.channel_direction(channel, statistics, sign=-1)
    styles = generator.styles(wp_NLD)
    moved = direction.apply(styles, 2.0)
    change_NS = torch.cat(moved, 1) - torch.cat(styles, 1)
    expected = torch.zeros_like(change_NS)
    expected[:, channel.index] = -2 * styles[channel.style][:, channel.place].double().std(correction=0)
    close(change_NS, expected, 1e-4)
    assert direction.layers == (channel.style,)
    assert not torch.equal(generator.synthesize(styles), generator.synthesize(moved))


def test_locality_is_one_where_the_change_is_everywhere() -> None:
    assert locality(np.array([0.25]), np.array([0.25])) == pytest.approx(1)
    assert locality(np.array([0.5]), np.array([0.25])) == pytest.approx(3)


def test_refusals() -> None:
    generator = tiny("pggan")
    with pytest.raises(UsageError, match="no space s"):
        stylespace.channels(generator)
    styled = tiny("stylegan2-skip")
    wp_NLD = codes(styled, 6)
    with pytest.raises(UsageError, match="do not fit"):
        stylespace.attribute_channels(styled, wp_NLD, np.zeros((5, 1)), ["a"])
    with pytest.raises(UsageError, match="as the highest scored"):
        stylespace.attribute_channels(styled, wp_NLD, np.zeros((6, 1)), ["a"], chosen=6)
    with pytest.raises(UsageError, match="where there are two"):
        stylespace.region_channels(styled, Quarters(), wp_NLD[:1], classes=[1])
