"""Bytes by their SHA-256, whole or absent; names from outside are checked to be nothing but hexadecimal digits."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from gantk.store.files import write_atomic
from gantk.web.terms import SHA
from gantk.web.wire import ApiError

T = TypeVar("T")


class Blobs:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> str:
        """Keep bytes; the same bytes are kept once.

        Raises:
            GantkError: the disk is full.
        """
        sha = hashlib.sha256(data).hexdigest()
        if not (self.folder / sha).is_file():
            write_atomic(self.folder / sha, data)
        return sha

    def get(self, sha: str) -> bytes:
        """
        Raises:
            ApiError: 404 where there is no such blob, or it is damaged.
        """
        if sha not in self:
            raise ApiError(404, "There is no such blob in this project.")
        data = (self.folder / sha).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha:
            raise ApiError(404, f"The blob {sha[:12]}… is damaged on the disk.")
        return data

    def __contains__(self, sha: object) -> bool:
        return isinstance(sha, str) and SHA.fullmatch(sha) is not None and (self.folder / sha).is_file()


@contextlib.contextmanager
def as_file(data: bytes) -> Iterator[Path]:
    """Bytes as a file, for what reads files alone."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "blob.safetensors"
        path.write_bytes(data)
        yield path


def as_bytes(save: Callable[[Path, T], object], value: T) -> bytes:
    """What `save` writes, for what writes files alone."""
    with as_file(b"") as path:
        save(path, value)
        return path.read_bytes()
