"""StyleGAN2's forward pass against the plain formulation: one kernel per sample, dense FIR over inserted zeros.

gantk scales activations instead of weights, filters in polyphase form, keeps maps in channels-last order and reuses its
own buffers where nothing is differentiated. The plain formulation, written out below, builds every sample's modulated
weights, runs the batch as groups of one convolution, and filters with a two-dimensional kernel; both use the same
weights and codes, in inference mode. Sizes: the bundled 64 x 64 network, and 256 x 256 with the published widths
(config F), which takes two minutes. The figures at the top are those of the last size and batch; `sizes` has all.

On a GPU (--device cuda): images/s of gantk eager, in half precision and, with --compile, compiled.

Shape legend: N samples, I/O channels, H x W pixels, K filter taps.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from benchmarks._forward import events, largest_error, table, timed
from benchmarks._turns import figures, take_turns
from torch import Tensor

from gantk.generators.stylegan2 import Block, StyleGAN2, StyleGAN2Config

SIZES: dict[str, dict[str, Any]] = {
    "64": {"resolution": 64, "channels": (128, 128, 96, 48, 24), "z_dim": 64, "w_dim": 64, "mapping_width": 64},
    "256": {"resolution": 256, "channels": (512, 512, 512, 512, 512, 256, 128)},
    "1024": {"resolution": 1024, "channels": (512, 512, 512, 512, 512, 256, 128, 64, 32)},
}
# size, batch, forward passes per measurement: the small ones are repeated until a clock can see them
DEFAULT = (("64", 1, 40), ("64", 16, 5), ("256", 1, 3), ("256", 16, 1))
GPU = (("256", 1, 20), ("256", 16, 10), ("1024", 1, 10), ("1024", 8, 5))


# --- the plain formulation ------------------------------------------------------------------------------------------


def plain_fir(x_NCHW: Tensor, taps: tuple[float, ...], pad: tuple[int, int], up: int = 1) -> Tensor:
    """Insert zeros, pad, convolve every channel with the two-dimensional kernel (gain 4)."""
    n, channels, height, width = x_NCHW.shape
    if up > 1:
        stuffed = x_NCHW.new_zeros(n, channels, height * up, width * up)
        stuffed[:, :, ::up, ::up] = x_NCHW
        x_NCHW = stuffed
    line = x_NCHW.new_tensor(taps).flip(0)
    kernel = (torch.outer(line, line) * 4)[None, None].repeat(channels, 1, 1, 1)
    return F.conv2d(F.pad(x_NCHW, (*pad, *pad)), kernel, groups=channels)


def plain_modulated(
    x_NIHW: Tensor, weight_OIKK: Tensor, style_NI: Tensor, up: bool, demodulate: bool, taps: tuple[float, ...]
) -> Tensor:
    """Karras et al. 2020, equations 1 and 3."""
    n, inputs = x_NIHW.shape[:2]
    outputs, _, size, _ = weight_OIKK.shape
    w = (weight_OIKK / math.sqrt(inputs * size * size))[None] * style_NI[:, None, :, None, None]
    if demodulate:
        w = w * torch.rsqrt(w.square().sum((2, 3, 4), keepdim=True) + 1e-8)
    x = x_NIHW.reshape(1, n * inputs, *x_NIHW.shape[2:])
    if up:
        x = F.conv_transpose2d(x, w.transpose(1, 2).reshape(n * inputs, outputs, size, size), stride=2, groups=n)
        return plain_fir(x.reshape(n, outputs, *x.shape[2:]), taps, (1, 1))
    x = F.conv2d(x, w.reshape(n * outputs, inputs, size, size), padding=size // 2, groups=n)
    return x.reshape(n, outputs, *x.shape[2:])


def plain_synthesis(generator: StyleGAN2, wp_NLD: Tensor) -> Tensor:
    """A skip generator, layer by layer, with constant noise."""
    taps = generator.config.resample_filter
    x = generator.synthesis.const.unsqueeze(0).repeat(wp_NLD.shape[0], 1, 1, 1)
    image = None
    for layer, style in zip(generator.layers, generator.styles(wp_NLD), strict=True):
        block = generator.synthesis.get_submodule(f"b{layer.resolution}")
        assert isinstance(block, Block)
        if layer.is_rgb:
            rgb = plain_modulated(x, block.torgb.weight, style, False, False, taps) + block.torgb.bias[:, None, None]
            image = rgb if image is None else plain_fir(image, taps, (2, 1), up=2) + rgb
            continue
        conv = block.conv0 if layer.name.endswith("conv0") else block.conv1
        x = plain_modulated(x, conv.weight, style, conv.up, True, taps) + conv.noise_const * conv.noise_strength
        x = F.leaky_relu(x + conv.bias[:, None, None], 0.2) * math.sqrt(2)
    assert image is not None
    return image


# --- measuring ------------------------------------------------------------------------------------------------------


def network(size: str, device: str = "cpu") -> StyleGAN2:
    torch.manual_seed(0)
    generator = StyleGAN2(StyleGAN2Config(**SIZES[size])).eval().requires_grad_(False)
    for name, parameter in generator.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.1)
    return generator.to(device)


def codes(generator: StyleGAN2, batch: int) -> Tensor:
    return generator.expand(generator.map(generator.sample_z(batch))).contiguous()


def measure(way: str, size: str, batch: int, passes: int, device: str) -> Callable[[], dict[str, float]]:
    """Set up one way and return what is to be measured."""
    generator = network(size, device)
    wp_NLD = codes(generator, batch)
    forward: Callable[[], Tensor] = partial(plain_synthesis, generator, wp_NLD)
    if way == "ours":
        generator.to(memory_format=torch.channels_last)
        forward = partial(generator.synthesize, wp_NLD)

    return timed(forward, passes, device)


def error(size: str) -> float:
    """The largest difference from the plain formulation in float64, relative to the largest pixel."""
    generator = network(size)
    wp_NLD = codes(generator, 1)
    with torch.inference_mode():
        ours = generator.to(memory_format=torch.channels_last).synthesize(wp_NLD)
        return largest_error(ours, plain_synthesis(generator.double(), wp_NLD.double()))


def variants(size: str, batch: int, passes: int, compiled: bool) -> dict[str, float]:
    """Images/s on a GPU: channels-last or not, float16, compiled."""
    rates = {}
    for name, precision, layout, graph in (
        ("float32", "float32", torch.contiguous_format, False),
        ("float32 channels-last", "float32", torch.channels_last, False),
        ("float16 channels-last", "float16", torch.channels_last, False),
        ("float32 compiled", "float32", torch.channels_last, True),
        ("float16 compiled", "float16", torch.channels_last, True),
    ):
        if graph and not compiled:
            continue
        generator = network(size, "cuda").to(memory_format=layout)
        generator.set_precision(precision)
        wp_NLD = codes(generator, batch)
        synthesize = torch.compile(generator.synthesize) if graph else generator.synthesize
        with torch.inference_mode():
            rates[name] = round(batch / events(partial(synthesize, wp_NLD), passes), 1)
    return rates


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--full", action="store_true", help="sizes for a GPU: 256 and 1024")
    parser.add_argument("--compile", action="store_true", help="on a GPU, compiled as well")
    parser.add_argument("--turns", type=int, default=2, help="of each size; one of the largest")
    parser.add_argument("--only", help="one size and batch, such as 64:16")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    cases: tuple[tuple[str, int, int], ...] = GPU if arguments.full else DEFAULT
    if arguments.only:
        cases = tuple(case for case in (*DEFAULT, *GPU) if f"{case[0]}:{case[1]}" == arguments.only)[:1]
    sizes: dict[str, dict[str, Any]] = {}
    for size, batch, passes in cases:
        settings = {"size": size, "batch": batch, "passes": passes, "device": arguments.device}
        ways = {way: partial(measure, way, **settings) for way in ("baseline", "ours")}
        turns = arguments.turns if passes > 1 else 1
        case: dict[str, Any] = figures(take_turns(ways, turns, arguments.threads))
        case["ours_images_per_cpu_s"] = round(batch * passes / case["ours_cpu_s"], 2)
        if arguments.device != "cpu":
            case["images_per_s"] = variants(size, batch, passes, arguments.compile)
        sizes[f"{size} batch {batch}"] = case
    last = next(reversed(sizes.values()))
    return {
        "device": arguments.device,
        **{key: value for key, value in last.items() if not key.startswith(("ours_images", "images"))},
        "error": max(error(size) for size in {case[0] for case in cases}),
        "sizes": sizes,
    }


def show(result: dict[str, Any]) -> str:
    return table("StyleGAN2 forward", result, result["sizes"])
