"""The page of `gantk manipulate`: sliders over edit strength.

Reads of `results`, all optional but `directions`:
    directions      [{name, space, row (of a direction file with several), layers (text or [index]), quantity
                      ("distance"),
                      distances: [K], frames: [[path per step] per sample], samples: [name per sample],
                      animation: {gif | webp | mp4: path}, start (index of the frame that is no edit), note}]
    files           [path]: arrays written (edited codes), offered as links
    truncation      text, as it was applied
    conditions      [name]: what the directions were made orthogonal to
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gantk.reports.numbers import show_step, step_digits, telling
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, mapping, numbers, records, texts
from gantk.reports.sections import Facts, Link, Links, Prose, Section, SliderGrid, SliderStrip

FORMATS = {"gif": "Animation (GIF)", "webp": "Animation (WebP)", "mp4": "Video (MP4)"}


def build(run: RunRecord) -> Page:
    results = run.results
    directions = records(results.get("directions"))
    sections: list[Section] = []
    for direction in directions:
        sections += direction_sections(run, direction, titled=len(directions) > 1)
    if not directions and run.manifest.get("state", "complete") == "complete":
        sections.append(Prose("This run moved codes along no direction.", tone="warning"))
    files = [name for name in texts(results.get("files")) if run.path(name) is not None]
    if files:
        sections.append(
            Links([Link(name, name) for name in files], "Files", "Arrays beside this page, readable with `numpy.load`.")
        )
    sections.append(Facts(run.settings(), "Settings"))
    names = [str(direction.get("name", "")) for direction in directions]
    title = " and ".join(names) if 0 < len(names) <= 3 else f"{len(names)} directions"
    subtitle = "Move the slider to walk along the direction; 0 is the sample as it was drawn."
    if run.subject:
        subtitle = f"Edits of `{run.subject}`. " + subtitle
    title = title.replace("_", " ")
    return Page(title[:1].upper() + title[1:], subtitle, sections, run.command_line, run.manifest, run.command)


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
