"""Figures and tables taken out of a page in headless Chromium: copy, save, keys, print. Skipped where there is none."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
import urllib.parse
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import Browser

from gantk.reports import Page
from gantk.reports.latex import SIGNS, latex
from gantk.reports.sections import BarPlot, Cell, Column, HeatMap, LinePlot, Picture, Series, Table
from gantk.reports.tabular import grid_of, markdown
from gantk.store.text import csv_bytes

pytestmark = pytest.mark.browser

TABLE = Table(
    ["name", Column("gain", digits=2)],
    [
        ["a_b & 50 %", 1 / 3],
        [Cell("x|y", text="x|y, z"), -0.25],
        ['[0] "q" {~^\\}', 2.0],
        [" ".join(sorted(SIGNS)), 0],
    ],
    "Numbers",
)
WIDE = Table(
    ["rank", "name", "picture", *(f"a long name of column {i}" for i in range(14))],
    [[i, "x" * i, Picture(np.zeros((4, 4, 3), np.uint8), "black"), *([i + 0.5] * 14)] for i in range(45)],
    "Wide",
)
HEAT = HeatMap(np.array([[0.5, -1.0], [2.0, 0.25]]), ["r1", "r_2"], ["c1", "c2"], "Heat", row_name="row")
CURVES = LinePlot(
    [Series("one & two", [0, 1], [0, 1]), Series("<three>", [0, 1], [1, 0])], "Curves", x_name="row", y_name="gain"
)
BARS = BarPlot(["one", "two"], [1.0, -0.5], title="Bars & more")


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Path:
    path = Page("Title", sections=[TABLE, WIDE, HEAT, BARS, CURVES]).write(tmp_path / "page.html")
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


@pytest.mark.parametrize(("section", "anchor"), [(TABLE, "numbers"), (WIDE, "wide"), (HEAT, "heat")])
def test_a_copied_table_is_the_written_one(browser: Browser, page: Path, section: Table | HeatMap, anchor: str) -> None:
    assert taken(browser, anchor, "LaTeX") == [latex(grid_of(section))]
    assert taken(browser, anchor, "Markdown") == [markdown(grid_of(section))]
    grid = grid_of(section)
    texts = (taken(browser, anchor, "CSV")[0], csv_bytes(grid.names, grid.plain).decode())
    copied, written = (list(csv.reader(io.StringIO(text))) for text in texts)
    assert [[number(text) for text in line] for line in copied] == [[number(text) for text in line] for line in written]
    assert browser.console == []


def test_a_table_without_lines_has_its_columns(browser: Browser, page: Path) -> None:
    browser.run("document.querySelectorAll('#numbers tbody tr').forEach(row => row.hidden = true)")
    empty = grid_of(replace(TABLE, rows=[]))
    assert taken(browser, "numbers", "LaTeX") == [latex(empty)]
    assert taken(browser, "numbers", "Markdown") == [markdown(empty)]


def test_a_saved_plot_is_valid_alone(browser: Browser, page: Path) -> None:
    name, address = taken(browser, "bars-more", "SVG")
    assert name == "bars-more.svg"
    root = ET.fromstring(urllib.parse.unquote(address.partition(",")[2]))
    nodes = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    assert {node.attrib["fill"] for node in nodes} == {"rgb(10, 122, 111)", "rgb(196, 84, 26)"}
    name, address = taken(browser, "bars-more", "PNG")
    assert name == "bars-more.png" and address.startswith("data:image/png;base64,") and len(address) > 2000
    assert browser.console == []


def test_a_saved_plot_brings_its_legend(browser: Browser, page: Path) -> None:
    shown = browser.run("document.querySelector('#curves svg.plot').getAttribute('viewBox')").split()
    root = ET.fromstring(urllib.parse.unquote(taken(browser, "curves", "SVG")[1].partition(",")[2]))
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"one & two", "<three>", "row", "gain"} <= set(texts)
    squares = [node.attrib["fill"] for node in root[0].iter("{http://www.w3.org/2000/svg}rect")]
    assert squares == ["rgb(10, 122, 111)", "rgb(196, 84, 26)"]
    box = root.attrib["viewBox"].split()
    assert box[:3] == shown[:3] and float(box[3]) == float(shown[3]) + 24 == float(root.attrib["height"])
    assert browser.run("document.querySelector('#curves svg.plot').getAttribute('viewBox')").split() == shown
    assert taken(browser, "curves", "PNG")[1].startswith("data:image/png;base64,")


def test_one_tab_stop_and_arrows_reach_the_buttons(browser: Browser, page: Path) -> None:
    inside = "document.querySelectorAll('#{} figure [tabindex], #{} figure button')"
    stops = f"[...{inside}].filter(e => e.tabIndex === 0).length"
    for anchor in ("numbers", "heat", "bars-more"):
        assert browser.run(stops.replace("{}", anchor)) == 1, anchor
    browser.run("document.querySelector('#numbers thead button').focus()")
    for _ in range(2):
        browser.press("ArrowRight")
    assert browser.run("document.activeElement.getAttribute('aria-label')") == "Copy as LaTeX"


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="no pdftotext is installed (Debian: poppler-utils)")
def test_printed_figures_stay_whole_and_tables_keep_their_heads(browser: Browser, tmp_path: Path) -> None:
    """A heading, its figure and its caption are on one page of paper; a long table names its columns on each."""
    rows = [[f"row_{i}", *(i + j / 7 for j in range(12))] for i in range(60)]
    long = Table(["name_of_rows", *(f"c{i}" for i in range(12))], rows, "Long")
    figures = [replace(BARS, title=f"Bars {i}", caption=f"Caption {i}.") for i in range(7)]
    maps = [replace(HEAT, title=f"Map {i}", caption=f"Legend {i}.") for i in range(7)]
    both = [part for pair in zip(figures, maps, strict=True) for part in pair]
    browser.open(Page("t", sections=[*both, long]).write(tmp_path / "page.html"))
    (tmp_path / "page.pdf").write_bytes(browser.pdf())
    subprocess.run(["pdftotext", "-layout", "page.pdf", "page.txt"], cwd=tmp_path, check=True, timeout=60)
    pages = (tmp_path / "page.txt").read_text().split("\f")
    for number in range(7):
        for title, caption in ((f"Bars {number}", f"Caption {number}."), (f"Map {number}", f"Legend {number}.")):
            assert [title in text for text in pages] == [caption in text for text in pages], title
    for text in pages:
        if "row_" in text.replace("name_of_rows", ""):
            assert "name_of_rows" in text and all(re.search(rf"\bc{i}\b", text) for i in range(12))


def test_print_has_tables_and_no_buttons(browser: Browser, page: Path) -> None:
    browser.media("print")
    try:
        shown = "getComputedStyle(document.querySelector('{}')).display"
        assert browser.run(shown.format(".taking")) == browser.run(shown.format(".masthead")) == "none"
        assert browser.run("document.querySelector('table').getBoundingClientRect().width") > 0
    finally:
        browser.media("")
