"""BigGAN: what the contract does not ask, its readers, and classes by name.

Shape legend: N samples, C channels, H x W pixels, P pixels in a row, S stored statistics.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from biggan_files import CONFIG, UP, author_file, huggingface_file
from conftest import REFERENCE
from generator_cases import close, codes, differ, refuse, tiny, uneven
from torch import Tensor

from gantk.checkpoints.load import load_generator
from gantk.checkpoints.reading import read_checkpoint
from gantk.errors import GantkError, UsageError
from gantk.generators.base import Truncation
from gantk.generators.biggan import BigGAN, BigGANConfig
from gantk.generators.biggan_blocks import Attention, NormConv, stored_row
from gantk.generators.imagenet import class_names
from gantk.generators.labels import parse_label

# --- parts against their definitions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "truncation, row", [(0.14, 8), (0.28, 15), (0.56, 29), (0.58, 28), (0.94, 46), (0.4, 20), (1.0, 50)]
)
def test_statistics_are_those_the_published_program_picks(truncation: float, row: int) -> None:
    first, share = stored_row(truncation, 51)
    weights = {first: share, first + 1: 1 - share} if share else {first: 1.0}
    assert weights.pop(row) == pytest.approx(1.0, abs=1e-9)
    assert sum(weights.values()) == pytest.approx(0.0, abs=1e-9)


def test_between_two_rows_the_nearer_has_the_smaller_share() -> None:
    first, share = stored_row(0.437, 51)
    assert (first, share) == (21, pytest.approx(0.85))
    part = NormConv(2, 2, 1, 0, 51, 1e-4)
    part.mean.copy_(torch.arange(51.0)[:, None].expand(-1, 2))
    part.eval()
    mean, _ = part._statistics(torch.zeros(1), (first, share))
    assert mean[0].item() == pytest.approx(21 * 0.85 + 22 * 0.15)  # and not 21.85
    assert stored_row(0.3, 1) == (0, 0.0)


@pytest.mark.parametrize("size, up", [(3, False), (2, True), (8, True)])
def test_norm_and_convolution(size: int, up: bool) -> None:
    """Small maps are doubled and convolved, large ones meet summed kernels; both are the plain definition."""
    torch.manual_seed(0)
    part = NormConv(5, 4, 3, 0, 1, 1e-3).double().eval()
    x, style = torch.randn(2, 5, size, size).double(), torch.randn(2, 10).double()
    part.mean.normal_()
    part.var.uniform_(0.5, 2.0)
    with torch.no_grad():
        part.bias.normal_()
        got = part(x, style, (0, 0.0), up, None)
        y = (x - part.mean[0][:, None, None]) / torch.sqrt(part.var[0] + 1e-3)[:, None, None]
        y = (y * style[:, :5, None, None] + style[:, 5:, None, None]).clamp(min=0)
        y = y.repeat_interleave(2, 2).repeat_interleave(2, 3) if up else y
        close(got, torch.nn.functional.conv2d(y, part.weight, part.bias, padding=1), 1e-12)


def test_attention() -> None:
    torch.manual_seed(0)
    part = Attention(16).double()
    x = torch.randn(2, 16, 4, 6).double()
    with torch.no_grad():
        part.gamma.fill_(0.7)

        def project(weight: Tensor, of: Tensor = x) -> Tensor:
            return torch.einsum("oc,nchw->nohw", weight[:, :, 0, 0], of)

        def pooled(of: Tensor) -> Tensor:
            return of.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5)).flatten(2)

        logits = torch.einsum("nkp,nkq->npq", project(part.theta).flatten(2), pooled(project(part.phi)))
        share = logits.exp() / logits.exp().sum(2, keepdim=True)
        mixed = torch.einsum("npq,nvq->nvp", share, pooled(project(part.g))).unflatten(2, (4, 6))
        close(part(x), x + 0.7 * project(part.o, mixed), 1e-12)


def test_training_mode_gathers_statistics() -> None:
    generator = tiny("biggan-deep")
    before = {key: value.clone() for key, value in generator.state_dict().items()}
    wp_NLD = codes(generator, 4)
    evaluated = generator.synthesize(wp_NLD)
    generator.train()
    with torch.no_grad():
        assert differ(generator.synthesize(wp_NLD), evaluated)
    changed = {key for key, value in generator.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {key for key in before if key.endswith((".mean", ".var"))}
    part = NormConv(3, 3, 1, 0, 1, 1e-5)
    x = torch.randn(64, 3, 5, 5) * 3 + 2
    for _ in range(200):
        part(x, None, (0, 0.0), False, None)
    close(part.mean[0], x.mean((0, 2, 3)), 1e-5)
    close(part.var[0], x.var((0, 2, 3), correction=0), 1e-5)


# --- codes ----------------------------------------------------------------------------------------------------------


def test_rows_hold_what_the_layers_see() -> None:
    generator = tiny("biggan-chunks")
    z_ND, label = generator.sample_z(2), torch.tensor([2, 0])
    w_ND = generator.map(z_ND, label)
    assert torch.equal(w_ND, torch.cat([generator.embed.weight.t()[label], z_ND], 1))
    assert torch.equal(generator.map(z_ND, label.int()), w_ND)
    wp_NLD = generator.expand(w_ND)
    assert torch.equal(wp_NLD[:, :, 4:].flatten(1), z_ND)
    assert torch.equal(wp_NLD[:, :, :4], w_ND[:, None, :4].expand(-1, 3, -1))
    blind = wp_NLD.clone()
    blind[:, 0, :4] = 9.0
    assert torch.equal(generator.synthesize(blind), generator.synthesize(wp_NLD)), "row 0 ignores the embedding"
    flat = tiny("biggan-class")
    wp_NLD = flat.expand(flat.map(flat.sample_z(2), label))
    assert torch.equal(wp_NLD[:, 1, :10], torch.nn.functional.one_hot(label, 10).float())
    blind = wp_NLD.clone()
    blind[:, 0, :10] = 9.0
    blind[:, 1:, 10:] = 9.0
    assert torch.equal(flat.synthesize(blind), flat.synthesize(wp_NLD))
    other = tiny("biggan-deep-stats")
    w_ND = other.map(other.sample_z(2), label)
    assert torch.equal(w_ND[:, :6], other.sample_z(2)) and torch.equal(w_ND[:, 6:], other.class_embedding(label, 2))


def test_truncation_scales_z_and_is_refused_for_w() -> None:
    generator = tiny("biggan-deep-stats")
    z_ND = generator.sample_z(300, seed=1)
    assert 1.5 < z_ND.abs().max() <= 2
    assert torch.equal(generator.sample_z(300, seed=1, truncation=0.4), z_ND * 0.4)
    with pytest.raises(UsageError, match=r"sample_z\(n, truncation"):
        generator.expand(generator.map(z_ND[:2], torch.tensor([0, 1])), Truncation(0.5))


def test_bn_truncation_is_traceable_and_defaults_to_the_files_own() -> None:
    generator = tiny("biggan-deep-stats")
    wp_NLD = uneven(generator, 2)
    assert torch.equal(generator.synthesize(wp_NLD), generator.synthesize(wp_NLD, bn_truncation=1.0))
    torch._dynamo.reset()
    compiled = torch.compile(lambda wp: generator.synthesize(wp, bn_truncation=0.43), fullgraph=True, backend="eager")
    close(compiled(wp_NLD), generator.synthesize(wp_NLD, bn_truncation=0.43), 1e-6)
    styles = generator.styles(wp_NLD)
    assert torch.equal(
        generator.synthesize(styles, bn_truncation=0.43), generator.synthesize(wp_NLD, bn_truncation=0.43)
    )


@pytest.mark.parametrize(
    "change, what",
    [
        ({"resolution": 32}, "lead"),
        ({"rows": "pairs"}, "pairs"),
        ({"rows": "chunks", "z_dim": 7}, "z_dim=7"),
        ({"bn_truncation": 0.0}, "bn_truncation"),
        ({"attention": [9]}, "attention"),
        ({"channels": [16, 17, 12, 12, 8]}, "shortcut"),
        ({"hidden": [4]}, "hidden"),
        ({"deep": False}, "upsample"),
        ({"num_stats": 0}, "num_stats"),
    ],
)
def test_configurations_that_make_no_sense(change: dict[str, Any], what: str) -> None:
    config = tiny("biggan-deep").config.to_dict()
    with pytest.raises(GantkError, match=what):
        BigGANConfig.from_dict({**config, **change})


# --- the original author's files ------------------------------------------------------------------------------------


def saved(folder: Path, entries: dict[str, Any], name: str = "G_ema.pth") -> Path:
    torch.save(entries, folder / name)
    return folder / name


@pytest.mark.parametrize(
    "variant, rows, z_dim",
    [
        ({}, "chunks", 12),
        ({"mybn": True}, "chunks", 12),
        ({"sv": False}, "chunks", 12),
        ({"rows": "class"}, "class", 4),
        ({"rows": "class", "shared": False}, "class", 4),
        ({"deep": True, "rows": "whole"}, "whole", 4),
        ({"deep": True, "rows": "class"}, "class", 4),
    ],
)
def test_the_authors_files(tmp_path: Path, variant: dict[str, Any], rows: str, z_dim: int) -> None:
    entries = author_file(**variant)
    checkpoint = read_checkpoint(saved(tmp_path, entries))
    generator = load_generator(tmp_path / "G_ema.pth")
    assert isinstance(generator, BigGAN)
    assert checkpoint.source == generator.source == "author-biggan"
    assert generator.config.epsilon == (1e-5 if variant.get("sv", True) else 1e-4)
    assert "epsilon" in checkpoint.notes[0]
    assert (generator.config.rows, generator.spec.z_dim, generator.spec.label_dim) == (rows, z_dim, 5)
    assert (generator.spec.resolution, generator.config.class_first) == (16, True)
    weight, u = entries["blocks.0.0.conv1.weight"].double(), entries["blocks.0.0.conv1.u0"].double()
    v = u @ weight.flatten(1)
    v = v / v.norm()
    sigma = (weight.flatten(1) @ v.t()).norm()  # u' is that vector's direction
    close(generator.synthesis.block0.conv0.weight, (weight / sigma).float())
    affine = generator.synthesis.block1.conv1.affine.weight
    if variant.get("shared", True):
        weight = entries["blocks.1.0.bn2.bias.weight"]
        close(affine[len(weight) :] / affine[-1, -1], weight / weight[-1, -1], 1e-4)
    else:
        close(affine, torch.cat([entries[f"blocks.1.0.bn2.{part}.weight"].t() for part in ("gain", "bias")]))
    image = generator.synthesize(generator.expand(generator.map(generator.sample_z(2), torch.tensor([0, 4]))))
    assert image.shape == (2, 3, 16, 16) and torch.isfinite(image).all()


def test_several_singular_vectors_change_nothing(tmp_path: Path) -> None:
    entries = author_file()
    one = load_generator(saved(tmp_path, entries)).state_dict()
    more = {name.replace("u0", "u1"): value for name, value in entries.items() if name.endswith("u0")}
    two = load_generator(saved(tmp_path, {**entries, **more})).state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)


def _renamed(entries: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {name.replace(old, new): value for name, value in entries.items()}


@pytest.mark.parametrize(
    "damage, what",
    [
        (lambda e: _renamed(e, "stored_", "running_"), "cross-replica"),
        (lambda e: e | {"linear.weight": torch.zeros(12 * 25, 4)}, "bottom_width"),
        (lambda e: e | {"blocks.0.0.conv1.u0": torch.zeros(1, 10)}, "spectral norm"),
        (lambda e: e | {"blocks.0.0.conv1.u0": torch.zeros(1, 9)}, "blocks.0.0.conv1.weight"),
        (lambda e: e | {"surprise": torch.zeros(3)}, "surprise"),
        (lambda e: {name: value for name, value in e.items() if name != "blocks.1.0.bn2.stored_var"}, "stored_var"),
        (lambda e: e | {"blocks.0.0.bn1.gain.weight": torch.zeros(12, 11)}, "conditioned on 11"),
        (lambda e: e | {"blocks.0.0.bn1.gain.weight": torch.zeros(11, 10)}, "blocks.0.0.bn1"),
        (lambda e: e | {"blocks.0.0.conv1.weight": torch.zeros(10, 12)}, "dimensions"),
    ],
)
def test_files_that_cannot_be_represented(tmp_path: Path, damage: Callable[[Any], Any], what: str) -> None:
    path = saved(tmp_path, damage(author_file()))
    with pytest.raises(GantkError, match=what) as caught:
        load_generator(path)
    assert "\n" not in str(caught.value)


def test_stages_of_another_depth_are_refused(tmp_path: Path) -> None:
    entries = {name: value for name, value in author_file(deep=True, rows="whole").items() if "blocks.3" not in name}
    with pytest.raises(GantkError, match="G_depth"):
        load_generator(saved(tmp_path, entries))


def test_studiogan_is_recognised_and_refused(tmp_path: Path) -> None:
    names = ("linear0.weight_orig", "blocks.0.0.conv2d1.weight_orig", "bn4.weight", "conv2d5.weight_orig")
    file = {"state_dict": {name: torch.zeros(2, 2) for name in names}, "epoch": 3}
    with pytest.raises(GantkError, match="StudioGAN"):
        load_generator(saved(tmp_path, file))


# --- Hugging Face's -------------------------------------------------------------------------------------------------


def test_huggingface_files(tmp_path: Path) -> None:
    entries = huggingface_file()
    path = saved(tmp_path, entries, "pytorch_model.bin")
    plain = load_generator(path)
    assert (plain.config.epsilon, plain.config.up, plain.config.attention) == (1e-4, tuple(UP), (2,))
    assert "config.json" in read_checkpoint(path).notes[0]
    assert (plain.spec.z_distribution, plain.spec.has_bn_truncation, plain.spec.resolution) == (
        "truncated_normal", True, 16,
    )  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    said = load_generator(path)
    assert said.config.epsilon == 1e-3 and read_checkpoint(path).notes == ()
    same = load_generator(tmp_path)
    assert same.config == said.config
    assert all(torch.equal(value, same.state_dict()[key]) for key, value in said.state_dict().items())
    weight = entries["generator.conv_to_rgb.weight_orig"]
    u, v = (entries[f"generator.conv_to_rgb.weight_{x}"] for x in "uv")
    close(said.synthesis.torgb.weight, (weight / (u @ weight.flatten(1) @ v))[:3])
    first = said.synthesis.dense.bias.unflatten(0, (16, 4, 4))
    assert torch.equal(first, entries["generator.gen_z.bias"].reshape(4, 4, 16).permute(2, 0, 1))
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "layers": [[True, 2, 1], [True, 1, 1]]}))
    with pytest.raises(GantkError, match="other blocks"):
        load_generator(path)
    for config in ({"layers": 7}, {"layers": [[True, "2", 1]]}, {"eps": "small"}, {"eps": 7}, {"channel_width": "1"}):
        (tmp_path / "config.json").write_text(json.dumps({**CONFIG, **config}))
        with pytest.raises(GantkError, match="does not describe"):
            load_generator(path)
    (tmp_path / "config.json").write_text("[" * 100_000)
    with pytest.raises(GantkError, match="cannot be read"):
        load_generator(path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    assert load_generator(path).config == plain.config


@pytest.mark.reference
def test_the_weights_alone_are_enough(tmp_path: Path) -> None:
    folder = REFERENCE / "torch" / "hfbg_deep_128"
    shutil.copy(folder / "pytorch_model.bin", tmp_path)
    alone, whole = load_generator(tmp_path / "pytorch_model.bin"), load_generator(folder)
    assert alone.config == whole.config
    wp_NLD = codes(whole, 1)
    assert torch.equal(alone.synthesize(wp_NLD), whole.synthesize(wp_NLD))


@pytest.mark.reference
@pytest.mark.parametrize("file, least", [("bg_hier_64", 3e-3), ("bg_deep_64", 3e-3), ("bg_tfhub_128", 3e-3)])
def test_the_reference_images_notice_a_wrong_epsilon(file: str, least: float) -> None:
    """The one number the author's files do not hold: what is assumed is right, the other choice is far off."""
    generator = load_generator(REFERENCE / "torch" / f"{file}.pth")
    with np.load(REFERENCE / "torch" / f"{file}.npz", allow_pickle=False) as recorded:
        z_ND, label, want = (torch.from_numpy(recorded[name]) for name in ("z", "label", "image"))
    wp_NLD = generator.expand(generator.map(z_ND, label))
    assert (generator.synthesize(wp_NLD) - want).abs().max() < 3e-5
    other = 1e-4 if generator.config.epsilon == 1e-5 else 1e-5
    for part in generator.modules():
        if isinstance(part, NormConv) and part is not generator.synthesis.torgb:
            part.epsilon = other
    assert (generator.synthesize(wp_NLD) - want).abs().max() > least


# --- classes --------------------------------------------------------------------------------------------------------


def test_labels_by_number_and_by_name() -> None:
    spec = BigGAN(BigGANConfig(8, (8, 8), (True,), 1000, deep=True, embed_dim=2, z_dim=4)).spec
    assert len(class_names()) == 1000
    assert parse_label("207", spec) == 207
    assert class_names()[parse_label("golden_Retriever ", spec)] == "golden retriever"
    assert class_names()[parse_label("Flat-coated Retriever", spec)] == "flat-coated retriever"
    assert [parse_label(name, spec) for name in ("Cardigan", "cardigan")] == [264, 474]  # a dog and a garment
    for text, what in (
        ("CARDIGAN", "264"), ("coffee", "coffee mug"), ("goldn retriever", "golden retriever"), ("", "ImageNet"),
        ("1000", "999"), ("-1", "999"), ("1" * 40, "ImageNet"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=what):
            parse_label(text, spec)
    refuse(lambda: parse_label("tench", tiny("biggan-deep").spec))
    refuse(lambda: parse_label("0", tiny("stylegan2-skip").spec))
