"""How far edits may go: sets of features whose answer is known, and `gantk manipulate --realism`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import gantk
from gantk.errors import GantkError
from gantk.higan.manipulated import ManipulateResult
from gantk.predictors.departure import Departure, departures, reach, told
from gantk.reports.text import inline

Call = Callable[..., tuple[int, str, str]]


def test_sets_that_stay_gather_or_leave() -> None:
    """Unmoved features are as unedited ones are; gathered in the middle they are apart and near; far off, neither."""
    random = np.random.default_rng(0)
    before, other, unmoved = (random.normal(size=(200, 6)) for _ in range(3))
    found = departures(before, other, [(0.0, unmoved), (1.0, 0.2 * before), (5.0, before + 20.0)])
    assert [step.distance for step in found] == [0.0, 1.0, 5.0]
    same, gathered, gone = found
    assert same.apart < 1.5 and 0.9 < same.near < 1.1
    assert gathered.apart > 3 and gathered.near > 1
    assert gone.apart > 100 and gone.near == 0


def test_wrong_sets_are_refused() -> None:
    few, many = np.zeros((10, 3)), np.zeros((30, 3))
    for before, other in ((few, few), (many, few)):
        with pytest.raises(GantkError, match="at least 20"):
            departures(before, other, [])


@pytest.mark.parametrize(
    ("near", "ends", "words"),
    [
        ((0.5, 0.95, 1.0, 0.95, 0.5), (-1, 1), "from -1 to 1 at least 90 %"),
        ((0.5, 0.5, 1.0, 1.0, 1.0), (0, 2), "from 0 to 2"),
        ((1.0, 1.0, 1.0, 1.0, 1.0), (-2, 2), "all that was tried"),
        ((0.1, 0.1, 1.0, 0.1, 0.1), (0, 0), "at none of the distances tried"),
        ((1.0, 0.1, 1.0, 0.1, 1.0), (0, 0), "at none"),
    ],
)
def test_the_sentence_follows_the_figures(near: tuple[float, ...], ends: tuple[float, float], words: str) -> None:
    found = [Departure(distance, 1.0, value) for distance, value in zip((-2, -1, 0, 1, 2), near, strict=True)]
    assert reach(found) == ends
    assert words in told("smile", found)


def test_manipulate_says_how_far(gantk_command: Call, tmp_path: Path) -> None:
    words = ("manipulate", "demo", "season", "-N", 1, "--step", 3, "--start-distance", 0, "--end-distance", 60)
    code, _, err = gantk_command(*words, "--realism", 20, "-o", tmp_path / "run")
    assert code == 0, err
    result = gantk.load_result(tmp_path / "run")
    assert isinstance(result, ManipulateResult)
    unmoved, _, far = result.moved[0].departures
    assert unmoved.near == 1.0 and far.near < 0.9  # sixty units from the mean there is no scene
    page = (tmp_path / "run" / "manipulate.html").read_text(encoding="utf-8")
    assert inline(told("season", result.moved[0].departures)) in page


@pytest.mark.parametrize("words", [("--realism", "5"), ("--realism", "20", "--absolute"), ("--realism", "-1")])
def test_bad_values_are_refused(gantk_command: Call, tmp_path: Path, words: tuple[str, ...]) -> None:
    code, _, err = gantk_command("manipulate", "demo", "season", *words, "-o", tmp_path / "run")
    assert code == 2 and "--realism" in err and not (tmp_path / "run").exists()
