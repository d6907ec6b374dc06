"""Which files of a folder are pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gantk.store.inside import is_listed

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def pictures_below(folder: Path) -> Iterator[Path]:
    """The pictures of a folder and of those below it, in no order; hidden ones are left out."""
    return (path for path in folder.rglob("*") if is_listed(path.relative_to(folder), SUFFIXES) and path.is_file())
