"""What an encoder learns from: image files, a zip, TFRecords, renders of the bundled world, samples of the generator.

Everything is a function of (seed, position): which images the batch at a position has, their order, the mirroring. So
a training that is continued sees what it would have seen.

Shape legend: N samples, C channels, H x W pixels.
"""

from __future__ import annotations

import os
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
from gantk.ghfeat.photos import Photos, photos_of
from gantk.ghfeat.pictures import fit, to_float
from gantk.predictors.resampling import resize
from gantk.store.channels import in_channels
from gantk.store.fingerprint import fingerprint
from gantk.store.seeding import random_uniform
from gantk.world.renderer import render, sample_scene

RENDERER, GENERATOR = "renderer", "generator"
HELD_OUT = 0.05  # of a finite source, when no other images are given to validate on
MOST_HELD_OUT = 500
MIXING = 0.5  # share of samples that have two codes


@dataclass(frozen=True)
class Batch:
    """Images [N, C, H, W] in [-1, 1]; the styles that made them where the generator did."""

    image_NCHW: Tensor
    styles: tuple[Tensor, ...] | None = None


class Source(Protocol):
    """Images by number; `length` is None where they never end, and are asked for in runs of neighbouring numbers."""

    length: int | None

    def batch(self, indices: Sequence[int]) -> Batch: ...


def _first(indices: Sequence[int]) -> int:
    first = indices[0]
    if list(indices) != list(range(first, first + len(indices))):
        raise ValueError("what never ends comes in runs of neighbouring numbers")
    return first


class Renders:
    """Scenes of the bundled world, each drawn afresh."""

    length: int | None = None

    def __init__(self, resolution: int, seed: int, channels: int = 3) -> None:
        self.resolution, self.seed, self.channels = resolution, seed, channels

    def batch(self, indices: Sequence[int]) -> Batch:
        scenes = sample_scene(len(indices), self.seed, _first(indices))
        return Batch(in_channels(render(*scenes, self.resolution).image_NCHW, self.channels))


class Samples:
    """Images of the generator itself, with the styles that made them; half of them have two codes, cut at a row."""

    length: int | None = None

    def __init__(self, generator: Generator, resolution: int, seed: int) -> None:
        self.generator, self.resolution, self.seed = generator, resolution, seed

    @torch.no_grad()
    def batch(self, indices: Sequence[int]) -> Batch:
        g, rows, n, first = self.generator, self.generator.spec.num_layers, len(indices), _first(indices)
        w_ND = g.map(g.sample_z(2 * n, self.seed, 2 * first), g.sample_label(2 * n, self.seed, 2 * first))
        pairs = g.expand(w_ND).unflatten(0, (n, 2))  # [N, 2, L, D]
        draw = random_uniform(n, 2, self.seed, first, "mixing")
        cut = np.where(draw[:, 0] < MIXING, 1 + (draw[:, 1] * (rows - 1)).astype(np.int64), rows)
        own = torch.arange(rows, device=pairs.device)[None] < torch.from_numpy(cut).to(pairs.device)[:, None]
        styles = g.styles(torch.where(own[:, :, None], pairs[:, 0], pairs[:, 1]))
        image_NCHW = g.synthesize(styles).float().clamp(-1, 1)
        image_NCHW = resize(image_NCHW, self.resolution, self.resolution)
        return Batch(image_NCHW, tuple(style.float() for style in styles))


class Files:
    """Part of the images of a folder, a zip or TFRecords, fitted to the encoder's size."""

    def __init__(self, photos: Photos, name: str, resolution: int, how: str, numbers: range, channels: int) -> None:
        self.photos, self.name, self.resolution, self.how, self.numbers = photos, name, resolution, how, numbers
        self.channels = channels
        self.length: int | None = len(numbers)

    def batch(self, indices: Sequence[int]) -> Batch:
        pictures = [
            fit(self.photos.items[n].read(self.resolution), self.resolution, self.how, f"image {n} of {self.name}")
            for n in (self.numbers[index] for index in indices)
        ]
        return Batch(in_channels(torch.from_numpy(to_float(np.stack(pictures))), self.channels))


class Data:
    """What an encoder learns from, opened: the bundled renderer, the generator itself, or images.

    Args:
        name: `renderer`, `generator`, or what the images are called.
        photos: the images; None for the two that never end.
        contents: what decides the images, for the fingerprint.
    """

    def __init__(self, name: str, photos: Photos | None = None, contents: Sequence[object] = ()) -> None:
        self.name, self.photos, self._contents = name, photos, contents

    def fingerprint(self) -> object:
        """Of the contents of all images; their names do not count."""
        return fingerprint([self.name if self.photos is None else len(self.photos), list(self._contents)])

    def source(self, generator: Generator, resolution: int, seed: int, how: str, part: str = "all") -> Source:
        """Images at a resolution.

        Args:
            how: of images that are not square, see `pictures.fit`.
            part: `all`, or of images `train` (all but the last 5 %) or `held-out` (those); the endless ones draw
                held-out images from another seed.

        Raises:
            UsageError: too few images to hold any out.
        """
        other_seed = seed + (1 << 32) if part == "held-out" else seed
        if self.photos is None:
            if self.name == RENDERER:
                return Renders(resolution, other_seed, generator.spec.image_channels)
            return Samples(generator, resolution, other_seed)
        count, held_out = len(self.photos), 0
        if part != "all":
            held_out = min(MOST_HELD_OUT, max(1, round(HELD_OUT * count)))
            if count <= held_out:
                raise UsageError(f"{self.name} has {count} image, too few to train and to validate: give --validation")
        numbers = range(count - held_out, count) if part == "held-out" else range(count - held_out)
        return Files(self.photos, self.name, resolution, how, numbers, generator.spec.image_channels)


def open_data(given: object) -> Data:
    """Data by name (`renderer`, `generator`, a folder, an image list, a zip, TFRecords), or in an array.

    Args:
        given: a name or path, `Data`, or images as `gantk.ghfeat.photos_of` takes them.

    Raises:
        UsageError: there is nothing of that name. GantkError: the files cannot be read.
    """
    if isinstance(given, Data):
        return given
    if not isinstance(given, (str, os.PathLike)):
        photos = photos_of(given)
        return Data("the images", photos, [photos])
    name = os.fspath(given)
    if name in (RENDERER, GENERATOR):
        return Data(name)
    if not Path(name).exists():
        raise UsageError(
            f"There is no data {name!r}: give {RENDERER}, {GENERATOR}, a folder of images, a list, a .zip or .tfrecords"
        )
    photos = photos_of(name)
    return Data(name, photos, photos.contents)


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
