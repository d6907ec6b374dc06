"""Regions of the image: boxes, mask images, label maps, and classes that a segmenter sees in every sample.

Shape legend: N samples, H x W pixels of the image, S x S of the working size, R regions, K classes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError, suggestion
from gantk.generators.base import Generator
from gantk.pictures import shapes
from gantk.pictures.label_maps import read_numbers
from gantk.pictures.opening import open_values
from gantk.predictors.resampling import resize
from gantk.resefa.results import JacobianFacts, RegionPlace
from gantk.resefa.tables import CLASS_GROUPS, WORLD, Box, published_box
from gantk.store.files import load_npy
from gantk.store.inside import regular_file

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
    segmenter: Any = None
    maps: npt.NDArray[np.int64] | None = None

    def of(self, generator: Generator, wp_NLD: Tensor, first: int = 0) -> npt.NDArray[np.int64]:
        """The label of every pixel of samples first .., [N, H, W], for their codes."""
        if self.maps is not None:
            if self.maps.ndim == 2:
                return np.broadcast_to(self.maps, (len(wp_NLD), *self.maps.shape))
            self.check(first + len(wp_NLD))
            return self.maps[first : first + len(wp_NLD)]
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


# --- what users write ------------------------------------------------------------------------------------------------


def parse_box(text: str) -> Region:
    """``NAME=TOP,LEFT,BOTTOM,RIGHT`` in fractions of the image; the name may be left out.

    Raises:
        UsageError: not four numbers from 0 to 1, or an end before its start.
    """
    name, equals, numbers = text.rpartition("=")
    box = shapes.parse_box(numbers, f"--box {text!r}", f"NAME={shapes.BOX} in fractions")
    return Region(safe_name(name) if equals else "box", box, text=text)


def read_mask(text: str, canvas: tuple[int, int], size: int) -> Region:
    """``NAME=FILE`` or a file: an image whose bright pixels are the region, or an .npy [H, W] of 0 and 1.

    Raises:
        GantkError: the file is missing or no image.
        UsageError: its size is neither the image's nor the working size.
    """
    name, equals, file = text.partition("=")
    path = Path(file if equals else text)
    return _mask_region(name if equals else path.stem, _read_image(path), canvas, size, str(path))


def read_label_map(path: Path, canvas: tuple[int, int]) -> npt.NDArray[np.int64]:
    """A label map [H, W], or one for each sample [N, H, W]: an .npy of integers or an image of grey values.

    Raises:
        GantkError: the file is missing or no label map.
        UsageError: its size is not the image's.
    """
    array = read_numbers(path)
    if array.ndim not in (2, 3):
        raise GantkError(f"{path} holds {array.dtype} {array.shape}, where integer labels [H, W] were expected.")
    if array.shape[-2:] != canvas:
        shape = " x ".join(str(side) for side in array.shape[-2:])
        raise UsageError(f"The label map {path} has {shape} pixels where the images have {canvas[0]} x {canvas[1]}.")
    return array.astype(np.int64)


def _read_image(path: Path) -> npt.NDArray[Any]:
    if not regular_file(path).exists():
        raise GantkError(f"The file {path} does not exist: give a mask or a label map.")
    if path.suffix == ".npy":
        return load_npy(path)
    array = np.asarray(open_values(path))
    return array.astype(np.uint8) * 255 if array.dtype == np.bool_ else array


def parse_region(text: str, labels: Labels | None) -> Region:
    """``NAME``: a published box, or a group of classes; ``NAME=CLASS,...``: classes by name or number ("1,3-5").

    Raises:
        UsageError: unknown names, or classes where there are neither a segmenter nor a label map.
    """
    name, equals, chosen = text.partition("=")
    words = [word.strip() for word in chosen.split(",")] if equals else []
    if not equals:
        group = CLASS_GROUPS.get(name, (name,))
        if labels is None or not set(group) <= set(labels.names):
            if name in CLASS_GROUPS and labels is None:
                raise UsageError(f"The region {name!r} is one of classes: give a --segmenter that sees them.")
            return Region(name.rpartition("/")[2], published_box(name), text=text)
        words = list(group)
    if labels is None:
        raise UsageError(f"--region {text} names classes: give a --segmenter or a --label-map that has them.")
    indices: list[int] = []
    for word in words:
        indices += _class_indices(word, labels, text)
    return Region(safe_name(name), classes=tuple(dict.fromkeys(indices)), text=", ".join(words))


def _class_indices(word: str, labels: Labels, text: str) -> list[int]:
    if word in labels.names:
        return [labels.names.index(word)]
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", word)
    if match is None:
        known = f" There are {', '.join(labels.names)}." if labels.names else ""
        raise UsageError(f"--region {text} names {word!r}, which is no class.{suggestion(word, labels.names)}{known}")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first or (labels.names and last >= len(labels.names)):
        limit = f"classes are 0 to {len(labels.names) - 1}" if labels.names else "the range is reversed"
        raise UsageError(f"--region {text} asks for class {word}: {limit}.")
    return list(range(first, last + 1))


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


def build_regions(
    texts: Sequence[str],
    boxes: Sequence[str],
    masks: Sequence[str],
    labels: Labels | None,
    canvas: int | tuple[int, int],
    size: int,
    margin: float,
) -> Regions:
    """Every region that a command line names, in the order region, box, mask.

    Args:
        canvas: height and width of the images, or the side of square ones.
    """
    canvas = (canvas, canvas) if isinstance(canvas, int) else canvas
    items = [parse_region(text, labels) for text in texts]
    items += [parse_box(text) for text in boxes]
    items += [read_mask(text, canvas, size) for text in masks]
    return Regions(tuple(items), size, margin_pixels(margin, size), labels)


def regions_from(generator: Generator, given: object, size: int, margin: float) -> Regions:
    """Regions of whatever Python gives.

    Args:
        given: `Regions`; None for the default of a bundled generator; or name -> where it is: a predictor that sees
            classes (the region of that name: a class or a group of classes), ``(predictor, classes)``, a box
            ``(top, left, bottom, right)`` in fractions of the image, a mask [H, W] of 0 and 1, or None for a published
            box.
        size: S. margin: as a fraction of the image's side.

    Raises:
        UsageError: nothing says where a region is, or something else does.
    """
    from gantk.predictors.defaults import segmenter_for

    if isinstance(given, Regions):
        return given
    border = margin_pixels(margin, size)
    if given is None:
        seer = segmenter_for(generator)
        if seer is None:
            raise UsageError("No region was given: name one, such as regions={'eyes': None} for a published box.")
        labels = Labels(tuple(seer.class_names), seer)
        return Regions(tuple(parse_region(name, labels) for name in WORLD), size, border, labels)
    if not isinstance(given, Mapping):
        raise UsageError(f"The regions are a {type(given).__name__}: give a table of name -> where it is.")
    items: list[Region] = []
    sight: Labels | None = None
    for name, where in given.items():
        seer, chosen = where if isinstance(where, tuple) and len(where) == 2 else (where, None)
        if hasattr(seer, "class_names"):
            if sight is not None and sight.segmenter is not seer:
                raise UsageError(f"The region {name!r} has another segmenter than those before: use one for all.")
            sight = Labels(tuple(seer.class_names), seer)
            words = [chosen] if isinstance(chosen, (str, int)) else chosen
            text = name if words is None else f"{name}={','.join(map(str, words))}"
            items.append(parse_region(text, sight))
        elif where is None:
            items.append(parse_region(str(name), None))
        elif isinstance(where, (tuple, list)) and len(where) == 4:
            items.append(parse_box(f"{name}={','.join(map(str, where))}"))
        else:
            items.append(_mask_region(str(name), np.asarray(where), generator.spec.size, size))
    return Regions(tuple(items), size, border, sight)


def _mask_region(name: str, array: npt.NDArray[Any], canvas: tuple[int, int], size: int, text: str = "") -> Region:
    """A mask [H, W] of the image's or the working size: 0 and 1, or grey values up to 255."""
    if array.ndim == 3:
        array = array.mean(2)
    peak = 255.0 if array.dtype == np.uint8 or array.max(initial=0) > 1 else 1.0
    if array.shape not in (canvas, (size, size)):
        shape = " x ".join(str(side) for side in array.shape)
        raise UsageError(
            f"The mask {text or name} has {shape} pixels where the images have {canvas[0]} x {canvas[1]}"
            + (f" (or {size} x {size}, the working size)" if canvas != (size, size) else "")
            + ": draw it on one of them."
        )
    return Region(safe_name(name), mask=at_size((array >= peak / 2)[None], size)[0], text=text or name)


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


def regions_again(facts: JacobianFacts, segmenter: Any) -> Regions:
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
