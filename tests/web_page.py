"""The page of `gantk web` in headless Chromium: visiting, waiting, pointers, and what the network was asked for."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from browser import Browser


class Page(Browser):
    """A browser that visits a server; `console` has what the page complains about, without requests to its server."""

    origin = ""

    def visit(self, link: str) -> None:
        self.origin = link.partition("#")[0].rstrip("/")
        self.console.clear()
        self._call("Page.navigate", {"url": "about:blank"})
        self._call("Page.navigate", {"url": link})
        self.wait("globalThis.gantk?.stage.heads[0]?.final === true")

    def reload(self) -> None:
        self.run("globalThis.former = true")
        self._call("Page.reload")
        self.wait("!globalThis.former && globalThis.gantk?.stage.heads[0]?.final === true")

    def still(self) -> None:
        """Until what moves by itself has come to its end, and what was changed is laid out."""
        self.run(
            "Promise.all(document.getAnimations().filter(a => a.effect.getComputedTiming().endTime < Infinity)"
            ".map(a => a.finished.catch(() => 0)))"
            ".then(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1)))))"
        )

    def wait(self, expression: str, patience: float = 40.0) -> Any:
        """Until a JavaScript expression is true."""
        until = time.monotonic() + patience
        while True:
            try:
                found = self.run(f"((found) => found instanceof Node || found)({expression})")
            except RuntimeError:
                found = None  # the page is on its way
            if found:
                return found
            if time.monotonic() > until:
                raise TimeoutError(f"{expression} did not come true; the console says {self.complaints()}")
            time.sleep(0.03)

    def complaints(self) -> list[str]:
        """What the console says, and every request that left the server's origin."""
        host = self.origin.removeprefix("http://")
        asked = "asked the network for "
        mine = tuple(f"{asked}{kind}://{host}" for kind in ("http", "ws"))
        local = (f"{asked}blob:http://{host}", f"{asked}chrome:")
        return [line for line in self.console if not line.startswith((*mine, *local))]

    def downloads(self, folder: Path) -> None:
        """Where files go that the page gives."""
        values = {"behavior": "allow", "downloadPath": str(folder), "eventsEnabled": False}
        session, self._session = self._session, ""  # of the browser, not of the tab
        try:
            self._call("Browser.setDownloadBehavior", values)
        finally:
            self._session = session

    def at(self, selector: str, x: float = 0.5, y: float = 0.5) -> tuple[float, float]:
        """A place within an element, in fractions of its sides."""
        found = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        box = self.run(f"(r => [r.x, r.y, r.width, r.height])({found})")
        return box[0] + x * box[2], box[1] + y * box[3]

    def pointer(self, kind: str, x: float, y: float, pressed: bool = True) -> None:
        values = {"type": kind, "x": x, "y": y, "button": "left" if pressed else "none", "clickCount": 1}
        self._call("Input.dispatchMouseEvent", {**values, "buttons": int(pressed)})

    def drag(self, *places: tuple[float, float]) -> None:
        self.pointer("mousePressed", *places[0])
        for place in places[1:]:
            self.pointer("mouseMoved", *place)
        self.pointer("mouseReleased", *places[-1])

    def type(self, text: str) -> None:
        self._call("Input.insertText", {"text": text})
