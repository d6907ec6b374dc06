"""Grouping: similarity over both signs, average linkage, permutations, spans, names; on effects made to order.

Legend: M moves, P numbers of an effect vector.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gantk.atlas.figures import far_of, mean_cosine, steadiness_of, what_of, where_of
from gantk.atlas.groups import Spectrum, cluster, find_groups, grams, overlaps, similarity
from gantk.atlas.matching import match_strength
from gantk.atlas.results import Effect, Measured, Rows, Steadiness, What, Where
from gantk.errors import UsageError
from gantk.predictors.departure import Neighbourhood, departures

ATTRIBUTES, REGIONS = ("season", "light"), ("tree", "ground")


def effect(vector: np.ndarray, even: float = 0.0, seed: int = 0) -> Effect:
    """An effect that changes its sign with the move, and a part that does not."""
    rest = np.random.default_rng(seed).normal(size=vector.shape)
    rest *= even * np.linalg.norm(vector) / np.linalg.norm(rest)
    return Effect((vector + rest).astype(np.float32), (rest - vector).astype(np.float32))


def measured(
    name: str, system: str, vector: np.ndarray, selectivity: float = 5.0, attribute: int = 0, local: float = 4.0
) -> Measured:
    share = np.array([0.8, 0.2])
    where = Where(np.zeros((2, 2)), share, share / 2, np.array([local, 0.5]), 0)
    change = np.zeros(2)
    if attribute >= 0:
        change[attribute] = 1
    what = What(change, np.zeros(2), np.zeros(2), attribute, selectivity)
    rows = Rows(np.array([0, 0.5, 0.5]), (1, 2), 1.0)
    return Measured(
        name, system, 1.0, 0.1, True, where, what, change, Steadiness(1, 0, 1, 1), effect(vector, 0.1), rows
    )  # fmt: skip


def families(count: int, each: int, dim: int = 200, noise: float = 0.3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noisy copies of unrelated vectors, every second one turned round: [count * each, dim] and their labels."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(count, dim))
    copies = np.repeat(centres, each, 0) + noise * random.normal(size=(count * each, dim))
    copies[1::2] *= -1
    return copies, np.repeat(np.arange(count), each)


def test_similarity_is_the_cosine_over_both_signs() -> None:
    a, b = np.array([3.0, 4.0, 0.0]), np.array([0.0, 1.0, 0.0])
    found = similarity(grams([effect(a), effect(b), effect(-a), effect(np.array([0.0, 0.0, 2.0]))]))
    assert found[0, 1] == pytest.approx(0.8)
    assert found[0, 2] == pytest.approx(-1)
    assert found[1, 2] == pytest.approx(-0.8)
    assert np.allclose(found[3, :3], 0)
    assert np.allclose(found, found.T)


def test_what_happens_on_one_side_only_is_half_alike() -> None:
    """e_+ the same and e_- unrelated: the mean of 1 and 0."""
    x, y, z = np.eye(3, dtype=np.float32)
    found = similarity(grams([Effect(x, y), Effect(x, z)]))
    assert found[0, 1] == pytest.approx(0.5)


def test_noisy_copies_come_together() -> None:
    vectors, label = families(9, 4)
    found = cluster(similarity(grams([effect(v, 0.1, i) for i, v in enumerate(vectors)])), 0.6)
    assert np.array_equal(found, label)


def test_a_cut_is_a_mean_similarity() -> None:
    similar = np.array([[1, 0.8, 0.5], [0.8, 1, 0.3], [0.5, 0.3, 1]])
    assert cluster(similar, 0.81).tolist() == [0, 1, 2]
    assert cluster(similar, 0.79).tolist() == [0, 0, 1]
    assert cluster(similar, 0.41).tolist() == [0, 0, 1]
    assert cluster(similar, 0.39).tolist() == [0, 0, 0]


def test_permutations_keep_the_spectrum_and_part_what_belongs_together() -> None:
    vectors, _ = families(8, 5)
    products = grams([effect(v, 0.05, i) for i, v in enumerate(vectors)])
    dealt = Spectrum(products).permuted(np.random.default_rng(0))
    assert np.allclose(np.diag(dealt.odd_MM + dealt.even_MM), 1)
    before, after = (np.abs(similarity(part))[np.triu_indices(40, 1)] for part in (products, dealt))
    assert (before > 0.8).sum() == 8 * 10
    assert (after > 0.8).sum() < 8
    # a few dominant components make unrelated moves alike, and the permutation says so
    few = np.random.default_rng(1).normal(size=(40, 100)) * np.r_[10.0, 8.0, np.full(98, 0.1)]
    narrow = grams([effect(v, 0, i) for i, v in enumerate(few)])
    wide = grams([effect(v, 0, i) for i, v in enumerate(np.random.default_rng(2).normal(size=(40, 100)))])
    lines = [
        np.quantile(np.abs(similarity(Spectrum(part).permuted(np.random.default_rng(3)))), 0.9)
        for part in (narrow, wide)
    ]
    assert lines[0] > 0.8 > 0.5 > lines[1]


def test_groups_have_representatives_names_and_chances() -> None:
    vectors, label = families(6, 3, seed=2)
    moves = [
        measured(f"m{i}", "abc"[i % 3], v, 1.0 + (i % 3) + 10 * (label[i] == 0), -int(label[i] == 5))
        for i, v in enumerate(vectors)
    ]  # fmt: skip
    found = find_groups(moves, ATTRIBUTES, REGIONS, cut=0.6, permutations=200)
    assert len(found.groups) == 6
    first = found.groups[0]
    assert set(first.members) == {0, 1, 2}
    assert first.members[0] == 2, "the most selective represents"
    assert first.signs == (1, -1, 1) or first.signs == (1, 1, -1)
    assert [vectors[m] @ vectors[first.members[0]] > 0 for m in first.members] == [s > 0 for s in first.signs]
    assert first.systems == ("a", "b", "c")
    assert 1 / 201 <= first.chance < 0.02
    assert {group.name for group in found.groups} == {
        *(f"season (tree; rows 1-2) {i}" for i in range(1, 6)), "tree 1"
    }  # fmt: skip
    assert found.unrelated.line99 < min(group.similarity for group in found.groups)


def test_an_attribute_names_what_changes_no_other_more() -> None:
    vectors, _ = families(2, 1, seed=3)
    moves = [
        measured(f"m{i}", "a", v, selectivity)
        for i, (v, selectivity) in enumerate(zip(vectors, (1.0, 0.9), strict=True))
    ]
    names = [group.name for group in find_groups(moves, ATTRIBUTES, REGIONS, cut=0.6).groups]
    assert names == ["season (tree; rows 1-2)", "tree 1"]


def test_a_single_move_is_a_group() -> None:
    found = find_groups([measured("m", "a", np.ones(5))], ATTRIBUTES, REGIONS)
    assert [group.members for group in found.groups] == [(0,)]
    assert found.unrelated.permutations == 0


def test_refusals() -> None:
    with pytest.raises(UsageError, match="no measured direction"):
        find_groups([])
    with pytest.raises(UsageError, match="between 0 and 1"):
        find_groups([measured("m", "a", np.ones(5))], cut=1)


def test_overlap_is_the_mean_squared_cosine_of_principal_angles() -> None:
    e = np.eye(6)
    angle = 0.3
    parts = [e[0], e[1], np.cos(angle) * e[0] + np.sin(angle) * e[3], e[4], e[0], e[0] + 1e-4 * e[5]]
    found = overlaps(grams([effect(v) for v in parts]), ["a", "a", "b", "b", "c", "c"], ("a", "b", "c"))
    assert np.allclose(np.diag(found), 1)
    assert found[0, 1] == pytest.approx(np.cos(angle) ** 2 / 2, abs=1e-6)
    assert found[2, 0] == pytest.approx(1, abs=1e-6)
    assert found[0, 2] == pytest.approx(0.5, abs=1e-6)


# --- the figures of the yardstick ------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("unit", [1e-3, 1.0, 50.0])
def test_strengths_are_matched_whatever_the_unit(power: float, unit: float) -> None:
    asked: list[float] = []

    def change(t: float) -> float:
        asked.append(t)
        return 3 * t**power

    found = match_strength(change, 0.6, unit, 1000)
    assert found.matched
    assert found.change == pytest.approx(0.6, rel=0.05)
    assert found.strength == pytest.approx(0.2 ** (1 / power), rel=0.05 / power + 0.01)
    assert len(asked) <= 8


def test_a_move_that_saturates_is_taken_to_its_reach() -> None:
    found = match_strength(lambda t: min(t, 0.3), 1.0, 1.0, 8.0)
    assert not found.matched
    assert found.change == pytest.approx(0.3)
    assert match_strength(lambda t: 0.0, 1.0, 1.0, 8.0).strength <= 8.0


def test_what_changes() -> None:
    plus = np.array([[1.0, 0.2, 0.0], [1.4, 0.2, 0.0]])
    found = what_of([plus, -plus], np.array([0.5, 1.0, 1.0]), np.array([np.nan, np.nan, np.nan]))
    assert found.change_A == pytest.approx([2.4, 0.2, 0])
    assert found.attribute == 0
    assert found.selectivity == pytest.approx(12)
    assert found.error_A[0] == pytest.approx(1.96 * 0.4 * np.sqrt(2) / np.sqrt(2))
    grey = what_of([plus, -plus], np.ones(3), np.array([2.0, 0.1, 0.1]))
    assert grey.attribute == 1, "the first is not above its floor"
    assert grey.selectivity == pytest.approx(0.2 / 1.2)
    assert what_of([plus, -plus], np.ones(3), np.full(3, 9.0)).attribute == -1
    assert what_of([plus[:, :0]] * 2, np.ones(0), np.ones(0)).attribute == -1


def test_where_it_changes() -> None:
    found = where_of(np.zeros((2, 2)), np.array([0.5, 0.5, 0.0, 0.0]), np.array([0.1, 0.6, 0.3, 0.0]))
    assert found.locality_R[0] == pytest.approx(9)
    assert found.locality_R[1] == pytest.approx((0.5 / 0.6) / (0.5 / 0.4))
    assert np.isnan(found.locality_R[3])
    assert found.region == 0
    assert where_of(np.zeros((2, 2)), np.array([0.3, 0.7]), np.array([0.3, 0.7])).region == -1


def test_steadiness_of_straight_and_of_bent_paths() -> None:
    step = np.random.default_rng(0).normal(size=(30, 400))
    same = np.repeat(step[:1], 30, 0)
    straight = steadiness_of(same, -same, 2 * same, -2 * same)
    assert dataclasses.astuple(straight) == pytest.approx((1, 0, 1, 1), abs=1e-9)
    other = np.random.default_rng(1).normal(size=(30, 400))
    bent = steadiness_of(step, step, step + other, step + other)
    assert abs(bent.cosine) < 0.05
    assert bent.curvature == pytest.approx(1, abs=0.05)
    assert bent.symmetry == pytest.approx(-1)
    moved = steadiness_of(same + 2 * step, 2 * step - same, same, same)
    assert moved.across == pytest.approx(1) and moved.cosine < 0.5, "what both sides have in common cancels"
    pairs = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for i, a in enumerate(step) for b in step[:i]]
    assert mean_cosine(step) == pytest.approx(np.mean(pairs))


def test_the_range_ends_where_samples_are_near_no_more() -> None:
    random = np.random.default_rng(0)
    base, others = random.normal(size=(64, 20)), random.normal(size=(300, 20))
    around = Neighbourhood(base, others)
    assert around.near(base) == pytest.approx(1)
    near = [around.near(base + 0.3 * k) for k in range(4)]
    assert near[1] > near[2] > near[3]
    step = [(float(k), base + 0.3 * k) for k in range(4)]
    assert [part.near for part in departures(base, others[:64], step)] == [
        Neighbourhood(base, others[:64]).near(base + 0.3 * k) for k in range(4)
    ]  # what manipulate --realism says
    found = far_of(np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.95, 0.85]))
    assert found.limit == pytest.approx(1.5)
    assert found.reached
    assert not far_of(np.array([0.0, 1.0]), np.array([1.0, 0.92])).reached
