"""Result of `gantk walk`.

Shape legend: K keys, T frames, ... the shape of one code, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gantk.between.claims import WALK
from gantk.pictures.animation import GridStyle, fuse, write_animation
from gantk.pictures.images import encode
from gantk.runs.claims import Claims
from gantk.runs.results import Export, Result, record
from gantk.runs.structure import Image
from gantk.store.channels import rgb
from gantk.store.files import write_atomic

Array = npt.NDArray[Any]
STRIP = "strip.png"


@record
class WalkResult(Result):
    """A walk through codes.

    Attributes:
        keys: what each key is called, K.
        space: that is walked in; path: linear, spherical or spline; loop: whether it comes back.
        frames: T pictures, in order.
        times: where each is, in keys [T].
        codes: of every frame, in `space` [T, ...], before truncation unless it is wp.
        shown: the frames of the strip.
        formats: of the animations; fps: their frames per second.
        truncation: as it was applied.
    """

    TASK: ClassVar[str] = "walk"
    CLAIMS: ClassVar[Claims[WalkResult]] = WALK
    KEPT: ClassVar[tuple[str, ...]] = ("codes",)
    keys: tuple[str, ...]
    space: str
    path: str
    loop: bool
    frames: tuple[Image, ...]
    times: Array
    codes: Array
    shown: tuple[int, ...]
    formats: tuple[str, ...]
    fps: float
    truncation: str

    def table(self) -> list[dict[str, object]]:
        """The keys, and the frame that is nearest to each."""
        frames = [int(np.argmin(np.abs(np.asarray(self.times) - place))) for place in range(len(self.keys))]
        return [{"name": name, "frame": frame} for name, frame in zip(self.keys, frames, strict=True)]

    def exports(self) -> Iterator[Export]:
        def strip(path: Path) -> Path:
            images = np.stack([rgb(self.frames[place].array()) for place in self.shown])
            return write_atomic(path, encode(fuse(images, GridStyle(rows=1, columns=len(images)))))

        yield Export(STRIP, strip, "some frames side by side")
        for form in self.formats:

            def moving(path: Path) -> Path:
                return write_animation(path, [image.array() for image in self.frames], self.fps)

            yield Export(f"walk.{form}", moving, "the walk as an animation")
