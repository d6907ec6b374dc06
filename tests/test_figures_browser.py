"""Figures and tables taken out of a page in headless Chromium: copy, save, keys, print. Skipped where there is none."""

from __future__ import annotations

import csv
import io
import urllib.parse
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from browser import Browser

from gantk.reports import Page
from gantk.reports.sections import BarPlot, Cell, Column, HeatMap, Table
from gantk.reports.tabular import _LATEX, csv_text, grid_of, latex, markdown

pytestmark = pytest.mark.browser

TABLE = Table(
    ["name", Column("gain", digits=2)],
    [
        ["a_b & 50 %", 1 / 3],
        [Cell("x|y", text="x|y, z"), -0.25],
        ['[0] "q" {~^\\}', 2.0],
        [" ".join(sorted(_LATEX)), 0],
    ],
    "Numbers",
)
HEAT = HeatMap(np.array([[0.5, -1.0], [2.0, 0.25]]), ["r1", "r_2"], ["c1", "c2"], "Heat", row_name="row")
BARS = BarPlot(["one", "two"], [1.0, -0.5], title="Bars & more")


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Path:
    path = Page("Title", sections=[TABLE, HEAT, BARS]).write(tmp_path / "page.html")
    browser.screen(1280)
    browser.open(path)
    browser.run(
        "window.taken = []; document.execCommand = () => { taken.push(document.activeElement.value); return true; };"
        "HTMLAnchorElement.prototype.click = function () { taken.push(this.download, this.href); }; 0"
    )
    return path


def taken(browser: Browser, section: str, name: str) -> list[str]:
    browser.run(
        f"(() => {{ taken.length = 0; [...document.querySelectorAll('#{section} .taking button')]"
        f".find(b => b.textContent === '{name}').click(); }})()"
    )
    return list(browser.run("new Promise(done => setTimeout(() => done(taken), 300))"))


def number(text: str) -> float | str:
    """The value of a cell; a page writes whole numbers with a point."""
    try:
        return float(text)
    except ValueError:
        return text


def tabular(text: str) -> str:
    """The part that the page copies: without caption and float."""
    return text[text.index("\\begin{tabular}") : text.index("\\end{tabular}")]


@pytest.mark.parametrize(("section", "anchor"), [(TABLE, "numbers"), (HEAT, "heat")])
def test_a_copied_table_is_the_written_one(browser: Browser, page: Path, section: Table | HeatMap, anchor: str) -> None:
    assert tabular(taken(browser, anchor, "LaTeX")[0]) == tabular(latex(grid_of(section)))
    assert taken(browser, anchor, "Markdown") == [markdown(grid_of(section))]
    copied, written = (
        list(csv.reader(io.StringIO(text))) for text in (taken(browser, anchor, "CSV")[0], csv_text(grid_of(section)))
    )
    assert [[number(text) for text in line] for line in copied] == [[number(text) for text in line] for line in written]
    assert browser.console == []


def test_a_saved_plot_is_valid_alone(browser: Browser, page: Path) -> None:
    name, address = taken(browser, "bars-more", "SVG")
    assert name == "bars-more.svg"
    root = ET.fromstring(urllib.parse.unquote(address.partition(",")[2]))
    nodes = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    assert {node.attrib["fill"] for node in nodes} == {"rgb(10, 122, 111)", "rgb(196, 84, 26)"}
    name, address = taken(browser, "bars-more", "PNG")
    assert name == "bars-more.png" and address.startswith("data:image/png;base64,") and len(address) > 2000
    assert browser.console == []


def test_one_tab_stop_and_arrows_reach_the_buttons(browser: Browser, page: Path) -> None:
    inside = "document.querySelectorAll('#{} figure [tabindex], #{} figure button')"
    stops = f"[...{inside}].filter(e => e.tabIndex === 0).length"
    for anchor in ("numbers", "heat", "bars-more"):
        assert browser.run(stops.replace("{}", anchor)) == 1, anchor
    browser.run("document.querySelector('#numbers thead button').focus()")
    for _ in range(2):
        browser.press("ArrowRight")
    assert browser.run("document.activeElement.getAttribute('aria-label')") == "Copy as LaTeX"


def test_print_has_tables_and_no_buttons(browser: Browser, page: Path) -> None:
    browser.media("print")
    try:
        shown = "getComputedStyle(document.querySelector('{}')).display"
        assert browser.run(shown.format(".taking")) == browser.run(shown.format(".masthead")) == "none"
        assert browser.run("document.querySelector('table').getBoundingClientRect().width") > 0
    finally:
        browser.media("")
