"""NaviGAN from Python: verbs on objects, results that carry weights, states that do not depend on kills.

Shape legend: N samples, K directions, T steps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generator_cases import TINY, tiny
from label_to_image import labels, network
from torch import Tensor

import gantk
from gantk.checkpoints.checkpoint import Checkpoint
from gantk.checkpoints.native import write_checkpoint
from gantk.errors import GantkError, UsageError
from gantk.navigan import Metric
from gantk.navigan.files import save
from gantk.navigan.results import HessianResult, TrainResult
from gantk.navigan.training import Trainer
from gantk.runs.reporting import load_result
from gantk.store.states import canonical

Call = Callable[..., tuple[int, str, str]]
CONV = "16x16/conv1"
PIXELS = Metric(None, size=16)
QUICK = {
    "components": 2, "reconstructor": "lenet", "reconstructor_size": 32, "batch_size": 2, "num": 4, "shown": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def generator() -> gantk.Generator:
    return tiny("stylegan2-skip").requires_grad_(False)


@pytest.fixture(scope="module")
def weights(generator: gantk.Generator) -> HessianResult:
    return gantk.navigan.hessian(generator, CONV, PIXELS, k=2, num=4, batch_size=2, shown=1)


def write(path: Path) -> Path:
    made = tiny("stylegan2-skip")
    state = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    write_checkpoint(path, Checkpoint(TINY["stylegan2-skip"][0], made.config.to_dict(), state, "test"))
    return path


@pytest.mark.slow
def test_the_line_of_the_readme() -> None:
    g = gantk.load_generator("demo")
    samples = gantk.sample(g, 8)
    weights = gantk.navigan.hessian(g, "16x16/conv1", k=2, num=8, max_products=4, shown=1)
    images = weights.render(g, samples.codes[:4], row=0)
    assert images.shape == (4, 3, 64, 64)
    assert "demo" in str(weights.metric) and "2 eigenvectors of 16x16/conv1" in repr(weights)


def test_a_result_renders_and_is_taken_where_weights_are(generator: gantk.Generator, weights: HessianResult) -> None:
    samples = gantk.sample(generator, 4, truncation="none")
    images = weights.render(generator, samples.codes[:3], row=1, strength=2.0, truncation="none")
    wp_NLD = generator.expand(torch.from_numpy(np.array(samples.codes[:3])))
    with torch.inference_mode():
        expected = generator.synthesize(wp_NLD, weight_deltas={CONV: (weights.weights.delta(1), 2.0)})
    torch.testing.assert_close(images, expected, atol=1e-5, rtol=1e-5)
    with pytest.raises(UsageError, match="Direction 7 does not exist"):
        weights.render(generator, samples.codes[:3], row=7)
    edits = gantk.navigan.apply(generator, weights, samples, PIXELS, pick=(1,), step=3, num=2)
    assert edits.edited[0].distance is not None and edits.edited[0].distance.shape == (2, 3)
    assert edits.edited[0].walk.strips[0].values[1] == 0 and (edits.edited[0].distance[:, 1] == 0).all()
    each = gantk.navigan.apply(generator, weights.weights, samples, "none", each=[[0, 1.0], [1, -1.0]])
    assert [(part.number, part.strength) for part in each.each] == [(0, 1.0), (1, -1.0)]
    with pytest.raises(UsageError, match="carries no weight directions"):
        gantk.navigan.apply(generator, samples, samples)


def test_another_generator_is_refused_unless_forced(weights: HessianResult) -> None:
    other = tiny("stylegan2-skip")
    with torch.no_grad():
        other.get_parameter("synthesis.const").normal_()
    with pytest.raises(GantkError, match="made for another generator"):
        gantk.navigan.apply(other, weights, metric="none", num=2, step=1)
    assert gantk.navigan.apply(other, weights, metric="none", num=2, step=1, force=True).total == 2


def test_singular_directions_need_no_metric(generator: gantk.Generator, tmp_path: Path) -> None:
    with pytest.raises(GantkError, match="no perceptual distance.*metric pixels"):
        gantk.navigan.hessian(generator, CONV, k=1, num=2)
    for metric in (None, "none"):  # LPIPS is not here
        found = gantk.navigan.svd(generator, CONV, metric, num=2, shown=1)
        assert found.metric is None and found.curves == () and found.weights.scales is None
        assert "strengths were not measured" in found.lines()[1]
        assert "strengths were not measured" in found.page().text() and "How far to go" not in found.page().text()
    measured = gantk.navigan.svd(generator, CONV, "pixels", num=2, shown=1)
    assert measured.unmeasured == "" and len(measured.curves) == 1 and measured.weights.scales is not None
    measured.save(tmp_path)
    again = gantk.load_weights(tmp_path / "directions.safetensors")
    assert again.delta(2).equal(measured.weights.delta(2)) and again.scales == measured.weights.scales


@pytest.fixture(autouse=True)
def _no_lpips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gantk.predictors.lpips.has_files", lambda: False)
    monkeypatch.setattr("gantk.predictors.efficientnet_lite.located", lambda: None)


def test_any_network_with_inputs() -> None:
    own = network()
    found = gantk.navigan.hessian(own, "blocks.0.conv1", PIXELS, labels(4), k=1, num=4, shown=1)
    assert all(part.requires_grad and part.grad is None for part in own.parameters())  # left as it was
    assert found.directions.layer == "blocks.0.conv1" and len(found.shown[0].walk.strips) == 4
    with pytest.raises(UsageError, match="give its inputs"):
        gantk.navigan.hessian(network(), "blocks.0.conv1", PIXELS, k=1)


def test_results_are_the_same_from_the_disk(weights: HessianResult, tmp_path: Path) -> None:
    weights.save(tmp_path)
    again = load_result(tmp_path)
    assert isinstance(again, HessianResult) and again.sentence() == weights.sentence()
    assert again.weights.delta(0).equal(weights.weights.delta(0)) and again.table() == weights.table()
    assert again.weights.meta["eigenvalues"] == weights.eigenvalues.tolist()


def test_contents_decide_and_not_names(tmp_path: Path, gantk_command: Call, weights: HessianResult) -> None:
    """Other directions, other codes or another metric under the same name is another run."""
    model, codes, script = write(tmp_path / "tiny.safetensors"), tmp_path / "wp.npy", tmp_path / "own.py"
    file = tmp_path / "eigenvectors.safetensors"
    made = tiny("stylegan2-skip")
    wp_NLD = made.expand(made.map(made.sample_z(2))).detach().numpy()
    text = (
        "from gantk.predictors.base import Predictor\n"
        "class Own(Predictor):\n"
        "    name = 'own'\n"
        "    def feature_maps(self, image):\n"
        "        return [image * 1.0]\n"
    )
    words = ["navigan", "apply", model, file, "-i", codes, "--latent-space-type", "wp", "--metric", f"{script}:Own"]
    words += ["--step", 1, "-o", tmp_path / "run"]

    def write_all(scale: float = 1.0, added: float = 0.0, code: str = text) -> None:
        directions = weights.weights
        assert directions.scales is not None
        save(file, directions.replace(scales=tuple(scale * value for value in directions.scales)))
        np.save(codes, wp_NLD + added)
        script.write_text(code)

    write_all()
    assert gantk_command(*words)[0] == 0
    other: list[tuple[dict[str, Any], str]] = [
        ({"scale": 2.0}, "the weights"),
        ({"added": 0.5}, "the codes"),
        ({"code": text.replace("1.0", "2.0")}, "the metric"),
    ]
    for changed, named in other:
        write_all(**changed)
        code, _, err = gantk_command(*words)
        assert code == 2 and named in err and "other contents" in err, (changed, err)
    write_all()
    assert gantk_command(*words)[0] == 0


# --- training --------------------------------------------------------------------------------------------------------


def test_training_continues_to_the_same_bytes(
    tmp_path: Path, gantk_command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two lines of the log, the same command ends with the same files, byte for byte."""
    model = write(tmp_path / "tiny.safetensors")
    words = ["navigan", "train", model, "svd", "--conv", CONV, "--metric", "pixels", "--num", 2, "--shown", 1]
    words += ["--components", 2, "--reconstructor", "lenet", "--reconstructor-size", 32, "--batch-size", 2]
    words += ["--steps", 46, "--save-every", 23]  # a line every second step, and a state after an odd one
    assert gantk_command(*words, "-o", tmp_path / "whole")[0] == 0
    plain = Trainer.step

    def dies(self: Trainer, number: int) -> tuple[float, float, float]:
        if number == 30:
            raise KeyboardInterrupt
        return plain(self, number)

    monkeypatch.setattr(Trainer, "step", dies)
    assert gantk_command(*words, "-o", tmp_path / "killed")[0] == 130
    monkeypatch.setattr(Trainer, "step", plain)
    assert gantk_command(*words, "-o", tmp_path / "killed")[0] == 0
    for name in ("training.pt", "directions.safetensors", "navigan-train.result.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_overwrite_forgets_the_state(tmp_path: Path, gantk_command: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write(tmp_path / "tiny.safetensors")
    words = ["navigan", "train", model, "svd", "--conv", CONV, "--metric", "none", "--num", 2, "--shown", 0]
    words += [
        "--directions",
        2,
        "--reconstructor",
        "lenet",
        "--reconstructor-size",
        32,
        "--batch-size",
        2,
        "--steps",
        2,
    ]
    assert gantk_command(*words, "-o", tmp_path / "run")[0] == 0
    taken: list[int] = []
    plain = Trainer.step

    def counted(self: Trainer, number: int) -> tuple[float, float, float]:
        taken.append(number)
        return plain(self, number)

    monkeypatch.setattr(Trainer, "step", counted)
    assert gantk_command(*words, "-o", tmp_path / "run")[0] == 0 and taken == []
    assert gantk_command(*words, "--overwrite", "-o", tmp_path / "run")[0] == 0 and taken == [0, 1]
    found = load_result(tmp_path / "run")
    assert isinstance(found, TrainResult) and found.metric is None and found.curves == ()


def test_training_in_memory(generator: gantk.Generator, weights: HessianResult) -> None:
    found = gantk.navigan.train(generator, weights, "none", steps=2, **QUICK)
    assert len(found) == 2 and found.directions.kind == "hessian_rectification" and found.steps == 2
    assert found.basis == "eigenvectors of 16x16/conv1" and 0 <= found.held_out <= 1
    told = found.held_out * found.held_out_edits
    assert weights.num == 4 and told == round(told) and found.interval[0] <= found.held_out <= found.interval[1]


def test_a_state_is_its_values_alone() -> None:
    """What is one object in a state that was loaded and what is not must not show in the bytes."""
    import io

    def bytes_of(state: object) -> bytes:
        buffer = io.BytesIO()
        torch.save(canonical(state), buffer)
        return buffer.getvalue()

    table = torch.arange(12.0).reshape(3, 4)
    betas = (0.9, 0.999)
    shared = {"a": table[:, 1], "b": table[:, 1], "log": [{"step": 1}, {"step": 2}], "groups": [betas, betas]}
    apart = {
        "a": table[:, 1].clone(),
        "b": table[:, 1].clone(),
        "log": [{"".join(["st", "ep"]): 1}, {"step": 2}],
        "groups": [(0.9, 0.999), tuple([0.9, 0.999])],
    }
    assert bytes_of(shared) == bytes_of(apart)
    assert torch.load(io.BytesIO(bytes_of(shared)), weights_only=True)["groups"] == [betas, betas]
    loaded = torch.load(io.BytesIO(bytes_of(shared)), weights_only=True)
    loaded["log"].append({"step": 3})
    shared["log"].append({"step": 3})  # type: ignore[attr-defined]
    assert bytes_of(loaded) == bytes_of(shared)
    with pytest.raises(TypeError, match="holds a set"):
        canonical({"a": {1}})


def test_a_metric_of_python(generator: gantk.Generator) -> None:
    from gantk.predictors.base import Predictor

    class Own(Predictor):
        name = "own"

        def feature_maps(self, image_NCHW: Tensor) -> list[Tensor]:
            return [image_NCHW * 2]

    found = gantk.navigan.svd(generator, CONV, Own(), num=2, shown=1, metric_size=8)
    assert found.metric == "own at 8 pixels"
    with pytest.raises(GantkError, match="no features"):
        gantk.navigan.svd(generator, CONV, Own(), num=2, metric_kind="features")
