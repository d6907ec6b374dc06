"""Commands under torchrun: each of two CPU processes takes its part, and what is joined is what one process writes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from higan_cases import contents, write_world

pytestmark = pytest.mark.slow
Call = Callable[..., tuple[int, str, str]]

COMMANDS = {
    "synthesize": "synthesize tiny.safetensors -N 21 --chunk 4 --images --predict --predictor pred.py:score",
    "rescore": "rescore tiny.safetensors list.txt -N 21 --chunk 4 --layerwise --random 2 --predictor pred.py:score",
    "resefa jacobian": "resefa jacobian tiny.safetensors -N 11 --chunk 2 --box a=0.2,0.2,0.6,0.6",
}


def torchrun(folder: Path, root: Path, *words: str, processes: int = 2) -> None:
    line = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={processes}",
        "-m",
        *words,
    ]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("name", COMMANDS)
def test_two_processes_write_what_one_writes(
    name: str, tmp_path: Path, root: Path, gantk_command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_world(tmp_path)
    monkeypatch.chdir(tmp_path)
    words = [*COMMANDS[name].split(), "--batch-size", "4"]
    torchrun(tmp_path, root, "gantk", *words, "--shard", "auto", "-o", "parts")
    stem = name.replace(" ", "-")
    assert sorted(path.name for path in Path("parts").glob("*.json")) == [f"{stem}.{i}-of-2.run.json" for i in (0, 1)]
    assert gantk_command("merge", "parts")[0] == 0
    code, _, err = gantk_command(*words, "-o", "whole")
    assert code == 0, err
    parts, whole = contents(tmp_path / "parts"), contents(tmp_path / "whole")
    assert parts.keys() == whole.keys() and len(whole) > 3
    for file in whole:
        if file.endswith(".npy") and np.load(tmp_path / "whole" / file).dtype == np.float64:  # sums over samples
            ours, theirs = (np.load(tmp_path / folder / file) for folder in ("parts", "whole"))
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=0)
    assert parts == whole  # sums too: they are joined chunk by chunk, whoever computed them


def test_a_training_of_two_processes_continues_to_the_same_bytes(tmp_path: Path, root: Path) -> None:
    """Both take every step from the first one's state, and more steps continue it."""
    write_world(tmp_path)
    line = "navigan train tiny.safetensors svd --conv 16x16/conv1 --metric pixels -N 2 --show 1 --directions 2"
    line += " --predictor lenet --predictor-size 32 --batch-size 4 --save-every 3"
    torchrun(tmp_path, root, "gantk", *line.split(), "--steps", "3", "-o", "twice")
    torchrun(tmp_path, root, "gantk", *line.split(), "--steps", "6", "-o", "twice")
    torchrun(tmp_path, root, "gantk", *line.split(), "--steps", "6", "-o", "once")
    for name in ("training.pt", "directions.safetensors"):
        assert (tmp_path / "twice" / name).read_bytes() == (tmp_path / "once" / name).read_bytes(), name
    assert len(list((tmp_path / "once").glob("*.run.json"))) == 1
