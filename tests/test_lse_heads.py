"""Segmentation heads: the operator, every family's maps, files of both formats, and how other systems use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from generator_cases import TINY, close, codes, refuse
from generator_cases import tiny as make
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.predictors.base import Predictor
from gantk.predictors.grids import resize_back, resize_grid, sum_resized
from gantk.predictors.head_files import load_head, save_head
from gantk.predictors.head_info import KINDS
from gantk.predictors.head_networks import NETWORKS, LinearNetwork, PointwiseNetwork
from gantk.predictors.heads import Head, HeadInfo, check_head, default_taps, palette, parse_taps, taps_of
from gantk.predictors.load import load_predictor

CHANNELS, SIDES, K, S = (5, 4, 3, 2, 2), (4, 8, 8, 16, 32), 3, 16


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def some_maps(n: int = 2) -> list[Tensor]:
    return [random(n, c, r, r, seed=i) for i, (c, r) in enumerate(zip(CHANNELS, SIDES, strict=True))]


def a_head(generator: Any, kind: str = "LSE", taps: tuple[str, ...] | None = None, **changes: Any) -> Head:
    taps = default_taps(generator) if taps is None else taps
    names = ("other", "sky", "ground")
    info = HeadInfo(kind, names, palette(3), taps, taps_of(generator, taps), generator.spec.resolution)
    torch.manual_seed(1)
    network = NETWORKS[kind](info.channels, 3)
    if isinstance(network, LinearNetwork):
        with torch.no_grad():
            network.weight_KD.normal_()
            network.bias_K.normal_()
    return Head(info.replace(**changes), network)


# --- the operator ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize(("old", "new"), [(4, 16), (16, 7), (5, 5), (9, 16), (8, 1), (1, 4)])
def test_resizing_is_interpolate(old: int, new: int, align: bool) -> None:
    x = random(2, 3, old, old)
    wanted = F.interpolate(x, (new, new), mode="bilinear", align_corners=align)
    torch.testing.assert_close(resize_grid(x, new, align), wanted, rtol=0, atol=1e-14)


def test_the_adjoint_is_the_transpose() -> None:
    x, g = random(1, 2, 5, 5), random(1, 2, 12, 12, seed=1)
    assert float((resize_grid(x, 12) * g).sum()) == pytest.approx(float((x * resize_back(g, 5)).sum()), rel=1e-12)


@pytest.mark.parametrize("align", [True, False])
def test_convolving_first_is_upsampling_first(align: bool) -> None:
    """Upsample, concatenate, one convolution: the paper's picture."""
    maps = some_maps()
    network = LinearNetwork(CHANNELS, K, align).double()
    with torch.no_grad():
        network.weight_KD.copy_(random(K, sum(CHANNELS)))
        network.bias_K.copy_(random(K))
    large = torch.cat([F.interpolate(x, (S, S), mode="bilinear", align_corners=align) for x in maps], 1)
    wanted = F.conv2d(large, network.weight_KD[:, :, None, None], network.bias_K)
    torch.testing.assert_close(network(maps, S), wanted, rtol=0, atol=1e-12)
    with torch.inference_mode():  # built in place
        torch.testing.assert_close(network(maps, S), wanted, rtol=0, atol=1e-12)


def test_inference_leaves_the_maps_alone() -> None:
    maps = [random(1, 2, r, r) for r in (8, 16)]
    kept = [x.clone() for x in maps]
    with torch.inference_mode():
        LinearNetwork((2, 2), K).double()(maps, 16)
    assert all(torch.equal(a, b) for a, b in zip(maps, kept, strict=True))


def test_maps_of_no_label_size_are_summed() -> None:
    maps = [random(2, 3, r, r, seed=r) for r in (4, 8, 33)]
    wanted = sum(F.interpolate(x, (16, 16), mode="bilinear", align_corners=True) for x in maps)
    torch.testing.assert_close(sum_resized(maps, 16), wanted, rtol=0, atol=1e-13)


def test_pointwise_head_folds_the_weights_of_maps() -> None:
    maps, scale_L = some_maps(), torch.rand(5, dtype=torch.float64)
    network = PointwiseNetwork(CHANNELS, K).double()
    each = [resize_grid(branch(x), S) for branch, x in zip(network.branches, maps, strict=True)]
    wanted = sum(a * x for a, x in zip(scale_L, each, strict=True))
    torch.testing.assert_close(network.weighted(maps, S, scale_L), wanted)
    network.fold(scale_L)
    torch.testing.assert_close(network(maps, S), wanted)
    middle = network.branches[0][0]
    assert middle.out_channels == (CHANNELS[0] + K) // 2


