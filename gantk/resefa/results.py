"""Results of `gantk resefa jacobian` and `gantk resefa directions`.

Shape legend: N samples, L rows of wp, D width of a row, d free coordinates, R regions, K directions, S x S pixels of
the working size.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gantk.codes.directions import Direction
from gantk.codes.kept_directions import save_direction
from gantk.errors import UsageError, suggestion
from gantk.resefa.claims import DIRECTIONS, JACOBIAN, compared, finding, quotients
from gantk.runs.claims import Claims, plain
from gantk.runs.results import Export, Result, record
from gantk.runs.structure import Image, Strip
from gantk.store.files import save_npy

Array = npt.NDArray[np.float64]


# --- gantk resefa jacobian -------------------------------------------------------------------------------------------


@record
class RegionPlace:
    """Where a region is: the same mask in every image, or classes of a segmenter.

    Attributes:
        text: what the user wrote.
        mask: bool [S, S]; None where classes say it.
        classes: labels that belong to it; None where a mask says it.
    """

    name: str
    text: str
    mask: npt.NDArray[np.bool_] | None
    classes: tuple[int, ...] | None


@record
class JacobianFacts:
    """What the Gram matrices are of: everything that finding directions needs beside them.

    Attributes:
        places: of the regions.
        space, part, rows: of the variable, see `gantk.resefa.variables.choose`.
        dim: d.
        size: S. channels, decimate, noise: of the image that is differentiated.
        margin: around a region, as a fraction of the image's side.
        truncation: of the codes, as ``--truncation`` writes it. label: as ``--label`` writes it.
        samples: N. seed: of the codes.
        resolution: of the network's image.
        layer_names: the layers that the rows feed.
        weights: fingerprint of the generator.
        segmenter: name of what saw classes, "" for none; segmenter_weights is its fingerprint.
        own_maps: whether classes were read from label maps of these very samples.
        preview: samples whose regions are drawn.
    """

    places: tuple[RegionPlace, ...]
    space: str
    part: str
    rows: tuple[int, ...]
    dim: int
    size: int
    channels: str
    decimate: bool
    noise: str
    margin: float
    truncation: str
    label: str | None
    samples: int
    seed: int
    resolution: int
    layer_names: tuple[str, ...]
    weights: str
    segmenter: str
    own_maps: bool
    preview: int

    @property
    def names(self) -> tuple[str, ...]:
        """Of the regions, in order."""
        return tuple(place.name for place in self.places)


@record
class RegionResponse:
    """How one region responds to moving a coordinate.

    Attributes:
        share: of the image's pixels, over all samples.
        inside, outside: root mean square change per number along a random unit step, images in [-1, 1].
        rank: independent directions that change the region at all.
        condition: largest over smallest eigenvalue of the background's Gram matrix; None where it is singular.
        spectrum_inside, spectrum_outside: change along the principal directions, strongest first.
        pictures: of the first samples, the region outlined.
    """

    name: str
    text: str
    share: float
    inside: float
    outside: float
    rank: int
    condition: float | None
    spectrum_inside: Array
    spectrum_outside: Array
    pictures: tuple[Image, ...]


@record
class LeadingDirections:
    """A region's leading directions, found from products with the Jacobian alone.

    Attributes:
        passes: generator passes that they took.
        eigenvalues, quotients, scales: as `RegionDirections` has them.
    """

    name: str
    text: str
    share: float
    passes: int
    direction: Direction
    eigenvalues: Array
    quotients: Array
    scales: Array
    pictures: tuple[Image, ...]


@record
class Grams:
    """Gram matrices, summed over samples, or with `per_sample` each sample's along a first axis.

    Attributes:
        total: over all pixels, [d, d]. inside: over each region, [R, d, d]. margin: over the ring around each, or None.
        rows: rows of the Jacobian in the image, the regions and the margins, [1 + 2R].
        brightness: how a step changes each region's brightness, [R, d].
        codes: wp after truncation, [N, L, D].
    """

    per_sample: bool
    total: Array
    inside: Array
    margin: Array | None
    rows: Array
    brightness: Array
    codes: npt.NDArray[np.float32]


@record
class JacobianResult(Result):
    """What moving each coordinate changes inside regions and outside them.

    Attributes:
        grams: None where the leading directions were found at once.
        responses: of the regions.
        leading: one for each region, where they were asked for.
    """

    TASK: ClassVar[str] = "resefa jacobian"
    CLAIMS: ClassVar[Claims[JacobianResult]] = JACOBIAN
    KEPT: ClassVar[tuple[str, ...]] = ("grams",)  # for `gantk.resefa.directions`, not for the page
    facts: JacobianFacts
    grams: Grams | None
    responses: tuple[RegionResponse, ...]
    leading: tuple[LeadingDirections, ...]

    def check(self) -> None:
        """Refuse matrices that do not fit the facts, as those of a changed run may not.

        Raises:
            ValueError: one has another shape, or numbers that are not finite; the message names it.
        """
        if self.grams is None:
            return
        d, regions, found = self.facts.dim, len(self.facts.places), self.grams
        shapes = {
            "total": (d, d), "inside": (regions, d, d), "margin": (regions, d, d), "rows": (1 + 2 * regions,),
            "brightness": (regions, d), "codes": found.codes.shape[-3:],
        }  # fmt: skip
        for name, shape in shapes.items():
            array = getattr(found, name)
            if array is None and name == "margin":
                continue
            if array.dtype.kind != "f" or array.ndim < len(shape) or array.shape[array.ndim - len(shape) :] != shape:
                raise ValueError(f"{name} is {array.dtype} of shape {array.shape} where {shape} was expected")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds numbers that are not finite")
        if found.codes.ndim != 3 or not len(found.codes):
            raise ValueError(f"the codes have the shape {found.codes.shape}")

    def table(self) -> list[dict[str, object]]:
        return [
            {"region": r.name, "share": r.share, "inside": r.inside, "outside": r.outside, "rank": r.rank,
             "condition": r.condition}
            for r in self.responses
        ]  # fmt: skip

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Of every region that `leading` solved, for verbs that take directions."""
        return tuple(each.direction for each in self.leading)

    def exports(self) -> Iterator[Export]:
        for found in self.leading:
            yield _export(found.name, found.direction, f"leading directions of {found.name}")


