"""An atlas of a thousand directions: the page is small, opens at once, and sorts and chooses at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from atlas_cases import made_atlas
from browser import Browser, find_chromium
from higan_cases import tiny

from gantk.runs.run import Run
from gantk.runs.stores import RunStore

CHROMIUM = find_chromium()
COUNT = 1000


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    with Run.begin(folder, "atlas", {}) as run:
        found = made_atlas(tiny(), COUNT, RunStore(run))
        assert len(found.charted) == COUNT and 300 < len(found.groups) < 700
        return found.page().write(folder / "atlas.html")


def test_the_page_is_small_and_its_pictures_wait(page: Path) -> None:
    assert page.stat().st_size < 3_000_000
    text = page.read_text()
    assert "data:image/png" not in text and "data:image/webp" not in text
    assert len(re.findall('loading="lazy"', text)) > 300


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_it_sorts_and_chooses(page: Path) -> None:
    assert CHROMIUM is not None
    with Browser(CHROMIUM) as browser:
        browser.screen(1440, 900)
        browser.open(page)
        assert browser.processor_seconds() > 0  # what the benchmark of this page measures
        table = "document.querySelector('.filters').closest('figure').querySelector('table')"
        head = f"{table}.tHead.rows[0].cells"
        heads = browser.run(f"[].map.call({head}, function (cell) {{ return cell.innerText.trim().split(/\\s/)[0]; }})")
        selectivity, systems = heads.index("selectivity"), heads.index("systems")
        column = (
            f"[].slice.call({table}.tBodies[0].rows)"
            f".map(function (row) {{ return row.cells[{selectivity}].dataset.sort; }})"
        )
        order = f"{head}[{selectivity}].querySelector('button').click()"
        browser.run(order)
        once = [float(value) for value in browser.run(column)]
        browser.run(order)
        again = [float(value) for value in browser.run(column)]
        assert len(once) > 300 and sorted((once, again)) == [sorted(once), sorted(once, reverse=True)]
        browser.run(
            "var list = document.querySelector('.filters select'); list.value = 'sefa';"
            " list.dispatchEvent(new Event('change'))"
        )
        shown = browser.run(
            f"[].filter.call({table}.tBodies[0].rows, "
            "function (row) { return !row.hidden; }).map(function (row) { "
            f"return row.cells[{systems}].dataset.sort; }})"
        )
        assert 0 < len(shown) <= 100 and all("sefa" in names.split(", ") for names in shown)
        assert browser.run("document.querySelector('.filters .count').textContent").startswith(f"{len(shown)} of ")
        browser.run("document.querySelector('.filters .more').click()")
        assert browser.run("document.querySelector('.filters .more').hidden")
        assert not browser.console
