"""Sliders over the strength of an edit: the section of a direction, the same on every page that shows one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gantk.reports.numbers import show_step, step_digits, telling
from gantk.reports.record import RunRecord, mapping, numbers, texts
from gantk.reports.sections import Link, Picture, Prose, Section, SliderGrid, SliderStrip
from gantk.runs.structure import Strip
from gantk.runs.walk import Walk

FORMATS = {"gif": "Animation (GIF)", "webp": "Animation (WebP)", "mp4": "Video (MP4)"}


def direction_sections(run: RunRecord, direction: Mapping[str, Any], titled: bool = True) -> list[Section]:
    """Its sliders, and a note where images are missing; `titled=False` where the page is about this direction alone."""
    name = str(direction.get("name", "direction"))
    title = name if direction.get("row") in (None, "") else f"{name}, row {direction['row']}"
    values = numbers(direction.get("distances"))
    quantity = str(direction.get("quantity") or "distance")
    samples = texts(direction.get("samples"))
    frames = direction.get("frames")
    digits = step_digits([float(value) for value in values if np.isfinite(value)]) if len(values) else 0
    strips, missing = [], 0
    for index, paths in enumerate(frames if isinstance(frames, list) else []):
        label = samples[index] if index < len(samples) else f"sample {index}"
        pictures = []
        for path, value in zip(texts(paths), values, strict=False):
            step = show_step(float(value), digits)
            saved = f"{name}_{index:05d}_{float(value):+.{digits}f}"
            picture = run.picture(path, f"{label}, {name} at {quantity} {step}", step, saved)
            if picture is not None:
                pictures.append(picture)
        if len(pictures) != len(values) or not pictures:
            missing += 1
            continue
        start = direction.get("start")
        start = start if isinstance(start, int) and 0 <= start < len(pictures) else None
        steps = [float(value) for value in values]
        strips.append(SliderStrip(pictures, steps, label, quantity=quantity, start=start, first=telling(steps)))
    animation = mapping(direction.get("animation"))
    downloads = [
        Link(str(animation[key]), text) for key, text in FORMATS.items() if run.path(animation.get(key)) is not None
    ]
    sections: list[Section] = []
    if strips:
        sections.append(
            SliderGrid(strips, title if titled else "", _caption(direction, strips, quantity), quantity, downloads)
        )
    if missing:
        text = f"{missing} of the samples of {title} are not shown: not all their images are in the run directory."
        sections.append(Prose(text, tone="warning"))
    return sections


def walk_sections(walk: Walk, titled: bool = True) -> list[Section]:
    """The sliders of a walk; `titled=False` where the page is about this direction alone."""
    if not walk.strips:
        return []
    title = walk.name if walk.number is None else f"{walk.name}, direction {walk.number}"
    quantity = walk.strips[0].quantity
    sliders = [_slider(walk, strip, index) for index, strip in enumerate(walk.strips)]
    downloads = [Link(path, FORMATS[key]) for key, path in (walk.animations or {}).items()]
    return [SliderGrid(sliders, title if titled else "", _walk_caption(walk, sliders), quantity, downloads)]


def _slider(walk: Walk, strip: Strip, index: int) -> SliderStrip:
    values = list(strip.values)
    digits = step_digits(values)
    pictures = []
    for image, value in zip(strip.images, values, strict=True):
        step = show_step(value, digits)
        saved = f"{walk.name}_{index:05d}_{value:+.{digits}f}"
        pictures.append(Picture(image.source, f"{strip.label}, {walk.name} at {strip.quantity} {step}", step, saved))
    return SliderStrip(
        pictures, values, strip.label, quantity=strip.quantity, start=strip.origin, first=telling(values)
    )


def _walk_caption(walk: Walk, sliders: list[SliderStrip]) -> str:
    low, high = sliders[0].values[0], sliders[0].values[-1]
    text = f"{len(sliders)} sample{'s' if len(sliders) > 1 else ''} moved"
    text += f" in {walk.space}" if walk.space else ""
    text += f", rows {', '.join(map(str, walk.rows))}" if walk.rows else ""
    text += f", {sliders[0].quantity} {show_step(low)} to {show_step(high)}. {how_to_move(sliders[0])}"
    return f"{text} {walk.note}".strip()


def how_to_move(strip: SliderStrip) -> str:
    """What a caption says about the sliders below it."""
    digits = step_digits([float(value) for value in strip.values])
    first, origin = (show_step(float(strip.values[place]), digits) for place in (strip.opening, strip.origin))
    shown = f"Sliders are at {first} to begin with; arrow keys move them" if first != origin else "Arrow keys move them"
    return f"{shown}, the key 0 takes them to {origin}."


def _caption(direction: Mapping[str, Any], strips: list[SliderStrip], quantity: str) -> str:
    layers = direction.get("layers")
    chosen = ", ".join(str(layer) for layer in layers) if isinstance(layers, list) else str(layers or "")
    space = str(direction.get("space") or "")
    text = f"{len(strips)} sample{'s' if len(strips) > 1 else ''} moved"
    text += f" in {space}" if space else ""
    text += f", layers {chosen}" if chosen else ""
    low, high = strips[0].values[0], strips[0].values[-1]
    text += f", {quantity} {show_step(low)} to {show_step(high)}. {how_to_move(strips[0])}"
    note = str(direction.get("note") or "")
    return f"{text} {note}".strip()
