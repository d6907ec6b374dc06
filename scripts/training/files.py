"""What a training reads and writes: checkpoints, sheets of samples, exported networks."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gantk.generators.stylegan3 import StyleGAN3
from gantk.store.states import write_state
from gantk.world.renderer import render, sample_scene
from training.networks import painter, settle_magnitudes, standing_statistics
from training.step import Training

OPTIMIZERS = ("g_optimizer", "d_optimizer", "c_optimizer")
PARTS = ("generator", "average", "readouts", "discriminator", "critic", *OPTIMIZERS)
OPTIONAL = ("readouts", "critic", "c_optimizer")  # which trainings of before them lack


def save(training: Training, path: Path) -> None:
    state = {name: getattr(training, name).state_dict() for name in PARTS}
    settings = json.dumps(asdict(training.settings))
    write_state(path, {"settings": settings, "images": training.images, "log": json.dumps(training.log), **state})


def load(training: Training, path: Path) -> None:
    """Continue from a checkpoint; the settings are those of the command line, so that a run can be lengthened."""
    state = torch.load(path, map_location=training.device, weights_only=True)
    family = json.loads(state["settings"]).get("family", "stylegan2")
    if family != training.settings.family:
        raise SystemExit(f"{path} is a training of the family {family}: say --family {family}")
    for name in PARTS:
        if name in state or name not in OPTIONAL:
            getattr(training, name).load_state_dict(state[name])
    training.images, training.log = state["images"], json.loads(state["log"])


def load_discriminator(training: Training, path: Path) -> int:
    """An exported discriminator, which may have learned without classes; returns the images that it has seen."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - a file, not a dict
        images = int(file.metadata()["images"])
    for name in ("out.weight", "out.bias"):
        wanted = training.discriminator.get_parameter(name).shape[0]
        if state[name].shape[0] == 1 < wanted:
            state[name] = state[name].repeat_interleave(wanted, 0)
    training.discriminator.load_state_dict(state)
    return images


def begin_from(training: Training, generator: Path, discriminator: Path) -> None:
    """Start from exported networks (both the weights and their average are the exported average)."""
    from gantk.checkpoints.reading import read_checkpoint

    state = read_checkpoint(generator).state
    training.generator.load_state_dict(state)
    training.average.load_state_dict(state)
    training.images = load_discriminator(training, discriminator)


def settle(training: Training) -> None:
    """Give the average what only evaluation needs: statistics of its batch norms, or magnitudes of its layers."""
    average, seed = training.average, training.settings.seed
    if training.settings.family == "biggan":
        standing_statistics(average, seed)
    if isinstance(average, StyleGAN3):
        settle_magnitudes(average, average.expand(average.map(average.sample_z(256, seed=seed))))


def sheet(training: Training, path: Path, rows: int = 8, columns: int = 12) -> None:
    """Samples of the averaged generator above fresh renders, as one PNG."""
    resolution, average = training.resolution(), training.average
    settle(training)
    z = torch.randn(rows * columns, average.spec.z_dim, generator=torch.Generator().manual_seed(0))
    label = torch.arange(rows * columns) % columns * training.settings.classes // columns  # one class per columns
    with torch.no_grad():
        w = average.map(z.to(training.device), label.to(training.device) if training.settings.classes else None)
        fake = painter(average, training.readouts, resolution)(average.expand(w)).float().cpu()
    real = F.interpolate(render(*sample_scene(2 * columns, seed=99)).image_NCHW, size=resolution, mode="area")
    picture = Image.fromarray(tiles(torch.cat([fake, real]), columns))
    picture.resize([size * max(1, 96 // resolution) for size in picture.size], Image.Resampling.NEAREST).save(path)


def tiles(image_NCHW: Tensor, columns: int) -> np.ndarray:
    """Images side by side, uint8 [rows * H, columns * W, 3]."""
    n, _, height, width = image_NCHW.shape
    grid = image_NCHW.clamp(-1, 1).add(1).mul(127.5).round().byte().reshape(n // columns, columns, 3, height, width)
    return np.ascontiguousarray(grid.permute(0, 3, 1, 4, 2).reshape(n // columns * height, columns * width, 3).numpy())


def export(training: Training, path: Path, discriminator: Path | None) -> None:
    """The averaged generator in gantk's format, and the discriminator in half precision for later training."""
    from safetensors.torch import save_file

    from gantk.checkpoints.checkpoint import Checkpoint
    from gantk.checkpoints.golden import render_golden
    from gantk.checkpoints.native import write_checkpoint

    average = training.average
    settle(training)
    random = torch.Generator().manual_seed(training.settings.seed)
    for name, buffer in average.named_buffers():
        if name.endswith("noise_const"):
            buffer.copy_(torch.randn(buffer.shape, generator=random))
    state = {key: value.contiguous() for key, value in average.state_dict().items()}
    note = f"trained on the bundled world: {training.images} images, settings {json.dumps(asdict(training.settings))}"
    checkpoint = Checkpoint(training.settings.family, average.config.to_dict(), state, "gantk", (note,))
    write_checkpoint(path, checkpoint, golden=render_golden(average).to_dict())
    if discriminator is not None:
        half = {k: v.half().contiguous() for k, v in training.discriminator.state_dict().items()}
        about = {"config": json.dumps(training.discriminator.config.to_dict()), "images": str(training.images)}
        save_file(half, discriminator, about)
