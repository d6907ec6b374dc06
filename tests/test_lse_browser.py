"""The pages of `gantk lse` in headless Chromium: the slider of an edit, and nothing wider than a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import Browser
from gantk.lse.editing_results import record

import gantk
from gantk.lse.session import EditSession
from gantk.pictures.label_maps import draw
from gantk.predictors.heads import Head, HeadInfo, palette
from gantk.reports.render import render
from gantk.runs.run import Run


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small edit on the oracle by a head that is the identity: its maps are the classes."""
    import torch

    from gantk.lse.editing import EditSettings, Stroke
    from gantk.world.renderer import CLASSES

    generator = gantk.load_generator("demo-oracle")
    head = Head(HeadInfo("LSE", CLASSES, palette(10), ("64x64/mask",), (10,), 64))
    with torch.no_grad():
        head.network.weight_KD.copy_(8 * torch.eye(10))  # type: ignore[operator, union-attr]
    session = EditSession(generator, head)
    session.generate(0, 1)
    label = draw(["sun:48,10,5"], CLASSES, 64)
    found = session.edit(label, settings=EditSettings(steps=6))
    folder = tmp_path_factory.mktemp("edited")
    with Run.begin(folder, "lse edit", {"model": "demo-oracle"}) as run:
        record(run, generator, head, Stroke(label), found, 3)
    return folder


@pytest.mark.browser
def test_the_slider_shows_the_way(edited: Path, chromium: str) -> None:
    page = render(edited, "lse-edit")
    with Browser(chromium) as browser:
        browser.screen(1280)
        browser.open(page)
        assert browser.run("document.querySelector('.strip output').textContent") == "+1.0"
        before = browser.run("[...document.querySelectorAll('.strip .frame')].map(f => f.matches('.current'))")
        browser.click(".strip .slider input")
        browser.press("Home")
        after = browser.run("[...document.querySelectorAll('.strip .frame')].map(f => f.matches('.current'))")
        assert before == [False, False, True] and after == [True, False, False]
        assert browser.console == []
        browser.screen(390, phone=True)
        browser.open(page)
        assert browser.run("document.documentElement.scrollWidth") <= 390
