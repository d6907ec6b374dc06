"""Images for a command: read ahead by threads, fitted to the encoder, the unreadable ones named or skipped.

Shape legend: N images, C channels, H x W pixels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.ghfeat.pictures import Size, Zip, check_sides, decode, find_images, fit, sides, sides_of, to_float
from gantk.ghfeat.tfrecord import TFRecords
from gantk.store.channels import in_channels

AHEAD = 4  # batches read while one is encoded
RENDER = "render:"  # `render:12` is scene 12 of seed 0 of the bundled world, `render:5/12` of seed 5
HINT = "give --skip-unreadable to go on without such images"

# How an image is read, how its width and height are (None: by whom it was opened), and what both take.
Item = tuple[Callable[[Any], npt.NDArray[np.uint8]], Callable[[Any], tuple[int, int]] | None, Any]


@dataclass(frozen=True)
class Read:
    """A batch: uint8 [N, H, W, C], and for each whether it could be read."""

    images_NHWC: npt.NDArray[np.uint8]
    good: tuple[bool, ...]
    errors: tuple[str, ...] = ()
    channels: int = 3

    def floats(self) -> Tensor:
        """[N, C, H, W] in [-1, 1], in the channels that were asked for."""
        image: Tensor = in_channels(torch.from_numpy(to_float(self.images_NHWC)), self.channels)
        return image


class Images:
    """The images that arguments name, by number: files, folders, lists, zips, TFRecords, `render:I`.

    Args:
        size: pixels they are fitted to, of a square or (height, width).
        how: of images of another shape, see `pictures.fit`.
        channels: of the network that reads them.
        skip: whether an unreadable image is left out (its pixels are then grey) instead of ending the command.
    """

    def __init__(
        self, arguments: Sequence[str], size: Size, how: str = "exact", skip: bool = False, channels: int = 3
    ) -> None:
        self.size, self.how, self.skip, self.channels = size, how, skip, channels
        self._items: list[Item] = []
        self.names: tuple[str, ...] = ()
        names: list[str] = []
        for argument in arguments:
            found, called = self._open(argument)
            self._items += found
            names += called
        if not self._items:
            raise UsageError("no image was named: give image files, folders, a .zip, .tfrecords, or a list of paths")
        self.names = tuple(names)

    def _open(self, argument: str) -> tuple[list[Item], list[str]]:
        if argument.startswith(RENDER):
            seed, _, last = argument.removeprefix(RENDER).rpartition("/")
            if not last.isdecimal() or not (seed or "0").isdecimal():
                raise UsageError(f"{argument!r} names no render: write render:12, or render:5/12 for another seed")
            return [(self._render, None, (int(seed or 0), int(last)))], [argument]
        path = Path(argument)
        if path.is_file() and path.suffix.lower() == ".zip":
            archive = Zip(path)
            return [(archive.__getitem__, archive.sides, i) for i in range(len(archive))], archive.names
        if path.is_file() and path.suffix.lower() in (".tfrecords", ".tfrecord"):
            records = TFRecords(path)
            count = range(len(records))
            return [(records.__getitem__, None, i) for i in count], [f"record {i}" for i in count]
        files = find_images([argument])
        return [(self._file, self._sides, file) for file in files], [str(file) for file in files]

    @staticmethod
    def _file(path: Path) -> npt.NDArray[np.uint8]:
        return decode(path, str(path))

    @staticmethod
    def _sides(path: Path) -> tuple[int, int]:
        return sides(path, str(path))

    def _render(self, place: tuple[int, int]) -> npt.NDArray[np.uint8]:
        from gantk.pictures.images import to_uint8
        from gantk.world.renderer import render, sample_scene

        return to_uint8(render(*sample_scene(1, place[0], place[1]), max(sides_of(self.size))).image_NCHW)[0]

    def __len__(self) -> int:
        return len(self._items)

    def check(self) -> None:
        """Look at the beginning of every image, so that bad ones end a command before it has written anything.

        Raises:
            GantkError: one is no image, or not square; where such are skipped: all are.
        """
        for (_, look, argument), name in zip(self._items, self.names, strict=True):
            try:
                if look is not None:
                    check_sides(*look(argument), self.how, name, self.size)
            except GantkError as error:
                if not self.skip:
                    raise GantkError(f"{error}; {HINT}") from error
            else:
                if self.skip:
                    return
        if self.skip:
            raise GantkError("none of the images can be read")

    def one(self, index: int) -> npt.NDArray[np.uint8]:
        """One image, fitted.

        Raises:
            GantkError: unreadable, or not square.
        """
        read, _, argument = self._items[index]
        return fit(read(argument), self.size, self.how, self.names[index])

    def _read(self, start: int, stop: int) -> Read:
        pictures, good, errors = [], [], []
        for index in range(start, stop):
            try:
                pictures.append(self.one(index))
                good.append(True)
            except GantkError as error:
                if not self.skip:
                    raise GantkError(f"{error}; {HINT}") from error
                pictures.append(np.full((*sides_of(self.size), 3), 128, np.uint8))
                good.append(False)
                errors.append(str(error))
        return Read(np.stack(pictures), tuple(good), tuple(errors), self.channels)

    def one_or_grey(self, index: int) -> npt.NDArray[np.uint8]:
        """One image, or a grey one in place of one that is skipped."""
        return self._read(index, index + 1).images_NHWC[0]

    def batches(self, ranges: Sequence[tuple[int, int]]) -> Iterator[Read]:
        """Batches of given ranges, in order; the next ones are read meanwhile."""
        with ThreadPoolExecutor(2, thread_name_prefix="gantk-read") as pool:
            pending = [pool.submit(self._read, *r) for r in ranges[:AHEAD]]
            for number in range(len(ranges)):
                result = pending.pop(0).result()
                if number + AHEAD < len(ranges):
                    pending.append(pool.submit(self._read, *ranges[number + AHEAD]))
                yield result

    def all(self) -> Tensor:
        """Every image at once, [N, 3, H, W]; for commands on a few."""
        return self.readable()[1]

    def readable(self) -> tuple[tuple[str, ...], Tensor]:
        """Names and pixels of those that can be read.

        Raises:
            GantkError: none can, or one cannot and none is to be skipped.
        """
        read = self._read(0, len(self))
        for error in read.errors:
            warnings.warn(f"Skipped: {error}", stacklevel=2)
        kept = [index for index, good in enumerate(read.good) if good]
        if not kept:
            raise GantkError("none of the images can be read")
        return tuple(self.names[index] for index in kept), read.floats()[kept]

    def stems(self) -> list[str]:
        """A name for each image's files: its own where that is unique, or else with its number."""
        stems = [Path(name).stem.replace(":", "-").replace(" ", "-") or "image" for name in self.names]
        return [stem if stems.count(stem) == 1 else f"{stem}_{index:05d}" for index, stem in enumerate(stems)]
