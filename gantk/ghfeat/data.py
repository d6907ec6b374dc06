"""What an encoder learns from: image files, a zip, TFRecords, renders of the bundled world, samples of the generator.

Everything is a function of (seed, position): which images the batch at a position has, their order, the mirroring. So
a training that is continued sees what it would have seen.

Shape legend: N samples, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.ghfeat.pictures import Folder, Zip, find_images, fit, to_float
from gantk.ghfeat.tfrecord import TFRecords
from gantk.predictors.resampling import resize
from gantk.store.channels import in_channels

RENDERER, GENERATOR = "renderer", "generator"
HELD_OUT = 0.05  # of a finite source, when no other images are given to validate on
MOST_HELD_OUT = 500


@dataclass(frozen=True)
class Batch:
    """Images [N, C, H, W] in [-1, 1]; the styles that made them where the generator did."""

    image_NCHW: Tensor
    styles: tuple[Tensor, ...] | None = None


class Source(Protocol):
    """Images by number; `length` is None where they never end."""

    name: str
    length: int | None

    def batch(self, indices: Sequence[int]) -> Batch: ...


class Renders:
    """Scenes of the bundled world, each drawn afresh."""

    length: int | None = None

    def __init__(self, resolution: int, seed: int, channels: int = 3) -> None:
        self.resolution, self.seed, self.channels, self.name = resolution, seed, channels, RENDERER

    def scenes(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Factors [N, F] and nuisance [N, M]."""
        from gantk.world.renderer import sample_scene

        if list(indices) == list(range(indices[0], indices[0] + len(indices))):
            return sample_scene(len(indices), self.seed, indices[0])
        scenes = [sample_scene(1, self.seed, index) for index in indices]
        return torch.cat([s.factors_NF for s in scenes]), torch.cat([s.nuisance_NM for s in scenes])

    def batch(self, indices: Sequence[int]) -> Batch:
        from gantk.world.renderer import render

        return Batch(in_channels(render(*self.scenes(indices), self.resolution).image_NCHW, self.channels))


class Samples:
    """Images of the generator itself, with the styles that made them; `mixing` of them have two codes, cut at a row."""

    length: int | None = None

    def __init__(self, generator: Generator, resolution: int, seed: int, mixing: float = 0.5) -> None:
        self.generator, self.resolution, self.seed, self.mixing = generator, resolution, seed, mixing
        self.name = GENERATOR

    @torch.no_grad()
    def batch(self, indices: Sequence[int]) -> Batch:
        from gantk.store.seeding import random_uniform

        g, rows, n = self.generator, self.generator.spec.num_layers, len(indices)
        first = indices[0] if n else 0
        if list(indices) != list(range(first, first + n)):
            raise ValueError("samples of a generator come in runs of neighbouring numbers")
        w_ND = g.map(g.sample_z(2 * n, self.seed, 2 * first), g.sample_label(2 * n, self.seed, 2 * first))
        pairs = g.expand(w_ND).unflatten(0, (n, 2))  # [N, 2, L, D]
        draw = random_uniform(n, 2, self.seed, first, "mixing")
        cut = np.where(draw[:, 0] < self.mixing, 1 + (draw[:, 1] * (rows - 1)).astype(np.int64), rows)
        own = torch.arange(rows, device=pairs.device)[None] < torch.from_numpy(cut).to(pairs.device)[:, None]
        styles = g.styles(torch.where(own[:, :, None], pairs[:, 0], pairs[:, 1]))
        image_NCHW = g.synthesize(styles).float().clamp(-1, 1)
        image_NCHW = resize(image_NCHW, self.resolution, self.resolution)
        return Batch(image_NCHW, tuple(style.float() for style in styles))


class Files:
    """Part of the images of a folder, a zip or TFRecords, fitted to the encoder's size."""

    def __init__(self, images: Any, name: str, resolution: int, how: str, numbers: range, channels: int = 3) -> None:
        self.channels = channels
        self.images, self.name, self.resolution, self.how, self.numbers = images, name, resolution, how, numbers
        self.length: int | None = len(numbers)

    def batch(self, indices: Sequence[int]) -> Batch:
        numbers = [self.numbers[index] for index in indices]
        pictures = [
            fit(self.images[number], self.resolution, self.how, f"image {number} of {self.name}") for number in numbers
        ]
        return Batch(in_channels(torch.from_numpy(to_float(np.stack(pictures))), self.channels))


def open_source(name: str, generator: Generator, resolution: int, seed: int, how: str, part: str = "all") -> Source:
    """A source by name: `renderer`, `generator`, a folder, an image list, a zip, or TFRecords.

    Args:
        part: `all`, or of a finite source `train` (all but the last 5 %) or `held-out` (those); the endless ones draw
            held-out images from another seed.

    Raises:
        UsageError: there is nothing of that name, or too few images to hold any out.
        GantkError: the files cannot be read.
    """
    other_seed = seed + (1 << 32) if part == "held-out" else seed
    if name == RENDERER:
        return Renders(resolution, other_seed, generator.spec.image_channels)
    if name == GENERATOR:
        return Samples(generator, resolution, other_seed)
    path = Path(name)
    if not path.exists():
        raise UsageError(
            f"There is no data {name!r}: give {RENDERER}, {GENERATOR}, a folder of images, a list, a .zip or .tfrecords"
        )
    images: Any
    if path.suffix.lower() == ".zip":
        images = Zip(path)
    elif path.suffix.lower() in (".tfrecords", ".tfrecord"):
        images = TFRecords(path)
    else:
        images = Folder(find_images([name]))
    count, held_out = len(images), 0
    if part != "all":
        held_out = min(MOST_HELD_OUT, max(1, round(HELD_OUT * len(images))))
        if count <= held_out:
            raise UsageError(f"{name} has {count} image, too few to train and to validate: give --validation")
    numbers = range(count - held_out, count) if part == "held-out" else range(count - held_out)
    return Files(images, name, resolution, how, numbers, generator.spec.image_channels)


class Stream:
    """Batches of one or several sources by position: image `p` of the stream is from source `p % len(sources)`."""

    def __init__(self, sources: Sequence[Source], seed: int) -> None:
        self.sources, self.seed = list(sources), seed

    def batches(self, start: int, count: int) -> list[Batch]:
        """Images `start` to `start + count - 1`, one batch per source."""
        result = []
        for number, source in enumerate(self.sources):
            ways = len(self.sources)
            positions = [p // ways for p in range(start, start + count) if p % ways == number]
            result.append(source.batch([self._index(source, number, p) for p in positions]))
        return result

    def _index(self, source: Source, number: int, position: int) -> int:
        if source.length is None:
            return position
        epoch, place = divmod(position, source.length)
        return int(_permutation(source.length, self.seed, number, epoch)[place])


@lru_cache(maxsize=8)
def _permutation(length: int, seed: int, number: int, epoch: int) -> Any:
    return np.random.Generator(np.random.Philox(key=[seed, (number << 32) + epoch])).permutation(length)
