"""The yardstick on moves of every kind, against the oracle's known factors, rows and regions.

Legend: N samples, A attributes, F factors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from generator_cases import TINY, VARIANTS, tiny
from torch import Tensor

from gantk.atlas.judges import Judge, judge_of
from gantk.atlas.moves import DirectionMove, Move, draw_samples, moves_of, random_moves, weight_moves
from gantk.atlas.yardstick import Settings, Yardstick
from gantk.codes.directions import Direction
from gantk.errors import GantkError, UsageError
from gantk.generators.base import Truncation
from gantk.predictors.base import Predictor
from gantk.predictors.demo import DemoPredictor
from gantk.predictors.heads import Head, HeadInfo
from gantk.predictors.truth import ExactFactors
from gantk.world.oracle import DemoOracle, oracle_generator, row_of_factor
from gantk.world.renderer import CLASSES, FACTOR_NAMES

SMALL = Settings(search=6, rows=4, others=32, farther=(4.0,))


@pytest.fixture(scope="module")
def predictor() -> DemoPredictor:
    return DemoPredictor.bundled()


@pytest.fixture(scope="module")
def oracle() -> DemoOracle:
    return oracle_generator()


@pytest.fixture(scope="module")
def yardstick(oracle: DemoOracle, predictor: DemoPredictor) -> Yardstick:
    judge = judge_of(oracle, predictor, exact=ExactFactors(oracle).attributes_of_codes)
    return Yardstick(draw_samples(oracle, 10, seed=5, batch_size=4), judge, SMALL, draw_samples(oracle, 32, seed=6))


def true_direction(oracle: DemoOracle, name: str, space: str = "w") -> Direction:
    unit_D = oracle.factor_direction_w(name)
    if space == "z":
        unit_D = oracle.rotation.T @ unit_D
    return Direction(name, "direction", space, unit_D[None].numpy())


def one(oracle: Any, direction: Direction) -> DirectionMove:
    return next(iter(moves_of(oracle, direction, "true")))


@pytest.mark.parametrize(("name", "region"), [("season", None), ("house_size", "roof"), ("time_of_day", None)])
def test_a_true_direction_changes_its_factor_alone(
    oracle: DemoOracle, yardstick: Yardstick, name: str, region: str | None
) -> None:
    found = yardstick.measure(one(oracle, true_direction(oracle, name)))
    place = FACTOR_NAMES.index(name)
    assert found.matched
    assert found.distance == pytest.approx(0.1, rel=0.06)
    assert found.what.attribute == place
    assert found.what.change_A[place] > 3 * found.what.error_A[place] > 0
    assert np.abs(np.delete(found.what.change_A, place)).max() < 1e-4
    assert found.what.selectivity > 900
    assert found.twice[place] > 1.4 * found.what.change_A[place]
    assert found.rows is not None
    assert found.rows.least == (row_of_factor(name),)
    assert found.rows.kept == pytest.approx(1, abs=1e-3)
    assert np.nanmax(np.delete(found.rows.effect_L, row_of_factor(name))) < 1e-3
    assert found.where.share_R.sum() == pytest.approx(1)
    assert found.where.area_R.sum() == pytest.approx(1)
    if region is not None:
        assert CLASSES[found.where.region] == region
    assert found.far is not None
    assert found.far.near[0] == 1
    assert found.passes > 0


def test_regions_are_looked_at_before_and_after(oracle: DemoOracle, yardstick: Yardstick) -> None:
    """What appears was not there before; half of its change counts as the tree's all the same."""
    found = yardstick.measure(one(oracle, true_direction(oracle, "trees")))
    assert CLASSES[found.where.region] == "tree"
    assert found.where.share_R[CLASSES.index("tree")] > 0.4


