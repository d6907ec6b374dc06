"""Forward passes of PGGAN, StyleGAN and BigGAN against the plain formulation: upsample, convolve, normalise, in turn.

gantk joins nearest upsampling and the convolution after it in one transposed convolution on the small map (where that
pays), folds batch and instance norms into one multiplication and addition, and moves 1x1 convolutions before the
upsampling. The plain formulation, written out below, is what the papers say, layer by layer; both use the same weights
and codes, in inference mode. Sizes: 64 x 64 with up to 128 channels, and 128 x 128 with the published widths (for
BigGAN a third of them). The figures at the top are those of the case that gains least; `cases` has all.

On a GPU (--device cuda): images/s, eager and with --compile compiled, at the largest published resolution of each.

Shape legend: N samples, I/O/C channels, H x W pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from benchmarks._forward import events, largest_error, table, timed
from benchmarks._turns import figures, take_turns
from torch import Tensor, nn

from gantk.generators import registry
from gantk.generators.base import Generator
from gantk.generators.biggan import BigGAN, Block
from gantk.generators.biggan_blocks import Attention, NormConv
from gantk.generators.pggan import PGGAN, ScaledConv
from gantk.generators.stylegan import Epilogue, StyleGAN

_SMALL = {"resolution": 64, "channels": (128, 128, 96, 48, 24)}
_GROWN = (512, 512, 512, 512, 256, 128, 64, 32, 16)
_NARROW = {"z_dim": 64}
_BIGGAN = {"z_dim": 120, "rows": "chunks", "embed_dim": 128, "label_dim": 1000, "class_first": True}
CONFIGS: dict[str, dict[str, dict[str, Any]]] = {
    "pggan": {
        "small": _SMALL | _NARROW,
        "128": {"resolution": 128, "channels": _GROWN[:6]},
        "full": {"resolution": 1024, "channels": _GROWN},
    },
    "stylegan": {
        "small": _SMALL | _NARROW | {"w_dim": 64, "mapping_width": 64},
        "128": {"resolution": 128, "channels": _GROWN[:6]},
        "full": {"resolution": 1024, "channels": _GROWN},
    },
    "biggan": {
        "small": _BIGGAN | {"resolution": 64, "channels": (128, 128, 96, 48, 24), "up": (True,) * 4, "attention": (2,)},
        "128": _BIGGAN
        | {"resolution": 128, "channels": (512, 512, 256, 128, 64, 32), "up": (True,) * 5, "attention": (3,)},
        "full": _BIGGAN
        | {"resolution": 256, "channels": (1536, 1536, 768, 768, 384, 192, 96), "up": (True,) * 6, "attention": (3,)}
        | {"z_dim": 140},
    },
}
# size, batch, forward passes per measurement
DEFAULT = (("small", 1, 20), ("small", 8, 5), ("128", 1, 1))
GPU = (("full", 1, 20), ("full", 8, 10))


# --- the plain formulations -----------------------------------------------------------------------------------------


def plain_pixel_norm(x: Tensor) -> Tensor:
    return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()


def plain_conv(x: Tensor, part: ScaledConv | Epilogue) -> Tensor:
    """Zero-padded convolution with the layer's run-time factor; no bias."""
    return F.conv2d(x, part.weight * part.scale, padding=part.weight.shape[-1] // 2)


def plain_rgb(x: Tensor, block: nn.Module) -> Tensor:
    torgb = scaled(block, "torgb")
    return plain_conv(x, torgb) + torgb.bias[:, None, None]


def scaled(block: nn.Module, name: str) -> ScaledConv:
    part = block.get_submodule(name)
    assert isinstance(part, ScaledConv)
    return part


def plain_up(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def plain_pggan(generator: Generator, wp_NLD: Tensor) -> Tensor:
    """Karras et al. 2018, table 2: every layer convolves, adds its bias, leaks, and is pixel-normalised."""
    assert isinstance(generator, PGGAN)
    x = plain_pixel_norm(wp_NLD[:, 0])[:, :, None, None]
    for block in generator.synthesis.children():
        for name in ("conv0", "conv1"):
            part = scaled(block, name)
            if part.weight.shape[-1] == 4:  # a 1x1 map in the middle of 7x7 zeros meets every tap once
                x = F.conv2d(F.pad(x, (3, 3, 3, 3)), part.weight.flip(2, 3) * part.scale)
            else:
                x = plain_conv(plain_up(x) if name == "conv0" else x, part)
            x = plain_pixel_norm(F.leaky_relu(x + part.bias[:, None, None], 0.2))
    return plain_rgb(x, block)


def plain_stylegan(generator: Generator, wp_NLD: Tensor) -> Tensor:
    """Karras et al. 2019, figure 1b: [up, convolve, blur], noise, bias, leaky ReLU, instance norm, style."""
    assert isinstance(generator, StyleGAN)
    x = generator.get_parameter("synthesis.const").unsqueeze(0).repeat(wp_NLD.shape[0], 1, 1, 1)
    styles = list(generator.styles(wp_NLD))
    line = x.new_tensor([0.25, 0.5, 0.25])
    blur = torch.outer(line, line)[None, None]
    for name, block in generator.synthesis.named_children():
        for part_name in ("conv0" if name != "b4" else "const", "conv1"):
            part = block.get_submodule(part_name)
            assert isinstance(part, Epilogue)
            if part_name == "conv0":
                x = F.conv2d(plain_conv(plain_up(x), part), blur.repeat(part.weight.shape[0], 1, 1, 1), padding=1,
                             groups=part.weight.shape[0])  # fmt: skip
            elif part_name == "conv1":
                x = plain_conv(x, part)
            if hasattr(part, "noise_weight"):
                x = x + part.noise_const * part.noise_weight[:, None, None]
            x = F.leaky_relu(x + part.bias[:, None, None], 0.2)
            x = x - x.mean((2, 3), keepdim=True)
            x = x / (x.square().mean((2, 3), keepdim=True) + 1e-8).sqrt()
            scale, shift = styles.pop(0)[:, :, None, None].chunk(2, 1)
            x = x * (scale + 1) + shift
    return plain_rgb(x, block)


def plain_norm(x: Tensor, part: NormConv, gain: Tensor, bias: Tensor) -> Tensor:
    mean, variance = part.mean[0][:, None, None], part.var[0][:, None, None]
    return (x - mean) / (variance + part.epsilon).sqrt() * gain[..., None, None] + bias[..., None, None]


def plain_attention(x: Tensor, part: Attention) -> Tensor:
    """Zhang et al. 2019, equations 1 to 3, keys and values pooled."""
    query = F.conv2d(x, part.theta).flatten(2)
    key = F.max_pool2d(F.conv2d(x, part.phi), 2).flatten(2)
    value = F.max_pool2d(F.conv2d(x, part.g), 2).flatten(2)
    weight = torch.softmax(torch.einsum("ncp,ncq->npq", query, key), -1)
    mixed = torch.einsum("ncq,npq->ncp", value, weight).unflatten(2, x.shape[2:])
    return x + part.gamma * F.conv2d(mixed, part.o)


def plain_biggan(generator: Generator, wp_NLD: Tensor) -> Tensor:
    """Brock et al. 2019, figure 15 (hierarchical): batch norm, ReLU, up, convolution, twice, and a shortcut."""
    assert isinstance(generator, BigGAN)
    config, synthesis = generator.config, generator.synthesis
    styles = list(generator.styles(wp_NLD))
    dense = (synthesis.get_parameter("dense.weight"), synthesis.get_parameter("dense.bias"))
    x = F.linear(styles.pop(0), *dense).unflatten(1, (-1, 4, 4))
    for number in range(len(config.up)):
        block = synthesis.get_submodule(f"block{number}")
        assert isinstance(block, Block)
        shortcut = F.conv2d(plain_up(x), block.get_parameter("skip.weight"), block.get_parameter("skip.bias"))
        for name in ("conv0", "conv1"):
            part = block.get_submodule(name)
            assert isinstance(part, NormConv)
            gain, bias = styles.pop(0).chunk(2, 1)
            x = torch.relu(plain_norm(x, part, gain, bias))
            x = F.conv2d(plain_up(x) if name == "conv0" else x, part.weight, part.bias, padding=1)
        x = x + shortcut
        if number in config.attention:
            x = plain_attention(x, block.attention)
    last = synthesis.get_submodule("torgb")
    assert isinstance(last, NormConv)
    x = torch.relu(plain_norm(x, last, last.norm_gain, last.norm_bias))
    return torch.tanh(F.conv2d(x, last.weight, last.bias, padding=1))


PLAIN: dict[str, Callable[[Generator, Tensor], Tensor]] = {
    "pggan": plain_pggan,
    "stylegan": plain_stylegan,
    "biggan": plain_biggan,
}


# --- measuring ------------------------------------------------------------------------------------------------------


def network(family: str, config: dict[str, Any], device: str = "cpu") -> Generator:
    """Random weights, with what starts at zero (biases, noise strengths) or as one value (constant input) moved."""
    torch.manual_seed(0)
    generator = registry.build(family, config).eval().requires_grad_(False)
    for parameter in generator.parameters():
        if parameter.ndim in (0, 1, 3):
            nn.init.normal_(parameter, std=1.0 if parameter.ndim == 3 else 0.1)
    return generator.to(device)


def codes(generator: Generator, batch: int) -> Tensor:
    return generator.expand(generator.map(generator.sample_z(batch), generator.sample_label(batch))).contiguous()


def measure(way: str, family: str, size: str, batch: int, passes: int, device: str) -> Callable[[], dict[str, float]]:
    """Set up one way and return what is to be measured."""
    generator = network(family, CONFIGS[family][size], device)
    wp_NLD = codes(generator, batch)
    forward: Callable[[], Tensor] = partial(PLAIN[family], generator, wp_NLD)
    if way == "ours":
        generator.to(memory_format=torch.channels_last)
        forward = partial(generator.synthesize, wp_NLD)

    return timed(forward, passes, device)


def error(family: str, config: dict[str, Any]) -> float:
    """The largest difference from the plain formulation in float64, relative to the largest pixel."""
    generator = network(family, config)
    wp_NLD = codes(generator, 2)
    with torch.inference_mode():
        ours = generator.synthesize(wp_NLD)
        return largest_error(ours, PLAIN[family](generator.double(), wp_NLD.double()))


def compiled_rate(family: str, size: str, batch: int, passes: int) -> float:
    """Images/s of the compiled network on a GPU."""
    generator = network(family, CONFIGS[family][size], "cuda").to(memory_format=torch.channels_last)
    wp_NLD = codes(generator, batch)
    synthesize = torch.compile(generator.synthesize)
    with torch.inference_mode():
        return round(batch / events(partial(synthesize, wp_NLD), passes), 1)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--family", choices=list(PLAIN), action="append", help="all by default")
    parser.add_argument("--full", action="store_true", help="the largest published resolutions, for a GPU")
    parser.add_argument("--compile", action="store_true", help="on a GPU, compiled as well")
    parser.add_argument("--turns", type=int, default=2)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    families = arguments.family or list(PLAIN)
    cases: dict[str, dict[str, Any]] = {}
    for family in families:
        for size, batch, passes in GPU if arguments.full else DEFAULT:
            settings = {"size": size, "batch": batch, "passes": passes, "device": arguments.device}
            ways = {way: partial(measure, way, family, **settings) for way in ("baseline", "ours")}
            measured = take_turns(ways, arguments.turns, arguments.threads)
            case: dict[str, Any] = figures(measured)
            if arguments.device != "cpu":
                best = min(turn["result"]["event_s"] for turn in measured["ours"])
                case["images_per_s"] = {"eager": round(batch / best, 1)}
                if arguments.compile:
                    case["images_per_s"]["compiled"] = compiled_rate(family, size, batch, passes)
            cases[f"{family} {size} batch {batch}"] = case
    least = min(cases.values(), key=lambda case: case["speedup"])
    return {
        "device": arguments.device,
        **{key: value for key, value in least.items() if key != "images_per_s"},
        "error": max(error(family, CONFIGS[family]["small"]) for family in families),
        "cases": cases,
    }


def show(result: dict[str, Any]) -> str:
    return table("Forward passes", result, result["cases"])
