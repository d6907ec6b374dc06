"""Sealed arrays: a .npy file followed by a few bytes that say whose it is and whether it is whole.

    the .npy as numpy writes it | mark of the run, 16 bytes | CRC-32 of all before, 4 bytes | b"gantk-01"

numpy reads such a file as if the seal were not there. Files of a run are renamed into place when they are complete, so
a seal finds what happens afterwards: a failing disk, a copy that was cut short, a file of another run.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from gantk.store.files import write_atomic
from gantk.store.inside import regular_file

if TYPE_CHECKING:
    import numpy as np

END = b"gantk-01"
MARK_BYTES = 16
SEAL_BYTES = MARK_BYTES + 4 + len(END)
BLOCK = 1 << 20


class _Summing:
    """Passes on what is written and keeps its checksum."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.crc = file, 0

    def write(self, data: bytes) -> int:
        self.crc = zlib.crc32(data, self.crc)
        return self.file.write(data)


def save_sealed(path: Path, array: np.ndarray[Any, Any], mark: str) -> Path:
    """Write an array and its seal, atomically and without pickle."""
    import numpy as np

    def write(file: IO[bytes]) -> None:
        summing = _Summing(file)
        np.save(summing, array, allow_pickle=False)
        summing.write(_bytes_of(mark))
        file.write(summing.crc.to_bytes(4, "big") + END)

    return write_atomic(path, write)


def is_sound(path: Path, mark: str) -> bool:
    """Whether a file bears a seal of that mark which fits its bytes; reads all of it, a block in memory at a time."""
    try:
        with open(regular_file(path), "rb") as file:
            length = os.fstat(file.fileno()).st_size - SEAL_BYTES
            if length < 0:
                return False
            crc, left = 0, length
            while left:
                block = file.read(min(BLOCK, left))
                if not block:
                    return False
                crc, left = zlib.crc32(block, crc), left - len(block)
            seal = file.read(SEAL_BYTES)
    except OSError:
        return False
    expected = _bytes_of(mark)
    crc = zlib.crc32(expected, crc)
    return seal == expected + crc.to_bytes(4, "big") + END


def bears(path: Path, mark: str) -> bool:
    """Whether a file ends with a seal of that mark; its bytes are not read."""
    try:
        with open(regular_file(path), "rb") as file:
            file.seek(-SEAL_BYTES, os.SEEK_END)
            return file.read(MARK_BYTES) == _bytes_of(mark)
    except OSError:
        return False


def _bytes_of(mark: str) -> bytes:
    return hashlib.sha256(mark.encode()).digest()[:MARK_BYTES]
