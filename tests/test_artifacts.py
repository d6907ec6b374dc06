"""What ships is what `make artifacts` makes: boundaries of the bundled generator with cards, hashes, figures."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gantk.checkpoints.names import SUMS, bundled, weights_folder
from gantk.world.renderer import FACTOR_NAMES

Gantk = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).resolve().parent.parent
BOUNDARIES = ROOT / "boundaries" / "demo"


def module_at(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


needs_weights = pytest.mark.skipif("demo-stylegan2" not in bundled(), reason="the bundled generator is not here")


@pytest.mark.parametrize(
    ("effect", "rows"),
    [([0, 5, 0, 0], (1,)), ([1, 4, 4, 1], (1, 2)), ([3, 0, 3, 4], (0, 1, 2, 3)), ([0, 0, 0, 0], (0, 1, 2, 3))],
)
def test_rows_of_a_boundary_are_the_shortest_range_with_its_share(effect: list[float], rows: tuple[int, ...]) -> None:
    assert module_at(ROOT / "scripts" / "artifacts.py").shortest_range(np.array(effect, float), 0.8) == rows


@needs_weights
@pytest.mark.parametrize("name", FACTOR_NAMES)
def test_a_shipped_boundary_belongs_to_the_bundled_generator_and_has_a_card(name: str) -> None:
    import gantk

    generator = gantk.load_generator("demo")
    direction = gantk.load_direction(name, generator)  # refused where the probe differs
    assert direction.probe is not None and direction.space == "w"
    assert direction.layers and max(direction.layers) < generator.spec.num_layers
    assert np.linalg.norm(direction.vectors) == pytest.approx(1, abs=1e-5)
    card = (BOUNDARIES / f"{name}.md").read_text(encoding="utf-8")
    for line in direction.meta["commands"]:
        assert line in card
    assert direction.meta["command"] in direction.meta["commands"]


@pytest.mark.parametrize("name", [name for name, path in bundled().items() if path is not None])
def test_a_bundled_generator_draws_its_golden_image(name: str, gantk_command: Gantk) -> None:
    code, out, error = gantk_command("models", "verify", name)
    assert code == 0 and "the golden image is the same" in out, error


@needs_weights
def test_hashes_of_all_bundled_weights_are_listed() -> None:
    import hashlib

    folder = weights_folder()
    listed = dict(reversed(line.split()) for line in (folder / SUMS).read_text(encoding="utf-8").splitlines())
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.safetensors")}
    assert listed == found


@needs_weights
def test_truth_of_navigan_learns_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    truth = module_at(ROOT / "scripts" / "truths" / "navigan.py")
    parser = argparse.ArgumentParser()
    truth.add_options(parser)
    world = truth.World(parser.parse_args(["--directions", "2", "--steps", "1", "--renders", "4"]))
    target = truth.GeneratorTarget(world.generator, "64x64/conv1")
    base = truth.WeightDirections("random", "hessian", target.layer, truth.random_basis(target.shape, 2))
    learned, accuracy = truth.optimised(world, target, base, 1.0)
    assert len(learned) == 2 and 0 <= accuracy <= 1


@pytest.mark.slow
def test_truth_of_higan_on_the_oracle(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    truth = module_at(ROOT / "scripts" / "truths" / "higan.py")
    monkeypatch.setattr(truth, "SOLVERS", ("ridge", "newton"))
    parser = argparse.ArgumentParser()
    truth.add_options(parser)
    result = truth.run(parser.parse_args(["--num", "300", "--fresh", "100", "--edits", "4", "--oracle-only"]))
    assert capsys.readouterr().out == ""  # --json prints one line
    ridge = result["solvers"]["exact"]["ridge"]
    assert min(ridge["cosine"].values()) > 0.98 and min(ridge["accuracy"].values()) > 0.9
    assert result["oracle"]["rows_right"] == len(FACTOR_NAMES)
    assert min(result["oracle"]["selectivity"].values()) > 3
    assert result["oracle"]["ranking"]["standardized_auc"] > 0.95
    shown = truth.show(result)
    assert "**ridge**" in shown and "11 of 11" in shown
