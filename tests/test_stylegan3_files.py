"""StyleGAN3's readers: the authors' own outputs, the plan behind the files, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gantk.checkpoints import stylegan3 as readers
from gantk.checkpoints.checkpoint import Raw
from gantk.checkpoints.load import build_generator, load_generator
from gantk.checkpoints.reading import open_raw, read_raw
from gantk.errors import GantkError
from gantk.generators.base import Truncation
from gantk.generators.stylegan3 import StyleGAN3, StyleGAN3Config
from gantk.generators.stylegan3_plan import plan

FILES = ("sg3t_32.pkl", "sg3r_32.pkl", "hm_stylegan3r_32.pth")
TOLERANCE = {"sg3t_32.pkl": 5e-5, "sg3r_32.pkl": 3e-5, "hm_stylegan3r_32.pth": 1e-4}


def opened(reference_dir: Path, name: str) -> Raw:
    return open_raw(reference_dir / "torch" / name)


@pytest.mark.reference
@pytest.mark.parametrize("name", FILES)
def test_parity_with_the_authors_programs(reference_dir: Path, name: str) -> None:
    generator = load_generator(reference_dir / "torch" / name)
    assert isinstance(generator, StyleGAN3)
    with np.load((reference_dir / "torch" / name).with_suffix(".npz"), allow_pickle=False) as recorded:
        arrays = {key: recorded[key] for key in recorded.files}
    meta = json.loads(str(arrays["meta"]))
    w_ND = generator.map(torch.from_numpy(arrays["z"]))
    layers = [layer.name for layer in generator.layers]
    image, maps = generator.trace(generator.expand(w_ND), layers, crop=False)
    truncated = generator.expand(w_ND, Truncation(meta["psi"], meta.get("trunc_layers")))
    got = {
        "w": w_ND,
        "ws_psi": truncated,
        "image": image,
        "image_psi": generator.synthesize(truncated),
        "image_wp": generator.synthesize(torch.from_numpy(arrays["wp"])),
    }
    if "ws_cut" in arrays:
        got["ws_cut"] = generator.expand(w_ND, Truncation(meta["psi_cut"], meta["cutoff"]))
    for key in arrays:
        part = key.removeprefix("feat_synthesis_").split("_")[0].replace("layer", "L")
        if key.startswith("feat_"):
            got[key] = maps[part]
        elif key.startswith("filter_"):
            words = key.split("_")
            assert torch.equal(
                generator.get_buffer(f"synthesis.{words[1]}.{words[4]}_filter"), torch.from_numpy(arrays[key])
            )
    assert sum(key.startswith("feat_") for key in got) >= 2
    for key, value in got.items():
        want = torch.from_numpy(arrays[key])
        value = value[tuple(slice(0, side) for side in want.shape)]
        code = key in ("w", "ws_psi", "ws_cut")
        tolerance = 1e-5 * max(1.0, want.abs().max().item()) if code else TOLERANCE[name]
        assert (value - want).abs().max().item() <= tolerance, key


@pytest.mark.reference
@pytest.mark.parametrize("name", FILES)
def test_the_recomputed_plan_is_the_files_own(reference_dir: Path, name: str) -> None:
    checkpoint = read_raw(opened(reference_dir, name))
    config = StyleGAN3Config.from_dict(checkpoint.config)
    first, last = config.steps[0], config.steps[-1]
    planned = plan(last.out_size, kernel=first.kernel, radial=first.radial, conv_clamp=first.conv_clamp)
    for step, want in zip(config.steps, planned, strict=True):
        assert dataclasses.replace(step, in_channels=1, out_channels=1) == dataclasses.replace(
            want, in_channels=1, out_channels=1
        )
    assert checkpoint.notes == ()
    assert config.bandwidth == first.in_cutoff
    fresh = StyleGAN3(config)
    for key, value in checkpoint.state.items():
        if key.endswith("_filter"):
            assert torch.allclose(fresh.get_buffer(key), value, atol=1e-6), key


@pytest.mark.reference
def test_hammer_without_arguments_is_recognised_by_its_filters(reference_dir: Path) -> None:
    raw = opened(reference_dir, "hm_stylegan3r_32.pth")
    bare = dataclasses.replace(raw, extra={})
    with_arguments, without = read_raw(raw), read_raw(bare)
    assert without.config == with_arguments.config
    assert without.notes and not with_arguments.notes
    key = "synthesis.layer3.filter.up_filter"
    broken = {**raw.entries, key: raw.entries["synthesis.layer5.filter.up_filter"]}
    with pytest.raises(GantkError, match="plan"):
        readers.read_hammer(dataclasses.replace(bare, entries=broken))


@pytest.mark.reference
@pytest.mark.parametrize(
    "settings, word",
    [
        ({"final_tanh": True}, "final_tanh"),
        ({"resolution": 64}, "plan"),
        ({"margin_size": 12}, "plan"),
        ({"wild": 1}, "wild"),
    ],
)
def test_hammer_variants_are_refused(reference_dir: Path, settings: dict[str, Any], word: str) -> None:
    raw = opened(reference_dir, "hm_stylegan3r_32.pth")
    own = raw.extra["model_kwargs_init"]["generator_smooth"]
    extra = {"model_kwargs_init": {"generator_smooth": {**own, **settings}}}
    with pytest.raises(GantkError, match=word):
        readers.read_hammer(dataclasses.replace(raw, extra=extra))


@pytest.mark.reference
@pytest.mark.parametrize(
    "path, change, word",
    [
        ("synthesis.L3_36_16", {"padding": [8, 9, 8, 9]}, "padding"),
        ("synthesis.L3_36_16", {"is_torgb": True}, "is_torgb"),
        ("synthesis.L3_36_16", {"in_size": [36, 52]}, "square"),
        ("synthesis.L3_36_16", {"in_cutoff": "two"}, "in_cutoff"),
        ("synthesis.input", {"size": 40}, "Fourier"),
        ("mapping.fc1", {"activation": "relu"}, "activation"),
        ("mapping.fc1", {"bias_gain": 0.5}, "learning rate"),
        ("synthesis", {"layer_names": None}, "name its layers"),
    ],
)
def test_nvidia_variants_are_refused(reference_dir: Path, path: str, change: dict[str, Any], word: str) -> None:
    raw = opened(reference_dir, "sg3t_32.pkl")
    records = {**raw.records, path: {**raw.records[path], **change}}
    with pytest.raises(GantkError, match=word):
        readers.read_nvidia(dataclasses.replace(raw, records=records))


@pytest.mark.reference
def test_nvidia_clamp_half_precision_and_filters_come_from_the_layers(reference_dir: Path) -> None:
    checkpoint = read_raw(opened(reference_dir, "sg3r_32.pkl"))
    assert {step["conv_clamp"] for step in checkpoint.config["steps"]} == {5.0}
    raw = opened(reference_dir, "sg3t_32.pkl")
    assert [step["half"] for step in read_raw(raw).config["steps"]] == [True] * 15
    swapped = {**raw.entries, "synthesis.L3_36_16.up_filter": raw.entries["synthesis.L0_36_16.up_filter"]}
    other = readers.read_nvidia(dataclasses.replace(raw, entries=swapped))
    assert "L3_36_16" in other.notes[0], "stored filters that are not the design are used, and said"
    assert build_generator(other).spec.family == "stylegan3"
