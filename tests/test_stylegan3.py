"""StyleGAN3: the fast formulation against its definition, motion, the plan and the filters.

Shape legend: N samples, I/O channels, K filter taps, L rows of wp.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators import filters
from gantk.generators.filters import filtered_leaky, lowpass, resampling
from gantk.generators.stylegan3 import StyleGAN3, StyleGAN3Config, SynthesisLayer
from gantk.generators.stylegan3_plan import Step, plan

TINY: dict[str, Any] = {
    "resolution": 16, "num_layers": 4, "num_critical": 1, "first_cutoff": 1.0, "first_stopband": 2.0, "margin": 4,
    "channel_base": 24, "channel_max": 5, "z_dim": 6, "w_dim": 5,
}  # fmt: skip


def network(variant: str = "t", **settings: Any) -> StyleGAN3:
    """A tiny network whose buffers and zero-initialised weights are random too."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        generator = StyleGAN3(StyleGAN3Config.designed(variant=variant, **{**TINY, **settings}))
        with torch.no_grad():
            for layer in list(generator.synthesis.children())[1:]:
                assert isinstance(layer, SynthesisLayer)
                layer.bias.normal_()
                layer.magnitude_ema.uniform_(0.5, 2)
            generator.synthesis.input.affine.weight.normal_()
    return generator.eval().requires_grad_(False)


def codes(generator: StyleGAN3, n: int = 2) -> Tensor:
    source = torch.Generator().manual_seed(1)
    return torch.randn(n, generator.spec.num_layers, generator.spec.w_dim, generator=source).to(generator.dtype)


# --- the definition, slowly ------------------------------------------------------------------------------------------


def slow_filtered(x: Tensor, step: Step, up: Tensor | None, down: Tensor | None, padding: tuple[int, int]) -> Tensor:
    """Zeros between the samples, pad or crop, filter, leaky ReLU and its gain, clamp, filter, keep every down-th."""
    n, c, h, w = x.shape
    stuffed = x.new_zeros(n, c, h * step.up, w * step.up)
    stuffed[:, :, :: step.up, :: step.up] = x
    one = x.new_ones(1)
    up = one if up is None else up
    down = one if down is None else down
    wide = F.pad(stuffed, padding * 2).reshape(n * c, 1, *(side * step.up + sum(padding) for side in (h, w)))
    fine = F.conv2d(wide, torch.outer(up, up).flip(0, 1)[None, None] * step.up**2)
    fine = F.leaky_relu(fine, 0.2) * 2**0.5
    if step.conv_clamp is not None:
        fine = fine.clamp(-step.conv_clamp, step.conv_clamp)
    kernel = down if down.ndim == 2 else torch.outer(down, down)
    coarse = F.conv2d(fine, kernel.flip(0, 1)[None, None])[:, :, :: step.down, :: step.down]
    return coarse.reshape(n, c, *coarse.shape[2:])


def slow_image(generator: StyleGAN3, wp_NLD: Tensor, weights: dict[str, Tensor] | None = None) -> Tensor:
    """One sample at a time: its own normalised, modulated, demodulated kernel."""
    images = []
    for wp in wp_NLD.unsqueeze(1):
        styles = generator.styles(wp)
        x = generator.synthesis.input(styles[0], None)
        for (name, layer), style in zip(list(generator.synthesis.named_children())[1:], styles[1:], strict=True):
            assert isinstance(layer, SynthesisLayer)
            w = (weights or {}).get(name, layer.weight)
            style = style[0][None, :, None, None]
            if layer.rgb:
                w = w * style / w[0].numel() ** 0.5
            else:
                w = w * w.square().mean((1, 2, 3), keepdim=True).rsqrt()
                w = w * style * style.square().mean().rsqrt()
                w = w * (w.square().sum((1, 2, 3), keepdim=True) + 1e-8).rsqrt()
            x = F.conv2d(x, w * layer.magnitude_ema.rsqrt(), padding=w.shape[-1] - 1) + layer.bias[:, None, None]
            if layer.rgb:
                clamp = layer.step.conv_clamp
                x = x if clamp is None else x.clamp(-clamp, clamp)
            else:
                x = slow_filtered(x, layer.step, layer.up_filter, layer.down_filter, layer.step.padding)
        images.append(x * generator.config.output_scale)
    return torch.cat(images)


