"""What an input is, by its contents: a run is only continued, and shards are only joined, where all inputs agree.

No author lists checksums: the runner takes the fingerprint of everything that a task's inputs loaded. An object of a
kind that has none is an error of the task, so that none can be forgotten.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def fingerprint(value: object) -> object:
    """A plain value that is equal for equal inputs: the input itself where it is plain, else a checksum.

    Objects say what they are with a method `fingerprint()`; modules of torch are their class and weights.

    Raises:
        TypeError: nothing says what the object is.
    """
    own = getattr(value, "fingerprint", None)
    if callable(own):
        said: object = own()
        return said
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return of_path(value)
    if isinstance(value, np.ndarray):
        return _short(_array(value))
    if isinstance(value, (list, tuple)):
        return [fingerprint(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): fingerprint(part) for key, part in value.items()}
    if hasattr(value, "state_dict"):
        return of_module(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: fingerprint(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if hasattr(value, "detach"):
        return fingerprint(value.detach().cpu().numpy())
    raise TypeError(f"a {type(value).__name__} has no fingerprint: give it a method fingerprint()")


def _array(array: np.ndarray[Any, Any]) -> bytes:
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    rows = max(1, (1 << 24) // max(1, array[:1].nbytes)) if array.ndim else 1
    for start in range(0, len(array) if array.ndim else 1, rows):
        part = array[start : start + rows] if array.ndim else array
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.digest()


def _short(digest: bytes) -> str:
    return digest.hex()[:32]


def of_path(path: Path) -> str:
    """The fingerprint of a file's bytes, or of all files of a folder with their names."""
    digest = hashlib.sha256()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with open(file, "rb") as opened:
            for block in iter(lambda opened=opened: opened.read(1 << 20), b""):  # type: ignore[misc]
                digest.update(block)
    return _short(digest.digest())


class HasState(Protocol):
    """A torch module, as far as its weights go: nothing here imports torch."""

    def state_dict(self) -> Mapping[str, Tensor]: ...


def of_module(module: HasState) -> str:
    """The fingerprint of a torch module: its class, and the names and values of its weights."""
    digest = hashlib.sha256(type(module).__qualname__.encode())
    for name, tensor in module.state_dict().items():
        array = tensor.detach().float().cpu().numpy() if tensor.is_floating_point() else tensor.detach().cpu().numpy()
        digest.update(name.encode() + _array(array))
    return _short(digest.digest())
