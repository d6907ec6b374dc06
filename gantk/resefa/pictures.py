"""Pictures of regions and edits: outlines over a sample, differences as heat, strips along a direction.

Shape legend: N samples, K steps, R regions, H x W pixels of the image, S x S of the working size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.generators.base import Generator
from gantk.pictures.images import to_uint8
from gantk.runs.stores import Store

LEAST_SIDE = 192  # smaller pictures are enlarged: an outline needs pixels of its own
INSIDE_TINT, EDGE = (255, 214, 60), (255, 60, 60)

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def enlarged(picture_HWC: Pixels) -> Pixels:
    """Every pixel repeated until the shorter side is long enough to look at."""
    factor = max(1, -(-LEAST_SIDE // min(picture_HWC.shape[:2])))
    return picture_HWC.repeat(factor, 0).repeat(factor, 1)


def colours(picture_HWC: Pixels) -> Pixels:
    """Pictures of any number of channels as colour ones, of the same size."""
    channels = picture_HWC.shape[2]
    return np.repeat(picture_HWC[..., :1], 3, 2) if channels < 3 else picture_HWC[..., :3]


def outlined(picture_HWC: Pixels, mask_SS: Mask) -> Pixels:
    """A picture with its region tinted and outlined, at least LEAST_SIDE pixels wide."""
    big = enlarged(colours(picture_HWC)).astype(np.float32)
    rows, columns = (np.arange(side) * of // side for side, of in zip(big.shape[:2], mask_SS.shape, strict=True))
    mask = mask_SS[rows][:, columns]
    padded = np.pad(mask, 1, mode="edge")
    edge = mask & ~(padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:])
    big[mask] = 0.72 * big[mask] + 0.28 * np.array(INSIDE_TINT)
    big[edge] = EDGE
    return big.round().astype(np.uint8)


def heat(change_HW: npt.NDArray[np.float64], limit: float) -> Pixels:
    """Magnitudes as colours: black where nothing changes, over red and yellow to white at `limit`."""
    level = np.clip(change_HW / max(limit, 1e-12), 0, 1)
    rgb = np.stack([np.clip(3 * level, 0, 1), np.clip(3 * level - 1, 0, 1), np.clip(3 * level - 2, 0, 1)], -1)
    return (255 * rgb).round().astype(np.uint8)


def keep_overlays(
    store: Store, generator: Generator, wp_1LD: Tensor, mask_RSS: Mask, names: Sequence[str], sample: int
) -> None:
    """One picture per region of a sample: regions/000000_eyes.png."""
    with torch.inference_mode():
        picture = to_uint8(generator.synthesize(wp_1LD))[0]
    named = zip(names, mask_RSS, strict=True)
    store.keep_pictures({overlay_name(sample, name): outlined(picture, mask_SS) for name, mask_SS in named})


def overlay_name(sample: int, region: str) -> str:
    """The file of a sample's region in a run directory."""
    return f"regions/{sample:06d}_{region}.png"


def rms_change(image_NCHW: Tensor, other_NCHW: Tensor) -> npt.NDArray[np.float64]:
    """Root mean square over colours of the difference, on [0, 1], [N, H, W]."""
    found: npt.NDArray[np.float64] = (image_NCHW - other_NCHW).double().square().mean(1).sqrt().mul(0.5).cpu().numpy()
    return found
