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
def test_it_opens_sorts_and_chooses_at_once(page: Path) -> None:
    assert CHROMIUM is not None
    with Browser(CHROMIUM) as browser:
        browser.screen(1440, 900)
        browser.run("1")
        before = browser.processor_seconds()
        browser.open(page)
        browser.run("document.body.offsetHeight")
        assert browser.processor_seconds() - before < 1

        def seconds(act: str, times: int = 4) -> float:
            """CPU seconds of one time that something is done and laid out."""
            before = browser.processor_seconds()
            browser.run(f"for (var i = 0; i < {times}; i++) {{ ({act})(); document.body.offsetHeight; }}")
            return (browser.processor_seconds() - before) / times

        sort = "function () { document.querySelectorAll('table.sortable th button')[4].click(); }"
        assert seconds(sort) < 0.1
        first = (
            "document.querySelector('table.sortable tbody tr').rowIndex && "
            "document.querySelector('table.sortable tbody tr').cells[4].dataset.sort"
        )
        assert browser.run(first)
        choose = """function () {
            var list = document.querySelector('.filters select');
            list.value = list.value ? '' : 'sefa'; list.dispatchEvent(new Event('change'));
        }"""
        assert seconds(choose, 5) < 0.1  # an odd number: it is chosen at the end
        shown = browser.run(
            "[].filter.call(document.querySelectorAll('table.sortable')[0].tBodies[0].rows, "
            "function (row) { return !row.hidden; }).map(function (row) { "
            "return row.cells[2].dataset.sort; })"
        )
        assert 0 < len(shown) <= 100 and all("sefa" in systems.split(", ") for systems in shown)
        assert browser.run("document.querySelector('.filters .count').textContent").startswith(f"{len(shown)} of ")
        browser.run("document.querySelector('.filters .more').click()")
        assert browser.run("document.querySelector('.filters .more').hidden")
        assert not browser.console
