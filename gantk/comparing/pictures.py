"""The same samples of several results: pictures and strips, paired by name where names agree, else by place."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from gantk.comparing.results import Moved, Shown
from gantk.runs.results import Result
from gantk.runs.structure import Image, Strip
from gantk.runs.walk import Walk

T = TypeVar("T")


def same_pictures(results: Sequence[Result], most: int) -> tuple[Shown, ...]:
    """The first pictures that are no part of a strip."""
    every = [{image.name: image for image in _found(result, Image) if _there(image)} for result in results]
    return tuple(
        Shown(name=name, images=tuple(None if image is None else _own(image, run) for run, image in enumerate(images)))
        for name, images in paired(every)[:most]
    )


def same_strips(results: Sequence[Result], most: int) -> tuple[Moved, ...]:
    """The first strips with the same values in every result."""
    every: list[dict[str, tuple[str, Strip]]] = []
    for result in results:
        strips: dict[str, tuple[str, Strip]] = {}
        for walk in _found(result, Walk):
            name = walk.name if walk.number is None else f"{walk.name}, direction {walk.number}"
            for strip in walk.strips:
                if strip.images and all(map(_there, strip.images)):
                    strips[f"{name}, {strip.label}"] = (name, strip)
        every.append(strips)
    moved: list[Moved] = []
    for _, found in paired(every):
        whole = [each for each in found if each is not None]
        if len(whole) < len(results) or len({each.values for _, each in whole}) > 1 or len(moved) >= most:
            continue
        strips_of = tuple(
            dataclasses.replace(strip, images=tuple(_own(image, run) for image in strip.images))
            for run, (_, strip) in enumerate(whole)
        )
        names = list(dict.fromkeys(name for name, _ in whole))
        moved.append(Moved(direction=" and ".join(names), label=whole[0][1].label, strips=strips_of))
    return tuple(moved)


def paired(every: Sequence[Mapping[str, T]]) -> list[tuple[str, tuple[T | None, ...]]]:
    """What has the same name in two results or more; where no name is shared, what has the same place."""
    names = dict.fromkeys(name for found in every for name in found)
    by_name = [(name, tuple(found.get(name) for found in every)) for name in names]
    shared = [(name, parts) for name, parts in by_name if sum(part is not None for part in parts) > 1]
    if shared:
        return shared
    rows = zip(*(found.values() for found in every), strict=False)
    return [(f"number {place}", parts) for place, parts in enumerate(rows)]


def _there(image: Image) -> bool:
    return image.pixels is not None or (image.file is not None and image.file.is_file())


def _own(image: Image, run: int) -> Image:
    """The picture under a name inside the comparison's own directory."""
    return Image(f"run{run}/{image.name}", image.pixels, image.file)


def _found(value: object, kind: type[T]) -> Iterator[T]:
    """Every part of a kind in a result, in order; parts of walks and strips are not looked into for pictures."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (Walk, Strip)):
        return
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _found(getattr(value, field.name), kind)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _found(part, kind)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _found(part, kind)
