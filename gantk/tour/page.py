"""The page of `gantk demo`: the tour, its findings, and a card for every page it made.

Reads of `results`, all optional:
    first           {headline, table: as below, text}: what the atlas found; the text is the page's first sentence
    headline        [{value, name, note}]: figures to remember
    findings        [text]: sentences, most important first
    truth           text: whether the figures are known exactly or estimated, and by what
    factors         {columns: [name], rows: [[value]], caption}: what was found of every factor of the generator
    oracle          the same of the search whose truth is known
    chapters        [{title, text, page (path of a page), image (path), images: [path], alt,
                      table: {columns: [name], rows: [[value]], caption}}]
    images          [path]: a contact sheet
    images_caption  text below it
    best            [{name, space, distances, frames: [[path]], samples, start, measured, change, low, high,
                    selectivity}]: the directions of the first screen
    layers          {names: [A], layers: [L], values: [A][L], caption}: what is stored where
Runs found in the directory or one level below it are linked even when no chapter names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gantk.reports import index
from gantk.reports.images import thumbnail
from gantk.reports.numbers import read_number, show_number, show_step, step_digits
from gantk.reports.page import Page
from gantk.reports.pasting import pasted
from gantk.reports.record import RunRecord, mapping, matrix, records, records_below, texts
from gantk.reports.sections import (
    Cell,
    CellValue,
    Column,
    Facts,
    Headline,
    HeatMap,
    Link,
    Links,
    Picture,
    Prose,
    Section,
    Sheet,
    Table,
)
from gantk.reports.text import typeset
from gantk.runs.upgrade import walks
from gantk.runs.walk import Walk

DIGITS = {name: 2 for name in ("selectivity", "own change", "strength", "largest change", "second largest")}
"""Decimals of columns that would have too many."""
BOUNDARIES = "boundaries"  # the directory of the tour's boundaries


def _headline(value: object, title: str = "") -> list[Section]:
    items = [(entry.get("value"), str(entry.get("name", "")), str(entry.get("note") or "")) for entry in records(value)]
    return [Headline(items, title)] if items else []


def _table(found: Mapping[str, Any], title: str = "", missing: str = "") -> list[Section]:
    """A table; `missing` says why a cell has nothing."""
    columns = texts(found.get("columns"))
    rows: list[list[CellValue]] = []
    given = found.get("rows")
    for row in given if isinstance(given, list) else []:
        if isinstance(row, list) and len(row) == len(columns):
            cells = [cell if cell is None or isinstance(cell, (str, int, float)) else str(cell) for cell in row]
            rows.append([Cell(None, missing) if missing and cell is None else cell for cell in cells])
    heads = [Column(name, digits=DIGITS.get(name, 3)) for name in columns]
    return [Table(heads, rows, title, str(found.get("caption") or ""))] if rows else []


SAMPLES = 24  # of the contact sheet
PANEL = 136  # width of a picture, in pixels
ENDS = 3  # pictures of a direction


def _best(run: RunRecord) -> list[Section]:
    """The first sample along each of the best directions, their numbers in the same order, and what to do next."""
    entries = records(run.results.get("best"))
    pictures = [picture for walk in walks(entries, run.directory) for picture in _ends(walk)]
    if not pictures:
        return []
    numbers: list[tuple[object, str, str]] = []
    for entry in entries:
        value, low, high, times = (read_number(entry.get(part)) for part in ("change", "low", "high", "selectivity"))
        if value is not None and low is not None and high is not None and times is not None:
            note = f"standard deviations, 95 % interval {low:.2f} to {high:.2f}; {times:.1f} times any other factor"
            numbers.append((show_number(value, 2, signed=True), str(entry["name"]), typeset(note)))
    caption = "One sample, as it is and moved to both ends of each of the most selective boundaries."
    measured = read_number(entries[0].get("measured"))
    if numbers and measured is not None:
        caption += f" Below: the change of the boundary's own factor at distance {show_step(measured)}."
    name, model = str(entries[0]["name"]), run.arguments.get("model") or "demo"
    line = (
        f"`gantk manipulate {model} RUN/{BOUNDARIES}/{name}_boundary.safetensors` moves other samples "
        f"along `{name}`. The pages of the tour, below, hold what each method found."
    )
    made: list[Section] = [Sheet(pictures, "", caption, PANEL, ENDS)]
    return [*made, *([Headline(numbers)] if numbers else []), Prose(line, tone="next")]


def _ends(walk: Walk) -> list[Picture]:
    """The first sample of a walk at its lower end, as it is, and at its upper end; none where it lacks one of them."""
    strip = walk.strips[0]
    if strip.origin is None or len(strip.images) != len(strip.values) or not 0 < strip.origin < len(strip.values) - 1:
        return []
    digits = step_digits([strip.values[0], strip.values[-1]])
    pictures = []
    for place in (0, strip.origin, len(strip.values) - 1):
        step = show_step(strip.values[place], digits)
        label = "original" if place == strip.origin else f"{walk.name} {step}"
        alt = f"{strip.label}, {walk.name}, {strip.quantity} {step}"
        pictures.append(
            Picture(strip.images[place].source, alt, label, f"{walk.name}_{strip.values[place]:+.{digits}f}")
        )
    return pictures


def _samples(run: RunRecord) -> list[Section]:
    named = enumerate(texts(run.results.get("images"))[:SAMPLES])
    pictures = [
        picture for place, name in named if (picture := run.picture(name, f"Generated sample {place}")) is not None
    ]
    caption = str(run.results.get("images_caption") or "What the generator draws.")
    return [Sheet(pictures, "Samples of the generator", caption, 96)] if pictures else []


def _layers(run: RunRecord) -> list[Section]:
    """What each row of wp carries; nothing where the shape does not fit the names."""
    found = mapping(run.results.get("layers"))
    names, layers = texts(found.get("names")), texts(found.get("layers"))
    values = matrix(found.get("values"), len(names), len(layers))
    if values is None:
        return []
    caption, quantity = (str(found.get(key) or "") for key in ("caption", "quantity"))
    title = "Change of each factor by row of wp"
    return [HeatMap(values, names, layers, title, caption, "factor", "layer", quantity=quantity)]


def _chapters(run: RunRecord) -> tuple[list[Section], list[Section]]:
    """A card for every chapter, and the tables that no other page has."""
    links: list[Link] = []
    tables: list[Section] = []
    for chapter in records(run.results.get("chapters")):
        title, text, page = (str(chapter.get(name) or "") for name in ("title", "text", "page"))
        tables += _table(mapping(chapter.get("table")), title)
        if not page:
            continue
        image = chapter.get("image") or next(iter(texts(chapter.get("images"))), None)
        picture = run.picture(image, f"{chapter.get('alt') or 'An image'}, of: {title}") if image else None
        links.append(Link(page, title, text, thumbnail(picture) if picture is not None else _other_picture(run, page)))
    return [Links(links, "Pages of the tour")] if links else [], tables


def _other_picture(run: RunRecord, page: str) -> Picture | None:
    """The picture that stands for a linked page, where its chapter names none."""
    path = run.directory / page
    found = (other for other in records_below(run.directory) if other.directory == path.parent)
    return next((index.picture_of(other) for other in found if f"{other.command}.html" == path.name), None)


def _others(run: RunRecord) -> list[Section]:
    """Plain links to the pages that no chapter names."""
    named = {str(chapter.get("page") or "") for chapter in records(run.results.get("chapters"))}
    links = []
    for other in records_below(run.directory):
        folder = other.directory.relative_to(run.directory).as_posix()
        href = (f"{folder}/" if folder != "." else "") + f"{other.command}.html"
        if other.command != "demo" and href not in named and (run.directory / href).is_file():
            links.append(Link(href, f"{index.title_of(other.command)} ({folder})"))
    return [Links(links, "Other pages")] if links else []


def build(run: RunRecord) -> Page:
    """The page: pictures and findings first, then a card for every page, then tables."""
    results = run.results
    findings = texts(results.get("findings"))
    truth = str(results.get("truth") or "")
    sections: list[Section] = []
    first = mapping(results.get("first"))
    opening = str(first.get("text") or "") or next(iter(findings), "")
    if opening:
        sections.append(Prose(opening, tone="finding"))
    sections += _best(run)
    sections += _table(mapping(first.get("table")), "Which direction to use for each factor", "none")
    sections += _headline(first.get("headline"))
    others = [text for text in findings if text != opening]
    if others:
        sections.append(Prose("\n".join(f"- {text}" for text in others), "What was found"))
    if truth:
        sections.append(Prose(truth, tone="warning"))
    sections += _samples(run)
    pages, tables = _chapters(run)
    sections += pages
    sections += _headline(results.get("headline"), "Boundaries of the factors")
    sections += _table(mapping(results.get("factors")), "" if results.get("headline") else "Boundaries of the factors")
    sections += _table(mapping(results.get("oracle")), "The same search, against the truth")
    sections += [*_layers(run), *tables, *_others(run)]
    sections.append(Facts(run.settings(), "Settings"))
    subtitle = "What does this generator know, where is it stored, and how do I move it?"
    return Page("A tour of gantk", subtitle, pasted(sections, run), run.command_line, run.manifest, run.command)
