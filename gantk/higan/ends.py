"""Samples that lie lowest and highest along a boundary, as pictures: what the boundary tells apart.

A boundary search has no generator, so that it shows what is there: the pictures of the samples whose codes it read.

Legend: N samples that have a picture, D the width of a code, L rows of wp.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.codes.directions import Direction
from gantk.codes.given import GivenCodes
from gantk.errors import GantkError
from gantk.higan.boundaries import Boundary, End, Ends
from gantk.runs.structure import Image

SHOWN = 3  # pictures of either end
SIDE = 256  # pixels: of a picture on the page

Array = npt.NDArray[Any]


def pictures_beside(latents: str | os.PathLike[str]) -> tuple[Image, ...]:
    """The pictures of the samples whose codes a file holds: of the `gantk synthesize` run that left the file.

    Empty where the file is of no such run, or where its pictures are gone.
    """
    from gantk.higan.samples import SynthesizeResult
    from gantk.runs.reporting import read_run
    from gantk.runs.table import find_task

    path = Path(latents)
    with contextlib.suppress(GantkError, OSError):
        found = read_run(find_task("synthesize"), path.parent)
        if isinstance(found, SynthesizeResult) and path.name in found.files:
            return present(found.images)
    return ()


def present(images: Sequence[Image]) -> tuple[Image, ...]:
    """Pictures whose pixels can be read; none where one of them is gone."""
    known = all(image.pixels is not None or (image.file is not None and image.file.is_file()) for image in images)
    return tuple(images) if known else ()


def ends_of(
    boundaries: Sequence[Boundary], codes: GivenCodes, images: Sequence[Image], scores: Mapping[str, Array]
) -> Ends | None:
    """The two ends of the most stable boundary (the first where stability was not measured).

    Args:
        codes: of all samples. images: of the first of them.
        scores: by the boundaries' names.
    """
    count = min(len(images), len(codes))
    if count < 2:
        return None
    best = max(boundaries, key=lambda each: each.figures.stability or 0.0)
    distance_N = along(best.direction, np.asarray(codes.array[:count], dtype=np.float64))
    order = np.argsort(distance_N, kind="stable")
    shown = min(SHOWN, count // 2)
    score_N = np.asarray(scores[best.name], dtype=np.float64)

    def end(place: int, sample: int) -> End:
        score = float(score_N[sample])
        picture = Image(f"ends/{best.file}_{place}.png", small(images[sample].array()))
        return End(sample=sample, score=score if np.isfinite(score) else None, image=picture)

    chosen = [*order[:shown], *order[-shown:]]
    found = [end(place, int(sample)) for place, sample in enumerate(chosen)]
    return Ends(boundary=best.name, pictured=count, low=tuple(found[:shown]), high=tuple(found[shown:]))


def along(direction: Direction, codes: Array) -> Array:
    """Where codes [N, D] or [N, L, D] lie along a direction [N]: the projection, for rows of wp their mean."""
    vector = direction.vectors[0].astype(np.float64)
    if codes.ndim == 2:
        return np.asarray(codes @ vector)
    if vector.ndim == 1:
        return np.asarray((codes @ vector).mean(axis=1))
    return np.asarray(np.einsum("nld,ld->n", codes, vector) / len(vector))


def small(image_HWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """An image no side longer than `SIDE` pixels, by the means of whole blocks."""
    factor = -(-max(image_HWC.shape[:2]) // SIDE)
    if factor <= 1:
        return image_HWC
    height, width = (side // factor for side in image_HWC.shape[:2])
    blocks = image_HWC[: height * factor, : width * factor].reshape(height, factor, width, factor, -1)
    return np.round(blocks.mean(axis=(1, 3))).astype(np.uint8)
