"""`gantk navigan`: each command as it is typed, continued after a kill, in shards, and what it refuses.

Shape legend: N samples, P numbers of the weight.
"""

from __future__ import annotations

import json
import math
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from generator_cases import TINY, tiny
from label_to_image import labels

from gantk.checkpoints.checkpoint import Checkpoint
from gantk.checkpoints.native import write_checkpoint
from gantk.navigan.files import load_weights
from gantk.navigan.results import HessianResult, TrainResult
from gantk.runs.results import Result, read_result, stem_of
from gantk.store.files import load_npy

Call = Callable[..., tuple[int, str, str]]
Found = TypeVar("Found", bound=Result)
CONV = "16x16/conv1"
COMMON = ("--metric", "pixels", "--num", "6", "--batch-size", "2", "--shown", "1")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny StyleGAN2 as a gantk file."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    generator = tiny("stylegan2-skip")
    state = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    write_checkpoint(path, Checkpoint(TINY["stylegan2-skip"][0], generator.config.to_dict(), state, "test"))
    return path


@pytest.fixture(scope="module")
def found(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of gantk navigan hessian; not to be written to."""
    from gantk.cli.main import run

    folder = tmp_path_factory.mktemp("hessian")
    words = ["navigan", "hessian", model, "--conv", CONV, "-k", "3", *COMMON, "--animation", "gif", "-o", folder]
    assert run([str(word) for word in words]) == 0
    return folder


def of(kind: type[Found], folder: Path) -> Found:
    """The result of a complete run."""
    manifest = json.loads((folder / f"{stem_of(kind.TASK)}.run.json").read_text())
    assert manifest["state"] == "complete"
    return read_result(kind, folder)


def refused(answer: tuple[int, str, str], code: int, *parts: str) -> None:
    assert answer[0] == code, answer
    assert answer[2].startswith("Error: ") and answer[2].count("\n") == 1, answer[2]
    for part in parts:
        assert part in answer[2], answer[2]


def test_hessian_leaves_eigenvectors_and_a_page(found: Path, model: Path) -> None:
    kept = of(HessianResult, found)
    directions, exact = load_weights(found / "eigenvectors.safetensors"), kept.spectrum.exact
    assert len(directions) == 3 and directions.layer == CONV and directions.scales is not None and exact is not None
    assert exact.converged and kept.eigenvalues.tolist() == sorted(kept.eigenvalues, reverse=True)
    assert exact.captured is not None and exact.agreement is not None
    assert 0 < exact.captured <= 1.05 and 0 <= exact.agreement <= 1.0001
    assert [shown.scale for shown in kept.shown] == [directions.scales[0]]
    assert kept.weights.delta(1).equal(directions.delta(1)) and kept.weights.scales == directions.scales
    assert (found / "direction_0.gif").read_bytes()[:3] == b"GIF"
    page = (found / "navigan-hessian.html").read_text()
    assert "Eigenvalues by direction" in page and "direction 0" in page and "difference" in page
    assert not (found / "chunks").exists() and not (found / "parts").exists()


def test_the_same_command_continues_after_a_kill(
    found: Path, model: Path, tmp_path: Path, gantk_command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gantk.navigan.curvature import Curvature

    plain, calls = Curvature.product, [0]

    def dying(self: Curvature, chunk: int, vector_BP: Any) -> Any:
        calls[0] += 1
        if calls[0] == 14:
            raise KeyboardInterrupt
        return plain(self, chunk, vector_BP)

    words = ("navigan", "hessian", model, "--conv", CONV, "-k", "3", *COMMON, "--animation", "gif", "-o", tmp_path)
    monkeypatch.setattr(Curvature, "product", dying)
    assert gantk_command(*words)[0] == 130
    assert list((tmp_path / "chunks" / "navigan-hessian" / "shared").glob("product.*.npy"))
    before = calls[0]
    assert gantk_command(*words)[0] == 0
    assert calls[0] - before == 3 * of(HessianResult, tmp_path).spectrum.products / 2 - 3 * 4  # four blocks were kept
    file = "eigenvectors.safetensors"
    again, first = load_weights(tmp_path / file).basis.tensors(), load_weights(found / file).basis.tensors()
    assert again["vectors"].equal(first["vectors"])
    calls[0] = 100  # a complete run is not searched again
    assert gantk_command(*words)[0] == 0 and calls[0] == 100


def test_shards_search_together(found: Path, model: Path, tmp_path: Path, gantk_command: Call) -> None:
    from gantk.cli.main import run

    words = ["navigan", "hessian", model, "--conv", CONV, "-k", "3", *COMMON, "-o", tmp_path]
    codes: dict[int, int] = {}

    def other() -> None:
        codes[1] = run([*map(str, words), "--shard", "1/2"])

    thread = threading.Thread(target=other)
    thread.start()
    code, _, err = gantk_command(*words, "--shard", "0/2")
    thread.join(120)
    assert (code, codes) == (0, {1: 0}), err
    code, _, err = gantk_command("merge", tmp_path)
    assert code == 0, err
    kept, whole = of(HessianResult, tmp_path), of(HessianResult, found)
    assert kept.eigenvalues == pytest.approx(whole.eigenvalues, rel=1e-3) and len(kept.curves) == 3
    assert load_weights(tmp_path / "eigenvectors.safetensors").scales is not None and len(kept.shown) == 1
    assert (tmp_path / "navigan-hessian.html").exists()
    assert not list(tmp_path.rglob("*.npy.*")) and not (tmp_path / "chunks").exists()
    # one alone waits for the others, and says so
    shutil.rmtree(tmp_path)
    alone = (*words, "--shard", "0/2", "--patience", "0.1")
    refused(gantk_command(*alone), 1, "Shard 0/2 waited 0.1 s", "shard 1/2", "start all shards")


def test_the_released_estimator(found: Path, model: Path, tmp_path: Path, gantk_command: Call) -> None:
    words = ("navigan", "hessian", model, "--conv", "released:3", "-k", "1", *COMMON, "--compat", "-o", tmp_path)
    assert gantk_command(*words, "--max-iter", "12", "--epsilon", "0.01")[0] == 0
    first = of(HessianResult, tmp_path).eigenvalues[0]
    assert first == pytest.approx(of(HessianResult, found).eigenvalues[0], rel=0.2)
    refused(gantk_command(*words[:-1], tmp_path / "x", "--shard", "0/2"), 2, "--compat")


def test_svd_train_apply_export(found: Path, model: Path, tmp_path: Path, gantk_command: Call) -> None:
    svd = tmp_path / "svd"
    assert gantk_command("navigan", "svd", model, "--conv", CONV, *COMMON, "-o", svd)[0] == 0
    assert len(load_weights(svd / "directions.safetensors")) == 4
    learnt = tmp_path / "train"
    words = ["navigan", "train", model, found / "eigenvectors.safetensors", *COMMON, "-o", learnt]
    words += [
        "--directions",
        2,
        "--steps",
        4,
        "--save-every",
        2,
        "--reconstructor",
        "lenet",
        "--reconstructor-size",
        32,
    ]
    code, _, err = gantk_command(*words)
    assert code == 0, err
    kept = of(TrainResult, learnt)
    assert kept.steps == 4 and [line.step for line in kept.log] == [1, 2, 3, 4]
    assert kept.log[-1].held_out == kept.held_out and "told apart" in (learnt / "navigan-train.html").read_text()
    directions = load_weights(learnt / "directions.safetensors")
    assert directions.kind == "hessian_rectification" and len(directions) == 2
    more = [6 if word == 4 else word for word in words]  # the same run, longer
    assert gantk_command(*more)[0] == 0
    log = of(TrainResult, learnt).log
    directions = load_weights(learnt / "directions.safetensors")
    assert [line.step for line in log] == [1, 2, 3, 4, 5, 6]
    assert [vars(line) for line in log[:4]] == [vars(line) for line in kept.log]
    code, out, err = gantk_command(*words)  # fewer than were taken: nothing is left to do
    assert code == 0 and "learned in 6 steps" in out, err
    more = [8 if word == 4 else word for word in words]
    whole = (learnt / "training.pt").read_bytes()
    for damaged in (whole[:-99], b""):
        (learnt / "training.pt").write_bytes(damaged)
        code, _, err = gantk_command(*more)
        assert code == 1 and "cannot be read" in err and "run with --overwrite" in err

    edits = tmp_path / "edits"
    words = [
        "navigan",
        "apply",
        model,
        learnt / "directions.safetensors",
        "--metric",
        "pixels",
        "--num",
        3,
        "-o",
        edits,
    ]
    code, _, err = gantk_command(*words, "--steps", 3, "--pick", "0-1", "--animation", "gif")
    assert code == 0, err
    distance = load_npy(edits / "direction001_distance.npy")
    assert distance.shape == (3, 3) and (distance[:, 1] == 0).all() and (distance[:, ::2] > 0).all()
    assert len(list((edits / "images").glob("*.png"))) == 18 and (edits / "direction_1.gif").exists()

    exported = tmp_path / "edit.pt"
    assert (
        gantk_command("navigan", "export", learnt / "directions.safetensors", exported, "--pick", 1, "--strength", 2)[0]
        == 0
    )
    assert float(torch.load(exported, weights_only=True)["shift"].norm()) == pytest.approx(2, rel=1e-5)
    baked = tmp_path / "edited.safetensors"
    assert gantk_command("navigan", "export", exported, baked, "--as", "generator", "--model", model)[0] == 0
    from gantk.checkpoints.load import load_generator

    plain, edited = load_generator(model), load_generator(baked)
    wp = plain.expand(plain.map(plain.sample_z(2)))
    delta = directions.delta(1)
    with torch.inference_mode():
        expected = plain.synthesize(wp, weight_deltas={CONV: (delta, 2.0)})
        assert torch.allclose(edited.synthesize(wp), expected, atol=1e-4)
    assert gantk_command("navigan", "export", found / "eigenvectors.safetensors", tmp_path / "e_layer3.pt")[0] == 0
    assert len(load_weights(tmp_path / "e_layer3.pt")) == 3


def test_codes_of_any_space_and_a_direction_for_every_sample(
    found: Path, model: Path, tmp_path: Path, gantk_command: Call
) -> None:
    generator = tiny("stylegan2-skip")
    wp = generator.expand(generator.map(generator.sample_z(3, seed=9)))
    np.save(tmp_path / "wp.npy", wp.detach().numpy())
    np.save(tmp_path / "each.npy", np.array([[0, 1.5], [2, -1.0], [1, 0.0]]))
    file = found / "eigenvectors.safetensors"
    words = [
        "navigan",
        "apply",
        model,
        file,
        "-i",
        tmp_path / "wp.npy",
        "--latent-space-type",
        "wp",
        "--metric",
        "none",
    ]
    code, _, err = gantk_command(*words, "--each", tmp_path / "each.npy", "-o", tmp_path / "each")
    assert code == 0, err
    assert len(list((tmp_path / "each" / "images").glob("each_*.png"))) == 3
    assert "1 at 0" in (tmp_path / "each" / "navigan-apply.html").read_text()
    np.save(tmp_path / "bad.npy", np.array([[7, 1.5]]))
    refused(gantk_command(*words, "--each", tmp_path / "bad.npy", "-o", tmp_path / "b"), 2, "direction 7", "0 to 2")
    np.save(tmp_path / "bad.npy", np.array([[0, math.nan]]))
    refused(
        gantk_command(*words, "--each", tmp_path / "bad.npy", "-o", tmp_path / "b"), 1, "a direction and a strength"
    )
    np.save(tmp_path / "bad.npy", np.zeros((9, 2)))
    refused(gantk_command(*words, "--each", tmp_path / "bad.npy", "-o", tmp_path / "b"), 2, "9 rows", "3 samples")
    assert not (tmp_path / "b").exists()


def test_an_image_to_image_network_from_a_module(tmp_path: Path, gantk_command: Call) -> None:
    np.save(tmp_path / "labels.npy", labels(6).numpy())
    module = f"{Path(__file__).parent / 'label_to_image.py'}:network"
    inputs = ("--inputs", tmp_path / "labels.npy")
    words = ("navigan", "hessian", module, *inputs, "--conv", "blocks.0.conv1", "-k", "2", *COMMON)
    code, _, err = gantk_command(*words, "-o", tmp_path / "run")
    assert code == 0, err
    file = tmp_path / "run" / "eigenvectors.safetensors"
    assert load_weights(file).layer == "blocks.0.conv1"
    code, _, err = gantk_command("navigan", "apply", module, file, *inputs, "--steps", "3", "-o", tmp_path / "edits")
    assert code == 0, err
    refused(gantk_command(*words[:3], *words[5:], "-o", tmp_path / "x"), 2, "--inputs")
    other = (*words[:5], "--conv", "blocks.9", *words[7:], "-o", tmp_path / "x")
    refused(gantk_command(*other), 2, "blocks.9", "blocks.0.conv2")
    norm = (*words[:5], "--conv", "blocks.0.norm", *words[7:], "-o", tmp_path / "x")
    refused(gantk_command(*norm), 2, "InstanceNorm2d")
    nothing = f"{Path(__file__).parent / 'label_to_image.py'}:CLASSES"
    refused(gantk_command(*words[:2], nothing, *words[3:], "-o", tmp_path / "x"), 2, "int", "torch module")
    assert not (tmp_path / "x").exists()


def test_own_code_that_draws_from_codes_is_wrapped(tmp_path: Path, gantk_command: Call) -> None:
    module = f"{Path(__file__).parent / 'wrapped_modules.py'}:chain"
    words = ("navigan", "hessian", module, "--conv", "main.3", "-k", "2", *COMMON)
    code, _, err = gantk_command(*words, "-o", tmp_path / "run")
    assert code == 0, err
    file = tmp_path / "run" / "eigenvectors.safetensors"
    assert load_weights(file).layer == "main.3"
    code, _, err = gantk_command(
        "navigan", "apply", module, file, "--steps", "3", *COMMON[:-2], "-o", tmp_path / "edits"
    )
    assert code == 0, err
    np.save(tmp_path / "z.npy", np.zeros((2, 6), np.float32))
    made = f"{Path(__file__).parent / 'wrapped_modules.py'}:wrapped_chain"
    refused(gantk_command(*words[:2], made, *words[3:], "--inputs", tmp_path / "z.npy"), 2, "is a generator", "-i")


def test_bad_input_is_one_sentence(found: Path, model: Path, tmp_path: Path, gantk_command: Call) -> None:
    out = ("-o", tmp_path / "x")
    base = ("navigan", "hessian", model, *COMMON, *out)
    refused(gantk_command(*base, "--conv", "16x16/conv7"), 2, "16x16/conv7", "Did you mean")
    refused(gantk_command(*base, "--conv", "99"), 2, "99", "0 to")
    refused(gantk_command(*base, "--conv", CONV, "-k", "145"), 2, "145 eigenvectors", "144 numbers")
    refused(gantk_command("navigan", "svd", "demo-oracle", "--conv", "0", *out), 2, "no convolution weight")
    shown = "asks for more directions than there are: give at most"
    refused(
        gantk_command("navigan", "svd", model, "--conv", CONV, "--shown", "9999", *out), 2, f"--shown 9999 {shown} 4"
    )
    refused(gantk_command(*base, "--conv", CONV, "-k", "2", "--shown", "3"), 2, f"--shown 3 {shown} 2")
    few = ("--conv", CONV, "--components", "3", "--shown", "4")
    refused(gantk_command("navigan", "train", model, "svd", *few, *out), 2, f"--shown 4 {shown} 3")
    refused(
        gantk_command(*base, "--conv", CONV, "--inputs", "x.npy"), 2, "--inputs is for a network that takes no codes"
    )
    refused(gantk_command(*base, "--conv", CONV, "--metric", "pixls"), 2, "pixls")
    file, table = found / "eigenvectors.safetensors", tmp_path / "each.npy"
    np.save(table, np.array([[0, 1.5]]))
    refused(gantk_command("navigan", "apply", "demo", file, *out), 1, "[4, 4, 3, 3]", "another layer or generator")
    refused(gantk_command("navigan", "apply", model, file, "--pick", "7", *out), 2, "7")
    refused(
        gantk_command("navigan", "apply", model, file, "--each", table, "--steps", "3", "--pick", "1", *out),
        2,
        "--pick",
    )
    refused(gantk_command("navigan", "apply", model, tmp_path / "none.pt", *out), 1, "does not exist")
    refused(gantk_command("navigan", "train", model, "svd", *out), 2, "--conv")
    refused(gantk_command("navigan", "train", "demo", file, *COMMON, *out), 1, "another layer or generator")
    refused(gantk_command("navigan", "export", file, tmp_path / "x.pt", "--as", "deformation"), 2, "give --pick")
    refused(gantk_command("navigan", "export", file, tmp_path / "x.pt", "--pick", "9"), 2, "9")
    refused(gantk_command("navigan", "export", file, tmp_path / "x.pt", "--strength", "9"), 2, "--strength")
    refused(gantk_command("navigan", "export", file, tmp_path / "x.pt", "--as", "generator"), 2, "--model")
    assert not (tmp_path / "x").exists() and not (tmp_path / "x.pt").exists()


def test_another_generator_of_the_same_shape_is_refused(found: Path, tmp_path: Path, gantk_command: Call) -> None:
    generator = tiny("stylegan2-skip")
    with torch.no_grad():
        generator.get_parameter("synthesis.const").normal_()
    state = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    path = tmp_path / "other.safetensors"
    write_checkpoint(path, Checkpoint("stylegan2", generator.config.to_dict(), state, "test"))
    words = ("navigan", "apply", path, found / "eigenvectors.safetensors", "--metric", "pixels", "--num", 2)
    refused(gantk_command(*words, "-o", tmp_path / "x"), 1, "made for another generator")
    assert gantk_command(*words, "--steps", 1, "--force", "-o", tmp_path / "forced")[0] == 0


def test_a_metric_that_is_not_finite_stops_the_search(model: Path, tmp_path: Path, gantk_command: Call) -> None:
    script = tmp_path / "broken.py"
    script.write_text(
        "import torch\n"
        "from gantk.predictors.base import Predictor\n"
        "class Broken(Predictor):\n"
        "    name = 'broken'\n"
        "    def feature_maps(self, image):\n"
        "        return [image / 0.0]\n"
    )
    words = ("navigan", "hessian", model, "--conv", CONV, *COMMON[2:], "--metric", f"{script}:Broken")
    refused(gantk_command(*words, "-o", tmp_path / "x"), 1, "broken", "not finite")
    assert not (tmp_path / "x" / "eigenvectors.safetensors").exists()
    script.write_text(script.read_text().replace("feature_maps", "attributes"))
    refused(gantk_command(*words, "-o", tmp_path / "y"), 1, "no feature maps", "--metric")
