"""Sliders over the strength of an edit: the section of a direction, the same on every page that shows one."""

from __future__ import annotations

from gantk.reports.numbers import show_rounded, show_rows, show_step, step_digits
from gantk.reports.sections import Link, Picture, Section, SliderGrid, SliderStrip
from gantk.runs.structure import Strip
from gantk.runs.walk import Walk

FORMATS = {"gif": "Animation (GIF)", "webp": "Animation (WebP)", "mp4": "Video (MP4)"}


def title_of(walk: Walk) -> str:
    """The direction in words."""
    return walk.name if walk.number is None else f"{walk.name}, direction {walk.number}"


def walk_sections(walk: Walk, title: str = "") -> list[Section]:
    """The sliders of a walk, under its name or another title."""
    if not walk.strips:
        return []
    title = title or title_of(walk)
    quantity = walk.strips[0].quantity
    sliders = [_slider(walk, strip, index, title) for index, strip in enumerate(walk.strips)]
    downloads = [Link(path, FORMATS[key]) for key, path in (walk.animations or {}).items()]
    heading = title[0].upper() + title[1:] if title.startswith("direction ") else title
    return [SliderGrid(sliders, f"{heading}: edited samples", _walk_caption(walk, sliders), quantity, downloads)]


def _slider(walk: Walk, strip: Strip, index: int, name: str) -> SliderStrip:
    values = list(strip.values)
    digits = step_digits(values)
    pictures = []
    for image, value in zip(strip.images, values, strict=True):
        step = show_step(value, digits)
        saved = f"{walk.name}_{index:05d}_{value:+.{digits}f}"
        pictures.append(Picture(image.source, f"{strip.label}, {name}, {strip.quantity} {step}", step, saved))
    return SliderStrip(pictures, values, strip.label, quantity=f"{strip.quantity} along {name}", start=strip.origin)


def _walk_caption(walk: Walk, sliders: list[SliderStrip]) -> str:
    low, high = sliders[0].values[0], sliders[0].values[-1]
    text = f"{len(sliders)} sample{'s' if len(sliders) > 1 else ''} moved"
    text += f" in {walk.space}" if walk.space else ""
    text += f", {show_rows(walk.rows)}" if walk.rows else ""
    text += f", {walk.strips[0].quantity} {show_step(low)} to {show_step(high)}{_unit(walk)}."
    text += f"{in_spreads(walk, float(high) or float(low))} {how_to_move(sliders[0])}"
    return f"{text} {walk.note}".strip()


def _unit(walk: Walk) -> str:
    """What a distance counts in; a strength of weights has the unit of the weights."""
    if walk.strips[0].quantity != "distance" or not walk.space:
        return ""
    return f" in units of {walk.unit or walk.space}"


def in_spreads(walk: Walk, distance: float) -> str:
    """A distance as a multiple of the samples' own spread, for a caption; empty where that was not measured."""
    if walk.spread is None or not distance:
        return ""
    multiple = show_rounded(abs(distance) / walk.spread)
    return (
        f" A distance of {show_step(abs(distance))} is {multiple} standard deviations of the generator's samples "
        "along this direction."
    )


def how_to_move(strip: SliderStrip) -> str:
    """What a caption says about the sliders below it."""
    digits = step_digits([float(value) for value in strip.values])
    first, origin = (show_step(float(strip.values[place]), digits) for place in (strip.opening, strip.origin))
    shown = f"Sliders open at {first}; arrow keys move them" if first != origin else "Arrow keys move the sliders"
    return f"{shown}, the key 0 takes them to {origin}."
