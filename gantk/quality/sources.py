"""The two sides of a comparison: samples of a generator, the images of a folder, or images that are at hand.

Shape legend: N images, F features, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.checkpoints.folders import has_weights
from gantk.checkpoints.names import is_known
from gantk.codes.source import CodeSource
from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.generators.devices import resolve_device
from gantk.pictures.folders import SUFFIXES, pictures_below, pictures_in_order
from gantk.pictures.images import as_saved, to_rgb8
from gantk.pictures.opening import open_picture
from gantk.predictors.base import Predictor
from gantk.predictors.load import load_predictor
from gantk.store.channels import colours, within_range
from gantk.store.fingerprint import fingerprint
from gantk.store.progress import progress


@dataclass(frozen=True)
class Pictures:
    """The images of a folder and of those below it, by name."""

    folder: Path
    files: tuple[Path, ...]

    def fingerprint(self) -> object:
        return fingerprint(str([[str(file.relative_to(self.folder)), fingerprint(file)] for file in self.files]))


def is_folder_of_images(name: str | Path) -> bool:
    """Whether a name is a folder that holds images, at any depth, or nothing that is a model: a model may be a folder
    too."""
    path = Path(name)
    if not path.is_dir():
        return False
    return any(pictures_below(path)) or not (is_known(str(name)) or has_weights(path))


def read_folder(name: str | Path) -> Pictures:
    """A folder of images.

    Raises:
        UsageError: it does not exist, or has none.
    """
    path = Path(name)
    files = tuple(pictures_in_order(path))
    if not files:
        what = f"has no images ({', '.join(SUFFIXES)})" if path.is_dir() else "does not exist"
        raise UsageError(f"The folder {path} {what}: give a folder of images, or a generator.")
    return Pictures(path, files)


def images_of(given: Tensor | npt.NDArray[Any]) -> Tensor:
    """Images [N, C, H, W] in [-1, 1] of such floats, or of uint8 [N, H, W, C].

    Raises:
        UsageError: they are neither.
    """
    known = isinstance(given, Tensor) or given.dtype.name in ("uint8", "float16", "float32", "float64")
    if known and given.ndim == 4:
        images = given if isinstance(given, Tensor) else torch.from_numpy(np.ascontiguousarray(given))
        if images.dtype == torch.uint8 and images.shape[-1] in (1, 3, 4):
            return images.permute(0, 3, 1, 2).float().div(127.5).sub(1.0)
        if images.is_floating_point() and within_range(images):
            return images.float()
    raise UsageError(
        f"An array of {given.dtype} {tuple(given.shape)} is no set of images: give uint8 [N, H, W, C], or finite "
        "floats [N, C, H, W] in [-1, 1]."
    )


@dataclass(frozen=True)
class Titled:
    """A generator under the name that it was asked for by; the name is no part of what it is."""

    generator: Generator
    name: str

    def fingerprint(self) -> object:
        return fingerprint(self.generator)


class Side(Protocol):
    """One side: its images by number."""

    name: str
    total: int

    def images(self, start: int, stop: int) -> Iterator[Tensor]:
        """Images start .. stop - 1 in [-1, 1], [n, 3, H, W] each, in order."""

    def called(self, index: int) -> str:
        """What one image is called."""


class Drawn:
    """Samples of a generator, as they are in files."""

    def __init__(self, generator: Generator, source: CodeSource, name: str | None = None) -> None:
        self.generator, self._source = generator, source
        self.name, self.total = name or generator.bundled or generator.source or generator.spec.family, source.total

    def images(self, start: int, stop: int) -> Iterator[Tensor]:
        yield colours(as_saved(self.generator.synthesize(self._source.batch(start, stop).wp)))

    def called(self, index: int) -> str:
        return self._source.names[index] if self._source.names else f"sample {index}"


class OfFolder:
    """The images of a folder, each of its own size."""

    def __init__(self, pictures: Pictures, total: int) -> None:
        self._files, self.name = pictures.files[:total], pictures.folder.name or str(pictures.folder)
        self._folder, self.total = pictures.folder, len(self._files)

    def images(self, start: int, stop: int) -> Iterator[Tensor]:
        read = (np.array(open_picture(file).convert("RGB")) for file in self._files[start:stop])
        for _, group in groupby(read, key=lambda pixels: pixels.shape):
            yield torch.from_numpy(np.stack(list(group))).permute(0, 3, 1, 2).float().div(127.5).sub(1.0)

    def called(self, index: int) -> str:
        return str(self._files[index].relative_to(self._folder))


class AtHand:
    """Images [N, C, H, W] in [-1, 1]."""

    def __init__(self, image_NCHW: Tensor, total: int) -> None:
        self._images, self.name = image_NCHW[:total], "images"
        self.total = len(self._images)

    def images(self, start: int, stop: int) -> Iterator[Tensor]:
        yield colours(self._images[start:stop])

    def called(self, index: int) -> str:
        return f"image {index}"


def features_of(side: Side, reader: Predictor, batch: int, what: str) -> npt.NDArray[np.float32]:
    """Features [N, F] of all images of a side."""
    found = []
    with torch.inference_mode(), progress(side.total, what, unit="img") as bar:
        for start in range(0, side.total, batch):
            stop = min(start + batch, side.total)
            found += [
                reader.features(image.to(reader.device)).float().cpu().numpy() for image in side.images(start, stop)
            ]
            bar.update(stop - start)
    return np.concatenate(found)


def pixels_of(side: Side, indices: Sequence[int]) -> list[npt.NDArray[np.uint8]]:
    """Single images of a side as uint8 [H, W, 3]."""
    with torch.inference_mode():
        return [to_rgb8(next(iter(side.images(index, index + 1))))[0] for index in indices]


def reader_for(samples: object, reals: object, name: str | None, device: str = "auto") -> Predictor:
    """What both sides are compared by: a predictor by name, else `demo` where a side is bundled, else `imagenet`.

    Raises:
        GantkError: it is not installed, or has no features.
    """
    sides = [side.generator if isinstance(side, Titled) else side for side in (samples, reals)]
    bundled = any(isinstance(side, Generator) and side.bundled for side in sides)
    found = load_predictor(
        name or ("demo" if bundled else "imagenet"), resolve_device(device), option="--features"
    ).eval()
    with torch.inference_mode():
        found.features(torch.zeros(1, 3, 64, 64, device=found.device))  # one that has none says so before any work
    return found
