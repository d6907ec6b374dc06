"""Pictures as bytes for a page: encoded once, inside the page while it stays small, beside it otherwise."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

from gantk.errors import GantkError
from gantk.pictures.opening import open_picture, picture_format, picture_sides
from gantk.reports.sections import Picture
from gantk.reports.text import typeset
from gantk.store.channels import viewable
from gantk.store.inside import regular_file

PAGE_LIMIT = 10_000_000
"""Bytes a page may have before its pictures move beside it."""

LARGEST = 160_000_000
"""Pixels of a picture of a run: the grids of a command may have many."""

LOSSLESS_PIXELS = 128 * 128
"""Up to this size WebP is lossless: chroma at half resolution is visible there, and the bytes are few."""

_KEPT_AS_IS = {".webp": "image/webp", ".gif": "image/gif"}
_SAFE_NAME = re.compile(r"[^A-Za-z0-9._+-]+")
_FOLDER_FILE = re.compile(r"[0-9a-f]{16}\.(webp|png|gif)")


class PageTooLarge(Exception):
    """Raised by an inline store at the first picture that no longer fits; the page is then written with a folder."""


@dataclass(frozen=True)
class Encoded:
    data: bytes
    suffix: str
    mime: str
    width: int
    height: int


@dataclass(frozen=True)
class Shown:
    """What a template needs of a picture."""

    url: str
    width: int
    height: int
    alt: str
    label: str
    name: str
    inline: bool


def encode(picture: Picture) -> Encoded:
    """WebP (PNG where the image has a format of its own that WebP would not keep); WebP and GIF files stay byte for
    byte."""
    try:
        if isinstance(picture.source, np.ndarray):
            image = Image.fromarray(viewable(picture.source))
        else:
            suffix = picture.source.suffix.lower()
            data = regular_file(picture.source).read_bytes()
            if suffix in _KEPT_AS_IS and picture_format(data) in ("WEBP", "GIF"):
                return Encoded(data, suffix, _KEPT_AS_IS[suffix], *picture_sides(data, max_pixels=LARGEST))
            image = open_picture(data, max_pixels=LARGEST, background=None)
    except (OSError, GantkError) as error:
        raise GantkError(
            f"The image {picture.source} cannot be read ({error}); make the run again or remove the file."
        ) from error
    if max(image.size) > 16383:  # the largest side a WebP can have
        return Encoded(_save(image, "PNG", optimize=True), ".png", "image/png", *image.size)
    lossless = picture.lossless if picture.lossless is not None else image.width * image.height <= LOSSLESS_PIXELS
    data = (
        _save(image, "WEBP", lossless=True, quality=60, method=4)
        if lossless
        else _save(image, "WEBP", quality=88, method=4)
    )
    return Encoded(data, ".webp", "image/webp", *image.size)


def _save(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=form, **options)
    return buffer.getvalue()


def thumbnail(picture: Picture, side: int = 320) -> Picture:
    """A smaller copy for cards, no side longer than `side`; small pictures come back unchanged."""
    if isinstance(picture.source, np.ndarray):
        image = Image.fromarray(viewable(picture.source))
    else:
        try:
            image = open_picture(picture.source, max_pixels=LARGEST)
        except GantkError as error:
            raise GantkError(
                f"The image {picture.source} cannot be read ({error}); make the run again or remove the file."
            ) from error
    if max(image.size) <= side:
        return picture
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return Picture(np.asarray(image), picture.alt, picture.label, picture.name, picture.lossless)


def saved_name(picture: Picture, suffix: str) -> str:
    """The file name offered when the picture is saved: from its name, its file or its label, without anything
    unusual."""
    stem = picture.name or (picture.source.stem if isinstance(picture.source, Path) else "") or picture.label or "image"
    return (_SAFE_NAME.sub("_", stem).strip("._") or "image")[:80] + suffix


class ImageStore:
    """Gives each picture an address.

    Inline, the addresses are data URIs and `PageTooLarge` is raised when they exceed `limit` bytes. With a folder,
    files named by their content are handed to `write(name, data)` and the address is `<folder>/<name>`.
    """

    def __init__(self, limit: int = PAGE_LIMIT, folder: str = "", write: Callable[[str, bytes], None] | None = None):
        self._limit = limit
        self._folder = folder
        self._write = write
        self._bytes = 0
        self._known: dict[int, Shown] = {}
        self._kept_alive: list[Picture] = []
        self.files: set[str] = set()

    def show(self, picture: Picture) -> Shown:
        shown = self._known.get(id(picture))
        if shown is None:
            encoded = encode(picture)
            name = saved_name(picture, encoded.suffix)
            shown = Shown(
                self._address(encoded),
                encoded.width,
                encoded.height,
                typeset(picture.alt),
                typeset(picture.label),
                name,
                not self._folder,
            )
            self._known[id(picture)] = shown
            self._kept_alive.append(picture)  # an id is only unique while its object lives
        if not self._folder:
            self._bytes += len(shown.url)
            if self._bytes > self._limit:
                raise PageTooLarge
        return shown

    def _address(self, encoded: Encoded) -> str:
        if not self._folder:
            return f"data:{encoded.mime};base64,{base64.b64encode(encoded.data).decode('ascii')}"
        name = hashlib.sha256(encoded.data).hexdigest()[:16] + encoded.suffix
        if name not in self.files and self._write is not None:
            self._write(name, encoded.data)
        self.files.add(name)
        return f"{quote(self._folder)}/{name}"


def stale_files(folder: Path, kept: set[str]) -> list[Path]:
    """Pictures an earlier page left in its folder; files that are not named like ours are never listed."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _FOLDER_FILE.fullmatch(path.name) and path.name not in kept)
