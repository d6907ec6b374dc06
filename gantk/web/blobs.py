"""Bytes by their SHA-256, whole or absent; names from outside are checked to be nothing but hexadecimal digits."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gantk.store.files import write_atomic
from gantk.web.terms import SHA
from gantk.web.wire import ApiError


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
