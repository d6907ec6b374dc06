"""Photos: images that words, paths or arrays name; read ahead by threads, fitted, the unreadable ones named or skipped.

Shape legend: N images, C channels, H x W pixels.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.ghfeat.pictures import Size, Zip, check_sides, decode, find_images, fit, sides_of, to_float
from gantk.ghfeat.tfrecord import TFRecords
from gantk.pictures.images import to_uint8
from gantk.pictures.opening import picture_sides
from gantk.store.channels import colours, in_channels, rgb, within_range
from gantk.store.fingerprint import fingerprint, of_path
from gantk.store.inside import clipped
from gantk.world.renderer import render, sample_scene

Pixels = npt.NDArray[np.uint8]
Batch = tuple[Tensor, npt.NDArray[np.bool_]]  # [N, C, H, W] in [-1, 1], and whether each could be read

AHEAD = 4  # batches read while one is encoded
LARGEST_NUMBER = 2**31 - 1  # of scenes and seeds
RENDER = "render:"  # `render:12` is scene 12 of seed 0 of the bundled world, `render:5/12` of seed 5
HINT = "give --skip-unreadable to go on without such images"
NONE_NAMED = "no image was named: give image files, folders, a .zip, .tfrecords, or a list of paths"


@dataclass(frozen=True)
class Item:
    """One image.

    Attributes:
        read: its pixels [H, W, C], given the size that is wanted.
        look: its width and height, read from its beginning; None where opening its archive or making it said enough.
    """

    read: Callable[[Size], Pixels]
    look: Callable[[], tuple[int, int]] | None = None


class Photos:
    """Images by number, as they are, none of them read yet.

    Args:
        items: how each is read. names: of each.
        contents: what decides their pixels, for the fingerprint; files are asked for theirs when it is taken.
    """

    def __init__(self, items: Sequence[Item], names: Sequence[str], contents: Sequence[object]) -> None:
        if not items:
            raise UsageError(NONE_NAMED)
        self.items, self.names, self.contents = tuple(items), tuple(names), tuple(contents)

    def __len__(self) -> int:
        return len(self.items)

    def fingerprint(self) -> object:
        """Names and contents of all images: a photo that changed under the same name is another one."""
        return fingerprint([self.names, [_contents(part) for part in self.contents]])

    def stems(self) -> list[str]:
        """A name for each image's files: its own where that is unique, or else with its number."""
        stems = [clipped(Path(name).stem.replace(":", "-").replace(" ", "-")) or "image" for name in self.names]
        counts = Counter(stems)  # of half a million: to count each anew would take hours
        return [stem if counts[stem] == 1 else f"{stem}_{index:05d}" for index, stem in enumerate(stems)]


