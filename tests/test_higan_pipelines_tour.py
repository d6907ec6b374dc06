"""The tour on the oracle, whose truth is known: it must find the rows and directions that were built in."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from gantk.atlas import verbs as charting
from gantk.atlas.plan import sizes_of
from gantk.codes.directions import Direction
from gantk.errors import GantkError, UsageError
from gantk.predictors.selectivity import selectivity
from gantk.predictors.truth import ExactFactors
from gantk.resefa import verbs as resefa
from gantk.resefa.results import DirectionsResult
from gantk.resefa.rivals import Rivals
from gantk.runs.reporting import load_result
from gantk.runs.results import read_result
from gantk.store.files import load_json
from gantk.tour import atlas as tour_atlas
from gantk.tour import higan as tour_higan
from gantk.tour import lse as tour_lse
from gantk.tour import navigan as tour_navigan
from gantk.tour import resefa as tour_resefa
from gantk.tour.figures import GROUPS, centre, divides, group_of, leaks, selective, where
from gantk.tour.figures import Test as Judged
from gantk.tour.figures import test as judge
from gantk.tour.itinerary import STEPS
from gantk.tour.resefa import beside_random
from gantk.tour.results import TourResult
from gantk.world.oracle import oracle_generator, row_of_factor

Gantk = Callable[..., tuple[int, str, str]]
ATLAS = ("--quick", "-N", "40", "--held-out", "2", "--random", "1", "--shown", "1")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tour with as few samples and steps as its commands take."""
    monkeypatch.setattr(tour_atlas, "SIZE", ATLAS)
    monkeypatch.setattr(tour_atlas, "SYSTEMS", "sefa")  # all of them are in tests/test_atlas.py
    monkeypatch.setattr(charting, "sizes_of", lambda options: dataclasses.replace(sizes_of(options), rows=1, others=8))
    monkeypatch.setattr(tour_lse, "FRESH", 6)
    monkeypatch.setattr(tour_lse, "SEARCH", ("1", "1", "16", "2"))
    monkeypatch.setattr(tour_lse, "STEPS_OF_EDIT", "2")
    monkeypatch.setattr(tour_navigan, "SIZE", (2, 1, 1))
    monkeypatch.setattr(tour_resefa, "SIZE", ("1", "2"))
    monkeypatch.setattr(resefa, "Rivals", functools.partial(Rivals, samples=64))


