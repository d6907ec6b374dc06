"""The page of `gantk manipulate`: sliders over edit strength."""

from __future__ import annotations

from gantk.higan.manipulated import ManipulateResult
from gantk.reports.answer import answer, film
from gantk.reports.page import Page
from gantk.reports.sections import Link, Links, Prose, Section
from gantk.reports.strips import walk_sections


def page(result: ManipulateResult) -> Page:
    """The page of moved samples."""
    shown = [walk for walk in result.walks if walk.strips]
    sections: list[Section] = answer(result, film(shown[0]) if shown else [])
    for walk in result.walks:
        sections += walk_sections(walk)
    if not shown:
        sections.append(Prose("This run wrote moved codes and no images.", "Images"))
    text = "Arrays beside this page, readable with `numpy.load`."
    sections.append(Links([Link(name, name) for name in result.files], "Files", text))
    names = [walk.name for walk in result.walks]
    title = (" and ".join(names) if len(names) <= 3 else f"{len(names)} directions").replace("_", " ")
    return Page(title[:1].upper() + title[1:], _subtitle(result), sections)


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
