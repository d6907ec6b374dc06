"""Contact sheets and slider strips as what their template prints."""

from __future__ import annotations

from dataclasses import dataclass

from gantk.reports.images import ImageStore, Shown
from gantk.reports.numbers import show_step, step_digits
from gantk.reports.sections import Link, SliderGrid, SliderStrip
from gantk.reports.text import safe_address


@dataclass(frozen=True)
class ShownLink:
    href: str
    title: str
    text: str
    thumbnail: Shown | None


@dataclass(frozen=True)
class ShownStrip:
    """`ticks` are the values as text; their indices: `first` is shown first, `origin` is no edit, `zero` is 0 or -1."""

    name: str
    quantity: str
    frames: list[Shown]
    ticks: list[str]
    first: int
    origin: int
    zero: int
    downloads: list[ShownLink]


def show_link(link: Link, images: ImageStore) -> ShownLink:
    thumbnail = images.show(link.thumbnail) if link.thumbnail is not None else None
    return ShownLink(safe_address(link.href), link.title, link.text, thumbnail)


def show_strip(strip: SliderStrip, images: ImageStore, name: str = "") -> ShownStrip:
    values = [float(value) for value in strip.values]
    digits = step_digits(values)
    return ShownStrip(
        name=name,
        quantity=strip.quantity,
        frames=[images.show(frame) for frame in strip.frames],
        ticks=[show_step(value, digits) for value in values],
        first=strip.opening,
        origin=strip.origin,
        zero=values.index(0.0) if 0.0 in values else -1,
        downloads=[show_link(link, images) for link in strip.downloads],
    )


@dataclass(frozen=True)
class ShownGrid:
    strips: list[ShownStrip]
    quantity: str
    ticks: list[str]
    first: int
    origin: int
    zero: int
    downloads: list[ShownLink]


def show_grid(grid: SliderGrid, images: ImageStore) -> ShownGrid:
    strips = [show_strip(strip, images, strip.title or f"sample {index}") for index, strip in enumerate(grid.strips)]
    first = strips[0]
    downloads = [show_link(link, images) for link in grid.downloads]
    return ShownGrid(strips, grid.quantity, first.ticks, first.first, first.origin, first.zero, downloads)
