"""The state of a training as plain values whose file depends on nothing but the values.

`torch.save` writes which of the texts, tuples and storages in a state are one object. A state that was loaded and goes
on shares others than one that was never saved, so that its file would have other bytes for the same numbers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gantk.store.files import write_atomic


# Any: tensors, numbers, texts, lists and tables of them, as a training nests them
def write_state(path: str | os.PathLike[str], state: Mapping[str, Any]) -> Path:
    """Write the state of a training with torch.save: all of it, or on a failure what was there stays.

    Raises:
        GantkError: the disk is full, or the path cannot be written.
    """
    import torch

    kept = canonical(state)
    return write_atomic(path, lambda file: torch.save(kept, file))


def canonical(value: object, texts: dict[str, str] | None = None) -> Any:
    """A copy in which equal texts are one object and nothing else is shared; tensors are whole and on the CPU.

    Raises:
        TypeError: a value that no state holds.
    """
    import torch

    texts = {} if texts is None else texts
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().contiguous().clone(memory_format=torch.contiguous_format)
    if isinstance(value, str):
        return texts.setdefault(value, value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {canonical(key, texts): canonical(part, texts) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple([canonical(part, texts) for part in value])
    if isinstance(value, list):
        return [canonical(part, texts) for part in value]
    raise TypeError(f"the state of a training holds a {type(value).__name__}, which is no plain value")
