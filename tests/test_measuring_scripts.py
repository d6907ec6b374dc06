"""Steps of benchmarks and truths on the smallest sizes that exercise them: scripts are run seldom, and names change."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

import pytest
import torch

from gantk.errors import GantkError
from gantk.world.renderer import FACTOR_NAMES

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))


def test_a_row_of_the_table_of_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    methods = importlib.import_module("truths.methods")
    monkeypatch.setattr(importlib.import_module("truths._finders"), "FACTOR_NAMES", FACTOR_NAMES[:2])
    parser = argparse.ArgumentParser()
    methods.add_options(parser)
    words = "--passes 24 --unseen 40 --fresh 2 --floor 2 --seeds 1 --table-only --only oracle --methods true"
    result = methods.run(parser.parse_args(words.split()))
    (row,) = result["oracle"]["methods"]["true"]
    assert row["found"]["4.0"] == 2 and row["passes"] == 0 and 0 < row["disentanglement"] <= 1
    assert "| true | 2.0 | 2.0 |" in methods.show(result)


@pytest.mark.parametrize(("script", "name"), [("truth", "choosing"), ("bench", "navigan")])
def test_what_cannot_be_measured_is_one_sentence(
    script: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = importlib.import_module(script).main
    part = importlib.import_module(f"{'truths' if script == 'truth' else 'benchmarks'}.{name}")

    def refuse(arguments: argparse.Namespace) -> None:
        raise GantkError("At least 20 samples are needed: there are 5.")

    monkeypatch.setattr(part, "run", refuse)
    monkeypatch.setattr(sys, "argv", [script, name])
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    with pytest.raises(SystemExit, match="^2$"):
        main()
    assert capsys.readouterr().err.splitlines()[-1].endswith("error: At least 20 samples are needed: there are 5.")


def test_heads_of_the_benchmark_of_lse_train_learn() -> None:
    lse_train = importlib.import_module("benchmarks.lse_train")
    curve = lse_train.ours("demo", seed=0, held_out=8, num=8, steps=2)()["curve"]
    assert [passes for passes, _ in curve] == sorted({passes for passes, _ in curve}) and curve[0][0] >= 16
    assert 0.2 < curve[0][1] <= curve[-1][1] <= 1
