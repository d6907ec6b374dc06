"""Paths through codes: straight, along great circles, or as a smooth curve.

Shape legend: K keys, T frames, ... the shape of one code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.errors import UsageError

Array = npt.NDArray[Any]


def frame_times(keys: int, frames: int, loop: bool) -> Array:
    """Where each frame is, in keys, [T]: `frames` from each key to the next; a loop ends before its first key again.

    Raises:
        UsageError: there are not two keys.
    """
    if keys < 2:
        raise UsageError(f"A walk needs two codes at least, and there is {keys}: give --seeds 0-5, or --num.")
    if loop:
        return np.arange(keys * frames) / frames
    return np.arange((keys - 1) * frames + 1) / frames


def along(keys_K: Array, times_T: Array, kind: str, loop: bool, centre: Array | float = 0.0) -> Array:
    """Codes [T, ...] on the path through keys [K, ...], which it meets at whole times.

    Args:
        kind: linear; spherical: the direction from `centre` turns evenly, the distance from it changes evenly; spline:
            a cubic spline, periodic where it is a loop, without curvature at its ends otherwise.
    """
    closed_K = np.concatenate([keys_K, keys_K[:1]]) if loop else keys_K
    if kind == "spline":
        from scipy.interpolate import CubicSpline

        curve = CubicSpline(np.arange(len(closed_K)), closed_K, axis=0, bc_type="periodic" if loop else "natural")
        return np.asarray(curve(times_T))
    first_T = np.minimum(np.floor(times_T).astype(int), len(closed_K) - 2)
    share_T = (times_T - first_T).reshape(-1, *[1] * (keys_K.ndim - 1))
    start, end = closed_K[first_T], closed_K[first_T + 1]
    if kind == "linear":
        return np.asarray((1 - share_T) * start + share_T * end)
    return centre + _turned(start - centre, end - centre, share_T)


def _turned(a: Array, b: Array, share: Array) -> Array:
    """From a to b along the great circle of the last axis; lengths change evenly. Parallel codes go straight."""
    long_a, long_b = (np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12) for x in (a, b))
    unit_a, unit_b = a / long_a, b / long_b
    angle = np.arccos(np.clip((unit_a * unit_b).sum(-1, keepdims=True), -1, 1))
    sine = np.sin(angle)
    flat = sine < 1e-6
    safe = np.where(flat, 1.0, sine)
    turned = (np.sin((1 - share) * angle) * unit_a + np.sin(share * angle) * unit_b) / safe
    unit = np.where(flat, (1 - share) * unit_a + share * unit_b, turned)
    return np.asarray(unit * ((1 - share) * long_a + share * long_b))
