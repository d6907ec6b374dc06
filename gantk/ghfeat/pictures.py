"""Pictures from outside: found in folders, lists and zip files, decoded, and fitted to what an encoder reads.

Shape legend: C channels, H x W pixels.
"""

from __future__ import annotations

import contextlib
import weakref
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, UsageError
from gantk.pictures.folders import SUFFIXES, pictures_in_order
from gantk.pictures.opening import open_picture, picture_sides
from gantk.store.bounded import DAMAGED_ZIP, check_members, refuse_unfolded
from gantk.store.channels import rgb
from gantk.store.inside import is_listed, regular_file
from gantk.store.text import read_text

Size = int | tuple[int, int]  # a square's side, or height and width


def sides_of(size: Size) -> tuple[int, int]:
    """Height and width."""
    return (size, size) if isinstance(size, int) else size


def check_sides(width: int, height: int, how: str, name: str, size: Size = 1) -> None:
    """Refuse what `fit` could not fit.

    Raises:
        GantkError: of another shape than `size` (not square, usually), and `how` is exact.
    """
    rows, columns = sides_of(size)
    if height * columns != width * rows and how == "exact":
        shape = "not square" if rows == columns else f"not of the shape of {columns} x {rows}"
        raise GantkError(
            f"{name} is {width} x {height} pixels and {shape}: give --fit crop to keep its middle, or "
            "--fit squash to keep all of it"
        )


def fit(image_HWC: npt.NDArray[np.uint8], size: Size, how: str, name: str) -> npt.NDArray[np.uint8]:
    """A picture as RGB of a size, resized with antialiasing.

    Args:
        how: of a picture of another shape: `exact` refuses it, `crop` keeps the middle, `squash` the whole.

    Raises:
        GantkError: of another shape, and `how` is exact.
    """
    from PIL import Image

    height, width = image_HWC.shape[:2]
    rows, columns = sides_of(size)
    check_sides(width, height, how, name, size)
    if height * columns != width * rows and how == "crop":
        high = min(height, max(1, round(width * rows / columns)))
        wide = min(width, max(1, round(height * columns / rows)))
        top, left = (height - high) // 2, (width - wide) // 2
        image_HWC = image_HWC[top : top + high, left : left + wide]
    image_HWC = rgb(image_HWC)
    if image_HWC.shape[:2] == (rows, columns):
        return np.ascontiguousarray(image_HWC)
    picture = Image.fromarray(np.ascontiguousarray(image_HWC))
    return np.asarray(picture.resize((columns, rows), Image.Resampling.BILINEAR))


def decode(data: bytes | Path, name: str) -> npt.NDArray[np.uint8]:
    """An image file as uint8 [H, W, 3].

    Raises:
        GantkError: absent, no image, or damaged; the name is given.
    """
    image_HWC: npt.NDArray[np.uint8] = np.asarray(open_picture(data, name=name))
    return image_HWC


def to_float(images_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """uint8 [N, H, W, C] to [N, C, H, W] in [-1, 1]: x / 127.5 - 1."""
    return np.ascontiguousarray(images_NHWC.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(127.5) - 1


def find_images(path: Path) -> list[Path]:
    """The image files at a path: the file itself, all images of a folder, or those of a text file with a path per line.

    Lines of a list are relative to the current directory, as the original's are, or else to the list's folder.

    Raises:
        UsageError: a folder or a list has no images.
        GantkError: a list cannot be read.
    """
    if path.is_dir():
        inside = pictures_in_order(path)
        if not inside:
            raise UsageError(f"the folder {path} has no images in it ({', '.join(SUFFIXES)})")
        return inside
    if path.suffix.lower() not in (".txt", ".lst", ".list"):
        return [path]
    listed = _listed(path)
    if not listed:
        raise UsageError("no image was named: give image files, folders, or a text file with one path per line")
    return listed


def _listed(path: Path) -> list[Path]:
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise GantkError(f"the list {path} cannot be read: {error}") from error
    names = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    beside = [path.parent / name for name in names]
    return [
        Path(name) if Path(name).exists() or not near.exists() else near
        for name, near in zip(names, beside, strict=True)
    ]


class Zip:
    """The image files in a zip by number.

    Raises:
        GantkError: no zip file, or one without images.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(regular_file(path))
        except DAMAGED_ZIP as error:
            raise GantkError(f"{path} is no readable zip file: {error}") from error
        weakref.finalize(self, self._zip.close)
        check_members(self._zip, path, path.stat().st_size)
        names = [
            item.filename for item in self._zip.infolist() if item.filename and not item.is_dir()
        ]  # never written anywhere
        self.names = sorted(name for name in names if is_listed(name, SUFFIXES))
        if not self.names:
            raise GantkError(f"{path} has no images in it ({', '.join(SUFFIXES)})")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        with self._named(index) as name:
            member = self._zip.getinfo(self.names[index])
            refuse_unfolded(f"the image {name}", member.compress_size, member.file_size)
            data = self._zip.read(member)
        return decode(data, name)

    def sides(self, index: int) -> tuple[int, int]:
        """Width and height of an image, of which only the beginning is read."""
        with self._named(index) as name, self._zip.open(self.names[index]) as file:
            size = picture_sides(file, name=name)
        return size

    @contextlib.contextmanager
    def _named(self, index: int) -> Iterator[str]:
        name = f"{self.names[index]} of {self.path}"
        try:
            yield name
        except MemoryError as error:  # an LZMA member names the size of its dictionary itself
            raise GantkError(f"The image {name} asks for more memory to be unfolded than there is.") from error
        except DAMAGED_ZIP as error:
            raise GantkError(f"the image {name} cannot be read: {error}") from error
