"""The page of an atlas of 1000 directions in Chromium: opening, sorting, choosing, in CPU time of the browser.

The baseline is a page without scripts or pictures that holds the same table, opened in the same browser.
"""

from __future__ import annotations

import argparse
import html
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COUNT = 1000
TABLE = "document.querySelector('.filters').closest('figure').querySelector('table')"
SORT = f"{TABLE}.querySelectorAll('th button')[4].click()"
CHOOSE = (
    "var list = document.querySelector('.filters select'); list.value = list.value ? '' : 'sefa';"
    " list.dispatchEvent(new Event('change'))"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--turns", type=int, default=5, help="of each, by turns")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    sys.path.insert(0, str(ROOT / "tests"))
    from atlas_cases import made_atlas
    from browser import Browser, find_chromium
    from higan_cases import tiny

    from gantk.runs.run import Run
    from gantk.runs.stores import RunStore

    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("there is no Chromium here")
    taken: dict[str, list[float]] = {"plain": [], "open": [], "sort": [], "choose": []}
    with TemporaryDirectory() as name:
        folder = Path(name)
        with Run.begin(folder, "atlas", {}) as begun:
            result = made_atlas(tiny(), COUNT, RunStore(begun))
            page = result.page().write(folder / "atlas.html")
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(str(value))}" for value in row.values()) for row in result.table()
        )
        plain = folder / "plain.html"
        plain.write_text(f"<!doctype html><title>plain</title><table>{rows}</table>", encoding="utf-8")
        with Browser(chromium) as browser:
            browser.screen(1440, 900)

            def seconds(path: Path | None, act: str) -> float:
                before = browser.processor_seconds()
                if path is not None:
                    browser.open(path)
                browser.run(f"{act}; document.body.offsetHeight")
                return browser.processor_seconds() - before

            for _ in range(arguments.turns):
                taken["plain"].append(seconds(plain, "1"))
                taken["open"].append(seconds(page, "1"))
                taken["sort"].append(seconds(None, SORT))
                taken["choose"].append(seconds(None, CHOOSE))
        return {
            "device": "cpu", "page_kb": round(page.stat().st_size / 1000), "groups": len(result.groups),
            **{f"{key}_cpu_s": round(median(values), 3) for key, values in taken.items()},
        }  # fmt: skip


def show(result: dict[str, Any]) -> str:
    ratio = result["open_cpu_s"] / max(result["plain_cpu_s"], 1e-3)
    return (
        f"A page of {COUNT} directions in {result['groups']} groups, {result['page_kb']} kB: opens in "
        f"{result['open_cpu_s']:.2f} s of the browser's CPU time ({ratio:.1f} times a plain table of as many rows), "
        f"sorts in {result['sort_cpu_s']:.3f} s, chooses a system in {result['choose_cpu_s']:.3f} s."
    )
