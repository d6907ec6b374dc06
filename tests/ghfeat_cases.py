"""Small encoders, generators and files for the tests of GH-Feat."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
from generator_cases import tiny
from torch import Tensor

from gantk.checkpoints.checkpoint import Checkpoint
from gantk.checkpoints.native import write_checkpoint
from gantk.generators.base import Generator
from gantk.ghfeat.calibration import calibrate, encoder_config
from gantk.ghfeat.encoder import Encoder
from gantk.ghfeat.files import encoder_bytes
from gantk.ghfeat.options import TrainOptions
from gantk.ghfeat.tfrecord import crc32c, masked

SMALL: dict[str, Any] = {"depth": 18, "width": 4, "pyramid": 8, "rank": 4, "head_norm": "none"}


def small_encoder(generator: Generator, seed: int = 0, **choices: Any) -> Encoder:
    """An untrained encoder for 16 x 16 pixels, calibrated."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = Encoder(encoder_config(generator, **{**SMALL, **choices}))
    calibrate(encoder, generator, 64)
    return encoder.eval().requires_grad_(False)


def train_options(**changes: Any) -> TrainOptions:
    chosen: dict[str, Any] = {
        "images": 64, "batch_size": 8, "warm_up": 24, "rate": 1e-3, "perceptual": 0.0, "adversarial": 0.0,
        "ema_images": 20.0,
    }  # fmt: skip
    return TrainOptions(**{**chosen, **changes})


def write_world(folder: Path, name: str = "stylegan2-skip") -> tuple[Path, Path, Generator]:
    """A generator's and an encoder's file, as `G.safetensors` and `E.safetensors`."""
    generator = tiny(name)
    state = {key: value.contiguous() for key, value in generator.state_dict().items()}
    write_checkpoint(
        folder / "G.safetensors", Checkpoint(generator.spec.family, generator.config.to_dict(), state, "x")
    )
    (folder / "E.safetensors").write_bytes(encoder_bytes(small_encoder(generator), generator, {}))
    return folder / "G.safetensors", folder / "E.safetensors", generator


def pictures(count: int, size: int = 16, seed: int = 0) -> np.ndarray:
    """uint8 [N, H, W, 3], smooth and different."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return np.repeat(np.repeat(small, size // 4, 1), size // 4, 2)


def write_pictures(folder: Path, count: int, size: int = 16) -> list[Path]:
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{index:03d}.png" for index in range(count)]
    for path, picture in zip(paths, pictures(count, size), strict=True):
        Image.fromarray(picture).save(path)
    return paths


def write_tfrecord(path: Path, images_NHWC: np.ndarray) -> None:
    """As NVIDIA's dataset tool writes: shape (packed) and data, channels first."""
    with path.open("wb") as file:
        for image in images_NHWC:
            data = np.ascontiguousarray(image.transpose(2, 0, 1)).tobytes()
            shape = b"".join(_varint(size) for size in (image.shape[2], *image.shape[:2]))
            features = _feature(b"shape", _field(3, _field(1, shape))) + _feature(b"data", _field(1, _field(1, data)))
            payload = _field(1, features)
            head = struct.pack("<Q", len(payload))
            file.write(head + struct.pack("<I", masked(crc32c(head))) + payload)
            file.write(struct.pack("<I", masked(crc32c(payload))))


def _feature(name: bytes, value: bytes) -> bytes:
    return _field(1, _field(1, name) + _field(2, value))


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def images(generator: Generator, n: int = 3) -> Tensor:
    """Samples of a generator, as an encoder reads them."""
    wp = generator.expand(generator.map(generator.sample_z(n), generator.sample_label(n)))
    return generator.synthesize(wp).clamp(-1, 1)
