"""Networks of the published sizes with random weights: what a command costs does not depend on what a network learnt.

Each has a small one beside it of the same kind, for dry runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gantk.checkpoints.checkpoint import Checkpoint
from gantk.checkpoints.native import write_checkpoint
from gantk.generators.base import Generator
from gantk.generators.registry import build
from gantk.generators.stylegan3 import StyleGAN3Config

_STYLED = (512, 512, 512, 512, 512, 256, 128, 64, 32)
_GROWN = (512, 512, 512, 512, 256, 128, 64, 32, 16)
_DEEP = (2048, 2048, 2048, 2048, 1024, 1024, 1024, 1024, 512, 512, 256, 256, 128, 128, 128)
_DEEP_UP = (False, True, False, True, False, True, False, True, False, True, False, True, False, True)
_CODES = {"z_dim": 16, "w_dim": 16, "mapping_width": 16, "mapping_layers": 2}


def _stylegan3(resolution: int, variant: str, **sizes: Any) -> dict[str, Any]:
    return StyleGAN3Config.designed(resolution, variant, truncation_psi=0.7, **sizes).to_dict()


def configs(small: bool = False) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name -> (family, configuration). The names are the same for the small ones."""
    truncation = {"truncation_psi": 0.7}
    if small:
        tiny = {"resolution": 16, "channels": (8, 8, 8)}
        return {
            "stylegan2": ("stylegan2", tiny | _CODES | truncation),
            "stylegan2-256": ("stylegan2", tiny | _CODES | truncation),
            "stylegan3-t": ("stylegan3", _stylegan3(16, "t", channel_base=64, channel_max=8, num_layers=4, **_CODES)),
            "biggan-deep": (
                "biggan",
                {"resolution": 16, "channels": (32, 32, 16), "up": (True, True), "attention": (0,), "deep": True}
                | {"label_dim": 10, "z_dim": 16, "embed_dim": 16},
            ),
            "pggan": ("pggan", tiny | {"z_dim": 16}),
        }
    deep = {"resolution": 512, "channels": _DEEP, "up": _DEEP_UP, "attention": (7,), "deep": True}
    return {
        "stylegan2": ("stylegan2", {"resolution": 1024, "channels": _STYLED} | truncation),
        "stylegan2-256": ("stylegan2", {"resolution": 256, "channels": _STYLED[:7]} | truncation),
        "stylegan3-t": ("stylegan3", _stylegan3(1024, "t")),
        "biggan-deep": ("biggan", deep | {"label_dim": 1000, "num_stats": 51, "z_distribution": "truncated_normal"}),
        "pggan": ("pggan", {"resolution": 1024, "channels": _GROWN}),
    }


def network(name: str, small: bool = False, seed: int = 0) -> Generator:
    """A network of random weights, in evaluation mode."""
    import torch

    family, config = configs(small)[name]
    torch.manual_seed(seed)
    return build(family, config).eval().requires_grad_(False)


def save_network(folder: Path, name: str, small: bool = False) -> Path:
    """Its file in a folder, made where it is not there."""
    path = folder / f"{name}.safetensors"
    if not path.exists():
        generator = network(name, small)
        folder.mkdir(parents=True, exist_ok=True)
        family = configs(small)[name][0]
        write_checkpoint(path, Checkpoint(family, generator.config.to_dict(), generator.state_dict(), "random"))
    return path
