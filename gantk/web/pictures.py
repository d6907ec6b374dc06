"""Rendered images as bytes for the page, and files made of them."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from torch import Tensor

from gantk.pictures.animation import GridStyle, fuse, there_and_back, write_animation
from gantk.pictures.images import encode, to_uint8
from gantk.web import wire

Image = npt.NDArray[np.uint8]
QUALITY = 92
FPS = 12.0


def shown(image_1CHW: Tensor, size: int) -> Image:
    """uint8 [H, W, C], no larger than `size` pixels a side."""
    from PIL import Image as Pillow

    picture = to_uint8(image_1CHW)[0]
    if picture.shape[-1] not in (1, 3):
        picture = picture[..., :3]
    side = max(picture.shape[:2])
    if side <= size:
        return picture
    scale = size / side
    wanted = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    pillow = Pillow.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    found: Image = np.asarray(pillow.resize(wanted, Pillow.Resampling.BOX))
    return found if found.ndim == 3 else found[..., None]


def packed(picture: Image, final: bool) -> tuple[int, bytes]:
    """Format number and bytes: JPEG while something moves, PNG when it has come to rest."""
    from PIL import Image as Pillow

    if final:
        return wire.PNG, encode(picture)
    buffer = io.BytesIO()
    pillow = Pillow.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    pillow.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return wire.JPEG, buffer.getvalue()


def strip(frames: list[Image]) -> bytes:
    """Frames side by side as a PNG."""
    return encode(fuse(np.stack(frames), GridStyle(rows=1, column_spacing=2, white=True)))


def animation(frames: list[Image], form: str) -> bytes:
    """Frames there and back as GIF, WebP or MP4; small ones are enlarged by whole factors, so that they can be seen."""
    factor = max(1, 256 // max(frames[0].shape[:2]))
    large = [frame.repeat(factor, 0).repeat(factor, 1) for frame in frames]
    with TemporaryDirectory() as folder:
        path = write_animation(Path(folder) / f"animation.{form}", [large[i] for i in there_and_back(len(large))], FPS)
        return path.read_bytes()
