"""The page of `gantk resefa directions` in a browser: it fits, it complains about nothing, and its sliders move."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from browser import Browser
from higan_cases import save_tiny

pytestmark = pytest.mark.browser

SHOWN = ".many .strip .frame.current img"


def test_regions_and_sliders(
    browser: Browser, tmp_path: Path, gantk_command: Callable[..., tuple[int, str, str]]
) -> None:
    model = save_tiny(tmp_path / "tiny.safetensors")
    run = tmp_path / "run"
    words = ["--box", "mouth=0.1,0.2,0.6,0.7", "-N", "2", "-o", run]
    assert gantk_command("resefa", "jacobian", model, *words)[0] == 0
    words = ["--held-out", "2", "--shown", "1", "--samples", "2", "--step", "3", "--against", "random"]
    assert gantk_command("resefa", "directions", run, *words)[0] == 0
    for width, phone in ((1280, False), (390, True)):
        for page in ("resefa-jacobian", "resefa-directions"):
            browser.screen(width, phone=phone)
            browser.open(run / f"{page}.html")
            assert browser.console == []
            assert browser.run("document.documentElement.scrollWidth") <= width
    browser.screen(1280)
    browser.open(run / "resefa-directions.html")
    shown = f"document.querySelector('{SHOWN}').src"
    before = browser.run(shown)
    browser.click(".strip .slider input")
    browser.press("ArrowRight")
    assert browser.run("document.querySelector('.strip output').textContent").startswith("+")
    assert browser.run(shown) != before
