"""Commands under torchrun: each of two CPU processes takes its part, and what is joined is what one process writes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import forked
import ghfeat_cases
import numpy as np
import pytest
import torch
from generator_cases import close
from higan_cases import contents, write_world
from test_ghfeat_training import command
from test_navigan_training import trainer

from gantk.ghfeat.data import Renders
from gantk.ghfeat.files import load_encoder
from gantk.ghfeat.results import TrainResult
from gantk.runs.results import read_result

pytestmark = pytest.mark.slow
Call = Callable[..., tuple[int, str, str]]

COMMANDS = {
    "synthesize": "synthesize tiny.safetensors -N 21 --chunk 4 --images --predict --predictor pred.py:score",
    "rescore": "rescore tiny.safetensors list.txt -N 21 --chunk 4 --layerwise --random 2 --predictor pred.py:score",
    "resefa jacobian": "resefa jacobian tiny.safetensors -N 11 --chunk 2 --box a=0.2,0.2,0.6,0.6",
}
SHARED = ["--batch-size", "4"]
TRAINING = (
    "navigan train tiny.safetensors svd --conv 16x16/conv1 --metric pixels -N 2 --shown 1 --components 2"
    " --reconstructor lenet --reconstructor-size 32 --batch-size 4 --save-every 3"
)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two processes under torchrun did everything that these tests look at."""
    folder = tmp_path_factory.mktemp("ranks")
    write_world(folder)
    ghfeat_cases.write_world(folder)
    lines = [[*line.split(), *SHARED, "--shard", "auto", "-o", f"parts {name}"] for name, line in COMMANDS.items()]
    for steps, out in (("3", "twice"), ("6", "twice"), ("6", "once")):
        lines.append([*TRAINING.split(), "--steps", steps, "-o", out])
    lines.append(command(folder, folder / "encoder")[2:])
    (folder / "lines.json").write_text(json.dumps(lines))
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    script = Path(__file__).with_name("torchrun_ranks.py")
    done = forked.run([script, "lines.json", "coefficients.json"], folder, variables)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_two_processes_write_what_one_writes(
    name: str, ranks: Path, gantk_command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ranks)
    made, alone = Path(f"parts {name}"), Path(f"whole {name}")
    stem = name.replace(" ", "-")
    assert sorted(path.name for path in made.glob("*.json")) == [f"{stem}.{i}-of-2.run.json" for i in (0, 1)]
    assert gantk_command("merge", made)[0] == 0
    code, _, err = gantk_command(*COMMANDS[name].split(), *SHARED, "-o", alone)
    assert code == 0, err
    parts, whole = contents(made), contents(alone)
    assert parts.keys() == whole.keys() and len(whole) > 3
    for file in whole:
        if file.endswith(".npy") and np.load(alone / file).dtype == np.float64:  # sums over samples
            np.testing.assert_allclose(np.load(made / file), np.load(alone / file), rtol=1e-12, atol=0)
    assert parts == whole  # sums too: they are joined chunk by chunk, whoever computed them


def test_a_training_of_two_processes_continues_to_the_same_bytes(ranks: Path) -> None:
    """Both take every step from the first one's state, and more steps continue it."""
    for name in ("training.pt", "directions.safetensors"):
        assert (ranks / "twice" / name).read_bytes() == (ranks / "once" / name).read_bytes(), name
    assert len(list((ranks / "once").glob("*.run.json"))) == 1


def test_processes_learn_what_one_does(ranks: Path) -> None:
    """Two processes that halve every batch end near the same directions; batch norms see halves."""
    found = torch.tensor(json.loads((ranks / "coefficients.json").read_text()))
    alone = trainer()
    for number in range(3):
        alone.step(number)
    moved = (found - trainer().rectifier.coefficients).abs().max()
    assert moved > 1e-3 and (found - alone.rectifier.coefficients).abs().max() < 1.5 * moved


def test_two_processes_train_an_encoder_like_one(ranks: Path, gantk_command: Call) -> None:
    code, _, err = gantk_command(*command(ranks, ranks / "encoder alone")[2:])
    assert code == 0, err
    folders = [ranks / name for name in ("encoder alone", "encoder")]
    results = [read_result(TrainResult, folder) for folder in folders]
    for a, b in zip(results[0].curve, results[1].curve, strict=True):
        known = {name: value for name, value in vars(a).items() if value is not None}
        assert {name: vars(b)[name] for name in known} == pytest.approx(known, rel=2e-3)
    encoders = [load_encoder(folder / "encoder.safetensors").encoder for folder in folders]
    image = Renders(16, 5).batch(range(4)).image_NCHW
    for one, other in zip(*(encoder(image) for encoder in encoders), strict=True):
        close(other, one, 5e-3)  # Adam makes much of the rounding of small gradients
