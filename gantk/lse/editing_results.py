"""What an edit leaves: pictures before and after, label maps, the way between as frames, the code.

Shape legend: L rows of wp, D width, S side of the labels.
"""

from __future__ import annotations

import numpy as np
import torch

from gantk.generators.base import Generator
from gantk.lse.editing import Edited, Stroke, image_of
from gantk.lse.label_maps import colour_map, write_label_map
from gantk.lse.tables import side_by_side
from gantk.pictures.images import to_rgb8
from gantk.predictors.heads import Head
from gantk.runs.run import Run
from gantk.store.files import save_image

FRAMES = "frames"


def record(run: Run, generator: Generator, head: Head, stroke: Stroke, found: Edited, frames: int) -> None:
    """Write pictures and the code, and record what the page shows."""
    size, colours = head.info.size, head.class_colours
    run.save_npy("wp.npy", torch.cat([found.before, found.after]).float().cpu().numpy(), "the code before and after")
    before, after = image_of(found, size)
    painted = before.copy() if before.shape[2] == 3 else before.repeat(3, 2)
    if stroke.label is not None:
        mask = stroke.label != 255
        painted[mask] = (0.35 * painted[mask] + 0.65 * colour_map(stroke.label, colours)[mask]).astype(np.uint8)
    if stroke.colour is not None and stroke.painted is not None:
        painted[stroke.painted] = stroke.colour[stroke.painted]
    pictures = {
        "before": before,
        "stroke": painted,
        "after": after,
        "labels before": found.label_before,
        "labels after": found.label_after,
        "change": _difference(before, after),
    }
    files = {}
    for name, picture in pictures.items():
        files[name] = f"{name.replace(' ', '-')}.png"
        save_image(run.output(files[name]), side_by_side([picture], colours))
    write_label_map(run.output("label.png", "label map after, class numbers"), found.label_after, colours)
    run.record("pictures", files)
    run.record("frames", _frames(run, generator, found, frames))
    run.record("values", np.linspace(0, 1, frames))
    run.record("losses", found.losses)
    run.record("followed", found.followed if stroke.label is not None else None)
    run.record("changed", found.changed)
    run.record("class_names", head.class_names)
    run.record("class_colours", colours)
    rows = (found.after - found.before).square().mean((0, 2)).sqrt()
    run.record("moved", rows.cpu().numpy())


def _difference(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How much each pixel changed, white for most."""
    change = np.abs(after.astype(np.float32) - before).mean(2)
    scaled = (255 * change / max(float(change.max()), 1.0)).astype(np.uint8)
    return np.repeat(scaled[..., None], 3, 2)


@torch.inference_mode()
def _frames(run: Run, generator: Generator, found: Edited, count: int) -> list[str]:
    names = []
    for place, share in enumerate(np.linspace(0, 1, count)):
        image = generator.synthesize(torch.lerp(found.before, found.after, float(share)))
        names.append(f"{FRAMES}/{place:02d}.png")
        save_image(run.path(names[-1]), side_by_side([to_rgb8(image)[0]], ()))
    run.output(FRAMES, "the way from the image to the edited one")
    return names
