"""Images at the edge: float [-1, 1] to uint8 and back, and files written by threads while the next batch is computed.

Shape legend: N samples, C channels, H x W pixels.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gantk.errors import UsageError
from gantk.store.channels import colours, viewable
from gantk.store.files import write_atomic

if TYPE_CHECKING:
    from torch import Tensor

FORMATS = ("png", "jpg", "webp")
MAX_WORKERS = 8
MOST_WAITING = 256 << 20  # bytes of pictures that wait for a thread; then the network waits

LARGE, LARGE_LEVEL, LEVEL = 512 * 512, 1, 6
"""Pixels of a large picture, and the levels of png's compression.

A photograph of 1024 x 1024 takes 0.09 s at level 1 and 0.38 s at level 6, whose file is 14 % smaller (2 cores, no GPU);
small pictures take less than a millisecond at any level, and the level that is usual.
"""


def to_uint8(image_NCHW: Tensor) -> npt.NDArray[np.uint8]:
    """Images in [-1, 1] as uint8 [N, H, W, C]: (x + 1) * 255 / 2, rounded half up and clipped, as all originals do."""
    import torch

    scaled = image_NCHW.float().add(1.0).mul(127.5).add(0.5).clamp(0, 255).to(torch.uint8)
    array: npt.NDArray[np.uint8] = scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return array


def to_rgb8(image_NCHW: Tensor) -> npt.NDArray[np.uint8]:
    """Images of any number of channels as uint8 [N, H, W, 3], for sheets that lie beside other colour pictures."""
    return to_uint8(colours(image_NCHW))


def as_saved(image_NCHW: Tensor) -> Tensor:
    """Images in [-1, 1] as they are after a way through uint8: what a predictor sees of an image file."""
    return image_NCHW.float().add(1.0).mul(127.5).add(0.5).clamp(0, 255).floor().div(127.5).sub(1.0)


def encode(image_HWC: npt.NDArray[np.uint8], form: str = "png", quality: int = 95) -> bytes:
    """One image as the bytes of a file; the same image gives the same bytes.

    Raises:
        UsageError: an unknown format.
    """
    from PIL import Image

    if form not in FORMATS:
        raise UsageError(f"The image format {form!r} is unknown: use {', '.join(FORMATS)}.")
    image = viewable(image_HWC, alpha=form != "jpg")
    buffer = io.BytesIO()
    if form == "png":
        level = LARGE_LEVEL if image.shape[0] * image.shape[1] >= LARGE else LEVEL
        Image.fromarray(image).save(buffer, "PNG", compress_level=level)
    else:
        Image.fromarray(image).save(buffer, {"jpg": "JPEG", "webp": "WEBP"}[form], quality=quality)
    return buffer.getvalue()


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """The pixels [H, W, C] of an image file that gantk wrote, of 1, 3 or 4 channels."""
    from gantk.pictures.opening import open_picture, open_values

    exact = open_values(path)
    if exact.mode == "L":
        return np.asarray(exact, np.uint8)[..., None]
    return np.asarray(open_picture(path, background=None), np.uint8)


class ImageWriter:
    """Threads that encode and write images; use as a context manager.

    Args:
        form: png, jpg or webp.
        quality: of jpg and webp.
        workers: threads; default: one per core, at most 8.
    """

    def __init__(self, form: str = "png", quality: int = 95, workers: int | None = None) -> None:
        self.form, self.quality = form, quality
        self.workers = workers or min(MAX_WORKERS, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="gantk-images")
        self._room = threading.Condition()
        self._waiting = 0

    def write(self, paths: Sequence[Path], images_NHWC: npt.NDArray[np.uint8]) -> list[Future[Path]]:
        """Hand images to the threads; each appears under its path whole or not at all. Wait with `result()`."""
        return [self._submit(path, image) for path, image in zip(paths, images_NHWC, strict=True)]

    def _submit(self, path: Path, image_HWC: npt.NDArray[np.uint8]) -> Future[Path]:
        with self._room:
            self._room.wait_for(lambda: not self._waiting or self._waiting + image_HWC.nbytes <= MOST_WAITING)
            self._waiting += image_HWC.nbytes
        return self._pool.submit(self._write, path, image_HWC)

    def _write(self, path: Path, image_HWC: npt.NDArray[np.uint8]) -> Path:
        form = path.suffix.lstrip(".").lower()
        try:
            return write_atomic(path, encode(image_HWC, form if form in FORMATS else self.form, self.quality))
        finally:
            with self._room:
                self._waiting -= image_HWC.nbytes
                self._room.notify_all()

    def __enter__(self) -> ImageWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._pool.shutdown(wait=True, cancel_futures=error is not None)
