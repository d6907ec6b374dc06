"""Frames as one picture or a moving one: HiGAN's grid of samples, and GIF, WebP and MP4 files.

Shape legend: N images, T frames, H x W pixels.
"""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gantk.errors import UsageError
from gantk.store.channels import rgb
from gantk.store.files import write_atomic

Image = npt.NDArray[np.uint8]

FORMATS = ("gif", "webp", "mp4")


@dataclass(frozen=True)
class GridStyle:
    """How images are put side by side; lengths in pixels."""

    rows: int = 0
    columns: int = 0
    row_spacing: int = 0
    column_spacing: int = 0
    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0
    white: bool = False
    size: int = 0  # images are resized to this square; 0 leaves them


def grid_shape(count: int, rows: int = 0, columns: int = 0) -> tuple[int, int]:
    """Rows and columns for `count` images, by HiGAN's rule.

    What is asked for is taken where it divides the count (both only when their product is the count); otherwise the
    most square division, lying rather than standing.
    """
    if count <= 0:
        return 0, 0
    if rows > 0 and columns > 0:
        if rows * columns == count:
            return rows, columns
        rows = columns = 0
    if rows > 0 and count % rows == 0:
        return rows, count // rows
    if columns > 0 and count % columns == 0:
        return count // columns, columns
    best = next(size for size in range(math.isqrt(count), 0, -1) if count % size == 0)
    return best, count // best


def fuse(images_NHWC: Image, style: GridStyle | None = None) -> Image:
    """Put images [N, H, W, C] side by side, row by row, as one [H', W', C]."""
    style = style or GridStyle()
    if style.size:
        images_NHWC = np.stack([resize(image, style.size) for image in images_NHWC])
    n, height, width, channels = images_NHWC.shape
    rows, columns = grid_shape(n, style.rows, style.columns)
    full_height = style.top + rows * (height + style.row_spacing) - style.row_spacing + style.bottom
    full_width = style.left + columns * (width + style.column_spacing) - style.column_spacing + style.right
    canvas = np.full((full_height, full_width, channels), 255 if style.white else 0, dtype=np.uint8)
    for index, image in enumerate(images_NHWC):
        row, column = divmod(index, columns)
        y = style.top + row * (height + style.row_spacing)
        x = style.left + column * (width + style.column_spacing)
        canvas[y : y + height, x : x + width] = image
    return canvas


def resize(image_HWC: Image, size: int) -> Image:
    """An image as a square of `size` pixels a side."""
    from PIL import Image as Pillow

    picture = Pillow.fromarray(image_HWC[..., 0] if image_HWC.shape[-1] == 1 else image_HWC)
    array: Image = np.asarray(picture.resize((size, size), Pillow.Resampling.BILINEAR))
    return array.reshape(size, size, image_HWC.shape[-1])


def write_animation(path: Path, frames_THWC: Sequence[Image], fps: float = 24.0) -> Path:
    """Write frames as an animation in the format of the suffix: .gif or .webp (looped, by Pillow), .mp4 (by ffmpeg).

    Raises:
        UsageError: another suffix, no frames, a frame rate that is not positive, or .mp4 without the extra.
    """
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMATS:
        raise UsageError(f"Animations are {', '.join(FORMATS)}: {path.name} is none of these.")
    if not len(frames_THWC) or not 0 < fps <= 240:
        raise UsageError(
            f"{len(frames_THWC)} frames at {fps:g} per second make no animation: give 1 to 240 per second."
        )
    frames = [rgb(frame) for frame in frames_THWC]
    if form == "mp4":
        return _write_mp4(path, frames, fps)
    from PIL import Image as Pillow

    pictures = [Pillow.fromarray(frame) for frame in frames]
    buffer = io.BytesIO()
    save = partial(pictures[0].save, buffer, form.upper(), save_all=True, append_images=pictures[1:], loop=0)
    if form == "gif":
        save(optimize=False, duration=max(20, round(1000 / fps)))
    else:
        save(quality=90, method=4, duration=max(1, round(1000 / fps)))
    return write_atomic(path, buffer.getvalue())


def require_mp4() -> None:
    """Say so before any work when .mp4 cannot be written.

    Raises:
        UsageError: the extra is not installed.
    """
    try:
        import imageio_ffmpeg  # noqa: F401
    except ImportError:
        raise UsageError(
            "An .mp4 needs the extra package: pip install 'gantk[video]', or ask for gif or webp, which need nothing."
        ) from None


def _write_mp4(path: Path, frames: Sequence[Image], fps: float) -> Path:
    require_mp4()
    import imageio_ffmpeg

    height, width = frames[0].shape[:2]
    # Odd sides are cut by a pixel: the common pixel format stores colour for pairs.
    size = (width - width % 2, height - height % 2)
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / "animation.mp4"
        writer = imageio_ffmpeg.write_frames(
            str(temporary), size, fps=fps, codec="libx264", quality=8, macro_block_size=1, ffmpeg_log_level="error"
        )
        writer.send(None)
        for frame in frames:
            writer.send(np.ascontiguousarray(frame[: size[1], : size[0]]))
        writer.close()
        return write_atomic(path, temporary.read_bytes())


def there_and_back(count: int) -> list[int]:
    """Frame indices that run to the end and back, so that a loop has no jump."""
    return [*range(count), *range(count - 2, 0, -1)]


def animate_arrays(frames: Sequence[Sequence[Image]], path: Path, fps: float, once: bool, style: GridStyle) -> Path:
    """Write the steps of several samples as one animation, each frame all samples side by side.

    Args:
        frames: images [H, W, C] by sample and step.
        once: one way instead of there and back.
    """
    count = len(frames[0]) if frames else 0
    pictures = [fuse(np.stack([sample[step] for sample in frames]), style) for step in range(count)]
    return write_animation(path, pictures if once else [pictures[i] for i in there_and_back(count)], fps)
