"""What a page shows of weight directions: strips of pictures, originals beside edits, and where in the image they act.

Shape legend: N samples, T steps, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.navigan.directions import WeightDirections
from gantk.navigan.strength import Curve
from gantk.navigan.target import Prefix, Target
from gantk.pictures.images import to_uint8
from gantk.runs.run import Run
from gantk.store.channels import viewable
from gantk.store.files import save_image

IMAGES = "images"
PAIRS = 2  # samples of which original, edit and difference stand side by side
Map = npt.NDArray[np.float64]


def steps_of(scale: float, count: int) -> list[float]:
    """`count` strengths from -scale to +scale; an odd count has 0 in it."""
    return [round(float(value), 6) for value in np.linspace(-scale, scale, count)]


def show(
    run: Run,
    target: Target,
    codes: Tensor,
    directions: WeightDirections,
    rows: Sequence[int],
    curves: Mapping[int, Curve],
    *,
    samples: int = 4,
    steps: int = 9,
    bar: Any = None,
) -> list[dict[str, Any]]:
    """Render and write pictures of some directions; returns what the page reads of each.

    Args:
        codes: of the samples; the first `samples` get a strip, all count in the difference map.
    """
    run.output(IMAGES, "pictures of the page")
    with torch.inference_mode():
        prefix = target.prefix(codes)
        before_NCHW = target.images(prefix)
        shown = []
        for row in rows:
            curve = curves.get(row)
            scale = curve.scale if curve is not None else directions.scale(row)
            delta = directions.delta(row).to(target.weight)
            entry = _strips(run, target, prefix.take(slice(0, samples)), delta, row, steps_of(scale, steps))
            after_NCHW = target.moved(prefix, delta, scale)
            other_NCHW = target.moved(prefix, delta, -scale)
            change_NHW = ((after_NCHW - before_NCHW).abs() + (other_NCHW - before_NCHW).abs()).mean(1) / 2
            entry |= _maps(run, row, before_NCHW, after_NCHW, change_NHW, PAIRS)
            entry |= {"scale": scale, "name": f"direction {row}", "row": None, "space": "the weight"}
            for key, name in (("eigenvalues", "eigenvalue"), ("singular_values", "singular value")):
                values = directions.meta.get(key)
                if isinstance(values, (list, tuple)) and row < len(values):
                    entry["value"], entry["value_name"] = float(values[row]), name
            if curve is not None:
                entry["curve"] = {"strengths": curve.strengths, "distances": curve.distances}
                entry["reached"] = curve.reached
            shown.append(entry)
            if bar is not None:
                bar.update(1)
    return shown


def _strips(
    run: Run, target: Target, prefix: Prefix, delta: Tensor, row: int, strengths: list[float]
) -> dict[str, Any]:
    frames: list[list[str]] = [[] for _ in range(len(prefix))]
    for step, strength in enumerate(strengths):
        for sample, image in enumerate(to_uint8(target.moved(prefix, delta, strength))):
            name = f"{IMAGES}/direction{row:03d}_{sample:03d}_{step:03d}.png"
            save_image(run.path(name), _drawable(image))
            frames[sample].append(name)
    middle = min(range(len(strengths)), key=lambda step: abs(strengths[step]))
    return {
        "quantity": "strength",
        "distances": strengths,
        "frames": frames,
        "samples": [f"sample {sample}" for sample in range(len(prefix))],
        "start": middle,
    }


def _maps(
    run: Run, row: int, before_NCHW: Tensor, after_NCHW: Tensor, change_NHW: Tensor, samples: int
) -> dict[str, Any]:
    """Originals, edits and maps of the first samples, and the mean map over all."""
    mean_HW = change_NHW.mean(0).double().cpu().numpy()
    limit = float(change_NHW[:samples].amax()) or 1.0
    pairs = []
    for sample in range(min(samples, len(before_NCHW))):
        names = {kind: f"{IMAGES}/{kind}{row:03d}_{sample:03d}.png" for kind in ("original", "edited", "change")}
        save_image(run.path(names["original"]), _drawable(to_uint8(before_NCHW[sample : sample + 1])[0]))
        save_image(run.path(names["edited"]), _drawable(to_uint8(after_NCHW[sample : sample + 1])[0]))
        save_image(run.path(names["change"]), heat(change_NHW[sample].double().cpu().numpy(), limit))
        pairs.append(names)
    name = f"{IMAGES}/change{row:03d}.png"
    save_image(run.path(name), heat(mean_HW, float(mean_HW.max()) or 1.0))
    return {"pairs": pairs, "map": name, "change": float(mean_HW.mean()), "change_most": float(mean_HW.max())}


def _drawable(image_HWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return viewable(image_HWC, alpha=False)


def heat(values_HW: Map, limit: float) -> npt.NDArray[np.uint8]:
    """A map [H, W] from 0 to `limit` as colours from black over orange to white."""
    share = np.clip(values_HW / limit, 0, 1)
    stops = np.array([[12, 12, 20], [120, 30, 90], [230, 100, 40], [255, 200, 80], [255, 255, 240]], dtype=np.float64)
    place = np.linspace(0, 1, len(stops))
    channels = [np.interp(share, place, stops[:, channel]) for channel in range(3)]
    return np.stack(channels, -1).round().astype(np.uint8)
