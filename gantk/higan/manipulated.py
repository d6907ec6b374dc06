"""Result of `gantk manipulate`: samples moved along directions.

Shape legend: N samples, T steps, L rows of wp, D the width of a code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gantk.codes.directions import Direction
from gantk.codes.kept_directions import save_direction
from gantk.higan.claims import MANIPULATE
from gantk.pictures.animation import GridStyle, fuse
from gantk.predictors.departure import Departure
from gantk.runs.animations import animations
from gantk.runs.claims import Claims
from gantk.runs.results import Export, Result, record
from gantk.runs.walk import Walk
from gantk.store.files import write_atomic

Array = npt.NDArray[Any]
STRIP_LINES, STRIP_SIDE = 12, 256  # samples of a strip, and the longer side its images are reduced to, at most twice


@record
class Animation:
    """How the steps run as an animation.

    Attributes:
        formats: of gif, webp, mp4.
        fps: steps per second.
        once: one way instead of there and back.
        grid: how the samples of a frame are put side by side.
    """

    formats: tuple[str, ...]
    fps: float
    once: bool
    grid: GridStyle


@record
class Moved:
    """One direction, and the samples moved along it.

    Attributes:
        direction: as it was used.
        prefix: of its files.
        distances: of the steps [T].
        walk: the first samples as pictures; without strips where there are no images.
        codes: moved, [N, T, D] or [N, T, L, D]; None for styles, which differ in width.
        departures: how far other samples went from unedited ones at each step; empty where that was not asked for.
    """

    direction: Direction
    prefix: str
    distances: tuple[float, ...]
    walk: Walk
    codes: Array | None
    departures: tuple[Departure, ...]


@record
class ManipulateResult(Result):
    """Samples moved along one or more directions.

    Attributes:
        num: N.
        truncation: as it was applied.
        conditions: names of what the directions were made orthogonal to.
        unmoved: space -> the codes that were moved, z [N, D], w before truncation [N, D] or wp [N, L, D].
        moved: one for each direction.
        animation: None where none was asked for.
    """

    TASK: ClassVar[str] = "manipulate"
    CLAIMS: ClassVar[Claims[ManipulateResult]] = MANIPULATE
    num: int
    truncation: str
    conditions: tuple[str, ...]
    unmoved: dict[str, Array]
    moved: tuple[Moved, ...]
    animation: Animation | None

    @property
    def walks(self) -> tuple[Walk, ...]:
        """The pictures, one walk for each direction."""
        return tuple(each.walk for each in self.moved)

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the arrays that a run of the command leaves."""
        names = [f"manipulate_{space}" for space in self.unmoved]
        names += [moved_name(each.prefix, each.walk.space) for each in self.moved if each.codes is not None]
        return tuple(f"{name}.npy" for name in names) + tuple(f"{each.prefix}_boundary.npy" for each in self.moved)

    def table(self) -> list[dict[str, object]]:
        return [
            {
                "direction": each.walk.name,
                "space": each.walk.space,
                "rows": "all" if each.walk.rows is None else ",".join(map(str, each.walk.rows)),
                "first": each.distances[0],
                "last": each.distances[-1],
                "steps": len(each.distances),
            }
            for each in self.moved
        ]

    def exports(self) -> Iterator[Export]:
        for each in self.moved:
            save = partial(save_direction, direction=each.direction)
            yield Export(f"{each.prefix}_boundary.npy", save, "as it was used")
            if each.walk.strips:
                strip = partial(_write_strip, walk=each.walk)
                yield Export(f"{each.prefix}_strip.png", strip, "samples below each other, their steps side by side")
            if self.animation is not None:
                how = self.animation
                yield from animations(each.walk, how.fps, how.once, how.grid)


def _write_strip(path: Path, walk: Walk) -> Path:
    """The first samples of a walk as one picture, a sample in each line; large images are reduced by whole factors."""
    from PIL import Image as Pillow

    from gantk.pictures.images import encode

    lines = walk.strips[:STRIP_LINES]
    images = []
    for array in (image.array() for strip in lines for image in strip.images):
        factor = max(1, max(array.shape[:2]) // STRIP_SIDE)
        picture = Pillow.fromarray(array[..., 0] if array.shape[-1] == 1 else array).reduce(factor)
        images.append(np.asarray(picture).reshape(picture.height, picture.width, -1))
    style = GridStyle(rows=len(lines), columns=len(lines[0].images))
    return write_atomic(path, encode(fuse(np.stack(images), style)))


def grid_of(options: Mapping[str, Any]) -> GridStyle:
    """How the samples of a frame are put side by side, by the names of HiGAN's options."""
    return GridStyle(
        rows=options["row"],
        columns=options["col"],
        row_spacing=options["row_spacing"],
        column_spacing=options["col_spacing"],
        left=options["border_left"],
        right=options["border_right"],
        top=options["border_top"],
        bottom=options["border_bottom"],
        white=options["white_background"],
        size=options["viz_size"],
    )


def moved_name(prefix: str, space: str) -> str:
    """The array of moved codes: HiGAN's `<name>_<space>_manipulated_<space moved in>`."""
    return f"{prefix}_manipulated_{space}"
