"""HiGAN from Python: the lines of the documents, in memory, on the bundled generator and on a foreign checkpoint."""

from __future__ import annotations

import re
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_files import rosinality_file
from report_runs import boundaries, manipulation, rescoring, synthesis

import gantk
from gantk.errors import UsageError
from gantk.higan.options import ManipulateOptions, RescoreOptions
from gantk.predictors.base import Predictor
from gantk.runs.reporting import load_result
from gantk.runs.results import Result

ROOT = Path(__file__).parent.parent


def lines_of(name: str, heading: str) -> str:
    """The indented block of Python below a heading of a document."""
    text = (ROOT / name).read_text(encoding="utf-8")
    part = text[text.index(heading) :]
    block = re.search(r"\n\n((?: {4}.*\n|\n)+)", part)
    assert block is not None
    return "\n".join(line.removeprefix("    ") for line in block[1].splitlines())


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that `show` opened."""
    found: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: found.append(url))
    return found


@pytest.mark.parametrize("foreign", [False, True], ids=["demo", "rosinality"])
def test_the_documented_lines_run(
    foreign: bool, opened: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = lines_of("docs/higan.md", "## From Python").replace("2000", "60").replace("num=200", "num=2")
    assert "gantk.sample" in code and "train_boundary" in code and ".show()" in code
    if foreign:
        (tmp_path / "other.pt").write_bytes(rosinality_file())
        code = code.replace('"demo")', f'"{tmp_path / "other.pt"}")', 1)
        code = code.replace('rows="6-9"', 'rows="2-3"').replace(
            '"season"', '"time_of_day"'
        )  # what random pictures may have more or less of
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/higan.md", "exec"), names)
    samples, season = names["samples"], names["season"]
    assert len(samples.codes) == 60 and samples.codes.space == "w" and len(samples.codes[:4]) == 4
    assert season.direction.space == "w" and season.direction.probe == samples.probe
    page = Path(opened[0].removeprefix("file://")).read_text(encoding="utf-8")
    assert "Gain of each row of wp alone" in page
    assert not list(tmp_path.glob("*.npy")), "nothing is written in memory"


def test_memory_and_run_are_the_same(tmp_path: Path, gantk_command: Any) -> None:
    generator, predictor = gantk.load_generator("demo"), gantk.load_predictor("demo")
    samples = gantk.sample(generator, 40, predictor, batch_size=16)
    code, _, err = gantk_command("synthesize", "demo", "-N", 40, "--predict", "-o", tmp_path / "samples")
    assert code == 0, err
    written = load_result(tmp_path / "samples")
    assert isinstance(written, type(samples)) and written.w is not None and samples.w is not None
    np.testing.assert_array_equal(written.w, samples.w)
    np.testing.assert_array_equal(written.scores["season"], samples.scores["season"])
    assert written.table() == samples.table() and written.sentence() == samples.sentence()
    options = RescoreOptions(num=3, random=1, layerwise=True)
    direction = gantk.load_direction("season", generator)
    found = gantk.higan.rescore(generator, direction, predictor, options=options)
    words = ["rescore", "demo", "season", "-N", 3, "--random", 1, "--layerwise", "-o", tmp_path / "rescored"]
    code, _, err = gantk_command(*words)
    assert code == 0, err
    assert load_result(tmp_path / "rescored").table() == found.table()
    moved = gantk.higan.manipulate(generator, found.boundaries[0], samples.codes[:2], step=3)
    assert len(moved.walks[0].strips) == 2 and moved.walks[0].strips[0].images[0].array().shape == (64, 64, 3)
    assert moved.num == 2 and moved.moved[0].codes is not None


def test_options_and_keywords(tmp_path: Path) -> None:
    generator = gantk.load_generator("demo")
    direction = gantk.load_direction("season", generator)
    with pytest.raises(UsageError, match="Did you mean 'distance'"):
        gantk.higan.rescore(generator, direction, distanse=2.0)
    with pytest.raises(UsageError, match="step is 0"):
        ManipulateOptions(step=0)
    with pytest.raises(UsageError, match="no direction"):
        gantk.higan.manipulate(generator, "season")
    with pytest.raises(UsageError, match="GivenCodes"):
        gantk.higan.manipulate(generator, direction, generator.sample_z(2))

    class Blind(Predictor):
        name = "blind"

    with pytest.raises(UsageError, match="no attributes"):
        gantk.higan.rescore(generator, direction, Blind())
    with pytest.raises(UsageError, match="neither attributes nor categories"):
        gantk.sample(generator, 2, Blind())


def results(folder: Path) -> list[Result]:
    return [synthesis(folder, 2), boundaries(), rescoring(), manipulation(folder, 1, 3)]


@pytest.mark.parametrize("place", range(4))
def test_results_survive_the_disk_and_show_themselves(place: int, tmp_path: Path) -> None:
    result = results(tmp_path / "made")[place]
    again = load_result(result.save(tmp_path / "kept"))
    assert again.table() == result.table() and again.lines() == result.lines() and repr(again) == repr(result)
    assert again.page().text() == result.page().text()
    assert repr(result).startswith(type(result).__name__) and "<iframe" in result._repr_html_()
    assert {export.name for export in result.exports()} <= {path.name for path in (tmp_path / "kept").iterdir()}
