"""One tiny network per family and variant, and how the contract tests ask of them and compare.

Shape legend: N samples, L rows of wp.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.generators import registry
from gantk.generators.base import Generator

_SMALL: dict[str, Any] = {
    "resolution": 16, "channels": [8, 6, 4], "z_dim": 6, "w_dim": 5, "mapping_layers": 2, "mapping_width": 7,
}  # fmt: skip
_EMBED: dict[str, Any] = {"label_dim": 3, "label_rule": "separate", "label_width": 5}
_JOINT: dict[str, Any] = {"label_dim": 3, "label_rule": "joint", "label_width": 6}
_BARE: dict[str, Any] = {"use_noise": False, "image_channels": 1, "resample_filter": [0.2, 0.5, 0.3]}

# A pixel norm over few channels now and then divides by next to nothing, and rounding shows.
_GROWN: dict[str, Any] = {"resolution": 16, "channels": [8, 8, 6], "z_dim": 6}
_STYLED: dict[str, Any] = {"w_dim": 5, "mapping_layers": 2, "mapping_width": 7}
_BIGGAN: dict[str, Any] = {"resolution": 16, "channels": [8, 9, 5], "up": [True, True], "attention": [0], "z_dim": 6}
_BIGGAN_DEEP: dict[str, Any] = {
    "resolution": 16, "channels": [16, 16, 12, 12, 8], "up": [False, True, False, True], "attention": [1], "deep": True,
    "z_dim": 6, "label_dim": 3, "embed_dim": 4,
}  # fmt: skip
_DESIGNED: dict[str, Any] = {
    "resolution": 16, "num_layers": 4, "num_critical": 1, "first_cutoff": 1.0, "first_stopband": 2.0, "margin": 4,
    "channel_base": 24, "channel_max": 5, "z_dim": 6, "w_dim": 5,
}  # fmt: skip

# name of the case: (family, its configuration as a file would hold it)
TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "demo-oracle": ("demo-oracle", {"resolution": 16}),
    "stylegan2-skip": ("stylegan2", _SMALL | {"truncation_psi": 0.7}),
    "stylegan2-resnet": ("stylegan2", _SMALL | _EMBED | {"architecture": "resnet", "conv_clamp": 256.0}),
    "stylegan2-orig": ("stylegan2", _SMALL | _JOINT | _BARE | {"architecture": "orig"}),
    "biggan-chunks": ("biggan", _BIGGAN | {"rows": "chunks", "class_first": True, "label_dim": 3, "embed_dim": 4}),
    "biggan-class": ("biggan", _BIGGAN | {"rows": "class", "class_first": True, "label_dim": 10, "embed_dim": 0}),
    "biggan-deep": ("biggan", _BIGGAN_DEEP | {"class_first": True, "hidden": [6, 7, 6, 5]}),
    "biggan-deep-stats": ("biggan", _BIGGAN_DEEP | {"num_stats": 5, "z_distribution": "truncated_normal"}),
    "stylegan2-revised": ("stylegan2", _SMALL | {"architecture": "revised", "lod": 0.6}),
    "pggan": ("pggan", _GROWN | {"label_dim": 2}),
    "pggan-last-rgb": ("pggan", _GROWN | {"rgb": "last", "layer_scales": [0.2] * 7, "normalize_z": False}),
    "stylegan": ("stylegan", _GROWN | _STYLED | {"truncation_psi": 0.7, "truncation_layers": 4}),
    "stylegan3-t": ("stylegan3", _DESIGNED | {"variant": "t", "truncation_psi": 0.7}),
    "stylegan3-r": ("stylegan3", _DESIGNED | _EMBED | {"variant": "r", "conv_clamp": 3.0}),
    "stylegan-label": (
        "stylegan",
        _GROWN | _STYLED | {"label_dim": 3, "label_width": 6, "use_noise": False, "lod": 0.6},
    ),
}


VARIANTS = ("stylegan2-orig", "biggan-chunks", "biggan-deep-stats", "pggan-last-rgb", "stylegan-label")
"""Tiny networks whose layers others have too: what takes seconds for each network is not done for them."""


def tiny(name: str, **other: Any) -> Generator:
    """The tiny network of that name with random weights, biases and noise strengths included; `other` settings."""
    family, config = TINY[name]
    config = config | other
    with torch.random.fork_rng():
        torch.manual_seed(7)
        network = registry.build(family, config)
        with torch.no_grad():
            for parameter in network.parameters():
                # biases and noise strengths start at nought, StyleGAN's constant input at one
                if parameter.ndim in (0, 1, 3) or not parameter.any():
                    parameter.add_(0.3 * torch.randn_like(parameter))
            for key, buffer in network.named_buffers():  # stored statistics start as those of normal numbers
                if key.endswith((".mean", ".var")):
                    buffer.add_(torch.rand_like(buffer) - (0.5 if key.endswith(".mean") else 0.0))
            if network.w_avg is not None:
                network.w_avg.normal_()
    return network.eval().requires_grad_(False)


def labels(generator: Generator, n: int, start: int = 0) -> Tensor | None:
    classes = generator.spec.label_dim
    return (torch.arange(n) + start) % classes if classes else None


def codes(generator: Generator, n: int = 3, seed: int = 0, start: int = 0) -> Tensor:
    """wp of n samples, through the public way."""
    z_ND = generator.sample_z(n, seed=seed, start=start)
    return generator.expand(generator.map(z_ND, labels(generator, n, start + seed))).contiguous()


def uneven(generator: Generator, n: int = 3) -> Tensor:
    """wp whose rows differ, so that a row fed to the wrong layer shows."""
    rows = [codes(generator, n, seed=row)[:, row] for row in range(generator.spec.num_layers)]
    return torch.stack(rows, 1)


def close(a: Tensor, b: Tensor, relative: float = 1e-5) -> None:
    assert a.shape == b.shape
    scale = b.abs().max().item()
    assert scale > 0, "nothing was compared: the reference is zero"
    error = (a - b).abs().max().item() / scale
    assert error <= relative, f"relative error {error:.2e} is above {relative:.0e}"


def differ(a: Tensor, b: Tensor) -> bool:
    return (a - b).abs().max().item() > 1e-6 * b.abs().max().item()


def weighted(generator: Generator) -> list[str]:
    return [layer.name for layer in generator.layers if layer.weight is not None]


def shown(generator: Generator, name: str) -> dict[str, float]:
    """Options under which a layer reaches the image: of a grown network a ToRGB only shows at its level of detail."""
    layer, spec = generator.layer(name), generator.spec
    return {"lod": math.log2(spec.resolution / layer.resolution)} if spec.has_lod and layer.is_rgb else {}


def random_delta(generator: Generator, name: str, seed: int = 0) -> Tensor:
    weight = generator.get_parameter(generator.layer(name).weight or "")
    source = torch.Generator().manual_seed(seed)
    return torch.randn(weight.shape, generator=source).to(weight) * weight.std()


def refuse(call: Callable[[], object], kind: type[GantkError] = UsageError) -> None:
    """The call is answered with one sentence."""
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert 20 < len(message) < 300
