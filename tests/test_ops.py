"""Every fast operation beside its definition: zeros inserted and multiplied, weights built per sample.

Shape legend: N samples, I/O channels, H x W pixels, K taps.
"""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from generator_cases import close
from torch import Tensor

from gantk.generators.noise import noise_seeds, seeded_noise
from gantk.generators.ops import (
    Conv,
    Dense,
    downsample2d,
    fir,
    leaky,
    modulated_conv,
    pixel_norm,
    resampled,
    resampled_transpose,
    upsample2d,
    upsample2d_transpose,
)

FILTERS = {
    "binomial4": (0.125, 0.375, 0.375, 0.125),
    "box": (0.5, 0.5),
    "odd3": (0.25, 0.5, 0.25),
    "asymmetric3": (0.2, 0.5, 0.3),
    "asymmetric4": (0.1, 0.2, 0.3, 0.4),
    "odd5": (0.05, 0.25, 0.4, 0.2, 0.1),
    "long8": (0.01, 0.04, 0.15, 0.3, 0.28, 0.14, 0.06, 0.02),
    "one": (1.0,),
}


@pytest.fixture(params=list(FILTERS))
def taps(request: pytest.FixtureRequest) -> tuple[float, ...]:
    return FILTERS[request.param]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slow_fir(
    x: Tensor, taps: tuple[float, ...], *, up: int = 1, down: int = 1, pad: tuple[int, int], gain: float = 1.0
) -> Tensor:
    """Insert zeros, pad (or crop) both axes, convolve with the flipped outer product, keep every down-th sample."""
    n, channels, height, width = x.shape
    stuffed = x.new_zeros(n, channels, height * up, width * up)
    stuffed[:, :, ::up, ::up] = x
    padded = F.pad(stuffed, (*pad, *pad))
    line = torch.tensor(taps, dtype=x.dtype).flip(0)
    kernel = torch.outer(line, line)[None, None] * gain
    flat = padded.reshape(n * channels, 1, *padded.shape[2:])
    return F.conv2d(flat, kernel).reshape(n, channels, padded.shape[2] - len(taps) + 1, -1)[:, :, ::down, ::down]