@pytest.mark.usefixtures("short")
def test_the_tour_finds_the_truth_of_the_oracle(
    gantk_command: Gantk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tour_higan.Size(samples=500, preview=4, fresh=128, rescored=16, random=1, resamples=1)
    monkeypatch.setattr(tour_higan, "size_of", lambda tour: small)
    code, out, err = gantk_command("demo", "--model", "demo-oracle", "-o", tmp_path / "tour")
    assert code == 0, err
    assert re.search(r"\[(\d+)/\1\]", err) and "index.html" in out
    found = load_result(tmp_path / "tour")
    assert isinstance(found, TourResult) and found.row_changes is not None and found.oracle is not None
    assert found.row_changes.factors == tour_higan.FEW
    for name, values in zip(found.row_changes.factors, found.row_changes.change, strict=True):
        assert int(np.argmax(values)) == row_of_factor(name)
        assert max(values) > 20 * sorted(values)[-2]
    assert [heading.name for heading in found.oracle.headings] == ["factor", "cosine", "row found", "true row"]
    assert min(row[1] for row in found.oracle.rows) > 0.95
    assert all(row[2] == row[3] for row in found.oracle.rows)  # the row found is the true one
    selectivity = [row["selectivity"] for row in found.table()]
    assert min(selectivity) > 2 and f"**{len(selectivity)} of {len(selectivity)}** boundaries" in found.findings[1]
    moved = found.moved
    assert [each.selectivity for each in moved] == sorted(selectivity, reverse=True)[: len(moved)]
    assert len(moved) == tour_higan.BEST and all(each.low <= each.change <= each.high for each in moved)
    page = (tmp_path / "tour" / "index.html").read_text()
    pictures, next_, table = page.index('class="picture"'), page.index('class="words next"'), page.index("<table")
    assert page.index('class="words finding"') < pictures < next_ < table
    assert all(f">{each.name} \u2212" in page and f">{each.name} +" in page for each in moved)
    links = set(re.findall(r'href="([a-z]+/[a-z-]+\.html)"', page))
    wanted = {"samples/synthesize.html", "boundaries/train-boundary.html", "rescore/rescore.html"}
    assert links >= wanted | {"manipulation/manipulate.html"}
    assert all((tmp_path / "tour" / link).is_file() for link in links)
    typed = load_json(tmp_path / "tour" / "rescore" / "rescore.run.json")["argv"]
    assert typed.startswith("gantk rescore demo-oracle ")  # a line to paste, not the tour's own
    code, _, err = gantk_command("demo", "--model", "demo-oracle", "-o", tmp_path / "tour")
    assert code == 0, err  # again: nothing is rendered anew
    assert "synthesize:" not in err


@pytest.mark.slow
@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("name", ["demo-biggan", "demo-pggan"])  # demo-stylegan3 takes twice as long, by the same steps
def test_the_tour_goes_through_every_family(
    name: str, gantk_command: Gantk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tour_higan.Size(samples=120, preview=4, fresh=32, rescored=2, random=1, resamples=1)
    monkeypatch.setattr(tour_higan, "size_of", lambda tour: small)
    code, _, err = gantk_command("demo", "--model", name, "-o", tmp_path / "tour")
    assert code == 0, err
    found = load_result(tmp_path / "tour")
    assert isinstance(found, TourResult)
    assert len(found.chapters) == len(STEPS) and "first taught to draw" in found.truth
    weights = next(chapter for chapter in found.chapters if "weight" in chapter.title)
    assert weights.table is not None and len(weights.table.rows) == 2
    region = read_result(DirectionsResult, tmp_path / "tour" / "region")[0]
    assert any(score.method == "resefa" and score.roir is not None for score in region.scores)


def test_an_interrupted_tour_says_so(gantk_command: Gantk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gantk.higan.synthesis.synthesize", stop)
    code, _, err = gantk_command("demo", "--model", "demo-oracle", "-o", tmp_path / "tour")
    assert code == 130 and "The same command continues in" in err and "Traceback" not in err
    assert load_json(tmp_path / "tour" / "demo.run.json")["state"] == "interrupted"


def test_the_truth_is_the_oracles_own() -> None:
    oracle = oracle_generator()
    exact = ExactFactors(oracle)
    wp = oracle.expand(oracle.map(oracle.sample_z(3)))
    assert torch.equal(exact.attributes_of_codes(wp), oracle.factors(wp))
    with pytest.raises(GantkError, match="codes, not images"):
        exact.attributes(torch.zeros(1, 3, 64, 64))
    from higan_cases import tiny

    with pytest.raises(UsageError, match="demo-oracle"):
        ExactFactors(tiny())


def test_figures_of_a_boundary() -> None:
    random = np.random.default_rng(0)
    w = random.standard_normal((400, 5)).astype(np.float32)
    direction = Direction("x", "boundary", "w", np.eye(5, dtype=np.float32)[:1], intercept=0.0)
    perfect = judge(direction, w, w[:, 0], 0.0)
    assert perfect.accuracy == 1.0 and perfect.auc == 1.0
    assert abs(judge(direction, w, w[:, 1], 0.0).auc - 0.5) < 0.1
    assert judge(direction, w, -w[:, 0], 0.0).auc == 0.0
    assert np.isnan(judge(direction, w, np.ones(400), 2.0).auc)


def test_figures_of_effects() -> None:
    change = np.array([[2.0, 0.0, -1.0], [0.1, 0.9, 0.0]])
    assert selectivity(change, [0, 1]) == pytest.approx([2, 9])
    assert selectivity([[0.0, 1.0], [2.0, 0.0]], [0, 0]) == pytest.approx(
        [0, 1000]
    )  # at most, where nothing else moves
    assert "along `a`: `c` changes by -1.00" in leaks(["a", "b"], ["a", "b", "c"], change, [0, 1])
    assert "No boundary changes any factor but its own" in leaks(["a"], ["a", "b"], np.array([[1.0, 0.0]]), [0])


@pytest.mark.parametrize(
    ("change", "own", "says"),
    [
        ([[2.0, 1.0], [0.0, 1.0]], [0, 1], "**2 of 2** boundaries are selective"),
        ([[1.9, 1.0], [0.0, 1.0]], [0, 1], "**1 of 2** boundaries is selective"),
        ([[1.0, 1.0]], [0], "**0 of 1** boundaries are selective"),  # a tie is not selective
    ],
)
def test_the_tour_counts_selective_boundaries(change: list[list[float]], own: list[int], says: str) -> None:
    assert says in selective(["a", "b"][: len(change)], np.array(change), own)


def test_the_tour_says_whether_the_order_is_the_papers() -> None:
    names = ["horizon", "trees", "season"]
    assert "before attributes, is found here" in where(names, np.eye(3))[0]
    assert "is not found here" in where(names, np.eye(3)[::-1])[0]
    assert "is not found here" in where(names, np.ones((3, 3)))[0]  # all alike
    assert "HiGAN's order" not in where(names[:2], np.eye(3)[:2])[0] and where(names, np.zeros((3, 3))) == []


def test_the_tour_states_no_accuracy_that_was_not_counted() -> None:
    assert divides({"a": Judged(float("nan"), float("nan"))}) == []
    assert "lowest" not in divides({"a": Judged(1.0, 1.0)})[0]
    assert "**0.750**; the lowest is that of `b` (0.500)" in divides({"a": Judged(1.0, 1.0), "b": Judged(0.5, 0.5)})[0]


def test_random_directions_are_explained_only_where_they_come_first() -> None:
    assert "sefa and ganspace" in beside_random({"random": 0.5, "sefa": 0.9, "ganspace": 0.8})
    assert "ganspace" not in beside_random({"random": 0.5, "sefa": 0.9, "ganspace": 0.2})
    assert beside_random({"random": 0.9, "sefa": 0.9}) == "" and beside_random({"sefa": 0.9}) == ""


def test_rows_of_the_tour() -> None:
    assert centre(np.array([0.0, 1.0, 3.0])) == pytest.approx(1.75)
    assert np.isnan(centre(np.zeros(3)))
    assert {group_of(name) for name in tour_higan.FEW} == set(GROUPS)
