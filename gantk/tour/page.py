"""The page of `gantk demo`: the tour, its findings, and a card for every page it made.

Reads of `results`, all optional:
    first           {headline: as below, text}: the first screen, on which the first chapter follows
    headline        [{value, name, note}]: figures to remember
    findings        [text]: sentences, most important first
    truth           text: whether the figures are known exactly or estimated, and by what
    comparison      {columns: [name], rows: [[value]], caption}: what was found against the truth
    chapters        [{title, text, page (path of a page), image (path), headline: [{value, name, note}],
                      images: [path], alt, facts: {name: value}, table: {columns: [name], rows: [[value]], caption},
                      heat_map: {rows, columns, values, caption, row_name, column_name, quantity, scale, limit,
                      diagonal}}]
    images          [path]: a contact sheet to begin with
    images_caption  text below it
    sliders         [{name, space, rows, distances, frames: [[path]], samples, start, animation: {format: path}}]
    entanglement    {boundaries: [B], attributes: [A], values: [B][A], standardized}
    layers          {names: [A], layers: [L], values: [A][L], caption}: what is stored where
Runs found in the directory or one level below it are linked even when no chapter names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from gantk.reports import index
from gantk.reports.images import thumbnail
from gantk.reports.numbers import read_number
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, mapping, matrix, records, records_below, texts
from gantk.reports.sections import CellValue, Facts, Headline, HeatMap, Link, Links, Prose, Section, Sheet, Table
from gantk.reports.strips import walk_sections
from gantk.runs.upgrade import walks


def _headline(value: object, title: str = "") -> list[Section]:
    items = [(entry.get("value"), str(entry.get("name", "")), str(entry.get("note") or "")) for entry in records(value)]
    return [Headline(items, title)] if items else []


def heat_map_of(found: Mapping[str, Any], title: str) -> list[Section]:
    """A heat map written as plain data; nothing where its shape does not fit its names."""
    rows, columns = texts(found.get("rows")), texts(found.get("columns"))
    values = matrix(found.get("values"), len(rows), len(columns))
    if values is None:
        return []
    scale: Literal["diverging", "sequential"] = "diverging" if found.get("scale") == "diverging" else "sequential"
    return [
        HeatMap(
            values,
            rows,
            columns,
            title,
            str(found.get("caption") or ""),
            str(found.get("row_name") or ""),
            str(found.get("column_name") or ""),
            scale,
            read_number(found.get("limit")),
            quantity=str(found.get("quantity") or ""),
            diagonal=bool(found.get("diagonal")),
        )
    ]


def _table(found: Mapping[str, Any], title: str = "") -> list[Section]:
    columns = texts(found.get("columns"))
    rows: list[list[CellValue]] = []
    given = found.get("rows")
    for row in given if isinstance(given, list) else []:
        if isinstance(row, list) and len(row) == len(columns):
            rows.append([cell if cell is None or isinstance(cell, (str, int, float)) else str(cell) for cell in row])
    return [Table(columns, rows, title, str(found.get("caption") or ""))] if rows else []


def _chapter(run: RunRecord, chapter: Mapping[str, Any]) -> list[Section]:
    title = str(chapter.get("title", ""))
    sections: list[Section] = [Prose(str(chapter.get("text") or ""), title)] if title or chapter.get("text") else []
    sections += _headline(chapter.get("headline"))
    named = enumerate(texts(chapter.get("images")))
    pictures = [run.picture(name, f"{chapter.get('alt') or title or 'Image'} {place}") for place, name in named]
    shown = [picture for picture in pictures if picture is not None]
    if shown:
        sections.append(Sheet(shown, caption=str(chapter.get("caption") or "")))
    sections += _table(mapping(chapter.get("table")))
    sections += heat_map_of(mapping(chapter.get("heat_map")), "")
    facts = mapping(chapter.get("facts"))
    if facts:
        sections.append(Facts(list(facts.items())))
    page = chapter.get("page")
    if isinstance(page, str) and page:
        image = run.picture(chapter.get("image"), f"An image of the chapter {title}")
        link = Link(
            page, str(chapter.get("link") or f"More: {title}"), "", thumbnail(image) if image is not None else None
        )
        sections.append(Links([link]))
    return sections


def build(run: RunRecord) -> Page:
    results = run.results
    sections: list[Section] = []
    findings = texts(results.get("findings"))
    truth = str(results.get("truth") or "")
    first = mapping(results.get("first"))
    sections += _headline(first.get("headline"), str(first.get("title") or ""))
    if first.get("text"):
        sections.append(Prose(str(first["text"])))
    sections += [part for chapter in records(results.get("chapters"))[:1] if first for part in _chapter(run, chapter)]
    sections += _headline(results.get("headline"), "The tour" if first else "")
    if findings:
        sections.append(Prose("\n\n".join(findings), "What was found", "finding"))
    if truth:
        sections.append(Prose(truth))
    sections += _table(mapping(results.get("comparison")), "Compared with the truth")
    named = enumerate(texts(results.get("images"))[:48])
    pictures = [
        picture for place, name in named if (picture := run.picture(name, f"Generated sample {place}")) is not None
    ]
    if pictures:
        sections.append(
            Sheet(
                pictures,
                "Samples",
                str(results.get("images_caption") or "What the generator draws."),
                96,
            )
        )
    for walk in walks(records(results.get("sliders")), run.directory):
        sections += walk_sections(walk)
    layers = mapping(results.get("layers"))
    if layers:
        found = {
            "rows": layers.get("names"),
            "columns": layers.get("layers"),
            **layers,
            "row_name": "attribute",
            "column_name": "layer",
        }
        sections += heat_map_of(found, "Where each attribute is stored")
    entanglement = mapping(results.get("entanglement"))
    if entanglement:
        unit = "standard deviations" if entanglement.get("standardized") else "change"
        rows, columns = entanglement.get("boundaries"), entanglement.get("attributes")
        caption = (
            "The change of every factor (columns) along every boundary (rows). A clean boundary has one dark cell."
        )
        found = {
            "rows": rows,
            "columns": columns,
            "scale": "diverging",
            "quantity": unit,
            "diagonal": rows == columns,
            "caption": caption,
        }
        sections += heat_map_of(
            {**found, **entanglement, "row_name": "boundary", "column_name": "factor"}, "Entanglement"
        )
    for chapter in records(results.get("chapters"))[1 if first else 0 :]:
        sections += _chapter(run, chapter)
    linked = [other for other in records_below(run.directory) if other.command != "demo"]
    links = index.cards(
        [other for other in linked if (other.directory / f"{other.command}.html").is_file()], run.directory
    )
    if links:
        sections.append(Links(links, "All reports", "Each page stands alone and can be sent on."))
    sections.append(Facts(run.settings(), "Settings"))
    subtitle = str(
        results.get("subtitle") or "What does this generator know, where is it stored, and how do I move it?"
    )
    return Page(
        str(results.get("title") or "A tour of gantk"), subtitle, sections, run.command_line, run.manifest, run.command
    )
