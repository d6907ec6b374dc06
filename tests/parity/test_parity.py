"""Every reference checkpoint against the outputs its authors' own program gave (scripts/parity.py makes the table)."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from conftest import REFERENCE, ROOT

spec = importlib.util.spec_from_file_location("parity", ROOT / "scripts" / "parity.py")
parity = importlib.util.module_from_spec(spec)
sys.modules["parity"] = parity
spec.loader.exec_module(parity)

pytestmark = pytest.mark.reference

STYLEGAN2 = [
    "torch/gf_stylegan2_32.pth",
    "torch/gf_stylegan2ada_cond_32.pth",
    "torch/hg_stylegan2_32.pth",
    "torch/hm_stylegan2_32.pth",
    "torch/ros_converted_32.pt",
    "torch/ros_train_32.pt",
    "torch/sg2ada_cond_32.pkl",
    "torch/sg2ada_modern_32.pkl",
    "torch/sg2ada_resnet_32.pkl",
    "torch/sg2ada_uncond_32.pkl",
    "torch/sg3_sg2_32.pkl",
    "tensorflow/stylegan2_r32.pkl",
    "tensorflow/stylegan2_r32_configd_lod0p6.pkl",
    "tensorflow/stylegan2_r32_label3.pkl",
    "tensorflow/stylegan2_r32_orig.pkl",
    "tensorflow/stylegan2_r32_resnet.pkl",
]

STYLEGAN3 = ["torch/hm_stylegan3r_32.pth", "torch/sg3r_32.pkl", "torch/sg3t_32.pkl"]

PGGAN = [
    "torch/gf_pggan_32.pth",
    "torch/hg_pggan_32.pth",
    "torch/hm_pggan_32.pth",
    "torch/ng_pggan_32.pth",
    "tensorflow/pggan_r32.pkl",
    "tensorflow/pggan_r32_unfused.pkl",
    "tensorflow/pggan_r32_unfused_label3_lod1p3.pkl",
    "tensorflow/progan_dnnlib_r32.pkl",
]
STYLEGAN = [
    "torch/gf_stylegan_32.pth",
    "torch/hg_stylegan_128.pth",
    "torch/hm_stylegan_32.pth",
    "tensorflow/stylegan_r32.pkl",
    "tensorflow/stylegan_r32_label4_lod0p6.pkl",
    "tensorflow/stylegan_r128.pkl",
    "tensorflow/stylegan2_r32_configa.pkl",
]
BIGGAN = [
    "torch/bg_deep_64.pth",
    "torch/bg_hier_64.pth",
    "torch/bg_tfhub_128.pth",
    "torch/hfbg_deep_128/pytorch_model.bin",
]
GHFEAT = ["tensorflow/ghfeat_r256_depth18.pkl", "tensorflow/ghfeat_r256_depth50.pkl"]

# Recorded values that are inputs, that say how the others were made, or that are compared elsewhere.
INPUTS = {"z", "z_mix", "c", "label", "labels", "wp", "meta", "truncation_latent", "trunc_psi", "trunc_cutoff"}
STORED = {"dlatent_avg", "lod"}


@pytest.mark.parametrize("name", [*STYLEGAN2, *STYLEGAN3, *PGGAN, *STYLEGAN, *BIGGAN])
def test_every_recorded_output_is_reproduced(name: str) -> None:
    path = REFERENCE / name
    results = parity.compare(path, REFERENCE)
    bad = [f"{result.what}: {result.error:.2g} > {result.tolerance:.2g}" for result in results if not result.ratio <= 1]
    assert not bad, bad
    recorded = {key for key in parity.outputs(path) if not key.startswith("filter_")} - INPUTS - STORED
    assert len(results) == len(recorded), f"compared {[result.what for result in results]} of {sorted(recorded)}"


@pytest.mark.parametrize("name", GHFEAT)
def test_the_generator_of_an_encoder_file(name: str) -> None:
    results = parity.compare(REFERENCE / name, REFERENCE)
    assert [result.what for result in results] == ["gs_image_crop"]
    assert results[0].ratio <= 1


def test_no_reference_file_is_forgotten() -> None:
    known = {str(path.relative_to(REFERENCE)) for path in parity.checkpoints(REFERENCE)}
    assert {*STYLEGAN2, *STYLEGAN3, *PGGAN, *STYLEGAN, *BIGGAN, *GHFEAT} <= known and len(known) == 40
    assert all(path.exists() for path in parity.checkpoints(REFERENCE))


@pytest.mark.parametrize("name", [name for name in [*STYLEGAN2, *STYLEGAN] if name.startswith("tensorflow/")])
def test_tensorflow_average(name: str) -> None:
    path = REFERENCE / name
    generator = parity.load_generator(path)
    assert torch.equal(generator.w_avg, torch.from_numpy(parity.outputs(path)["dlatent_avg"]))


@pytest.mark.parametrize(
    "damage, least",
    [
        (lambda g: g.synthesis.b8.conv0.weight.data.copy_(g.synthesis.b8.conv0.weight.flip(2, 3)), 100.0),
        (lambda g: g.synthesis.b16.conv1.affine.bias.data.add_(0.01), 10.0),
        (lambda g: g.synthesis.b32.conv1.noise_strength.data.mul_(1.01), 1.5),
        (lambda g: g.w_avg.mul_(1.001), 2.0),
    ],
)
def test_the_comparison_notices_small_mistakes(damage, least: float) -> None:
    path = REFERENCE / "torch/sg2ada_uncond_32.pkl"
    generator = parity.load_generator(path)
    damage(generator)
    with torch.no_grad():
        results = list(parity.compare_torch(path, generator, parity.torch_tolerances(REFERENCE)[Path(path).name]))
    assert max(result.ratio for result in results) > least
