"""The page of the toy analysis."""

from __future__ import annotations

from gantk.reports.page import Page
from gantk.reports.sections import Facts, Prose
from toy.results import BrightnessResult


def page(result: BrightnessResult) -> Page:
    facts = Facts([("counts", list(result.counts)), ("resolution", result.resolution)])
    return Page("Brightness", "", [Prose(result.sentence()), facts])
