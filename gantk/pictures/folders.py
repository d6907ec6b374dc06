"""Which files of a folder are pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gantk.store.inside import is_listed
from gantk.store.progress import tell

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff")
_UNREAD = (".heic", ".heif", ".avif", ".jp2", ".jxl", ".psd", ".svg", ".dng", ".cr2", ".nef", ".arw")


def pictures_below(folder: Path) -> Iterator[Path]:
    """The pictures of a folder and of those below it, in no order; hidden ones are left out."""
    return _below(folder, SUFFIXES)


def pictures_in_order(folder: Path) -> list[Path]:
    """The pictures of a folder and of those below it by name; those of kinds that are not read are said."""
    unread = sorted(_below(folder, _UNREAD))
    if unread:
        kinds = ", ".join(sorted({path.suffix.lower() for path in unread}))
        tell(f"{folder}: {len(unread)} pictures of kinds that are not read ({kinds}) are left out: save them as PNG.")
    return sorted(pictures_below(folder))


def _below(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if is_listed(path.relative_to(folder), suffixes) and path.is_file())