def marked(values: Tensor, good_N: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Values [N, ...] of images, not a number for those that could not be read."""
    array: npt.NDArray[np.float32] = values.float().cpu().numpy()
    array[~good_N] = np.nan
    return array


def _contents(part: object) -> object:
    """The contents of a file, None where there is no readable one; of anything else its fingerprint."""
    if not isinstance(part, Path):
        return fingerprint(part)
    try:
        return of_path(part) if part.is_file() else None
    except OSError:
        return None


def photos_of(given: object) -> Photos:
    """Photos of whatever names or holds images.

    Args:
        given: `Photos`; a path or words as of the command line, or several; pixels uint8 [H, W], [H, W, C] or
            [N, H, W, C] (a picture of PIL too); floats [C, H, W] or [N, C, H, W] in [-1, 1], taken as a file holds
            them; or several of these.

    Raises:
        UsageError: nothing was named, or an array is none of these.
        GantkError: a list or an archive cannot be read.
    """
    if isinstance(given, Photos):
        return given
    if isinstance(given, (str, os.PathLike)):
        return photos_in([os.fspath(given)])
    if isinstance(given, (list, tuple)):
        if all(isinstance(part, (str, os.PathLike)) for part in given):
            return photos_in([os.fspath(part) for part in given])
        return _arrays([picture for part in given for picture in _pictures(part)])
    return _arrays(_pictures(given))


def _arrays(pictures: Sequence[Pixels]) -> Photos:
    def item(pixels: Pixels) -> Item:
        return Item(lambda size: pixels, lambda: (pixels.shape[1], pixels.shape[0]))

    return Photos([item(p) for p in pictures], [f"image {i}" for i in range(len(pictures))], pictures)


def _pictures(given: object) -> list[Pixels]:
    """The pictures [H, W, 3] in an array, a tensor or a picture of PIL."""
    if isinstance(given, Tensor):
        array = (given.detach().float() if given.is_floating_point() else given).cpu().numpy()
    else:
        array = np.asarray(given)
    if array.dtype.kind == "f" and array.ndim in (3, 4):
        images_NCHW = torch.from_numpy(np.ascontiguousarray(array, np.float32))
        images_NCHW = images_NCHW if array.ndim == 4 else images_NCHW[None]
        if within_range(images_NCHW):
            return list(to_uint8(colours(images_NCHW)))
    if array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim in (3, 4) and array.shape[-1] in (1, 3, 4))):
        whole = array if array.ndim == 4 else array[None]
        return [rgb(picture) for picture in whole]
    raise UsageError(
        f"An array of {array.dtype} {array.shape} is no image: give uint8 [H, W, C] or [N, H, W, C], or finite floats "
        "[C, H, W] or [N, C, H, W] in [-1, 1]."
    )


def photos_in(words: Sequence[str]) -> Photos:
    """Photos that words name: files, folders, lists, zips, TFRecords, `render:I`.

    Raises:
        UsageError: nothing was named. GantkError: a list or an archive cannot be read.
    """
    items: list[Item] = []
    names: list[str] = []
    contents: list[object] = []
    for word in words:
        found, called, decides = _open(word)
        items += found
        names += called
        contents += decides
    return Photos(items, names, contents)


def _open(word: str) -> tuple[list[Item], list[str], list[object]]:
    if word.startswith(RENDER):
        return [Item(_render(word))], [word], [word]
    path = Path(word)
    if path.is_file() and path.suffix.lower() == ".zip":
        archive = Zip(path)
        count = range(len(archive))
        return [_of_zip(archive, i) for i in count], list(archive.names), [path]
    if path.is_file() and path.suffix.lower() in (".tfrecords", ".tfrecord"):
        records = TFRecords(path)
        count = range(len(records))
        return [_of_records(records, i) for i in count], [f"record {i}" for i in count], [path]
    files = find_images(path)
    return [_of_file(file) for file in files], [str(file) for file in files], list(files)


def _of_zip(archive: Zip, index: int) -> Item:
    return Item(lambda size: archive[index], lambda: archive.sides(index))


def _of_records(records: TFRecords, index: int) -> Item:
    return Item(lambda size: records[index])


def _of_file(path: Path) -> Item:
    return Item(lambda size: decode(path, str(path)), lambda: picture_sides(path))


def _render(word: str) -> Callable[[Size], Pixels]:
    seed, _, last = word.removeprefix(RENDER).rpartition("/")
    if not last.isdecimal() or not (seed or "0").isdecimal():
        raise UsageError(f"{word!r} names no render: write render:12, or render:5/12 for another seed")
    if max(len(last), len(seed)) > 10 or max(int(last), int(seed or 0)) > LARGEST_NUMBER:
        raise UsageError(f"{word[:60]!r} names no render: scenes and seeds are numbers of at most {LARGEST_NUMBER}")

    def read(size: Size) -> Pixels:
        return to_uint8(render(*sample_scene(1, int(seed or 0), int(last)), max(sides_of(size))).image_NCHW)[0]

    return read


class Images:
    """Photos as a network reads them.

    Args:
        photos: as `photos_of` takes them.
        size: pixels they are fitted to, of a square or (height, width).
        how: of images of another shape, see `pictures.fit`.
        skip: whether an unreadable image is left out (its pixels are then grey) instead of ending the command.
        channels: of the network that reads them.
    """

    def __init__(self, photos: object, size: Size, how: str = "exact", skip: bool = False, channels: int = 3) -> None:
        self.photos = photos_of(photos)
        self.size, self.how, self.skip, self.channels = size, how, skip, channels
        self.names = self.photos.names

    def __len__(self) -> int:
        return len(self.photos)

    def check(self) -> Images:
        """Look at the beginning of every image, so that bad ones end a command before it has written anything.

        Raises:
            GantkError: one is no image, or not square; where such are skipped: all are.
        """
        for item, name in zip(self.photos.items, self.names, strict=True):
            try:
                if item.look is not None:
                    check_sides(*item.look(), self.how, name, self.size)
            except GantkError as error:
                if not self.skip:
                    raise GantkError(f"{error}; {HINT}") from error
            else:
                if self.skip:
                    return self
        if self.skip:
            raise GantkError("none of the images can be read")
        return self

    def one(self, index: int) -> npt.NDArray[np.uint8]:
        """One image, fitted.

        Raises:
            GantkError: unreadable, or not square.
        """
        pixels = self.photos.items[index].read(self.size)
        return fit(pixels, self.size, self.how, self.names[index])

    def _read(self, indices: Sequence[int]) -> tuple[Pixels, dict[int, str]]:
        """Images uint8 [N, H, W, C], grey where they cannot be read; and by place why not."""
        pictures, errors = [], {}
        for place, index in enumerate(indices):
            try:
                pictures.append(self.one(index))
            except GantkError as error:
                if not self.skip:
                    raise GantkError(f"{error}; {HINT}") from error
                pictures.append(np.full((*sides_of(self.size), 3), 128, np.uint8))
                errors[place] = str(error)
        return np.stack(pictures), errors

    def _batch(self, images_NHWC: Pixels, errors: dict[int, str]) -> Batch:
        for error in errors.values():
            warnings.warn(f"Skipped: {error}", stacklevel=3)
        good_N = np.array([place not in errors for place in range(len(images_NHWC))])
        return in_channels(torch.from_numpy(to_float(images_NHWC)), self.channels), good_N

    def picked(self, indices: Sequence[int]) -> Tensor:
        """Some images, [N, C, H, W]."""
        return self._batch(*self._read(indices))[0]

    def batches(self, ranges: Sequence[tuple[int, int]]) -> Iterator[Batch]:
        """Batches of given ranges, in order; the next ones are read meanwhile. Says which images are left out."""
        with ThreadPoolExecutor(2, thread_name_prefix="gantk-read") as pool:
            pending = [pool.submit(self._read, range(*r)) for r in ranges[:AHEAD]]
            for number in range(len(ranges)):
                read = pending.pop(0).result()
                if number + AHEAD < len(ranges):
                    pending.append(pool.submit(self._read, range(*ranges[number + AHEAD])))
                yield self._batch(*read)

    def readable(self) -> tuple[tuple[str, ...], Tensor]:
        """Names and pixels of those that can be read.

        Raises:
            GantkError: none can, or one cannot and none is to be skipped.
        """
        image_NCHW, good_N = self._batch(*self._read(range(len(self))))
        if not good_N.any():
            raise GantkError("none of the images can be read")
        return tuple(compress(self.names, good_N)), image_NCHW[torch.from_numpy(good_N)]
