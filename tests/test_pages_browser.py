"""A page of every task in headless Chromium: axe-core finds nothing serious, text in drawings is readable, pictures are
large enough, and a figure is one stop of the tabulator key. Skipped, saying so, where there is no Chromium.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import pytest
from axe import serious
from browser import Browser
from report_runs import demo
from test_results import old_run

from gantk.reports.render import render, render_index
from gantk.runs.reporting import report
from gantk.runs.table import TASKS, find_task

pytestmark = pytest.mark.browser

SMALL_TEXT = (
    "[...document.querySelectorAll('svg.plot')].filter(s => s.getBoundingClientRect().width > 0)"
    ".flatMap(s => [...s.querySelectorAll('text')].map(t => [t.textContent, parseFloat(getComputedStyle(t).fontSize) *"
    " s.getBoundingClientRect().width / s.viewBox.baseVal.width])).filter(p => p[1] < 11.99)"
)
STOPS = (
    "[...document.querySelectorAll('main figure')].map(f => [f.querySelector('.number').textContent,"
    " [...f.querySelectorAll('button, input, a, [tabindex]')].filter(e => e.tabIndex >= 0 &&"
    " !e.closest('.files') && e.tagName !== 'A' && e.getClientRects().length &&"
    " getComputedStyle(e).visibility !== 'hidden').map(e => e.className || e.tagName)])"
)
TINY = (
    "[...document.querySelectorAll('.cells img, .frame.current img')].map(i => [i.alt, i.getBoundingClientRect()])"
    ".filter(p => p[1].width > 0 && p[1].width < 96 && p[1].height < 96).map(p => p[0] + ' ' + p[1].width)"
)


@functools.cache
def page_of(name: str) -> Path:
    """A page of a task, made from its small result."""
    return report(find_task(name), old_run(name, Path(tempfile.mkdtemp())))


def readable(browser: Browser, page: Path) -> None:
    """Axe finds nothing serious on a page, no text of drawings and no picture is too small, nothing overflows."""
    browser.screen(1280)
    browser.open(page)
    for width, dark in ((1280, False), (390, True)):
        browser.screen(width, dark=dark, phone=width < 600)
        assert serious(browser) == [], width
        assert browser.run(SMALL_TEXT) == [], width
        assert browser.run(TINY) == [], width
        assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.console == []


def test_the_tour_and_the_index_are_readable_by_everyone(browser: Browser, tmp_path: Path) -> None:
    demo(tmp_path)
    readable(browser, render(tmp_path, "demo"))
    (tmp_path / "demo.run.json").unlink()  # else the tour's page is the index
    index = render_index(tmp_path)
    assert index is not None
    readable(browser, index)


@pytest.mark.parametrize("name", list(TASKS))
def test_a_page_of_every_task_is_readable_by_everyone(browser: Browser, name: str) -> None:
    readable(browser, page_of(name))
    browser.screen(1280)
    for number, stops in browser.run(STOPS):
        pictures, headings, rest = (
            [s for s in stops if "zoom" in s],
            [s for s in stops if s == "BUTTON"],
            [s for s in stops if "zoom" not in s and s != "BUTTON"],
        )
        assert len(pictures) <= 1 and len(headings) <= 1 and len(rest) <= 2, (number, stops)
    assert browser.console == []
