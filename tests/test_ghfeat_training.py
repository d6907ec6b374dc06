"""Training: what a step does, what a kill cannot break, what several processes cannot change."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generator_cases import close, refuse, tiny
from ghfeat_cases import SMALL, small_encoder, train_options, write_pictures, write_world

from gantk.errors import GantkError, UsageError
from gantk.ghfeat.calibration import encoder_config, sample_styles
from gantk.ghfeat.data import Renders, Samples, Stream, open_data
from gantk.ghfeat.figures import psnr
from gantk.ghfeat.files import load_encoder
from gantk.ghfeat.judges import load_discriminator
from gantk.ghfeat.losses import PredictorDistance, load_perception, structural_similarity, style_loss
from gantk.ghfeat.metrics import r2
from gantk.ghfeat.norm import Norm
from gantk.ghfeat.results import TrainResult
from gantk.ghfeat.training import Training, learning_rate
from gantk.runs.results import read_result
from gantk.store.states import canonical


def training(**changes: Any) -> Training:
    generator = tiny("stylegan2-skip")
    made = train_options(**changes)
    config = encoder_config(generator, **SMALL)
    judge = load_discriminator("new", generator) if made.adversarial else None
    return Training(made, config, generator, [Renders(16, 0)], judge)


def weights(of: Training) -> list[torch.Tensor]:
    return [value.clone() for value in of.encoder.state_dict().values()]


def test_the_learning_rate_is_the_originals_as_it_really_was() -> None:
    options = train_options(images=14_000_000, rate=1e-4)
    assert [learning_rate(options, k) for k in (0, 7_000_000, 14_000_000)] == pytest.approx(
        [1e-4, 4.096e-5, 1.678e-5], rel=1e-3
    )


def test_it_learns(tmp_path: Path) -> None:
    made = training(images=480, batch_size=16, warm_up=320, ema_images=5.0)
    first = made.step()["style"]
    while not made.finished:
        last = made.step()
    assert made.curve[-1]["images"] == 480 and "pixel" in last
    styles = [row["style"] for row in made.curve if "style" in row]
    assert styles[-1] < 0.8 * first
    pixels = [row["pixel"] for row in made.curve if "pixel" in row]
    assert np.mean(pixels[-3:]) < np.mean(pixels[:3])


def test_a_batch_has_an_image_of_every_source() -> None:
    generator = tiny("stylegan2-skip")
    config = encoder_config(generator, **SMALL)
    with pytest.raises(GantkError, match="batch of 1 for each process is less than one image of each of 2 sources"):
        Training(train_options(batch_size=1), config, generator, [Renders(16, 0), Samples(generator, 16, 0)])


def test_what_processes_tell_each_other_lies_on_the_device_of_their_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[torch.Tensor] = []
    monkeypatch.setattr(torch.distributed, "all_reduce", told.append)
    made = training()
    made.world, made.device = 2, torch.device("meta")
    with pytest.raises(NotImplementedError):  # there is nothing to read on "meta"
        made._mean_over_processes({"pixel": 1.0})
    assert [tensor.device.type for tensor in told] == ["meta"]


def test_the_generator_stays_frozen_and_the_discriminator_learns() -> None:
    made = training(adversarial=0.1, warm_up=0, r1_gamma=1.0)
    before = [p.clone() for p in made.generator.parameters()]
    judge = [p.clone() for p in made.discriminator.parameters()]  # type: ignore[union-attr]
    terms = made.step()
    assert {"adversarial", "judge_real", "judge_fake", "r1"} <= terms.keys()
    assert all(torch.equal(a, b) for a, b in zip(before, made.generator.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(judge, made.discriminator.parameters(), strict=True))  # type: ignore[union-attr]


def test_an_update_with_an_infinite_gradient_is_left_out() -> None:
    made = training(warm_up=0)
    made.step()
    before = weights(made)
    with torch.no_grad():
        for p in made.encoder.parameters():
            p.grad = torch.full_like(p, torch.inf)
    made._update(made.optimizer, made.encoder)
    assert made.skipped == 1
    assert all(torch.equal(a, b) for a, b in zip(before, weights(made), strict=True))


def test_norms_are_fixed_for_the_last_part() -> None:
    made = training(images=16, warm_up=0, fix_norms=0.5)
    made.step()
    running = [m.running_mean.clone() for m in made.encoder.modules() if isinstance(m, Norm)]
    made.step()
    assert all(
        torch.equal(a, m.running_mean)
        for a, m in zip(running, (m for m in made.encoder.modules() if isinstance(m, Norm)), strict=True)
    )


@pytest.mark.parametrize("adversarial", [0.0, 0.1])
def test_continuing_takes_the_same_steps(adversarial: float) -> None:
    whole = training(adversarial=adversarial, mirror=0.5)
    while not whole.finished:
        whole.step()
    first = training(adversarial=adversarial, mirror=0.5)
    for _ in range(5):
        first.step()
    state = canonical(first.state())
    second = training(adversarial=adversarial, mirror=0.5)
    second.load(state)
    while not second.finished:
        second.step()
    assert second.curve == whole.curve
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(second), strict=True))


def test_the_running_variance_is_biased_and_the_output_is_torchs() -> None:
    x = torch.randn(6, 3)
    mine, theirs = Norm(3), torch.nn.BatchNorm1d(3)
    close(mine.train()(x), theirs(x))
    close(mine.running_var, 0.9 + 0.1 * x.var(0, correction=0))
    close(mine.running_mean, theirs.running_mean)


# --- data ------------------------------------------------------------------------------------------------------------


def test_samples_come_with_the_styles_that_made_them() -> None:
    generator = tiny("stylegan2-skip")
    batch = Samples(generator, 16, seed=3).batch(range(4, 8))
    assert batch.styles is not None
    close(generator.synthesize(batch.styles).clamp(-1, 1), batch.image_NCHW)
    again = Samples(generator, 16, seed=3).batch(range(6, 8))
    close(again.image_NCHW, batch.image_NCHW[2:])


def test_a_stream_visits_every_image_once_an_epoch_and_is_the_same_from_anywhere(tmp_path: Path) -> None:
    write_pictures(tmp_path / "p", 10)
    source = open_data(str(tmp_path / "p")).source(tiny("stylegan2-skip"), 16, 0, "exact")
    stream = Stream([source], seed=5)
    whole = stream.batches(0, 20)[0].image_NCHW
    epochs = [{x.numpy().tobytes() for x in part} for part in whole.split(10)]
    assert epochs[0] == epochs[1] and len(epochs[0]) == 10
    assert torch.equal(torch.cat([stream.batches(0, 7)[0].image_NCHW, stream.batches(7, 13)[0].image_NCHW]), whole)
    assert not torch.equal(whole[:10], whole[10:])


def test_sources_take_turns() -> None:
    generator = tiny("stylegan2-skip")
    batches = Stream([Renders(16, 0), Samples(generator, 16, 0)], 0).batches(6, 6)
    assert [len(b.image_NCHW) for b in batches] == [3, 3]
    assert torch.equal(batches[0].image_NCHW, Renders(16, 0).batch(range(3, 6)).image_NCHW)


def test_held_out_images_are_no_training_images(tmp_path: Path) -> None:
    write_pictures(tmp_path / "p", 40)
    parts = [
        open_data(str(tmp_path / "p")).source(tiny("stylegan2-skip"), 16, 0, "exact", p) for p in ("train", "held-out")
    ]
    assert [p.length for p in parts] == [38, 2]
    sets = [{x.numpy().tobytes() for x in p.batch(range(p.length or 0)).image_NCHW} for p in parts]
    assert not sets[0] & sets[1]
    refuse(lambda: open_data("nothing").source(tiny("stylegan2-skip"), 16, 0, "exact"))


# --- losses ----------------------------------------------------------------------------------------------------------


def test_structural_similarity_is_one_for_equal_images_and_falls_with_noise() -> None:
    image = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    values = [structural_similarity(image, (image + s * noise)).mean().item() for s in (0.0, 0.1, 0.5)]
    assert values[0] == pytest.approx(1.0, abs=1e-5) and values[0] > values[1] > values[2]
    assert psnr(4.0) == 0.0 and r2(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0])) == 1.0


def test_the_style_loss_is_one_for_the_mean() -> None:
    styles = sample_styles(tiny("stylegan2-skip"), 512)
    spread = [s.var(0).mean().item() for s in styles]
    means = [s.mean(0).expand_as(s) for s in styles]
    assert style_loss(means, styles, spread).item() == pytest.approx(1.0, rel=0.02)


def test_perceptions_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_perception("none") is None
    image = torch.rand(2, 3, 32, 32)
    demo = load_perception("demo")
    assert isinstance(demo, PredictorDistance)
    for distance in (demo, PredictorDistance(demo.predictor, recognition=1.0)):
        assert distance(image, image).abs().max() < 1e-6 and distance(image, -image).min() > 0
    monkeypatch.setenv("GANTK_PREDICTORS", str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    refuse(lambda: load_perception("vgg16"), GantkError)


def test_discriminators_by_name(tmp_path: Path) -> None:
    generator = tiny("stylegan2-skip")
    assert load_discriminator("new", generator)(torch.zeros(4, 3, 16, 16)).shape == (4,)
    refuse(lambda: load_discriminator("nothing", generator), UsageError)
    refuse(lambda: load_discriminator("demo", generator), GantkError)  # judges 64 pixels


# --- the command -----------------------------------------------------------------------------------------------------

FLAGS = [
    "--images", "96", "--batch-size", "8", "--warm-up", "32", "--depth", "18", "--width", "4", "--pyramid", "8",
    "--rank", "4", "--head-norm", "none", "--metric", "none", "--adversarial", "0", "--held-out", "8",
    "--rate", "1e-3", "--device", "cpu",
]  # fmt: skip


def command(folder: Path, out: Path, *more: str) -> list[str]:
    return ["-m", "gantk", "ghfeat", "train", str(folder / "G.safetensors"), "--data", "renderer", *FLAGS, *more,
            "-o", str(out)]  # fmt: skip


@pytest.mark.slow
def test_a_killed_training_ends_like_one_that_was_not(gantk_command: Any, tmp_path: Path) -> None:
    write_world(tmp_path)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert gantk_command(*command(tmp_path, whole)[2:])[0] == 0
    words = command(tmp_path, cut, "--save-seconds", "0")
    process = subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        while not (cut / "checkpoint.pt").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stderr.close()  # type: ignore[union-attr]
    assert (cut / "checkpoint.pt").exists()
    code, _, err = gantk_command(*words[2:])
    assert code == 0, err
    files = [(folder / "ghfeat-train.result.json").read_bytes() for folder in (whole, cut)]
    assert files[0] == files[1]
    assert len({read_result(TrainResult, folder).sha256 for folder in (whole, cut)}) == 1
    assert len({(folder / "checkpoint.pt").read_bytes() for folder in (whole, cut)}) == 1


def test_other_arguments_and_a_missing_folder_are_refused(gantk_command: Any, tmp_path: Path) -> None:
    write_world(tmp_path)
    words = command(tmp_path, tmp_path / "run", "--images", "16", "--warm-up", "8")[2:]
    code, out, err = gantk_command(*words)
    assert code == 0, err
    assert "trained" in out and (tmp_path / "run" / "ghfeat-train.html").exists()
    result = read_result(TrainResult, tmp_path / "run")
    assert len(result.pairs) == 8 and result.mean_code_mse > 0 and result.done
    assert load_encoder(result).sha256 == load_encoder(tmp_path / "run" / "encoder.safetensors").sha256
    code, _, err = gantk_command(*words, "--rate", "0.1")
    assert code == 2 and "--rate" in err
    code, _, err = gantk_command(*[w if w != "renderer" else "nothing-there" for w in words], "--overwrite")
    assert code == 2 and "nothing-there" in err
    assert small_encoder(tiny("stylegan2-skip")).config.widths
