"""The one door for pictures: known by their content, opened with the decoder of that content alone, checked by header.

Pillow asks every decoder it has, and hands PostScript to another program. Here the first bytes decide: PNG, JPEG, WebP,
BMP, TIFF, PPM or GIF, each with its decoder named; anything else is refused before a decoder sees it.

Shape legend: H x W pixels.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import struct
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from gantk.errors import GantkError
from gantk.store.inside import regular_file
from gantk.store.progress import tell

if TYPE_CHECKING:
    from PIL.Image import Image

Source = str | os.PathLike[str] | bytes | IO[bytes]

MAX_PIXELS = 64_000_000
MOST_READINGS = 1_000_000  # of one file at one opening: some seconds of work
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF")
WHITE = (255, 255, 255)
_MAGIC = (
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"RIFF....WEBP", "WEBP"),
    (rb"BM", "BMP"),
    (rb"II[*+]\x00|MM\x00[*+]", "TIFF"),
    (rb"P[1-6][\s#]", "PPM"),
    (rb"GIF8[79]a", "GIF"),
)
_HEAD = 16
_NAMED = 3  # pictures of which the same is said by name
_ORIENTATION = 0x0112
_INVERSE = {6: 8, 8: 6}  # the other orientations undo themselves
_EXACT_MODES = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L", "F")
# What Pillow's decoders raise for damaged files.
_DAMAGED = (OSError, ValueError, SyntaxError, struct.error, IndexError, KeyError, TypeError, OverflowError, EOFError)


def picture_format(head: bytes, formats: Sequence[str] = FORMATS) -> str | None:
    """The format that the first bytes of a file (16 are enough) belong to, or None."""
    found = (name for magic, name in _MAGIC if re.match(magic, head, re.DOTALL))
    return next((name for name in found if name in formats), None)


def open_picture(
    source: Source,
    *,
    name: str = "",
    max_pixels: int = MAX_PIXELS,
    formats: Sequence[str] = FORMATS,
    background: tuple[int, int, int] | None = WHITE,
) -> Image:
    """A picture for the eye: the first frame, turned as viewers turn it (EXIF), decoded, mode RGB.

    16-bit grey is divided by 65535, floats are taken in [0, 1].

    Args:
        source: a path, the bytes of a file, or a file that can be sought in.
        name: of the picture, for messages; default: the path.
        max_pixels: more are refused by the header, before anything is decoded.
        formats: of `FORMATS`, those that are taken.
        background: what shows through; None keeps transparency, and the mode is RGBA where there is any.

    Raises:
        GantkError: absent, no regular file, no such picture, damaged, too large, or floats outside [0, 1].
    """
    called = _called(source, name)
    with _opened(source, called, max_pixels, formats) as image:
        image.load()
        if image.mode == "I" and image.format == "TIFF":
            raise GantkError(
                f"The image {called} has integers of 32 bits, whose range nothing says: save it with 8 or 16"
            )
        several = image.format != "MPO" and isinstance(source, (str, os.PathLike))  # behind a camera's are previews
        if several and getattr(image, "n_frames", 1) > 1:
            _say(called, "of several pictures the first is taken")
        return _coloured(_turned(image, _orientation(image)), called, background)


def open_values(
    source: Source, *, name: str = "", max_pixels: int = MAX_PIXELS, over: tuple[int, int, int] | None = None
) -> Image:
    """A picture of numbers (a label map, a mask): just the values in the file, never turned, scaled or coloured.

    The mode is one of 1, L, P (palette indices), I, I;16 and F; other pictures come as RGB, their
    transparent pixels with the colour that they have all the same, or on the colour `over`.

    Raises:
        GantkError: as of `open_picture`.
    """
    called = _called(source, name)
    with _opened(source, called, max_pixels, FORMATS) as image:
        turned = _orientation(image) if image.format == "TIFF" else 1  # which Pillow turns on loading: turn it back
        if over is not None and "A" in image.getbands():
            exact = _composed(image.convert("RGBA"), over)
        else:
            exact = image.copy() if image.mode in _EXACT_MODES else image.convert("RGB")
    return _turned(exact, _INVERSE.get(turned, turned))


def picture_sides(source: Source, *, name: str = "", max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height as `open_picture` would give them, from the header alone.

    Raises:
        GantkError: as of `open_picture`, as far as the header tells.
    """
    with _opened(source, _called(source, name), max_pixels, FORMATS) as image:
        width, height = image.size
        turned = image.format != "TIFF" and _orientation(image) >= 5  # Pillow turns TIFF itself
    return (height, width) if turned else (width, height)


def picture_frames(source: Source, *, name: str = "", max_pixels: int = MAX_PIXELS) -> int:
    """How many frames a picture has; `open_picture` takes the first.

    Raises:
        GantkError: as of `open_picture`, as far as the header tells.
    """
    with _opened(source, _called(source, name), max_pixels, FORMATS) as image:
        return int(getattr(image, "n_frames", 1))


