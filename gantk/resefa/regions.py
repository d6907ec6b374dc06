"""Regions of the image: boxes, mask images, label maps, and classes that a segmenter sees in every sample.

Shape legend: N samples, H x W pixels of the image, S x S of the working size, R regions, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.predictors.base import Predictor
from gantk.predictors.resampling import resize
from gantk.resefa.results import JacobianFacts, RegionPlace
from gantk.resefa.tables import Box

DEFAULT_MARGIN = 1 / 64  # of the image's side

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Region:
    """A named region; just one of the others says where it is.

    Attributes:
        box: the same in every image.
        mask: at the working size, the same in every image.
        classes: indices of the labels that belong to it, in every image's own label map.
        text: what the user wrote, for messages and the manifest.
    """

    name: str
    box: Box | None = None
    mask: Mask | None = None
    classes: tuple[int, ...] | None = None
    text: str = ""


@dataclass(frozen=True, eq=False)
class Labels:
    """Where label maps come from: a segmenter that looks at each sample, or an array [H, W] or [N, H, W]."""

    names: tuple[str, ...] = ()
    segmenter: Predictor | None = None
    maps: npt.NDArray[np.int64] | None = None

    def of(self, generator: Generator, wp_NLD: Tensor, first: int = 0) -> npt.NDArray[np.int64]:
        """The label of every pixel of samples first .., [N, H, W], for their codes."""
        if self.maps is not None:
            if self.maps.ndim == 2:
                return np.broadcast_to(self.maps, (len(wp_NLD), *self.maps.shape))
            self.check(first + len(wp_NLD))
            return self.maps[first : first + len(wp_NLD)]
        assert self.segmenter is not None  # or there are maps
        with torch.no_grad():
            logit_NKHW = self.segmenter.segment_codes(generator, wp_NLD)
        found: npt.NDArray[np.int64] = logit_NKHW.argmax(1).cpu().numpy()
        return found

    def check(self, total: int) -> None:
        """Refuse label maps of fewer samples than there are."""
        if self.maps is not None and self.maps.ndim == 3 and total > len(self.maps):
            raise UsageError(
                f"There are label maps for {len(self.maps)} samples and {total} samples: give --num {len(self.maps)}."
            )


@dataclass(frozen=True, eq=False)
class Regions:
    """Several regions at one working size.

    Attributes:
        size: S.
        margin: pixels of the working size around a region that count on neither side.
        labels: needed where a region is given by classes.
    """

    items: tuple[Region, ...]
    size: int
    margin: int = 0
    labels: Labels | None = None

    def __post_init__(self) -> None:
        names = [region.name for region in self.items]
        if not names:
            raise UsageError("No region was given: name one with --region, --box or --mask.")
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"Two regions are called {name!r}: give each its own name.")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the regions, in order."""
        return tuple(region.name for region in self.items)

    @property
    def are_fixed(self) -> bool:
        """Whether every region is the same in every image."""
        return all(region.classes is None for region in self.items)

    def masks(self, generator: Generator, wp_NLD: Tensor, first: int = 0) -> Mask:
        """Which pixels each region has in samples first .., [N, R, S, S]."""
        count = len(wp_NLD)
        found = np.zeros((count, len(self.items), self.size, self.size), dtype=np.bool_)
        label_NHW = None
        for place, region in enumerate(self.items):
            if region.classes is not None:
                if label_NHW is None:
                    assert self.labels is not None
                    label_NHW = self.labels.of(generator, wp_NLD, first)
                found[:, place] = at_size(np.isin(label_NHW, region.classes), self.size)
            else:
                found[:, place] = region.mask if region.mask is not None else box_mask(region, self.size)
        return found

    def sides(self, mask_NRSS: Mask) -> tuple[Mask, Mask]:
        """The regions and the margins around them."""
        ring = np.zeros_like(mask_NRSS)
        if self.margin:
            flat = torch.from_numpy(mask_NRSS).flatten(0, 1)[:, None].float()
            width = 2 * self.margin + 1
            grown = torch.nn.functional.max_pool2d(flat, width, stride=1, padding=self.margin)[:, 0] > 0.5
            ring = grown.numpy().reshape(mask_NRSS.shape) & ~mask_NRSS
        return mask_NRSS, ring

    def seen(self, mask_NRSS: Mask) -> Mask:
        """Which regions have pixels inside, and which outside, in any of these samples, [2, R]."""
        inside, ring = self.sides(mask_NRSS)
        return np.stack([inside.any((0, 2, 3)), (~inside & ~ring).any((0, 2, 3))])

    def check(self, seen_2R: Mask) -> None:
        """Refuse a region that has nothing inside it, or nothing outside.

        Raises:
            UsageError: the message names the region and how large the image is.
        """
        for region, inside, outside in zip(self.items, *seen_2R, strict=True):
            where = f"The region {region.name!r}{_shown(region)}"
            if not inside:
                raise UsageError(f"{where} is empty at {self.size} x {self.size} pixels: choose a larger one.")
            if not outside:
                raise UsageError(f"{where} covers the whole image, so nothing is outside it: choose a smaller one.")


