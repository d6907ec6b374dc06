"""What differs between two recordings, a sentence each."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from recording.store import Kept, Recording, Told


def differences(before: Recording, after: Recording, tolerance: float = 0.0) -> Iterator[str]:
    """Every difference.

    Args:
        tolerance: numbers a, b of float arrays and JSON may differ by tolerance · max(1, |a|, |b|); pictures by
            tolerance · 255 grey levels, in either case 0 unless asked for.
    """
    for name in sorted(before.told.keys() | after.told.keys()):
        if name not in after.told or name not in before.told:
            yield f"{name}: only in {'BEFORE' if name in before.told else 'AFTER'}"
        else:
            for sentence in _told(before.told[name], after.told[name], tolerance):
                yield f"{name}: {sentence}"


def _told(before: Told, after: Told, tolerance: float) -> Iterator[str]:
    if before.words != after.words:
        yield f"another command line: {before.words} -> {after.words}"
    yield from _items(before.said, after.said, tolerance)
    for path in sorted(before.files.keys() | after.files.keys()):
        if path not in after.files or path not in before.files:
            yield f"{path} is {'no longer' if path in before.files else 'now'} written"
        else:
            for sentence in _items(before.files[path], after.files[path], tolerance):
                yield f"{path}: {sentence}"
    if before.removed != after.removed:
        yield f"removed files: {before.removed} -> {after.removed}"


def _items(before: Mapping[str, Any], after: Mapping[str, Any], tolerance: float) -> Iterator[str]:
    for key in [*before, *(key for key in after if key not in before)]:
        if key not in after or key not in before:
            yield f"{key} {'is gone' if key in before else 'is new'}: {_short(before.get(key, after.get(key)))}"
        else:
            yield from (f"{key}: {sentence}" for sentence in _item(before[key], after[key], tolerance))


def _item(a: Any, b: Any, tolerance: float) -> Iterator[str]:
    if isinstance(a, Kept) and isinstance(b, Kept):
        yield from _array(a, b, tolerance)
    elif isinstance(a, str) and isinstance(b, str) and a != b:
        lines = difflib.unified_diff(a.splitlines(), b.splitlines(), lineterm="", n=0)
        changed = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
        yield " | ".join(changed[:6]) + (f" and {len(changed) - 6} more lines" if len(changed) > 6 else "")
    elif _number(a) and _number(b) and type(a) is type(b):
        if not _near(a, b, tolerance if isinstance(a, float) else 0.0):
            yield f"{a} -> {b}"
    elif type(a) is not type(b) or a != b:
        yield f"{_short(a)} -> {_short(b)}"


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _near(a: float, b: float, tolerance: float) -> bool:
    if a == b or (math.isnan(a) and math.isnan(b)):
        return True
    return bool(abs(a - b) <= tolerance * max(1.0, abs(a), abs(b)))


def _array(a: Kept, b: Kept, tolerance: float) -> Iterator[str]:
    if a.numbers.dtype != b.numbers.dtype:
        yield f"dtype {a.numbers.dtype} -> {b.numbers.dtype}"
    elif a.shape != b.shape:
        yield f"shape {list(a.shape)} -> {list(b.shape)}"
    elif a.digest != b.digest:
        kind = a.numbers.dtype.kind
        wide = np.complex128 if kind == "c" else np.float64
        first, second = a.numbers.astype(wide), b.numbers.astype(wide)
        same = (first == second) | (np.isnan(first) & np.isnan(second))
        with np.errstate(invalid="ignore"):
            apart = np.where(same, 0.0, np.abs(first - second))
        room = np.maximum(1.0, np.maximum(np.abs(first), np.abs(second))) * tolerance
        if a.numbers.dtype == np.uint8:
            room = np.full_like(apart, 255 * tolerance)
        elif kind != "f" and kind != "c":
            room = np.zeros_like(apart)
        outside = ~(apart <= room)  # NaN where one of the two is not a number is outside
        if outside.any():
            what = "grey levels" if a.numbers.dtype == np.uint8 else "max abs diff"
            yield f"{what} {np.max(apart):.6g}, {int(outside.sum())} of {outside.size} numbers differ"
        elif tolerance == 0:
            yield "differs between the numbers that are kept"


def _short(value: Any) -> str:
    if isinstance(value, Kept):
        return f"{value.numbers.dtype} {list(value.shape)}"
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."