def slow_resampled_conv(x: Tensor, weight: Tensor, taps: tuple[float, ...], up: int, groups: int = 1) -> Tensor:
    """stylegan2-ada's order of things: zero-stuff, filter with gain up^2, convolve; padding split as it does.

    Where it raises the resolution the kernel is flipped: that convolution is a true one (its `flip_weight`).
    """
    k, size = weight.shape[-1], len(taps)
    weight = weight.flip(2, 3) if up > 1 else weight
    pad = (k // 2 + (size + up - 1) // 2, k // 2 + (size - up) // 2)
    return F.conv2d(slow_fir(x, taps, up=up, pad=pad, gain=up**2), weight, groups=groups)


def slow_modulated_conv(
    x: Tensor, weight: Tensor, style: Tensor, demodulate: bool, up: bool, taps: tuple[float, ...], delta: Tensor | None
) -> Tensor:
    """Karras et al. 2020, equations 1 and 3: one weight per sample, the batch as groups."""
    scaled = (weight if delta is None else weight[None] + delta) / math.sqrt(weight[0].numel())
    per_sample = scaled * style[:, None, :, None, None]  # [N, O, I, k, k]
    if demodulate:
        per_sample = per_sample * torch.rsqrt(per_sample.square().sum((2, 3, 4), keepdim=True) + 1e-8)
    n, outputs = per_sample.shape[:2]
    grouped, flat = per_sample.flatten(0, 1), x.reshape(1, -1, *x.shape[2:])
    if up:
        y = slow_resampled_conv(flat, grouped, taps, 2, groups=n)
    else:
        y = F.conv2d(flat, grouped, padding=weight.shape[-1] // 2, groups=n)
    return y.reshape(n, outputs, *y.shape[2:])


@pytest.mark.parametrize("pad", [(0, 0), (1, 1), (2, 1), (0, 3)])
@pytest.mark.parametrize("stride", [1, 2])
def test_fir(taps: tuple[float, ...], pad: tuple[int, int], stride: int) -> None:
    x = noise(2, 3, 9, 8)
    close(fir(x, taps, pad, 1.7, stride), slow_fir(x, taps, down=stride, pad=pad, gain=1.7), 1e-12)


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_upsampling(taps: tuple[float, ...], size: int) -> None:
    x = noise(2, 3, size, size + 1)
    k = len(taps)
    close(upsample2d(x, taps), slow_fir(x, taps, up=2, pad=((k + 1) // 2, (k - 2) // 2), gain=4.0), 1e-12)


def test_downsampling(taps: tuple[float, ...]) -> None:
    x = noise(2, 3, 8, 10)
    k = len(taps)
    close(downsample2d(x, taps), slow_fir(x, taps, down=2, pad=((k - 1) // 2, (k - 2) // 2)), 1e-12)


@pytest.mark.parametrize("up", [True, False])
def test_transposes(taps: tuple[float, ...], up: bool) -> None:
    """Against torch's own pass back, with taps that are not symmetric among them."""
    x, weight = noise(2, 5, 6, 7).requires_grad_(), noise(4, 5, 3, 3, seed=1)
    for y, transpose in (
        (resampled(x, weight, up, taps), lambda g: resampled_transpose(g, weight, up, taps)),
        (upsample2d(x, taps), lambda g: upsample2d_transpose(g, taps)),
    ):
        gradient = noise(*y.shape, seed=2)
        close(transpose(gradient), torch.autograd.grad(y, x, gradient)[0], 1e-12)


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("edited", [True, False])
def test_modulated_convolution(taps: tuple[float, ...], demodulate: bool, up: bool, edited: bool) -> None:
    x, weight, style = noise(3, 5, 6, 6), noise(4, 5, 3, 3, seed=1), 1 + noise(3, 5, seed=2)
    delta, strength = noise(4, 5, 3, 3, seed=3), torch.tensor([-0.5, 0.0, 2.0], dtype=torch.float64)
    y, factor = modulated_conv(
        x, weight, style, demodulate=demodulate, up=up, taps=taps, gain=1.5, delta=(delta, strength) if edited else None
    )
    moved = strength[:, None, None, None, None] * delta if edited else None
    slow = 1.5 * slow_modulated_conv(x, weight, style, demodulate, up, taps, moved)
    close(y * factor[:, :, None, None], slow, 1e-7)  # the 1e-8 beside the norm sits at another scale


def test_modulated_convolution_in_half_precision_does_not_overflow() -> None:
    x, weight, style = noise(2, 5, 6, 6).float(), noise(4, 5, 3, 3, seed=1).float(), noise(2, 5, seed=2).float() * 1e4
    y, factor = modulated_conv(x.half(), weight, style, demodulate=True, up=False)
    exact = slow_modulated_conv(x, weight, style, True, False, (), None)
    close(y.float() * factor[:, :, None, None], exact, 5e-3)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("direction", ["down", "up", "same"])
def test_equalised_convolution(taps: tuple[float, ...], size: int, direction: str) -> None:
    """Also the box filter, which is folded into a 4 x 4 kernel."""
    if direction == "up" and size == 3:
        return  # only shortcuts rise without modulation, and they are 1 x 1
    x = noise(2, 3, 8, 8)
    layer = Conv(3, 4, size, up=direction == "up", down=direction == "down", taps=taps).double()
    torch.nn.init.normal_(layer.bias)
    weight = layer.weight / math.sqrt(3 * size * size)
    if direction == "same":
        slow = F.conv2d(x, weight, padding=size // 2)
    elif direction == "up":
        slow = slow_resampled_conv(x, weight, taps, 2)
    else:
        k = len(taps)
        pad = (size // 2 + (k - 1) // 2, size // 2 + (k - 2) // 2)
        slow = F.conv2d(slow_fir(x, taps, pad=pad), weight, stride=2)
    close(layer(x, gain=0.7), 0.7 * (slow + layer.bias[:, None, None]), 1e-12)


def test_equalised_dense() -> None:
    layer = Dense(5, 4, lr=0.01, bias_init=3.0).double()
    x = noise(2, 5)
    close(layer(x, gain=2.0), 2 * (x @ layer.weight.t() * 0.01 / math.sqrt(5) + 0.03), 1e-12)


def test_pixel_norm_and_leaky() -> None:
    x = noise(2, 5, 3, 3)
    close(pixel_norm(x).square().mean(1), torch.ones(2, 3, 3, dtype=torch.float64), 1e-6)
    assert torch.equal(leaky(torch.tensor([-10.0, 10.0]), clamp=1.5), torch.tensor([-1.5, 1.5]))
    assert torch.equal(leaky(torch.tensor([-1.0, 1.0])), torch.tensor([-0.2, 1.0]))


def test_seeded_noise_is_normal_white_and_its_own() -> None:
    like = torch.zeros(1)
    maps = seeded_noise(torch.arange(64), 64, 3, 32, 32, like)
    assert maps.shape == (64, 1, 32, 32)
    flat = maps.flatten(1).double()
    count = flat.numel()
    for power, moment, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(flat.pow(power).mean() - moment) < 5 * math.sqrt(spread / count), power
    correlations = flat @ flat.t() / flat.shape[1] - torch.eye(64)
    assert correlations.fill_diagonal_(0).abs().max() < 6 / 32
    for shift in ((0, 1), (1, 0), (1, 1), (0, 16), (16, 0)):  # the two halves come from the same pairs
        assert abs((maps * maps.roll(shift, (2, 3))).mean()) < 5 / math.sqrt(count), shift
    assert not torch.equal(maps, seeded_noise(torch.arange(64), 64, 4, 32, 32, like))
    assert torch.equal(maps[5:9], seeded_noise(torch.arange(5, 9), 4, 3, 32, 32, like))
    assert not torch.equal(maps[:1], seeded_noise(torch.tensor(1 << 32), 1, 3, 32, 32, like))
    assert seeded_noise(torch.tensor(1), 2, 3, 5, 5, like).shape == (2, 1, 5, 5)
    assert noise_seeds(-1).item() == (1 << 63) - 1
