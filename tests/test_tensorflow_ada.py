"""StyleGAN2-ADA's TensorFlow pickles: read by the published formulas, beside StyleGAN2 of the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foreign_files as foreign
import pytest
import torch
from torch import Tensor

from gantk.checkpoints.checkpoint import Checkpoint
from gantk.checkpoints.load import build_generator
from gantk.checkpoints.reading import read_checkpoint
from gantk.errors import GantkError
from gantk.generators.base import Generator

LABELS: dict[str, Any] = {"label_rule": "separate", "label_dim": 3, "label_width": 8}
ADA = {"num_fp16_res": 2, "conv_clamp": 256, "fused_modconv": True, "fmap_const": None, "label_fmaps": None}


def read(folder: Path, data: bytes) -> Checkpoint:
    path = folder / "network.pkl"
    path.write_bytes(data)
    return read_checkpoint(path)


def built(folder: Path, data: bytes) -> Generator:
    return build_generator(read(folder, data))


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_without_labels_and_below_the_clamp_it_is_config_f(tmp_path: Path, architecture: str) -> None:
    plain = built(tmp_path, foreign.tensorflow_file(architecture=architecture))
    ada = built(tmp_path, foreign.tensorflow_file(dict(ADA, conv_clamp=1e6), version=5, architecture=architecture))
    z = plain.sample_z(3)
    images = [each.synthesize(each.expand(each.map(z), each.spec.truncation)) for each in (plain, ada)]
    assert torch.equal(*images) and images[0].std() > 0.1
    assert ada.spec.truncation == plain.spec.truncation  # psi 0.5 of all rows, the default of both


def test_what_the_arguments_say_is_in_the_configuration(tmp_path: Path) -> None:
    checkpoint = read(tmp_path, foreign.tensorflow_file(ADA, version=5, **LABELS))
    config = checkpoint.config
    assert (config["conv_clamp"], config["num_half_resolutions"]) == (256.0, 2)
    assert (config["label_rule"], config["label_dim"], config["label_width"]) == ("separate", 3, 8)
    config = read(tmp_path, foreign.tensorflow_file({"truncation_psi": None}, version=5)).config
    assert (config["conv_clamp"], config["num_half_resolutions"]) == (None, 0)  # G_synthesis's own defaults
    assert config.get("truncation_psi") is None


def test_activations_are_clamped(tmp_path: Path) -> None:
    """Every convolution's output, after its gain, and every ToRGB's stay within the clamp; without one they do not."""
    free = built(tmp_path, foreign.tensorflow_file(version=5))
    clamped = built(tmp_path, foreign.tensorflow_file({"conv_clamp": 0.75}, version=5))
    wp = free.expand(free.map(free.sample_z(4)))
    names = [layer.name for layer in free.layers if not layer.is_rgb]
    for name, most in free.trace(wp, names)[1].items():
        assert most.abs().max() > 0.75, name
    for name, most in clamped.trace(wp, names)[1].items():
        assert most.abs().max() == 0.75, name


def normalised(x: Tensor) -> Tensor:
    return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()


def test_labels_enter_by_the_published_formula(tmp_path: Path) -> None:
    """concat(norm(z), norm(labels @ W / sqrt(L) + b)), then StyleGAN2's dense layers, written out."""
    data = foreign.tensorflow_file(ADA, version=5, **LABELS)
    network = built(tmp_path, data)
    weights = foreign.source_state(foreign.tensorflow.SPELLING, foreign.small_checkpoint(**LABELS), "separate")
    z, label = network.sample_z(5), torch.eye(3)[[0, 1, 2, 0, 1]] * 0.7
    label[0] = 0
    embedded = label @ weights["mapping/LabelEmbed/weight"] / 3**0.5 + weights["mapping/LabelEmbed/bias"]
    x = torch.cat([normalised(z), normalised(embedded)], 1)
    for i in range(2):
        weight, bias = weights[f"mapping/Dense{i}/weight"], weights[f"mapping/Dense{i}/bias"]
        x = torch.nn.functional.leaky_relu(x @ (weight * 0.01 / weight.shape[0] ** 0.5) + bias * 0.01, 0.2) * 2**0.5
    torch.testing.assert_close(network.map(z, label), x, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(network.map(z), network.map(z, torch.zeros(5, 3)))  # no label is zeros


@pytest.mark.parametrize(
    ("version", "kwargs", "changes", "said"),
    [
        (5, {"conv_clamp": -1}, {}, "conv_clamp=-1 makes no sense"),
        (5, {"num_fp16_res": 99}, {}, "num_fp16_res=99"),
        (5, {"num_fp16_res": 1.5}, {}, "num_fp16_res=1.5"),
        (5, {"conv_clamp": "much"}, {}, "conv_clamp=much is no number"),
        (5, {"nonlinearity": "relu"}, {}, "nonlinearity=relu"),
        (5, {"use_new_thing": True}, {}, "use_new_thing=True"),
        (4, {"conv_clamp": 256}, {}, "conv_clamp=256"),
        (4, {}, LABELS, "a label embedding of stylegan2-ada in a file of version 4"),
        (5, {}, {**LABELS, "label_rule": "joint"}, "a label embedding of stylegan2 in a file of version 5"),
    ],
)
def test_what_is_not_known_is_refused_by_name(
    tmp_path: Path, version: int, kwargs: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(GantkError) as refused:
        read(tmp_path, foreign.tensorflow_file(kwargs, version=version, **changes))
    assert said in str(refused.value)
