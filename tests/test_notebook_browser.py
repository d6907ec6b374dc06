"""The widget's page in Chromium: its one module, fed by the messages that a notebook would carry."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser

import gantk

pytestmark = pytest.mark.browser
pytest.importorskip("anywidget", reason="the extra notebook is not installed")

# What anywidget gives a widget: a place, and a model with messages both ways.
PAGE = """<!doctype html><meta charset="utf-8"><div id="cell"></div><script type="module">
const heard = [];
globalThis.sent = [];
globalThis.hear = (content, buffers) => heard.forEach((call) => call(content, buffers.map((text) =>
  new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer))));
const model = { send: (content) => sent.push(content), on: (name, call) => heard.push(call), off: () => {} };
const url = URL.createObjectURL(new Blob([document.getElementById("module").textContent], { type: "text/javascript" }));
globalThis.opened = import(url).then((found) => found.default.render({ model, el: document.getElementById("cell") }));
globalThis.root = () => document.querySelector("#cell > div").shadowRoot;
</script>"""


class Cell:
    """A cell of a notebook: the widget in Python, its page in the browser, and what goes between them."""

    def __init__(self, browser: Browser, widget: Any, folder: Path) -> None:
        from gantk.web.bundle import module

        self.browser, self.widget = browser, widget
        self.answers: list[tuple[Any, list[bytes]]] = []
        widget.send = lambda content, buffers=None: self.answers.append((content, list(buffers or [])))
        path = folder / "cell.html"
        text = module().replace("</", "<\\/")
        path.write_text(PAGE + f'<script type="text/plain" id="module">{text}</script>', encoding="utf-8")
        browser.open(path)

    def carry(self) -> None:
        for content in json.loads(self.browser.run("JSON.stringify(sent.splice(0))")):
            self.widget._handle_custom_msg(content, [])
        while self.answers:
            content, buffers = self.answers.pop(0)
            texts = [base64.b64encode(data).decode() for data in buffers]
            self.browser.run(f"hear({json.dumps(content)}, {json.dumps(texts)})")

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not done():
            assert time.monotonic() < end, self.browser.console
            self.carry()
            time.sleep(0.02)

    def asks(self, expression: str) -> Any:
        return self.browser.run(expression)

    def pixels(self) -> np.ndarray[Any, Any]:
        """What the canvas shows, [H, W, 3]."""
        read = "canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data"
        packed = f"JSON.stringify([canvas.width, canvas.height, [...{read}]])"
        text = self.asks(f"((canvas) => {packed})(root().querySelector('canvas'))")
        width, height, data = json.loads(text)
        return np.asarray(data, np.uint8).reshape(height, width, 4)[..., :3]

    def rests(self) -> bool:
        return bool(self.asks("root()?.querySelector('.grid')?.getAttribute('aria-busy') === 'false'"))


@pytest.mark.slow
def test_16_the_page_of_the_widget_shows_its_image_and_its_sliders_move_python(
    browser: Browser, tmp_path: Path
) -> None:
    widget = gantk.explore("demo", ["season", "window_light"])
    browser.screen(1000, 700)
    cell = Cell(browser, widget, tmp_path)
    cell.until(lambda: bool(cell.asks("Boolean(document.querySelector('#cell > div')?.shadowRoot)")) and cell.rests())
    assert np.array_equal(cell.pixels(), widget.image)
    assert cell.asks("root().querySelectorAll('.line').length") == 2

    slider = "[...root().querySelectorAll('.line input[type=range]')].find((one) => one.ariaLabel.startsWith('season'))"
    cell.asks(f"(() => {{ const s = {slider}; s.value = s.max; s.dispatchEvent(new Event('input')); }})()")
    cell.until(lambda: "season" in widget.moves and cell.rests())
    assert widget.moves["season"] == pytest.approx(float(cell.asks(f"{slider}.max")), abs=1e-3)
    assert np.array_equal(cell.pixels(), widget.image)

    widget.moves = {"season": -1.0}
    cell.until(lambda: float(cell.asks(f"{slider}.value")) < 0 and cell.rests())
    assert np.array_equal(cell.pixels(), widget.image)
    assert cell.asks("document.documentElement.scrollWidth <= innerWidth")
    assert [line for line in browser.console if "asked the network for blob:" not in line] == []  # its own modules
    widget.close()
