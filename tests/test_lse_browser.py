"""The pages of `gantk lse` in headless Chromium: the slider of an edit, and nothing wider than a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import Browser

import gantk
from gantk.predictors.heads import Head, HeadInfo, palette


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small edit on the oracle by a head that is the identity: its maps are the classes."""
    import torch

    from gantk.world.renderer import CLASSES

    generator = gantk.load_generator("demo-oracle")
    head = Head(HeadInfo("LSE", CLASSES, palette(10), ("64x64/mask",), (10,), 64))
    with torch.no_grad():
        head.network.weight_KD.copy_(8 * torch.eye(10))  # type: ignore[operator]
    found = gantk.lse.edit(generator, head, shape=("sun:10,48,5",), index=1, steps=6, frames=3)
    return found.save(tmp_path_factory.mktemp("edited"))


@pytest.mark.browser
def test_the_slider_shows_the_way(edited: Path, browser: Browser) -> None:
    page = edited / "lse-edit.html"
    browser.screen(1280)
    browser.open(page)
    assert browser.run("document.querySelector('.strip output').textContent") == "0"  # the original
    before = browser.run("[...document.querySelectorAll('.strip .frame')].map(f => f.matches('.current'))")
    browser.click(".strip .slider input")
    browser.press("End")
    after = browser.run("[...document.querySelectorAll('.strip .frame')].map(f => f.matches('.current'))")
    assert before == [True, False, False] and after == [False, False, True]
    assert browser.console == []
    browser.screen(390, phone=True)
    browser.open(page)
    assert browser.run("document.documentElement.scrollWidth") <= 390
