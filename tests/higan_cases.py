"""A tiny network, a few directions of it and a predictor in a file: what the tests of HiGAN's commands run on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from gantk.checkpoints.checkpoint import Checkpoint
from gantk.checkpoints.native import write_checkpoint
from gantk.codes.directions import Direction
from gantk.codes.kept_directions import save_direction
from gantk.generators.base import Generator
from gantk.generators.registry import build

CONFIG = {
    "resolution": 16,
    "channels": [8, 8, 6],
    "z_dim": 6,
    "w_dim": 8,
    "mapping_layers": 2,
    "mapping_width": 8,
    "truncation_psi": 0.7,
    "truncation_layers": 4,
}
LAYERS, WIDTH = 6, 8

PREDICTOR = """
import os, time

calls = [0]

def score(image):
    calls[0] += 1
    if str(calls[0]) == os.environ.get("TEST_HOLD"):
        time.sleep(600)
    time.sleep(float(os.environ.get("TEST_SLEEP", "0")))
    mean = image.mean((2, 3))
    return {"red": mean[:, 0], "green": mean[:, 1], "blue": mean[:, 2], "contrast": image.std((1, 2, 3))}
"""


def tiny(seed: int = 0) -> Generator:
    """A StyleGAN2 of 16 x 16 with random weights, whose mean code is not zero."""
    torch.manual_seed(seed)
    generator = build("stylegan2", CONFIG)
    assert generator.w_avg is not None
    generator.w_avg.copy_(0.3 * torch.randn(WIDTH))
    return generator.eval().requires_grad_(False)


def save_tiny(path: Path, seed: int = 0) -> Path:
    generator = tiny(seed)
    write_checkpoint(path, Checkpoint("stylegan2", generator.config.to_dict(), generator.state_dict(), "constructed"))
    return path


def direction(name: str, space: str = "w", seed: int = 0, **fields: object) -> Direction:
    shape = {"z": (1, 6), "w": (1, WIDTH), "wp": (1, LAYERS, WIDTH)}[space]
    vectors = np.random.default_rng(seed).standard_normal(shape)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return Direction(name, "boundary", space, vectors.astype(np.float32), **fields)  # type: ignore[arg-type]


def write_world(folder: Path) -> Path:
    """Everything a command line needs, in one folder: tiny.safetensors, red/green/blue boundaries, a list, pred.py."""
    save_tiny(folder / "tiny.safetensors")
    (folder / "pred.py").write_text(PREDICTOR)
    for seed, (name, space) in enumerate([("red", "w"), ("green", "wp"), ("blue", "z")]):
        save_direction(folder / f"{name}.safetensors", direction(name, space, seed))
    (folder / "list.txt").write_text("(red, w): red.safetensors\n(green, wp): green.safetensors\n")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every array and image below a run directory, by name."""
    suffixes = (".npy", ".png", ".jpg", ".webp", ".gif", ".csv")
    files = sorted(path for path in folder.rglob("*") if path.suffix in suffixes)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
