"""Regions as users give them: words of a command line, files, or objects in Python.

Shape legend: N samples, H x W pixels of the image, S x S of the working size.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.codes.given import numbers_of
from gantk.errors import GantkError, UsageError, suggestion
from gantk.generators.arguments import described
from gantk.generators.base import Generator
from gantk.pictures import shapes
from gantk.pictures.label_maps import read_numbers
from gantk.pictures.opening import open_values
from gantk.predictors.base import Predictor
from gantk.predictors.load import predictor_in
from gantk.resefa.regions import Labels, Region, Regions, at_size, margin_pixels, safe_name
from gantk.resefa.tables import CLASS_GROUPS, WORLD, published_box
from gantk.store.files import load_npy
from gantk.store.inside import regular_file


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
    return np.asarray(open_values(path, over=(0, 0, 0)))  # what was left transparent was not marked


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
    match = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", word)
    if match is None:
        known = f" There are {', '.join(labels.names)}." if labels.names else ""
        raise UsageError(f"--region {text} names {word!r}, which is no class.{suggestion(word, labels.names)}{known}")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first or (labels.names and last >= len(labels.names)):
        limit = f"classes are 0 to {len(labels.names) - 1}" if labels.names else "the range is reversed"
        raise UsageError(f"--region {text} asks for class {word}: {limit}.")
    return list(range(first, last + 1))


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
        raise UsageError(f"The regions are {described(given)}: give a table of name -> where it is.")
    items: list[Region] = []
    sight: Labels | None = None
    for name, where in given.items():
        seer, chosen = where if isinstance(where, tuple) and len(where) == 2 else (where, None)
        if not isinstance(seer, np.ndarray) and isinstance(found := predictor_in(seer, generator), Predictor):
            seer = found
            if sight is not None and sight.segmenter is not seer:
                raise UsageError(f"The region {name!r} has another segmenter than those before: use one for all.")
            sight = Labels(tuple(seer.class_names), seer)
            words = [chosen] if isinstance(chosen, (str, int)) else chosen
            text = name if words is None else f"{name}={','.join(map(str, words))}"
            if words is None and not {*CLASS_GROUPS.get(name, (name,))} <= {*sight.names}:
                known = suggestion(str(name), sight.names)
                raise UsageError(
                    f"The region {name!r} is no class that {found.name!r} sees.{known} Say of which classes it is: "
                    f"{{{name!r}: (predictor, ['CLASS', ...])}}."
                )
            items.append(parse_region(text, sight))
        elif where is None:
            items.append(parse_region(str(name), None))
        elif isinstance(where, str):
            items.append(parse_box(f"{name}={where}"))
        elif (
            isinstance(where, (tuple, list))
            and len(where) < 6
            and all(isinstance(each, (int, float)) for each in where)
        ):
            items.append(parse_box(f"{name}={','.join(map(str, where))}"))
        else:
            items.append(_mask_region(str(name), numbers_of(where, f"The region {name!r}"), generator.spec.size, size))
    return Regions(tuple(items), size, border, sight)


def _mask_region(name: str, array: npt.NDArray[Any], canvas: tuple[int, int], size: int, text: str = "") -> Region:
    """A mask [H, W] of the image's or the working size: 0 and 1, or grey values up to 255, of 16 bits up to 65535.

    Raises:
        UsageError: its size or its values are of something else.
    """
    wide = array.dtype == np.uint16
    array = array.astype(np.float64)
    if array.ndim == 3:
        array = array.mean(2)
    if not (np.isfinite(array).all() and array.min(initial=0) >= 0):
        raise UsageError(f"The mask {text or name} has numbers that are negative or not finite: give 0 and 1.")
    largest = array.max(initial=0)
    peak = 1.0 if largest <= 1 else 65535.0 if wide and largest > 255 else 255.0
    if array.shape not in (canvas, (size, size)):
        shape = " x ".join(str(side) for side in array.shape)
        raise UsageError(
            f"The mask {text or name} has {shape} pixels where the images have {canvas[0]} x {canvas[1]}"
            + (f" (or {size} x {size}, the working size)" if canvas != (size, size) else "")
            + ": draw it on one of them."
        )
    return Region(safe_name(name), mask=at_size((array >= peak / 2)[None], size)[0], text=text or name)
