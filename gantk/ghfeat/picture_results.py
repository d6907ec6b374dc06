"""Results of `gantk ghfeat mix`, `edit` and `harmonize`.

Shape legend: N images, K steps of a slider, A attributes.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from gantk.ghfeat.claims import EDIT, HARMONIZE, MIX
from gantk.ghfeat.figures import Pair
from gantk.runs.claims import Claims
from gantk.runs.results import Result, record
from gantk.runs.structure import Image
from gantk.runs.walk import Walk

# --- mix -------------------------------------------------------------------------------------------------------------


@record
class Grid:
    """Contents by styles for one set of rows.

    Attributes:
        title: the rows in words.
        rows: of wp that are taken from the styles.
        cells: for each style a picture of each content.
    """

    title: str
    rows: tuple[int, ...]
    cells: tuple[tuple[Image, ...], ...]


@record
class MixResult(Result):
    """Mixtures: some rows of each style in each content."""

    TASK: ClassVar[str] = "ghfeat mix"
    CLAIMS: ClassVar[Claims[MixResult]] = MIX
    content: tuple[Pair, ...]
    style: tuple[Pair, ...]
    grids: tuple[Grid, ...]

    def table(self) -> list[dict[str, object]]:
        return [{"title": grid.title, "rows": list(grid.rows)} for grid in self.grids]


# --- edit ------------------------------------------------------------------------------------------------------------


@record
class Moved:
    """Images moved along one direction of the styles.

    Attributes:
        walk: a picture of each image at each distance.
        attributes: what a predictor reads, by name. scores: its readings, means over the images, [A, K]; None without.
        deviation: standard deviation of each attribute over samples, [A], which makes different units comparable; None
            in runs that did not measure it.
    """

    walk: Walk
    attributes: tuple[str, ...]
    scores: npt.NDArray[np.float64] | None
    deviation: npt.NDArray[np.float64] | None = None

    @property
    def distances(self) -> tuple[float, ...]:
        """Of the steps, [K]."""
        return self.walk.strips[0].values

    def changes(self) -> npt.NDArray[np.float64] | None:
        """The readings less those nearest to the start, [A, K], in standard deviations where those are known."""
        if self.scores is None:
            return None
        start = int(np.argmin(np.abs(np.asarray(self.distances))))
        change_AK = np.asarray(self.scores - self.scores[:, start : start + 1])
        return change_AK if self.deviation is None else change_AK / np.maximum(self.deviation, 1e-12)[:, None]


@record
class Exchanged:
    """A region of each image exchanged for another image's.

    Attributes:
        where: rows and layers in words. way: features or styles.
        coded, reference, edited: pictures of the coded image, of the coded reference, and of the edited image.
        change: how much each pixel changed. reach: the region white, what it can reach grey.
        change_most: what white is in `change`, the same in all: mean over the colours of a pixel in [-1, 1]; None in
            runs that did not keep it.
        inside, outside: mean absolute change of pixels in [-1, 1] in the region and outside it.
        beyond_reach: the largest change beyond its reach; 0 is exactly none.
        share: of the image that is in reach, the region included.
    """

    where: str
    way: str
    coded: tuple[Image, ...]
    reference: tuple[Image, ...]
    edited: tuple[Image, ...]
    change: tuple[Image, ...]
    change_most: float | None
    reach: tuple[Image, ...]
    inside: float
    outside: float
    beyond_reach: float
    share: float


@record
class EditResult(Result):
    """Edited images.

    Attributes:
        pairs: each image with what the generator makes of its code. mse: of those; None where the codes were given.
        moved: of an edit along a direction. exchanged: of an edit of a region; one of both is None.
    """

    TASK: ClassVar[str] = "ghfeat edit"
    VERSION: ClassVar[int] = 2
    CLAIMS: ClassVar[Claims[EditResult]] = EDIT
    pairs: tuple[Pair, ...]
    mse: float | None
    moved: Moved | None
    exchanged: Exchanged | None

    @property
    def edited(self) -> tuple[Image, ...]:
        """The edited images: those at the last distance, or with the exchanged region."""
        if self.exchanged is not None:
            return self.exchanged.edited
        assert self.moved is not None
        return tuple(strip.images[-1] for strip in self.moved.walk.strips)

    def table(self) -> list[dict[str, object]]:
        if self.exchanged is not None:
            return [{name: getattr(self.exchanged, name) for name in ("inside", "outside", "beyond_reach", "share")}]
        assert self.moved is not None
        if self.moved.scores is None:
            return [{"distance": distance} for distance in self.moved.distances]
        steps = zip(self.moved.distances, self.moved.scores.T, strict=True)
        return [{"distance": d, **dict(zip(self.moved.attributes, map(float, s), strict=True))} for d, s in steps]


# --- harmonize -------------------------------------------------------------------------------------------------------


@record
class Harmony:
    """One image with a patch, and what the generator makes of it."""

    name: str
    original: Image
    pasted: Image
    harmonized: Image


@record
class HarmonizeResult(Result):
    """Pasted and harmonised images.

    Attributes:
        outside: mean absolute change of pixels in [-1, 1] outside the pasted region.
        against_paste: mean squared error against the pasted picture.
    """

    TASK: ClassVar[str] = "ghfeat harmonize"
    CLAIMS: ClassVar[Claims[HarmonizeResult]] = HARMONIZE
    images: tuple[Harmony, ...]
    outside: float
    against_paste: float

    def table(self) -> list[dict[str, object]]:
        return [{"outside": self.outside, "against_paste": self.against_paste}]