def test_z_w_and_s_say_the_same_of_the_same_move(oracle: DemoOracle, yardstick: Yardstick) -> None:
    """The oracle's z, w and styles are rotations of each other: pictures, and so figures, agree."""
    in_w = yardstick.measure(one(oracle, true_direction(oracle, "season")))
    in_z = yardstick.measure(one(oracle, true_direction(oracle, "season", "z")))
    assert in_z.strength == pytest.approx(in_w.strength, rel=1e-3)
    assert np.allclose(in_z.effect.plus_P, in_w.effect.plus_P, atol=1e-4)
    assert np.allclose(in_z.where.heat_HW, in_w.where.heat_HW, atol=1e-6)
    vector = np.zeros((1, sum(layer.style_dim for layer in oracle.layers)), dtype=np.float32)
    vector[0, sum(layer.style_dim for layer in oracle.layers[: row_of_factor("season")])] = 1
    read = Yardstick(yardstick.samples, judge_of(oracle, yardstick.judge.metric), SMALL)
    twice = (true_direction(oracle, "season"), Direction("s", "direction", "s", vector))
    pair = [read.measure(one(oracle, direction)) for direction in twice]
    assert pair[0].what.attribute == pair[1].what.attribute == FACTOR_NAMES.index("season")
    assert np.allclose(pair[0].effect.plus_P, pair[1].effect.plus_P, atol=1e-3)
    assert pair[1].rows is not None
    assert pair[1].rows.least == (row_of_factor("season"),)


def test_a_mixture_needs_both_rows(oracle: DemoOracle, predictor: DemoPredictor) -> None:
    both = oracle.factor_direction_w("season") + oracle.factor_direction_w("time_of_day")
    judge = Judge(predictor)  # nothing has a name: the change of features is the main effect
    found = Yardstick(draw_samples(oracle, 6, seed=5), judge, SMALL).measure(
        one(oracle, Direction("both", "direction", "w", both[None].numpy()))
    )
    assert found.what.attribute == -1
    assert found.rows is not None
    assert found.rows.least == (row_of_factor("time_of_day"), row_of_factor("season"))
    assert found.where.region == -1
    assert found.far is None


def test_random_moves_set_the_floor(oracle: DemoOracle, predictor: DemoPredictor) -> None:
    settings = Settings(search=6, rows=0, others=0)
    yardstick = Yardstick(draw_samples(oracle, 8, seed=5), judge_of(oracle, predictor), settings)
    measured = yardstick.calibrate(random_moves(oracle, 6, seed=1))
    changes = np.abs([part.what.change_A for part in measured])
    assert np.allclose(yardstick.floor_A, np.quantile(changes, 0.95, axis=0))
    found = yardstick.measure(one(oracle, true_direction(oracle, "season")))
    assert found.what.attribute == FACTOR_NAMES.index("season")
    grey_A = np.abs(found.what.change_A) < found.what.floor_A
    assert grey_A.sum() >= 8
    assert not grey_A[found.what.attribute]
    assert max(part.what.selectivity for part in measured) < found.what.selectivity


class Colours(Predictor):
    """Everything that a yardstick reads, by the colours alone: as quick as the tiny networks are."""

    name, attribute_names, class_names = "colours", ("red", "green", "blue"), ("dark", "bright")

    def attributes(self, image_NCHW: Tensor) -> Tensor:
        return image_NCHW.mean((2, 3)).expand(-1, 3)

    def segment(self, image_NCHW: Tensor) -> Tensor:
        light = image_NCHW.mean(1, keepdim=True)
        return torch.cat([-light, light], 1)

    def feature_maps(self, image_NCHW: Tensor) -> list[Tensor]:
        return [image_NCHW]

    def features(self, image_NCHW: Tensor) -> Tensor:
        return torch.cat([image_NCHW.mean((2, 3)), image_NCHW.std((2, 3))], 1)