def test_ladder_by_hand() -> None:
    channels, maps = (3, 2), [random(1, 3, 4, 4), random(1, 2, 8, 8, seed=1)]
    network = NETWORKS["NSE-2"](channels, K).double()
    entries, steps, last = network.entries, network.steps, network.last
    h = F.relu(entries[0](maps[0])).repeat_interleave(2, 2).repeat_interleave(2, 3)
    h = F.relu(steps[0](h)) + F.relu(entries[1](maps[1]))
    torch.testing.assert_close(network(maps, 8), last(h))


def test_parameters_of_the_papers_heads() -> None:
    channels = (512,) * 9 + (256, 256, 128, 128, 64, 64, 32, 32)
    count = {kind: sum(p.numel() for p in NETWORKS[kind](channels, 15).parameters()) for kind in ("LSE", "NSE-1")}
    assert count["LSE"] == 83_520 + 15  # a bias for each class more
    assert round(count["NSE-1"] / 1e6, 2) == 2.03


# --- every family ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("kind", KINDS)
def test_heads_read_every_family(name: str, kind: str) -> None:
    generator = make(name)
    wp = codes(generator, 2)
    if not default_taps(generator):
        pytest.fail(f"{name} offers no maps")
    head = a_head(generator, kind)
    with torch.inference_mode():
        logits = head.segment_codes(generator, wp)
        image, same = head.draw(generator, wp)
        assert image.shape[-1] == generator.spec.resolution
    assert logits.shape == (2, 3, generator.spec.resolution, generator.spec.resolution)
    assert bool(torch.isfinite(logits).all())
    close(logits, same)


def test_gradients_reach_the_codes() -> None:
    generator = make("stylegan2-skip")
    wp = codes(generator, 1).requires_grad_(True)
    a_head(generator).segment_codes(generator, wp).square().sum().backward()
    assert wp.grad is not None and float(wp.grad.abs().max()) > 0


def test_taps_of_families() -> None:
    skip = make("stylegan2-skip")
    every = default_taps(skip)
    assert every[0] == "4x4/conv1" and len(every) == 5 and not any("torgb" in tap for tap in every)
    assert default_taps(skip, "last") == ("4x4/conv1", "8x8/conv1", "16x16/conv1")
    assert parse_taps("8x8/conv0,0", skip) == ("4x4/conv1", "8x8/conv0")
    with pytest.raises(UsageError, match="out of range"):
        parse_taps("99", skip)


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_files_give_the_same_head(kind: str, suffix: str, tmp_path: Path) -> None:
    generator = make("stylegan2-skip")
    head = a_head(generator, kind, meta={"seed": 3})
    path = save_head(tmp_path / f"head{suffix}", head)
    read = load_head(path, generator)
    wp = codes(generator, 2)
    close(read.segment_codes(generator, wp), head.segment_codes(generator, wp), 1e-6)
    if suffix == ".safetensors":
        assert read.info == head.info
        assert save_head(tmp_path / "again.safetensors", read).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("rule", ["softplus", "sigmoid", "none"])
@pytest.mark.parametrize("name", ["stylegan2-skip", "stylegan"])
def test_linear_gan_files_are_folded(rule: str, name: str, tmp_path: Path) -> None:
    """A file as LinearGAN's program would write it, against its formula."""
    generator = make(name)
    taps = default_taps(generator, "all" if name == "stylegan2-skip" else "last")
    channels = taps_of(generator, taps)
    torch.manual_seed(0)
    raw = torch.randn(len(taps))
    weights = [torch.randn(4, c, 1, 1) for c in channels]
    arch = {"n_class": 4, "dims": list(channels), "layers": list(range(len(taps))), "type": "LSE", "lw_type": rule}
    param = {f"extractor.{i}.weight": w for i, w in enumerate(weights)} | {"layer_weight": raw}
    torch.save({"arch": {**arch, "use_bias": False}, "param": param}, tmp_path / "x.pth")
    head = load_predictor(tmp_path / "x.pth", generator=generator)
    assert isinstance(head, Head) and head.info.taps == taps
    share = {"softplus": F.softplus(raw), "sigmoid": raw.sigmoid(), "none": torch.ones(len(taps))}[rule]
    share = share if rule == "none" else share / share.sum()
    wp, size = codes(generator, 2), generator.spec.resolution
    _, maps = generator.trace(wp, taps)
    wanted = sum(
        a * F.interpolate(F.conv2d(maps[tap], w), (size, size), mode="bilinear", align_corners=True)
        for a, w, tap in zip(share, weights, taps, strict=True)
    )
    close(head.segment_codes(generator, wp), wanted)


def test_a_head_without_a_generator_is_not_guessed(tmp_path: Path) -> None:
    generator = make("stylegan2-skip")
    path = save_head(tmp_path / "x.pth", a_head(generator))
    with pytest.raises(GantkError, match="does not name its maps: give the generator"):
        load_head(path)
    with pytest.raises(GantkError, match="belongs to another generator"):
        load_head(path, make("pggan"))