def relative(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape
    return ((a - b).abs().max() / b.abs().max()).item()


@pytest.mark.parametrize("variant", ["t", "r"])
def test_image_equals_the_definition(variant: str) -> None:
    generator = network(variant, conv_clamp=2.0).double()
    wp_NLD = codes(generator)
    assert relative(generator.synthesize(wp_NLD), slow_image(generator, wp_NLD)) < 1e-12


@pytest.mark.parametrize("variant", ["t", "r"])
def test_weight_edits_equal_edited_networks(variant: str) -> None:
    generator = network(variant).double()
    wp_NLD, strength = codes(generator), torch.tensor([0.7, -1.3], dtype=torch.float64)
    for name in ("L1", "torgb"):
        weight = generator.get_parameter(f"synthesis.{name}.weight")
        delta = torch.randn(weight.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
        fast = generator.synthesize(wp_NLD, weight_deltas={name: (delta, strength)})
        for i in range(2):
            slow = slow_image(generator, wp_NLD[i : i + 1], {name: weight + strength[i] * delta})
            assert relative(fast[i : i + 1], slow) < 1e-12


def test_a_channel_edited_to_nothing_stays_finite() -> None:
    generator = network()
    weight = generator.get_parameter("synthesis.L1.weight")
    delta = torch.zeros_like(weight)
    delta[2] = -weight[2]
    _, maps = generator.trace(codes(generator), ["L1"], weight_deltas={"L1": (delta, 1.0)}, crop=False)
    kept = generator.trace(codes(generator), ["L1"], crop=False)[1]["L1"]
    assert torch.isfinite(maps["L1"]).all()
    assert relative(maps["L1"][:, :2], kept[:, :2]) < 1e-5
    bias = generator.get_parameter("synthesis.L1.bias")[2].item()
    level = abs(bias) * 2**0.5 * (1.0 if bias > 0 else 0.2)
    inside = maps["L1"][:, 2, 6:-6, 6:-6]
    assert (inside.abs() - level).abs().max() < 0.05 * max(1.0, level), "only the bias is left of it"


FACTORS = [(2, 2, 12, 12), (4, 2, 24, 12), (2, 2, 7, 9), (3, 2, 18, 12), (2, 3, 5, 8), (1, 1, 1, 1), (1, 2, 1, 12)]


@pytest.mark.parametrize("radial", [False, True])
@pytest.mark.parametrize("up, down, up_taps, down_taps", FACTORS)
@pytest.mark.parametrize("out_size", [9, 24])
def test_filtered_leaky_for_all_kinds_of_factors(
    up: int, down: int, up_taps: int, down_taps: int, radial: bool, out_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asymmetric filters, odd taps, padding and cropping alike; whole, and in blocks of channels, samples and rows."""
    source = torch.Generator().manual_seed(up * 100 + down)
    x = torch.randn(3, 5, 13, 13, generator=source, dtype=torch.float64)
    up_K = torch.randn(up_taps, generator=source, dtype=torch.float64)
    down_K = torch.randn((down_taps,) * (1 + radial), generator=source, dtype=torch.float64)
    step = Step(1, 1, 13, out_size, 1, 1, 1, 1, 1, 1, 1, False, 1, 1, 1, 1, 3.0)
    object.__setattr__(step, "up", up)
    object.__setattr__(step, "down", down)
    total = (out_size - 1) * down + 1 - 13 * up + up_taps + down_taps - 2
    first = (total + up) // 2
    slow = slow_filtered(x, step, up_K, down_K, (first, total - first))
    layout = resampling(13, out_size, up, down, up_taps, down_taps, first)
    cut = layout.crop
    inner = x[:, :, cut : 13 - cut, cut : 13 - cut]
    gain = x.new_full((3, 5), 2**0.5)
    monkeypatch.setattr(filters, "BLOCK_CHANNELS", 2)
    for values in (filters.BLOCK_VALUES, 4_000, 400):
        monkeypatch.setattr(filters, "BLOCK_VALUES", values)
        fast = filtered_leaky(inner, gain, x.new_zeros(5), up_K * up, down_K, layout, 3.0)
        assert relative(fast, slow) < 1e-12


def test_samples_do_not_mix() -> None:
    """The published normalisation runs over the batch; here a sample is the same whoever stands beside it."""
    generator = network("r")
    wp_NLD = codes(generator, 3)
    wp_NLD[1] *= 30
    together = generator.synthesize(wp_NLD)
    for i in range(3):
        assert relative(together[i : i + 1], generator.synthesize(wp_NLD[i : i + 1])) < 1e-5


# --- motion ----------------------------------------------------------------------------------------------------------


def test_transform_moves_the_picture_forwards() -> None:
    """Translation and rotation of the Fourier features follow the motion; x is to the right, and y down."""
    generator = network("r")
    generator.synthesis.input.affine.weight.zero_()
    wp_NLD = codes(generator, 1)
    rate = generator.config.steps[0].in_rate
    still = generator.trace(wp_NLD, ["input"], image=False, crop=False)[1]["input"]
    assert torch.equal(
        still, generator.trace(wp_NLD, ["input"], image=False, transform=torch.eye(3), crop=False)[1]["input"]
    )
    shift = torch.eye(3)
    shift[0, 2], shift[1, 2] = 2 / rate, 1 / rate
    moved = generator.trace(wp_NLD, ["input"], image=False, transform=shift, crop=False)[1]["input"]
    assert relative(moved[:, :, 1:, 2:], still[:, :, :-1, :-2]) < 1e-5
    turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    turned = generator.trace(wp_NLD, ["input"], image=False, transform=turn, crop=False)[1]["input"]
    assert relative(turned, torch.rot90(still, -1, (2, 3))) < 1e-5


def test_rotating_a_trained_kind_of_r_turns_the_image() -> None:
    """1x1 convolutions and radial filters: a quarter turn of the features is a quarter turn of the picture."""
    generator = network("r")
    turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    wp_NLD = codes(generator, 1)
    generator.synthesis.input.affine.weight.zero_()
    image, turned = generator.synthesize(wp_NLD), generator.synthesize(wp_NLD, transform=turn)
    assert relative(turned, torch.rot90(image, -1, (2, 3))) < 1e-3


def test_transforms_of_the_wrong_shape_are_refused() -> None:
    generator = network()
    for wrong in (torch.eye(2), torch.eye(3).expand(3, 3, 3), torch.eye(3)[0]):
        with pytest.raises(UsageError, match="transform"):
            generator.synthesize(codes(generator, 2), transform=wrong)


# --- plan, filters, maps ---------------------------------------------------------------------------------------------


def test_filters_are_those_of_scipy() -> None:
    from scipy.signal import firwin

    for taps, cutoff, half_width, rate in (
        (12, 2.0, 6.0, 32),
        (24, 4.0, 4.0, 64),
        (7, 3.0, 0.2, 16),
        (12, 16.0, 3.7, 64),
    ):
        want = firwin(taps, cutoff, width=2 * half_width, fs=rate)
        assert np.abs(lowpass(taps, cutoff, half_width, rate).numpy() - want).max() < 1e-7
    disc = lowpass(9, 2.0, 6.0, 32, radial=True)
    assert abs(disc.sum().item() - 1) < 1e-6
    assert torch.isfinite(disc).all()
    assert torch.allclose(disc, disc.t()) and torch.allclose(disc, disc.flip(0))
    assert disc.argmax() == 40


def test_published_sizes_at_1024() -> None:
    steps = plan(1024)
    assert [step.out_size for step in steps] == [
        36,
        36,
        52,
        52,
        84,
        148,
        148,
        276,
        276,
        532,
        1044,
        1044,
        1044,
        1024,
        1024,
    ]
    assert [step.out_channels for step in steps] == [512] * 7 + [323, 203, 128, 81, 51, 32, 32, 3]
    assert [step.half for step in steps] == [False] * 5 + [True] * 10
    doubled = StyleGAN3Config.designed(256, "r", channel_base=16384).steps
    assert doubled[0].out_channels == 1024 and doubled[0].kernel == 1
    assert doubled[0].radial and not doubled[13].radial and not doubled[-1].radial


def test_maps_are_cropped_to_the_canvas() -> None:
    generator = network()
    names = [layer.name for layer in generator.layers]
    wp_NLD = codes(generator)
    image, maps = generator.trace(wp_NLD, names)
    _, wide = generator.trace(wp_NLD, names, crop=False)
    for layer, step in zip(generator.layers, [None, *generator.config.steps], strict=True):
        margin = (wide[layer.name].shape[-1] - layer.resolution) // 2
        assert maps[layer.name].shape == (2, layer.channels, layer.resolution, layer.resolution)
        assert step is None or wide[layer.name].shape[-1] == step.out_size
        inside = wide[layer.name][:, :, margin : margin + layer.resolution, margin : margin + layer.resolution]
        assert torch.equal(maps[layer.name], inside)
    assert torch.equal(maps["torgb"], image)
    assert wide["L0"].shape[-1] > maps["L0"].shape[-1]


def test_magnitudes_follow_the_inputs() -> None:
    generator = network()
    wp_NLD = codes(generator)
    _, maps = generator.trace(wp_NLD, ["input", "L3"], crop=False)
    before = generator.synthesis.L0.magnitude_ema.clone()
    generator.update_magnitudes(wp_NLD, beta=0.75)
    want = 0.75 * before + 0.25 * maps["input"].square().mean()
    assert torch.allclose(generator.synthesis.L0.magnitude_ema, want)
    assert not torch.equal(generator.synthesis.torgb.magnitude_ema, before)


def test_configurations_that_cannot_be_are_refused() -> None:
    config = StyleGAN3Config.designed(**TINY).to_dict()
    for change in ({"resolution": 32}, {"label_rule": "odd"}, {"steps": config["steps"][:1]}, {"image_channels": 4}):
        with pytest.raises(GantkError):
            StyleGAN3Config.from_dict({**config, **change})
    for change in ({"in_size": 0}, {"up": 5}, {"out_size": 1 << 20}, {"up_taps": 1 << 20}, {"in_channels": 7}):
        steps = [{**config["steps"][0]}, {**config["steps"][1], **change}, *config["steps"][2:]]
        with pytest.raises(GantkError):
            StyleGAN3Config.from_dict({**config, "steps": steps})
    with pytest.raises(UsageError):
        StyleGAN3Config.designed(16, "q")
