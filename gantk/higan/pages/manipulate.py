"""The page of `gantk manipulate`: sliders over edit strength."""

from __future__ import annotations

from gantk.higan.manipulated import ManipulateResult, Moved
from gantk.reports.answer import answer, film
from gantk.reports.page import Page
from gantk.reports.sections import CellValue, Column, Link, Links, Prose, Section, Table
from gantk.reports.strips import walk_sections

COLUMNS = (
    Column("distance", "In units of the space", 2),
    Column("share near", "Share of moved samples near an unedited one, over that of unedited samples", 2),
    Column("apart", "Kernel distance to unedited samples, over what 95 % of splits of unedited ones stay below", 2),
)
CAPTION = (
    "Other samples were moved, and compared with unedited ones by their features. **Share near** is the share of them "
    "within reach of an unedited sample, over the same share of unedited samples: where it falls, pictures leave what "
    "the generator draws. **Apart** is how far they are as a set, where unedited sets are up to 1 apart: an edit that "
    "works gets there without leaving, since all of its samples have what few had."
)


def page(result: ManipulateResult) -> Page:
    shown = [walk for walk in result.walks if walk.strips]
    sections: list[Section] = answer(result, film(shown[0]) if shown else [])
    for walk in result.walks:
        sections += walk_sections(walk)
    if not shown:
        sections.append(Prose("This run wrote moved codes and no images.", "Images"))
    sections += [section for each in result.moved for section in _departures(each, len(result.moved) > 1)]
    text = "Arrays beside this page, readable with `numpy.load`."
    sections.append(Links([Link(name, name) for name in result.files], "Files", text))
    names = [walk.name for walk in result.walks]
    title = (" and ".join(names) if len(names) <= 3 else f"{len(names)} directions").replace("_", " ")
    return Page(title[:1].upper() + title[1:], _subtitle(result), sections)


def _departures(moved: Moved, titled: bool) -> list[Section]:
    if not moved.departures:
        return []
    rows: list[list[CellValue]] = [[step.distance, step.near, step.apart] for step in moved.departures]
    title = f"{moved.walk.name}: how far it may go" if titled else "How far it may go"
    return [Table(COLUMNS, rows, title, CAPTION, sortable=False)]


def _subtitle(result: ManipulateResult) -> str:
    strips = [strip for walk in result.walks for strip in walk.strips]
    text = "What changes along a direction?"
    if strips and all(strip.origin is not None for strip in strips):
        text += " The sliders open on the sample as it was drawn, which is at 0."
    if result.truncation != "none":
        text += f" Truncation: {result.truncation}."
    if result.conditions:
        text += f" Made orthogonal to {', '.join(result.conditions)}."
    return text