def box_mask(region: Region, size: int) -> Mask:
    """The pixels of a box, [S, S]: published boxes give at 256 just the rows and columns of their tables.

    Raises:
        UsageError: the box has no pixel at this size.
    """
    assert region.box is not None
    edges = (region.box.top, region.box.bottom, region.box.left, region.box.right)
    top, bottom, left, right = (min(max(int(np.floor(edge * size + 0.5)), 0), size) for edge in edges)
    mask = np.zeros((size, size), dtype=np.bool_)
    mask[top:bottom, left:right] = True
    if not mask.any():
        raise UsageError(
            f"The region {region.name!r}{_shown(region)} is empty at {size} x {size} pixels: choose a larger one."
        )
    return mask


def at_size(mask_NHW: Mask, size: int) -> Mask:
    """Masks [N, H, W] at another size: a pixel belongs to a region that covers at least half of it."""
    if mask_NHW.shape[-2:] == (size, size):
        return mask_NHW
    share: npt.NDArray[np.float32] = resize(torch.from_numpy(mask_NHW).float()[:, None], size, size)[:, 0].numpy()
    return share >= 0.5 - 1e-6


def _shown(region: Region) -> str:
    if region.box is not None:
        edges = (region.box.top, region.box.left, region.box.bottom, region.box.right)
        return f" (top, left, bottom, right: {', '.join(f'{edge:.4g}' for edge in edges)})"
    return f" ({region.text})" if region.text and region.text != region.name else ""


# --- their names, margins, and what a result keeps -----------------------------------------------------------------


def safe_name(name: str) -> str:
    """A region's name as it may stand in a file name."""
    cleaned = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name.strip()).strip("_")
    if not cleaned:
        raise UsageError(f"{name!r} is no name for a region: use letters and digits.")
    return cleaned


def margin_pixels(fraction: float, size: int) -> int:
    """A margin given as a fraction of the image's side, in pixels of the working size, rounded."""
    if not 0 <= fraction < 0.5:
        raise UsageError(f"A margin of {fraction} of the image is not in [0, 0.5): give a small fraction, or 0.")
    return int(np.floor(fraction * size + 0.5))


def places_of(regions: Regions) -> tuple[RegionPlace, ...]:
    """Where the regions are, as a result keeps it: what is the same in every image as a mask."""
    maps = None if regions.labels is None else regions.labels.maps
    places = []
    for item in regions.items:
        mask, classes = item.mask, item.classes
        if item.box is not None:
            mask = box_mask(item, regions.size)
        elif classes is not None and maps is not None and maps.ndim == 2:
            mask, classes = at_size(np.isin(maps, classes)[None], regions.size)[0], None
        places.append(RegionPlace(name=item.name, text=item.text or item.name, mask=mask, classes=classes))
    return tuple(places)


def regions_again(facts: JacobianFacts, segmenter: Predictor | None) -> Regions:
    """The regions of a result, for other samples of its generator.

    Raises:
        UsageError: they are classes, and nothing says where those are in other samples.
    """
    if facts.own_maps:
        raise UsageError("The run's label maps are of its own samples, so nothing else can be measured: --held-out 0.")
    labels = None if segmenter is None else Labels(tuple(segmenter.class_names), segmenter)
    if labels is None and any(place.mask is None for place in facts.places):
        raise UsageError(
            f"The regions were seen by {facts.segmenter or 'a segmenter'}, which is not there: give --segmenter, or "
            "--held-out 0."
        )
    items = tuple(Region(p.name, mask=p.mask, classes=p.classes, text=p.text) for p in facts.places)
    return Regions(items, facts.size, margin_pixels(facts.margin, facts.size), labels)
