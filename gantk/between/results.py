"""Result of `gantk mix`.

Shape legend: R codes at the left, C at the top, L rows of wp, D the width of a row, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gantk.between.claims import MIX
from gantk.pictures.animation import GridStyle, fuse
from gantk.pictures.images import encode
from gantk.runs.claims import Claims
from gantk.runs.results import Export, Result, record
from gantk.runs.structure import Image
from gantk.store.channels import rgb
from gantk.store.files import write_atomic

Array = npt.NDArray[Any]
GAP = 2  # pixels between the pictures of a grid


@record
class MixGrid:
    """One grid.

    Attributes:
        rows: of wp that come from the top; the others come from the left.
        spelled: the rows as text, such as "0-3".
        images: R times C pictures, line by line.
    """

    rows: tuple[int, ...]
    spelled: str
    images: tuple[Image, ...]


@record
class MixResult(Result):
    """Pictures that take some rows of wp from one code and the rest from another.

    Attributes:
        left: what each code at the left is called, R; `top` likewise, C.
        left_images, top_images: the codes themselves as pictures.
        left_wp, top_wp: their wp after truncation, [R, L, D] and [C, L, D].
        grids: one for each choice of rows.
        truncation: as it was applied, such as "0.7" or "none".
    """

    TASK: ClassVar[str] = "mix"
    CLAIMS: ClassVar[Claims[MixResult]] = MIX
    KEPT: ClassVar[tuple[str, ...]] = ("left_wp", "top_wp")
    left: tuple[str, ...]
    top: tuple[str, ...]
    left_images: tuple[Image, ...]
    top_images: tuple[Image, ...]
    left_wp: Array
    top_wp: Array
    grids: tuple[MixGrid, ...]
    truncation: str

    def table(self) -> list[dict[str, object]]:
        """Every mixture, in the order of its grid's pictures."""
        return [
            {"rows": grid.spelled, "left": left, "top": top}
            for grid in self.grids
            for left in self.left
            for top in self.top
        ]

    def picture(self, grid: MixGrid) -> Array:
        """The grid as papers print it, uint8 [H', W', 3]: sources along the left and the top, the corner white."""
        left, top = ([rgb(image.array()) for image in images] for images in (self.left_images, self.top_images))
        cells = [np.full_like(left[0], 255), *top]
        for line, source in enumerate(left):
            mixed = grid.images[line * len(top) : (line + 1) * len(top)]
            cells += [source, *(rgb(image.array()) for image in mixed)]
        style = GridStyle(rows=len(left) + 1, columns=len(top) + 1, row_spacing=GAP, column_spacing=GAP, white=True)
        return fuse(np.stack(cells), style)

    def exports(self) -> Iterator[Export]:
        for grid in self.grids:

            def write(path: Path, grid: MixGrid = grid) -> Path:
                return write_atomic(path, encode(self.picture(grid)))

            yield Export(grid_name(grid), write, "the grid as one picture")


def grid_name(grid: MixGrid) -> str:
    return f"mix_rows_{grid.spelled.replace(',', '_')}.png"
