"""Label maps as files and from people: the one reader, index PNGs whose palette shows the classes, drawn shapes.

A label map has a class number in every pixel; 255 is "not labelled". Colours are only for the eye: they are never read
back, so that a smoothed edge cannot become another class.

Shape legend: N samples, H x W pixels, S side of a square map.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, UsageError, suggestion
from gantk.pictures.opening import open_values, picture_format
from gantk.pictures.shapes import BOX, DISC, parse_shape, pixels_of
from gantk.store.files import load_npy, write_atomic
from gantk.store.inside import is_listed, regular_file

IGNORE = 255  # in a label map: not labelled

Labels = npt.NDArray[np.uint8]
Colours = Sequence[tuple[int, int, int]]

LOSSY = ("JPEG", "WEBP")  # formats that do not keep every number
SUFFIXES = (".png", ".bmp", ".gif", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".npy")


def read_numbers(path: str | Path) -> npt.NDArray[Any]:
    """The numbers of a label map: [H, W] of an image, whatever an .npy of whole numbers holds.

    An index image gives its indices, a grey one its values; a colour image is taken where it is grey.

    Raises:
        GantkError: the file is absent, no such image, a coloured one, or of a format that changes numbers.
    """
    source = Path(path)
    if not regular_file(source).is_file():
        raise GantkError(f"The label map {source} does not exist.")
    if source.suffix.lower() == ".npy":
        return _whole(load_npy(source), source)
    with open(source, "rb") as file:
        form = picture_format(file.read(16))
    if form in LOSSY:
        raise GantkError(
            f"{source} is a {form} picture, whose compression changes class numbers: save label maps as PNG."
        )
    array = np.asarray(open_values(source))
    if array.ndim == 3:
        if (array != array[..., :1]).any():
            raise GantkError(
                f"{source} is a colour picture, and a label map has class numbers: save it as an index or grey PNG."
            )
        array = array[..., 0]
    return _whole(array, source)


def _whole(array: npt.NDArray[Any], source: Path) -> npt.NDArray[Any]:
    """Numbers of classes that may be written as floats, but are whole."""
    if array.dtype.kind == "f" and bool(
        (np.isfinite(array) & (array == np.round(array)) & (abs(array) < 1 << 31)).all()
    ):
        return array.astype(np.int32)
    if array.dtype.kind not in "iub":
        raise GantkError(f"{source} holds {array.dtype} {array.shape}, where whole numbers of classes are expected.")
    return array


def read_label_map(path: str | Path, classes: int, size: int | None = None) -> Labels:
    """A label map uint8 [S, S] of class numbers and 255; see `read_numbers`.

    Raises:
        GantkError: it cannot be read, is of another size, or has a number that is no class.
    """
    array = read_numbers(path)
    if array.ndim != 2:
        raise GantkError(f"{path} holds {array.shape}, and one label map is two-dimensional.")
    if size is not None and array.shape != (size, size):
        raise GantkError(f"{path} is {array.shape[1]} x {array.shape[0]} pixels where {size} x {size} are expected.")
    check_ids(array, classes, str(path))
    return np.ascontiguousarray(array, dtype=np.uint8)


def find_label_maps(folder: Path) -> list[Path]:
    """The files of a folder that may be label maps, by name; capital letters in suffixes count as small ones."""
    return sorted(file for file in folder.iterdir() if is_listed(file.name, SUFFIXES) and file.is_file())


def check_ids(label: npt.NDArray[Any], classes: int, what: str) -> None:
    """Raise GantkError where a map has a number that is neither a class nor 255."""
    if label.dtype.kind == "f" and not (np.isfinite(label) & (label == np.round(label))).all():
        raise GantkError(f"{what} has numbers that are not whole: give the numbers of classes.")
    wrong = label[((label >= classes) | (label < 0)) & (label != IGNORE)]
    if wrong.size:
        raise GantkError(
            f"{what} has class {int(wrong.max())}, and the classes are 0 to {classes - 1} (255: not labelled)."
        )


def label_png(label: Labels, colours: Colours) -> bytes:
    """An index PNG with the classes' colours as its palette."""
    from PIL import Image

    flat = [part for colour in colours for part in colour]
    image = Image.frombytes("P", label.shape[::-1], label.tobytes())
    image.putpalette(flat + [128] * (768 - len(flat)))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def write_label_map(path: Path, label: Labels, colours: Colours) -> Path:
    return write_atomic(path, label_png(label, colours))


def colour_map(label: Labels, colours: Colours) -> Labels:
    """uint8 [..., S, S] to its colours [..., S, S, 3]; what is not labelled is grey."""
    table = np.full((256, 3), 128, np.uint8)
    if len(colours):
        table[: len(colours)] = colours
    return np.asarray(table[label])


SHAPE_FORM = f"CLASS:{BOX} or CLASS:{DISC} in pixels"


def draw(texts: Sequence[str], names: Sequence[str], size: int, label: Labels | None = None) -> Labels:
    """Boxes ``sky:0,0,20,64`` (top, left, bottom, right) and discs ``tree:40,12,6`` (row, column, radius), in pixels.

    Drawn in order onto `label` (default: nothing labelled). A class is a name or a number.

    Raises:
        UsageError: a shape that is not understood, an unknown class, or one that lies outside the image.
    """
    drawn = np.full((size, size), IGNORE, np.uint8) if label is None else label.copy()
    for text in texts:
        name, _, numbers = text.strip().rpartition(":")
        shape = parse_shape(numbers if name else "", repr(text), SHAPE_FORM)
        drawn[pixels_of(shape, size, text)] = class_number(name, names)
    return drawn


def class_number(word: str, names: Sequence[str]) -> int:
    """A class by name or number.

    Raises:
        UsageError: there is none.
    """
    text = word.strip()
    if text in names:
        return list(names).index(text)
    if text.isdecimal() and int(text) < len(names):
        return int(text)
    raise UsageError(f"There is no class {text!r}.{suggestion(text, list(names))}")
