"""Headless Chromium, driven over its DevTools pipe with the standard library alone.

Messages are JSON objects that end in a zero byte, written to file descriptor 3 of the browser and read from its
descriptor 4.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def find_chromium() -> str | None:
    """The path of a Chromium, or None; `CHROMIUM` in the environment comes first."""
    named = os.environ.get("CHROMIUM")
    return (
        named
        if named and Path(named).exists()
        else next((path for name in NAMES if (path := shutil.which(name))), None)
    )


class Browser:
    """One browser with one tab. A context manager: leaving it ends the process and removes its profile."""

    def __init__(self, executable: str, patience: float = 60.0):
        self._patience = patience
        self._profile = tempfile.mkdtemp(prefix="gantk-chromium-")
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # moved away from 3 and 4 first, so that neither move below overwrites the other's source
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in (to_browser, from_browser)]
        null = os.open(os.devnull, os.O_RDWR)
        moves = [(os.POSIX_SPAWN_DUP2, null, n) for n in (0, 1, 2)]
        moves += [(os.POSIX_SPAWN_DUP2, ends[0], 3), (os.POSIX_SPAWN_DUP2, ends[1], 4)]
        arguments = [executable, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = os.posix_spawn(executable, arguments, dict(os.environ), file_actions=moves, setpgroup=0)
        for end in (to_browser, from_browser, *ends, null):
            os.close(end)
        self._buffer = b""
        self._number = 0
        self._session = ""
        self.console: list[str] = []
        try:
            target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
            self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                self._call(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process group this class started, and nothing else."""
        try:
            os.killpg(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        for end in (self._read, self._write):
            os.close(end)
        shutil.rmtree(self._profile, ignore_errors=True)

    def _message(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, until - time.monotonic()))
            part = os.read(self._read, 1 << 20) if ready else b""
            if not part:
                raise TimeoutError("Chromium does not answer; is another copy using all memory?")
            self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        """Keep what a page complains about, and every address it asks for that is no file and no data."""
        method, values = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.console.append(
                str(values["exceptionDetails"].get("exception", values["exceptionDetails"]).get("description"))
            )
        elif method == "Log.entryAdded" and values["entry"]["level"] in ("error", "warning"):
            self.console.append(values["entry"]["text"] + " " + values["entry"].get("url", ""))
        elif method == "Network.requestWillBeSent" and not values["request"]["url"].startswith(
            ("data:", "file:", "about:")
        ):
            self.console.append("asked the network for " + values["request"]["url"])

    def _call(self, method: str, values: dict[str, Any] | None = None) -> dict[str, Any]:
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": values or {}}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        until = time.monotonic() + self._patience
        while True:
            answer = self._message(until)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def screen(self, width: int, height: int = 800, dark: bool = False, phone: bool = False) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self._call("Emulation.setDeviceMetricsOverride", metrics)
        self._call("Emulation.setTouchEmulationEnabled", {"enabled": phone})
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", {"features": [scheme]})

    def media(self, name: str) -> None:
        """Show the page as on "print"; "" is the screen again."""
        self._call("Emulation.setEmulatedMedia", {"media": name})

    def open(self, path: Path) -> None:
        """Open a file and wait until it and its pictures are there."""
        self.console.clear()
        self._call("Page.navigate", {"url": path.resolve().as_uri()})
        until = time.monotonic() + self._patience
        while self.run("document.readyState") != "complete" or self.run("location.protocol") != "file:":
            if time.monotonic() > until:
                raise TimeoutError(f"{path} was not loaded in {self._patience} s")
            time.sleep(0.02)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression (a promise is waited for); an exception in it is raised here."""
        values = {"expression": expression, "returnByValue": True, "awaitPromise": True, "userGesture": True}
        answer = self._call("Runtime.evaluate", values)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", expression))
        return answer["result"].get("value")

    def processor_seconds(self) -> float:
        """CPU time that the page's process has taken: what a busy machine does not lengthen."""
        self._call("Performance.enable", {"timeDomain": "threadTicks"})
        found = {part["name"]: part["value"] for part in self._call("Performance.getMetrics")["metrics"]}
        return float(found["ProcessTime"])

    def press(self, key: str) -> None:
        """A key as a keyboard sends it, to what has the focus."""
        codes = {"ArrowLeft": 37, "ArrowRight": 39, "Escape": 27, "Enter": 13, "Tab": 9, "Home": 36, "End": 35}
        code = codes.get(key, ord(key.upper()[0]))
        values: dict[str, Any] = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        self._call("Input.dispatchKeyEvent", {"type": "keyDown", **values, **({"text": text} if text else {})})
        self._call("Input.dispatchKeyEvent", {"type": "keyUp", **values})

    def click(self, selector: str) -> None:
        """A click with the mouse in the middle of the first match, scrolled into view."""
        found = json.dumps(selector)
        self.run(f"document.querySelector({found}).scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = self.run(
            f"(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector({found}).getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._call(
                "Input.dispatchMouseEvent", {"type": kind, "x": box[0], "y": box[1], "button": "left", "clickCount": 1}
            )

    def pdf(self) -> bytes:
        """The page as it is printed on A4."""
        size = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": True, "preferCSSPageSize": False}
        return base64.b64decode(self._call("Page.printToPDF", size)["data"])

    def screenshot(self, path: Path | None = None, whole: bool = False) -> bytes:
        """A PNG of the window, or of the whole page."""
        values: dict[str, Any] = {"format": "png"}
        if whole:
            size = self._call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
            values |= {"captureBeyondViewport": True, "clip": clip}
        data = base64.b64decode(self._call("Page.captureScreenshot", values)["data"])
        if path is not None:
            path.write_bytes(data)
        return data