@pytest.mark.parametrize("name", [name for name in TINY if name not in VARIANTS])
def test_every_family_is_measured_in_every_space_it_has(name: str) -> None:
    predictor = Colours()
    generator = tiny(name)
    spec = generator.spec
    truncation = Truncation(0.6, 2) if spec.can_truncate else None
    samples = draw_samples(generator, 4, seed=2, truncation=truncation, batch_size=3)
    yardstick = Yardstick(
        samples, judge_of(generator, predictor), Settings(search=4, rows=2, others=8, farther=()),
        draw_samples(generator, 8, seed=3, truncation=truncation),
    )  # fmt: skip
    random = np.random.default_rng(0)
    shapes = {
        "z": (spec.z_dim,), "w": (spec.w_dim,), "wp": (spec.num_layers, spec.wp_dim),
        "s": (sum(layer.style_dim for layer in generator.layers),),
    }  # fmt: skip
    moves: list[Move] = []
    for space in spec.spaces:
        vectors = random.normal(size=(2, *shapes[space])).astype(np.float32)
        moves += list(moves_of(generator, Direction(space, "direction", space, vectors), "test"))[1:]
    for convolution in [layer for layer in generator.layers if layer.weight and not layer.is_rgb][:1]:
        shape = generator.get_parameter(str(convolution.weight)).shape
        delta = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        moves += weight_moves(generator, convolution.name, [delta], "test", "weight")
    for move in moves:
        found = yardstick.measure(move)
        assert found.distance > 0
        assert found.where.heat_HW.shape == (16, 16)
        assert found.effect.plus_P.any()
        assert np.isfinite(found.effect.plus_P).all()
        assert -1 <= found.steadiness.cosine <= 1
        assert found.rows is not None
        assert set(found.rows.least) <= set(move.rows)
        assert found.far is not None


def test_a_move_confined_to_all_its_rows_is_the_move(predictor: DemoPredictor) -> None:
    generator = tiny("stylegan2-skip")
    samples = draw_samples(generator, 3, seed=2)
    strength_N = torch.tensor([1.0, -0.5, 2.0])
    for space, shape in (("z", (6,)), ("w", (5,)), ("wp", (generator.spec.num_layers, 5))):
        vectors = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
        move = one(generator, Direction(space, "direction", space, vectors))
        whole = move.images(samples, strength_N)
        assert torch.allclose(move.images(samples, strength_N, move.rows), whole, atol=1e-6)
        assert not torch.allclose(move.images(samples, strength_N, (0,)), whole, atol=1e-4)


def test_a_head_tells_the_regions(predictor: DemoPredictor) -> None:
    generator = tiny("stylegan2-skip")
    tap = next(layer for layer in generator.layers if layer.has_map and not layer.is_rgb)
    info = HeadInfo("LSE", ("a", "b"), ((0, 0, 0), (1, 1, 1)), (tap.name,), (tap.channels,), 16)
    head = Head(info)
    with torch.no_grad():
        head.network.weight_KD.copy_(torch.randn(2, tap.channels, generator=torch.Generator().manual_seed(0)))
    judge = judge_of(generator, predictor, segmenter=head.bind(generator))
    assert not judge.sees_images
    yardstick = Yardstick(draw_samples(generator, 4, seed=2), judge, Settings(search=4, rows=0, others=0))
    found = yardstick.measure(next(iter(random_moves(generator, 1))))
    assert found.where.share_R.shape == (2,)
    assert found.where.share_R.sum() == pytest.approx(1)


def test_the_same_call_gives_the_same_bytes(oracle: DemoOracle, yardstick: Yardstick) -> None:
    move = one(oracle, true_direction(oracle, "material"))
    first, second = yardstick.measure(move), yardstick.measure(move)
    assert first.effect.plus_P.tobytes() == second.effect.plus_P.tobytes()
    assert first.where.heat_HW.tobytes() == second.where.heat_HW.tobytes()


def test_refusals(oracle: DemoOracle, predictor: DemoPredictor) -> None:
    class Silent(Predictor):
        name = "silent"

    with pytest.raises(UsageError, match="no feature maps|has feature maps"):
        judge_of(oracle, Silent())
    with pytest.raises(GantkError, match="at least 2"):
        Yardstick(draw_samples(oracle, 1), judge_of(oracle, predictor))
    with pytest.raises(GantkError, match="another network"):
        list(moves_of(oracle, Direction("x", "direction", "w", np.ones((1, 7), dtype=np.float32)), "test"))
