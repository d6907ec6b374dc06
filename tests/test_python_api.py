"""The README's Python, run as it stands there but with small numbers; once more with a checkpoint of others."""

from __future__ import annotations

import re
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gantk

# What a call is asked for in a test, beside what the README asks.
SMALL = {
    "2000,": "40,",
    "num=200": "num=2, random=1",
    "shots=8": "shots=2, size=16, held_out=0",
    "k=16": "k=2, num=2, max_products=3, shown=1",
    'rows="5-9")': 'rows="5-9", held_out=0, components=2)',
    "components=5": "components=5, samples=1",
}


def blocks() -> list[str]:
    """The blocks of Python of the README's section, with their indentation taken away."""
    text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## From Python") :].split("\n## ")[0]
    found = re.findall(r"(?:^ {4}.*\n|^\n)+", section, re.MULTILINE)
    return ["\n".join(line.removeprefix("    ") for line in block.splitlines()) for block in found if block.strip()]


def run(code: str, changes: dict[str, str]) -> dict[str, Any]:
    for before, after in changes.items():
        assert before in code, f"the README does not say {before!r} any more"
        code = code.replace(before, after)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    return names


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The pages that `show` opened; what is saved goes into a folder of the test."""
    found: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: found.append(url))
    monkeypatch.chdir(tmp_path)
    return found


def test_the_calls_of_a_generator() -> None:
    found = run(blocks()[0], {"(16, seed=0)": "(2, seed=0)"})
    assert found["image_NCHW"].shape == (2, 3, 64, 64) and float(found["image_NCHW"].abs().max()) < 2
    moved = (found["edited_NLD"] - found["wp_NLD"]).abs().amax((0, 2))
    assert [row for row in range(len(moved)) if moved[row] > 0] == [6, 7, 8, 9]


FOREIGN = pytest.param("torch/ros_converted_32.pt", 32, marks=pytest.mark.reference, id="rosinality")


@pytest.mark.parametrize(("model", "resolution"), [pytest.param("demo", 64, id="demo"), FOREIGN])
def test_every_system(model: str, resolution: int, opened: list[str], request: pytest.FixtureRequest) -> None:
    changes = dict(SMALL)
    if model != "demo":  # random pictures vary in their light; the network has eight rows
        path = request.getfixturevalue("reference_dir") / model
        changes |= {'generator("demo")': f"generator({str(path)!r})", '"season"': '"time_of_day"'}
        changes |= {'rows="5-9"': 'rows="4-7"', 'rows="6-9"': 'rows="4-7"'}
        changes["k=16"] += ", metric='pixels'"  # the default for such a network needs an extra
    found = run(blocks()[1], changes)
    name = "season" if model == "demo" else "time_of_day"
    samples, season, head, weights, house = (found[key] for key in ("samples", "season", "head", "weights", "house"))
    assert len(samples.codes) == 40 and name in repr(season) and season.direction.probe == samples.probe
    assert found["rescored"].table() and "Gain of each row of wp alone" in Path(opened[0][7:]).read_text()
    assert len(found["edits"].walks[0].strips) == 4 and len(found["edits"].walks[0].strips[0].images) == 5
    assert found["logits"].shape == (4, 10, 16, 16) and "2 images" in repr(head)
    assert found["image_NCHW"].shape == (4, 3, resolution, resolution) and "2 eigenvectors" in repr(weights)
    assert house.name == "house" and house.direction.vectors.shape[0] == 2
    assert len(found["moved"].walks[0].strips) == 4
    assert found["again"].table() == found["sefa"].table() and Path("runs/sefa/sefa.html").is_file()
    np.testing.assert_array_equal(found["again"].direction.vectors, found["sefa"].direction.vectors)
    assert [path.name for path in Path.cwd().iterdir()] == ["runs"], "the rest stays in memory"


def test_every_public_name_is_there() -> None:
    for name in gantk.__all__:
        assert getattr(gantk, name) is not None
    for system in ("higan", "lse", "navigan", "resefa", "comparators", "atlas", "stylespace", "quality"):
        module = getattr(gantk, system)
        for name in module.__all__:
            assert callable(getattr(module, name)), f"gantk.{system}.{name}"