# --- gantk resefa directions -----------------------------------------------------------------------------------------


@record
class ScoreAt:
    """One method on one region at one change inside: means over its directions; None where none reaches it.

    Attributes:
        level: root mean square change inside, on [0, 1].
        roir: norm of the change outside over that inside. outside: mean squared change per pixel.
        best: the smallest ROIR of one direction.
        reached: how many of `count` directions reach the level.
    """

    method: str
    level: float
    roir: float | None
    outside: float | None
    best: float | None
    reached: int
    count: int


@record
class Reached:
    """One direction at one level: the distance that it takes, and what it changes there; None where it never does."""

    distance: float | None
    outside: float | None
    roir: float | None


@record
class DrawnDirection:
    """One direction on held-out samples.

    Attributes:
        heat: where it changes each sample at the ends of its slider.
        limit: change that is white there, root mean square over colours, on [0, 1].
        unit: what a distance counts in, such as "w before truncation".
        spread: standard deviation of samples along the direction, in that unit; None where it was not measured.
    """

    number: int
    strips: tuple[Strip, ...]
    heat: tuple[Image, ...]
    limit: float
    unit: str = ""
    spread: float | None = None


@record
class RegionDirections:
    """The directions of one region.

    Attributes:
        direction: all K, unit length, strongest first.
        eigenvalues: of the regularised problem, [K].
        quotients: mean squared change inside over outside, to first order, [K].
        scales: distances at which the inside changes by 0.1 to first order, [K].
        condition: of the background's Gram matrix; None where it is singular.
        alike: the largest cosine between two of the directions shown.
        share: of the held-out images; None where nothing was measured.
        scores: of every method at every level. reached: of this region's own directions, [direction][level].
        overlays: held-out samples with the region outlined.
    """

    name: str
    text: str
    direction: Direction
    eigenvalues: Array
    quotients: Array
    scales: Array
    condition: float | None
    alike: float
    share: float | None
    scores: tuple[ScoreAt, ...]
    reached: tuple[tuple[Reached, ...], ...]
    overlays: tuple[Image, ...]
    drawn: tuple[DrawnDirection, ...]


@record
class CompatDirections:
    """One sample's directions of one region as the released script finds them."""

    name: str
    sample: int
    file: str
    vectors: npt.NDArray[Any]
    eigenvalues: npt.NDArray[Any]


@record
class DirectionsResult(Result):
    """Directions that change one region and little else.

    Attributes:
        levels: changes inside at which methods are compared.
        regions: one for each; ``result[0]`` and ``result["house"]`` are them.
        compat: with ``--compat`` in place of `regions`.
    """

    TASK: ClassVar[str] = "resefa directions"
    CLAIMS: ClassVar[Claims[DirectionsResult]] = DIRECTIONS
    levels: tuple[float, ...]
    regions: tuple[RegionDirections, ...]
    compat: tuple[CompatDirections, ...]

    def __getitem__(self, which: int | str) -> RegionDirections:
        if isinstance(which, int):
            return self.regions[which]
        names = [region.name for region in self.regions]
        if which not in names:
            raise UsageError(f"There are no directions of a region {which!r}.{suggestion(str(which), names)}")
        return self.regions[names.index(which)]

    def __len__(self) -> int:
        return len(self.regions)

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Of every region, for verbs that take directions."""
        return tuple(region.direction for region in self.regions)

    @property
    def middle(self) -> float:
        """The level at which methods are compared first."""
        return self.levels[len(self.levels) // 2]

    def lines(self) -> tuple[str, ...]:
        """One sentence for each region: how local, or where that was not measured, what its quotient promises."""
        return tuple(
            plain(finding(region, self.middle) if compared(region, self.middle) else quotients([region]))
            for region in self.regions
        )

    def table(self) -> list[dict[str, object]]:
        """A row for every method and level of a region; where nothing was measured, for every direction of it."""
        if not any(region.scores for region in self.regions):
            return [
                {"region": r.name, "direction": number, "eigenvalue": float(r.eigenvalues[number]),
                 "quotient": float(r.quotients[number]), "scale": float(r.scales[number])}
                for r in self.regions
                for number in range(len(r.direction))
            ]  # fmt: skip
        return [
            {"region": r.name, "method": s.method, "level": s.level, "roir": s.roir, "outside": s.outside,
             "best": s.best, "reached": s.reached, "count": s.count}
            for r in self.regions
            for s in r.scores
        ]  # fmt: skip

    def exports(self) -> Iterator[Export]:
        for region in self.regions:
            yield _export(region.name, region.direction, f"directions of {region.name}")
        for found in self.compat:
            write = functools.partial(save_npy, array=found.vectors)
            yield Export(found.file, write, "as the released script writes it")


def _export(name: str, direction: Direction, about: str) -> Export:
    return Export(f"{name}.safetensors", lambda path: save_direction(path, direction), about)
