"""The page of `gantk compare`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import PurePath

from gantk.comparing.results import FILE, CompareResult, Moved, Number
from gantk.reports.answer import answer
from gantk.reports.numbers import show_step, step_digits
from gantk.reports.page import Page
from gantk.reports.sections import (
    Cell,
    CellValue,
    Column,
    Link,
    Links,
    Picture,
    Prose,
    Section,
    Sheet,
    SliderGrid,
    SliderStrip,
    Table,
)  # fmt: skip
from gantk.runs.claims import listed

WHOLE = "the whole result"


def page(result: CompareResult) -> Page:
    """Which settings differ, every number in all runs, and the same samples side by side."""
    numbers: list[tuple[object, str, str]] = [
        (len(result.different), "numbers differ", f"of {len(result.shared)} that all runs have"),
    ]
    if result.known:
        total = len(result.settings) + result.same
        numbers.append((len(result.settings), "settings and inputs differ", f"of {total}"))
    bounded = [number for number in result.shared if number.bounded]
    if bounded:
        apart = sum(number.apart for number in bounded)
        numbers.append((apart, "with intervals that do not meet", f"of {len(bounded)} with intervals"))
    sections: list[Section] = answer(result, _pictures(result), numbers)
    if result.settings:
        sections.append(_settings(result))
    if result.numbers:
        sections.append(_numbers(result))
    sections += [_slider(result, moved) for moved in result.moved]
    sentences = "\n".join(f"- **{side.name}**: {side.sentence}" for side in result.runs)
    sections.append(Prose(sentences, "The first sentence of each run's page"))
    sections.append(Links([Link(FILE, FILE)], "Files", "Every number of every run, with differences, as a table."))
    names = listed([side.name for side in result.runs], 8)
    asked = f"What differs between {names}, and can chance explain it?"
    return Page(f"Comparison of {len(result.runs)} runs of {result.command}", asked, sections)


def _pictures(result: CompareResult) -> list[Section]:
    """The same samples, one group for each: pictures of the results, else the ends of the first strips."""
    pictures = []
    for shown in result.pictures:
        if all(image is not None for image in shown.images):
            for side, image in zip(result.runs, shown.images, strict=True):
                assert image is not None
                pictures.append(
                    Picture(image.source, f"{shown.name} in {side.name}", f"{side.name}: {PurePath(shown.name).stem}")
                )
    caption = "Each group is one picture in every run, paired by its name, or by its place where no name is shared."
    if not pictures:
        for moved in result.moved:
            for side, strip in zip(result.runs, moved.strips, strict=True):
                alt = f"{moved.label}, {moved.direction}, {strip.quantity} {show_step(strip.values[-1])} in {side.name}"
                pictures.append(Picture(strip.images[-1].source, alt, f"{side.name}: {moved.label}, {moved.direction}"))
        caption = "Each group is one sample of every run at the end of its slider, paired by its name or place."
    return [Sheet(pictures, "", caption, 136, len(result.runs))] if pictures else []


def _settings(result: CompareResult) -> Table:
    rows: list[list[CellValue]] = [
        [setting.name, *("not there" if value is None else _plain(value) for value in setting.values)]
        for setting in result.settings
    ]
    inputs = any(setting.contents for setting in result.settings)
    text = "Of an input (the ...) the table shows the beginning of the checksum of its contents." if inputs else ""
    caption = f"{result.same} other settings and inputs are the same in all runs. {text}".strip()
    columns = [Column("setting"), *(Column(side.name) for side in result.runs)]
    return Table(columns, rows, "Settings that differ", caption, sortable=False)


def _plain(value: str) -> str:
    """A setting's value; a list as its parts, with commas between them."""
    try:
        parts = json.loads(value) if value.startswith("[") else None
    except ValueError:  # cut, or no list
        return value
    if not isinstance(parts, list) or not parts or not all(isinstance(part, (str, int, float)) for part in parts):
        return value
    return ", ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts)


def _numbers(result: CompareResult) -> Table:
    columns = [
        Column("of"),
        Column("number"),
        *(Column(side.name) for side in result.runs),
        Column("difference"),
        Column("in half widths", "Of the difference's own 95 % interval: above 1, chance hardly makes it", 1),
        Column("% of size", "Of the larger size; large for any number near 0", 1),
        Column("intervals"),
    ]
    rows: list[list[CellValue]] = []
    for number in result.numbers:
        cells: list[CellValue] = [_cell(number, place) for place in range(len(result.runs))]
        ends: list[CellValue] = [Cell(None, "\u00a0")] * 3
        if number.shared:
            ends = [Cell(number.difference, number.shown_difference), _scaled(number), 100 * number.relative]
        rows.append([number.row or WHOLE, number.label, *cells, *ends, _intervals(number)])
    caption = (
        "Difference is the largest value minus the smallest. Numbers with intervals come first, ranked by the "
        "difference in half widths; those without an interval follow, ranked by the difference as % of the larger size."
    )
    return Table(columns, rows, "Numbers", caption)


def _cell(number: Number, place: int) -> CellValue:
    value = number.values[place]
    return Cell(None, "not in this run") if value is None else Cell(value, number.shown(place))


def _scaled(number: Number) -> CellValue:
    if number.scaled is None:
        return Cell(None, "no interval")
    return Cell(None, "intervals without width") if math.isinf(number.scaled) else number.scaled


def _intervals(number: Number) -> str:
    if not number.shared:
        return "not in every run"
    if not number.bounded:
        return "none"
    return "do not meet" if number.apart else "meet"


def _slider(result: CompareResult, moved: Moved) -> SliderGrid:
    strips = []
    values: Sequence[float] = moved.strips[0].values
    digits, of = step_digits(list(values)), f"{moved.label}, {moved.direction}"
    for side, strip in zip(result.runs, moved.strips, strict=True):
        frames = [
            Picture(
                image.source,
                f"{of}, {strip.quantity} {show_step(value, digits)} in {side.name}",
                show_step(value, digits),
            )
            for image, value in zip(strip.images, values, strict=True)
        ]
        strips.append(SliderStrip(frames, values, side.name, quantity=strip.quantity, start=strip.origin))
    caption = f"{moved.label[:1].upper()}{moved.label[1:]} in every run; one slider moves all of them."
    return SliderGrid(strips, f"{moved.direction}: {moved.label}", caption, moved.strips[0].quantity)
