"""A request to stop is not lost, whatever a library makes of the exception that carries it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from gantk.cli.commands import COMMANDS

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("how", ["turned into another error", "swallowed"])
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
def test_a_signal_is_not_lost_where_its_exception_is(
    gantk_command: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    sent: signal.Signals,
    code: int,
) -> None:
    """A library may catch what a signal's handler raises."""

    @click.command()
    def deaf() -> None:
        import numpy as np

        from gantk.runs.run import Run

        with Run.begin(tmp_path, "deaf", {}) as run:
            ledger = run.ledger(("x",), 4, 1)
            for index in ledger.missing():
                try:
                    if index == 2:
                        signal.raise_signal(sent)
                except BaseException as error:
                    if how != "swallowed":
                        raise ValueError("no shape") from error
                ledger.write(index, {"x": np.zeros(1)})

    module: Any = ModuleType("gantk.cli.deaf")
    module.__spec__ = ModuleSpec(module.__name__, None)
    module.command = deaf
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(COMMANDS, "deaf", ("deaf", "For a test."))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        got, _, err = gantk_command("deaf")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (got, err.lstrip()) == (code, f"Interrupted. The same command continues in {tmp_path}.\n")
    assert json.loads((tmp_path / "deaf.run.json").read_text())["state"] == "interrupted"
    assert len(list(tmp_path.rglob("x.*.npy"))) == 2


def test_web_without_a_model_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gantk.cli.main import run

    for package in ("starlette", "uvicorn", "websockets"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    assert run(["web", "nothere", "--port", "0"]) == 2
    assert not list(tmp_path.iterdir())
