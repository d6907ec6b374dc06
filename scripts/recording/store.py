"""A recording on the disk: a JSON file per command, and the arrays of all of them once, by their hash, in one .npz."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from recording.leavings import Item, Items

MOST = 1_500_000  # bytes of an array that is kept whole; of a larger one every n-th number is, with its hash
ARRAYS = "arrays.npz"


@dataclass
class Told:
    """What a command line said and left.

    Attributes:
        words: after `gantk`.
        said: exit code, stdout, stderr.
        files: written or changed by it, by their path in the working directory.
        removed: files that it took away.
    """

    words: str
    said: Items
    files: dict[str, Items] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)


class Recording:
    """The commands of a recording by name."""

    def __init__(self, told: dict[str, Told]) -> None:
        self.told = told

    def only(self, parts: list[str] | None) -> Recording:
        """The commands whose names have one of the parts in them; all without parts."""
        return Recording({n: t for n, t in self.told.items() if not parts or any(part in n for part in parts)})

    def save(self, folder: Path) -> None:
        """Write it; an earlier recording in the folder is replaced."""
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.json"):
            old.unlink()
        arrays: dict[str, np.ndarray] = {}
        for name, told in self.told.items():
            written = {
                "words": told.words,
                "said": told.said,
                "removed": told.removed,
                "files": {
                    path: {key: _pack(item, arrays) for key, item in items.items()}
                    for path, items in sorted(told.files.items())
                },
            }
            (folder / f"{name}.json").write_text(json.dumps(written, indent=0, ensure_ascii=False), encoding="utf-8")
        np.savez_compressed(folder / ARRAYS, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, folder: Path) -> Recording:
        """Read one.

        Raises:
            SystemExit: there is none.
        """
        if not (folder / ARRAYS).is_file():
            raise SystemExit(f"There is no recording in {folder}: make one with `python scripts/record.py {folder}`.")
        told = {}
        with np.load(folder / ARRAYS, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        for path in sorted(folder.glob("*.json")):
            written: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            files = {
                name: {key: _unpack(item, arrays) for key, item in items.items()}
                for name, items in written["files"].items()
            }
            told[path.stem] = Told(written["words"], written["said"], files, written["removed"])
        return cls(told)


def _pack(item: Item, arrays: dict[str, np.ndarray]) -> object:
    """An array as the key of its numbers; anything else as it is."""
    if not isinstance(item, np.ndarray):
        return item
    numbers = np.ascontiguousarray(item)
    digest = hashlib.sha256(f"{numbers.dtype} {item.shape} ".encode() + numbers.tobytes()).hexdigest()[:20]
    every = -(-numbers.nbytes // MOST)
    arrays[digest] = item if every <= 1 else numbers.ravel()[::every]
    return {"array": digest, "shape": list(item.shape), "every": max(every, 1)}


@dataclass(frozen=True)
class Kept:
    """An array of a recording: the hash of all its numbers, and the numbers or, of a large one, every n-th."""

    digest: str
    shape: tuple[int, ...]
    numbers: np.ndarray


def _unpack(item: Any, arrays: dict[str, np.ndarray]) -> Any:
    if not isinstance(item, dict):
        return item
    return Kept(item["array"], tuple(item["shape"]), arrays[item["array"]])