def test_a_head_of_another_generator_is_refused(tmp_path: Path) -> None:
    from gantk.generators.probe import probe_of

    generator, other = make("stylegan2-skip"), make("stylegan2-skip")
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.3)
    path = save_head(tmp_path / "x.safetensors", a_head(generator, probe=probe_of(generator)))
    load_head(path, generator)
    with pytest.raises(GantkError, match="trained on another generator"):
        load_head(path, other)
    load_head(path, other, force=True)
    with pytest.raises(GantkError, match=r"reads a map 4x4/conv1 of 8 channels .* belongs to another"):
        load_head(path, make("stylegan3-t"), force=True)
    with pytest.raises(GantkError, match="another generator"):
        load_head(path).segment_codes(other, codes(other, 1))


def test_damaged_head_files_are_refused(tmp_path: Path) -> None:
    generator = make("stylegan2-skip")
    path = save_head(tmp_path / "x.safetensors", a_head(generator))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(GantkError, match="no readable head file"):
        load_head(path)
    for header in ([], {"format": "gantk-head", "version": "x"}):
        path.write_bytes(save({"bias_K": torch.ones(2)}, {"gantk": json.dumps(header)}))
        with pytest.raises(GantkError, match="header is no object|has format version"):
            load_head(path)
    with pytest.raises(GantkError, match="does not exist"):
        load_head(tmp_path / "none.safetensors")
    torch.save({"x": torch.ones(2)}, tmp_path / "y.pth")
    with pytest.raises(GantkError, match="no head of LinearGAN"):
        load_head(tmp_path / "y.pth", generator)
    torch.save({"arch": {"n_class": 2, "dims": [8], "layers": [0], "type": "SVM"}, "param": {}}, tmp_path / "z.pth")
    with pytest.raises(GantkError, match="type 'SVM'"):
        load_head(tmp_path / "z.pth", generator)
    for param in ([1], {"x": "text"}):
        torch.save(
            {"arch": {"n_class": 2, "dims": [8], "layers": [0], "type": "LSE"}, "param": param}, tmp_path / "w.pth"
        )
        refuse(lambda: load_head(tmp_path / "w.pth", generator), GantkError)


def test_sizes_that_only_a_header_claims_are_not_allocated(tmp_path: Path) -> None:
    path = save_head(tmp_path / "x.safetensors", a_head(make("stylegan2-skip")))
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["gantk"])
    header["channels"] = [10**12] * len(header["channels"])
    path.write_bytes(save({"bias_K": torch.ones(2)}, {"gantk": json.dumps(header)}))
    with pytest.raises(GantkError, match="does not fit a LSE"):
        load_head(path)


# --- as a predictor --------------------------------------------------------------------------------------------------


def test_every_predictor_segments_codes() -> None:
    """Heads read maps, networks look at images, the oracle knows: one call for all."""
    generator = make("demo-oracle")
    wp = codes(generator, 2)

    class Bright(Predictor):
        class_names = ("dark", "bright")

        def segment(self, image_NCHW: Tensor) -> Tensor:
            light = image_NCHW.mean(1)
            return torch.stack([-light, light], 1)

    from gantk.predictors.truth import ExactFactors

    assert Bright().segment_codes(generator, wp).shape == (2, 2, 16, 16)
    exact = ExactFactors(generator).segment_codes(generator, wp)
    assert torch.equal(exact.argmax(1), generator.true_masks(wp).argmax(1))  # type: ignore[operator]
    head = a_head(generator)
    assert head.segment_codes(generator, wp, size=8).shape == (2, 3, 8, 8)
    with pytest.raises(GantkError, match="reads a generator's maps, not images"):
        head.segment(torch.zeros(1, 3, 16, 16))


def test_functions_that_segment_are_predictors(tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text(
        "import torch\ndef halves(image):\n    return torch.stack([image[:, 0], -image[:, 0]], 1)\n"
        "halves.class_names = ('red', 'not')\n"
    )
    found = load_predictor(f"{tmp_path / 'half.py'}:halves", code=True)
    assert found.class_names == ("red", "not") and found.segment(torch.zeros(2, 3, 64, 64)).shape == (2, 2, 64, 64)
    with pytest.raises(GantkError, match="no attributes"):
        found.attributes(torch.zeros(1, 3, 64, 64))


def test_heads_check_what_they_are_given() -> None:
    generator = make("stylegan2-skip")
    head = a_head(generator)
    with pytest.raises(GantkError, match="reads 5 maps"):
        head.network([torch.zeros(1, 2, 4, 4)], 16)
    with pytest.raises(UsageError, match="kind 'SVM'"):
        head.info.replace(kind="SVM")
    check_head(head.info, generator)
