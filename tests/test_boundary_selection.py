"""HiGAN's selection and split, the golden normals, and what a boundary search reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gantk.errors import GantkError, UsageError
from gantk.higan.boundary import Settings, train_boundaries
from gantk.higan.evaluation import accuracy, correlation, pairwise_cosines
from gantk.higan.pool import Pool
from gantk.higan.selection import generator_for, select, split
from gantk.predictors.linear_probe import area

PARITY = Settings(solver="svc", compat=True, seed=123, refit=False, resamples=0)
GOLDEN = {
    200: [0.894462, -0.030347, -0.028365, -0.431771, -0.079872, -0.032470, -0.007557, 0.065542],
    0.1: [0.873621, -0.138660, 0.025425, -0.457234, -0.035690, -0.052095, 0.025488, 0.056690],
}


def golden_problem() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(0)
    x = random.randn(1000, 8).astype(np.float32)
    return x, x[:, 0] - 0.5 * x[:, 3] + 0.5 * random.randn(1000)


@pytest.mark.parametrize("chosen", GOLDEN)
def test_normals_of_the_original(chosen: float) -> None:
    x, score = golden_problem()
    settings = Settings(**{**PARITY.__dict__, "chosen": chosen})
    (result,) = train_boundaries(x, {"a": score}, settings)
    np.testing.assert_allclose(result.vectors[0], GOLDEN[chosen], atol=1.5e-6)
    if chosen == 200:
        part = result.rows[0]
        assert (result.num_train, result.num_val, result.num_remaining) == (280, 120, 600)
        assert part.val.correct_positive + part.val.correct_negative == 120
        assert part.remaining is not None
        assert (part.remaining.num_positive, part.remaining.num_negative) == (311, 289)
        assert part.remaining.correct_positive + part.remaining.correct_negative == 469


def test_newton_gives_the_original_normal_too() -> None:
    x, score = golden_problem()
    settings = Settings(**{**PARITY.__dict__, "chosen": 200, "solver": "newton"})
    (result,) = train_boundaries(x, {"a": score}, settings)
    assert float(result.vectors[0].astype(float) @ GOLDEN[200]) > 0.99999


def test_compatible_splits_follow_each_other_row_by_row() -> None:
    """The original shuffles afresh for each layer: rows of equal codes get different splits, resampling or not."""
    x, score = golden_problem()
    codes = np.stack([x, x], axis=1)
    settings = Settings(**{**PARITY.__dict__, "chosen": 200})
    (plain,) = train_boundaries(codes, {"a": score}, settings)
    (resampled,) = train_boundaries(codes, {"a": score}, Settings(**{**settings.__dict__, "resamples": 2}))
    np.testing.assert_allclose(plain.vectors[0, 0], GOLDEN[200], atol=1.5e-6)
    assert np.abs(plain.vectors[0, 0] - plain.vectors[0, 1]).max() > 1e-3
    np.testing.assert_array_equal(plain.vectors, resampled.vectors)
    assert resampled.rows[0].stability is not None and resampled.rows[0].stability < 1


# --- selection -----------------------------------------------------------------------------------------------------


def test_tails_and_middle() -> None:
    chosen = select(np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.0, 6.0]), 2)
    assert chosen.positive.tolist() == [4, 6]
    assert chosen.remaining.tolist() == [2, 0, 5]
    assert chosen.negative.tolist() == [3, 1]
    assert chosen.threshold == 3.0 and not chosen.tied


@pytest.mark.parametrize(("chosen", "count"), [(1, 5), (0.3, 3), (1.9, 1), (4, 4), (5000, 5), (0.5, 5)])
def test_counts_and_shares(chosen: float, count: int) -> None:
    assert len(select(np.arange(10.0), chosen).positive) == count


def test_order_of_ties_is_stable() -> None:
    chosen = select(np.array([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]), 2)
    assert chosen.positive.tolist() == [0, 2] and chosen.negative.tolist() == [5, 7]
    assert select(np.array([1.0, 1.0, 1.0, 0.0]), 2).tied


def test_invalid_values_are_left_out() -> None:
    score = np.array([0.9, -1, 0.1, -1, 0.5, 0.2], dtype=np.float32)
    chosen = select(score, 1.0, invalid_value=-1)
    assert sorted([*chosen.positive, *chosen.negative]) == [0, 2, 4, 5]
    tenth = np.array([0.1, 0.5, 0.9, 0.1], dtype=np.float32)  # 0.1 in float32 is not 0.1
    assert len(select(tenth, 1.0, invalid_value=0.1).positive) == 1
    with pytest.raises(GantkError, match="leaves no samples"):
        select(np.full(4, -1.0), 1.0, invalid_value=-1)


def test_labels_take_everything() -> None:
    chosen = select(np.array([0, 1, 1, 0, 0, 2]), labels=True, invalid_value=2)
    assert chosen.positive.tolist() == [1, 2] and chosen.negative.tolist() == [0, 3, 4]
    assert not len(chosen.remaining)
    with pytest.raises(UsageError, match=r"0\.5 for sample 1"):
        select(np.array([0, 0.5, 1]), labels=True)


@pytest.mark.parametrize("score", [np.ones(10), np.zeros(1), np.arange(3.0)])
def test_one_class_only(score: np.ndarray) -> None:
    with pytest.raises(GantkError, match="only contains one class"):
        select(score, 0.2)


def test_labels_of_one_class() -> None:
    with pytest.raises(GantkError, match="only contains one class"):
        select(np.ones(5), labels=True)


def test_nan_is_refused_and_counted() -> None:
    score = np.array([1.0, np.nan, 0.5, np.nan])
    with pytest.raises(GantkError, match=r"'wood' is not finite for 2 of 4 samples \(the first is sample 1\)"):
        select(score, name="wood")
    assert select(score, 1, compat=True).positive[0] in (1, 3)  # the original takes NaN for the highest


@pytest.mark.parametrize("chosen", [0, -1, float("nan")])
def test_number_of_samples_must_be_positive(chosen: float) -> None:
    with pytest.raises(UsageError, match="-N 2000"):
        select(np.arange(5.0), chosen)


@given(
    st.lists(st.floats(-5, 5), min_size=4, max_size=60),
    st.floats(0.01, 100),
    st.floats(0.3, 1),
    st.integers(0, 1000),
)
def test_selection_and_split_are_partitions(scores: list[float], chosen: float, ratio: float, seed: int) -> None:
    score = np.array(scores)
    try:
        picked = select(score, chosen)
        parts = split(picked, ratio, generator_for(seed, "a"))
    except GantkError:
        return
    everything = np.concatenate([picked.positive, picked.remaining, picked.negative])
    assert sorted(everything.tolist()) == list(range(len(score)))
    assert len(picked.positive) == len(picked.negative)
    assert score[picked.positive].min() >= score[picked.negative].max()
    if len(picked.remaining):
        assert score[picked.positive].min() >= score[picked.remaining].max()
        assert score[picked.remaining].min() >= score[picked.negative].max()
    assert sorted([*parts.train_positive, *parts.val_positive]) == sorted(picked.positive)
    assert sorted([*parts.train_negative, *parts.val_negative]) == sorted(picked.negative)
    assert len(parts.train_positive) == int(len(picked.positive) * ratio)
    again = split(picked, ratio, generator_for(seed, "a"))
    assert parts.train.tolist() == again.train.tolist()


def test_split_ratio_out_of_range() -> None:
    chosen = select(np.arange(10.0), 4)
    for ratio in (0, -1, 1.1):
        with pytest.raises(UsageError, match="split ratio"):
            split(chosen, ratio, generator_for(0, "a"))
    with pytest.raises(GantkError, match="none to train on"):
        split(chosen, 0.2, generator_for(0, "a"))


# --- figures -------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30))
def test_area_under_curve_counts_pairs(pairs: list[tuple[int, bool]]) -> None:
    distance, positive = np.array([p[0] for p in pairs], float), np.array([p[1] for p in pairs])
    wins = [(a > b) + 0.5 * (a == b) for a in distance[positive] for b in distance[~positive]]
    expected = np.mean(wins) if wins else np.nan
    np.testing.assert_allclose(area(distance, positive), expected)


def test_small_figures() -> None:
    counted = accuracy(np.array([1.0, -1, 2, 0]), np.array([True, True, False, False]))
    assert (counted.correct_positive, counted.correct_negative) == (1, 1)
    assert counted.overall == 0.5
    assert np.isnan(accuracy(np.array([1.0]), np.array([True])).negative)
    assert correlation(np.array([1.0, 2, 3]), np.array([2.0, 4, 6])) == pytest.approx(1)
    assert np.isnan(correlation(np.ones(3), np.arange(3.0)))
    np.testing.assert_allclose(pairwise_cosines(np.array([[1.0, 0], [0, 1], [1, 0]])), [0, 1, 0])


# --- search --------------------------------------------------------------------------------------------------------


def scored(count: int = 3000, width: int = 10) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    random = np.random.default_rng(1)
    codes = random.standard_normal((count, width)).astype(np.float32)
    truth = random.standard_normal((width, 2))
    truth[:, 1] += 0.6 * truth[:, 0]  # entangled
    truth /= np.linalg.norm(truth, axis=0)
    score = codes @ truth + 0.3 * random.standard_normal((count, 2))
    return codes, {"a": score[:, 0], "b": score[:, 1]}, truth


@pytest.mark.parametrize("solver", ["ridge", "newton", "svc", "logistic"])
def test_every_solver_finds_the_direction(solver: str) -> None:
    codes, scores, truth = scored()
    results = train_boundaries(codes, scores, Settings(solver=solver, chosen=300, resamples=2))
    for index, result in enumerate(results):
        part = result.rows[0]
        assert float(result.vectors[0] @ truth[:, index]) > 0.97
        assert np.linalg.norm(result.vectors[0]) == pytest.approx(1, abs=1e-6)
        assert part.val.overall > 0.97 and part.auc > 0.9 and part.correlation > 0.88
        assert part.remaining is not None and part.remaining.overall > 0.75
        assert part.stability is not None and 0.95 < part.stability <= 1
        assert part.distance_std == pytest.approx(1, abs=0.1)
        assert abs(part.fit.intercept) < 0.2


@pytest.mark.parametrize("solver", ["ridge", "newton"])
def test_result_does_not_depend_on_the_other_scores(solver: str) -> None:
    codes, scores, _ = scored(1200)
    settings = Settings(solver=solver, chosen=200, resamples=1)
    together = train_boundaries(codes, scores, settings)[1]
    (alone,) = train_boundaries(codes, {"b": scores["b"]}, settings)
    np.testing.assert_allclose(together.vectors, alone.vectors, atol=1e-6)
    assert together.rows[0].val == alone.rows[0].val


def test_held_out_samples_of_ridge_are_held_out() -> None:
    """The scores are noise: whatever was fitted must show as chance on the samples it is tested on."""
    random = np.random.default_rng(2)
    codes = random.standard_normal((400, 150))
    (result,) = train_boundaries(codes, {"a": random.standard_normal(400)}, Settings(solver="ridge", C=1e6, chosen=150))
    part = result.rows[0]
    assert part.train.overall > 0.8
    assert part.val.overall < 0.65 and part.auc < 0.65
    assert part.remaining is not None and part.remaining.overall < 0.7


def test_invalid_samples_differ_between_scores() -> None:
    codes, scores, truth = scored()
    marked = {name: score.copy() for name, score in scores.items()}
    marked["a"][::3] = -99
    results = train_boundaries(codes, marked, Settings(solver="ridge", chosen=300, invalid_value=-99))
    assert all(float(result.vectors[0] @ truth[:, i]) > 0.97 for i, result in enumerate(results))
    assert results[0].num_remaining == 2000 - 600 and results[1].num_remaining == 3000 - 600


def test_labels_mode() -> None:
    codes, scores, truth = scored()
    labels = {"a": (scores["a"] > 1).astype(int)}
    for solver in ("ridge", "newton"):
        (result,) = train_boundaries(codes, labels, Settings(solver=solver, labels=True))
        assert result.num_train + result.num_val == 3000 and result.num_remaining == 0
        assert float(result.vectors[0] @ truth[:, 0]) > 0.95
        assert result.rows[0].remaining is None


@pytest.mark.parametrize("solver", ["ridge", "newton"])
def test_one_boundary_per_row_or_one_for_all(solver: str) -> None:
    codes, scores, truth = scored()
    wp = np.stack([codes, codes[:, ::-1], codes], axis=1)
    settings = Settings(solver=solver, chosen=300, resamples=0)
    (result,) = train_boundaries(wp, {"a": scores["a"]}, settings)
    assert result.vectors.shape == (1, 3, 10) and len(result.intercept) == 3  # type: ignore[arg-type]
    np.testing.assert_allclose(result.vectors[0, 0], result.vectors[0, 2], atol=1e-6)
    np.testing.assert_allclose(result.vectors[0, 0], result.vectors[0, 1, ::-1], atol=1e-3)
    (some,) = train_boundaries(wp, {"a": scores["a"]}, settings, layers=(0, 2))
    assert some.layers == (0, 2) and not some.vectors[0, 1].any()
    np.testing.assert_array_equal(some.vectors[0, 0], result.vectors[0, 0])
    (shared,) = train_boundaries(wp, {"a": scores["a"]}, settings, layers=(0, 2), shared=True)
    assert shared.vectors.shape == (1, 10)
    assert float(shared.vectors[0] @ truth[:, 0]) > 0.97
    np.testing.assert_allclose(shared.vectors[0], result.vectors[0, 0], atol=1e-5)


def test_conditions_are_projected_away() -> None:
    codes, scores, _ = scored()
    settings = Settings(solver="ridge", chosen=300, resamples=0)
    plain = train_boundaries(codes, scores, settings)
    third = np.eye(10)[None, 0]
    results = train_boundaries(codes, scores, settings, conditions={"b": None, "x": third})
    normal = results[0].vectors[0].astype(float)
    assert results[0].conditions == ("b", "x") and results[1].conditions == ("x",)
    assert abs(normal @ plain[1].vectors[0]) < 1e-6 and abs(normal[0]) < 1e-6
    assert abs(float(plain[0].vectors[0] @ plain[1].vectors[0])) > 0.2
    after = results[0].rows[0].val_after
    assert after is not None and after.overall > 0.7
    with pytest.raises(UsageError, match="'q' is neither a file nor one of the scores"):
        train_boundaries(codes, scores, settings, conditions={"q": None})


def test_codes_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes, scores, _ = scored()
    np.save(tmp_path / "w.npy", codes)
    settings = Settings(solver="ridge", chosen=300, resamples=1)
    whole = train_boundaries(codes, scores, settings)
    monkeypatch.setattr("gantk.higan.pool.CHUNK_BYTES", 7 * codes[0].nbytes)
    monkeypatch.setattr("gantk.higan.pool.DISTANCE_BYTES", 4 * len(codes))
    pieces = train_boundaries(np.load(tmp_path / "w.npy", mmap_mode="r"), scores, settings)
    for one, other in zip(whole, pieces, strict=True):
        np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-6)
        assert one.rows[0].remaining == other.rows[0].remaining


def test_bad_codes_and_scores() -> None:
    codes, scores, _ = scored(200)
    with pytest.raises(GantkError, match="100 values and there are 200 latent codes"):
        train_boundaries(codes, {"a": scores["a"][:100]})
    with pytest.raises(UsageError, match="no score"):
        train_boundaries(codes, {})
    with pytest.raises(UsageError, match=r"\(200,\)"):
        Pool(codes[:, 0])
    with pytest.raises(UsageError, match="int64"):
        Pool(codes.astype(np.int64))
    with pytest.raises(UsageError, match="one code per sample"):
        Pool(codes, layers=(0,))
    with pytest.raises(UsageError, match="out of range"):
        Pool(codes[:, None].repeat(3, axis=1), layers=(3,))
    broken = codes.copy()
    broken[17, 3] = np.nan
    for solver in ("ridge", "newton"):
        with pytest.raises(GantkError, match="sample 17 is not finite"):
            train_boundaries(broken, {"a": scores["a"]}, Settings(solver=solver, chosen=1.0))