def _called(source: Source, name: str) -> str:
    return name or (os.fspath(source) if isinstance(source, (str, os.PathLike)) else "the picture")


@contextlib.contextmanager
def _opened(source: Source, name: str, max_pixels: int, formats: Sequence[str]) -> Iterator[Image]:
    """An image whose header was read, with the decoder of its content only."""
    from PIL import Image

    with contextlib.ExitStack() as stack:
        try:
            if isinstance(source, (str, os.PathLike)):
                file: IO[bytes] = stack.enter_context(open(regular_file(Path(source)), "rb"))
            else:
                file = io.BytesIO(source) if isinstance(source, bytes) else source
            head = file.read(_HEAD)
            file.seek(0)
            form = picture_format(head, formats)
            if form is None:
                what = f"it is none of {', '.join(formats)}: save it as one of them"
                if head.lstrip().startswith((b"%!", b"\xc5\xd0\xd3\xc6")):
                    what = f"it is PostScript: save it as one of {', '.join(formats)}"
                raise GantkError(f"The image {name} cannot be read: {what if head else 'it is empty'}")
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")  # of damaged metadata, and of a size that is checked here
            image = stack.enter_context(Image.open(cast("IO[bytes]", _Patient(file)), formats=[form]))
            pixels = image.width * image.height
            if pixels > max_pixels:
                raise GantkError(
                    f"The image {name} is too large to be opened: {image.width} x {image.height} are more than "
                    f"{max_pixels / 1e6:g} million pixels; make it smaller"
                )
            yield image
        except FileNotFoundError:
            raise GantkError(f"The image {name} does not exist") from None
        except Image.DecompressionBombError as error:  # Pillow's own limit is met before a size is known here
            raise GantkError(
                f"The image {name} is too large to be opened: it has more than {max_pixels / 1e6:g} million pixels; "
                "make it smaller"
            ) from error
        except Image.UnidentifiedImageError as error:  # which would name the object that is read
            raise GantkError(f"The image {name} cannot be read: its header is damaged") from error
        except MemoryError as error:  # a part of the file claims to be larger than what there is
            raise GantkError(f"The image {name} cannot be read: it asks for more memory than there is") from error
        except _DAMAGED as error:
            raise GantkError(f"The image {name} cannot be read: it is no image, or damaged ({error})") from error


class _Patient:
    """A file that is read so many times and no more: decoders ask for every part of a header, however short it is, by
    itself, so that a small file of many parts takes minutes. A photograph takes some hundreds of readings.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = file, MOST_READINGS

    def read(self, size: int = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"it consists of more than {MOST_READINGS} parts")
        return self._file.read(size)

    # Any: whatever else a file has
    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _say(name: str, text: str) -> None:
    """Say of a picture, once, what was done with it; of the first few such pictures by name."""
    told = _told(text)
    if name not in told and len(told) <= _NAMED:
        told.add(name)
        tell(f"{name}: {text}." if len(told) <= _NAMED else f"Further pictures: {text}.")


@functools.cache
def _told(text: str) -> set[str]:
    """The pictures of which this was said."""
    return set()


def _orientation(image: Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except _DAMAGED:
        return 1


def _turned(image: Image, orientation: int) -> Image:
    """As a viewer shows a picture of this orientation."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    turn = turns.get(orientation)
    return image.copy() if turn is None else image.transpose(turn)


def _coloured(image: Image, name: str, background: tuple[int, int, int] | None) -> Image:
    if image.mode == "F" or image.mode.startswith("I"):
        image = _eight_bits(image, name)
    clear = "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info
    if not clear:
        return image.convert("RGB")
    over = image.convert("RGBA")
    if background is None:
        return over
    if over.getchannel("A").getextrema()[0] != 255:
        _say(name, "what is transparent shows " + ("white" if background == WHITE else str(background)))
    return _composed(over, background)


def _composed(image: Image, background: tuple[int, int, int]) -> Image:
    """An RGBA picture on a colour, as RGB."""
    from PIL import Image

    return Image.alpha_composite(Image.new("RGBA", image.size, (*background, 255)), image).convert("RGB")


def _eight_bits(image: Image, name: str) -> Image:
    """Grey of more bits, by its depth."""
    import numpy as np
    from PIL import Image

    values = np.asarray(image)
    if values.dtype.kind == "f":
        if not (np.isfinite(values).all() and values.min(initial=0) >= 0 and values.max(initial=0) <= 1):
            raise GantkError(f"The image {name} has float values outside [0, 1]: scale it, or save it with 8 bits")
        peak = 1.0
    elif values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise GantkError(f"The image {name} has integers of more than 16 bits: save it with 8 or 16 bits")
    else:
        peak = 65535.0
    return Image.fromarray(np.floor(values.astype(np.float64) * (255.0 / peak) + 0.5).astype(np.uint8))
