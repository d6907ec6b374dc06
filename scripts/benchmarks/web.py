"""The web application: from an event to its picture in Chromium, and a frame from a kept state against a whole one.

The baseline renders every frame from the first layer. `latency` has milliseconds [median, 95th percentile] of a slider
that is dragged over 60 values, for a direction of the first rows and for one of rows 6-9; `edit_s` and `fit_s` are a
stroke of sixty evaluations and a head of eight images. Needs Chromium and the extra `web`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from web_page import Page

    from gantk.web.scene import Easel

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = (("season", None), ("window light", "6-9"))


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3, help="drags of each slider")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    sys.path.insert(0, str(ROOT / "tests"))
    from browser import find_chromium
    from web_page import Page
    from web_server import serve

    found = find_chromium()
    if found is None:
        raise SystemExit("No Chromium was found: set CHROMIUM to its path.")
    with TemporaryDirectory() as folder, serve(Path(folder)) as server, Page(found) as page:
        page.screen(1280, 860)
        page.visit(server.link)
        directions = page.wait("gantk.store.directions.some(d => d.system === 'GANSpace') && gantk.store.directions")
        ids = {item["name"]: item["id"] for item in directions}
        latency, firsts = {}, {}
        for name, rows in CASES:
            times: list[float] = []
            for _ in range(arguments.repeats):
                times += _drag(page, ids[name], rows, arguments.frames)
            latency[name] = [round(float(np.percentile(times, share)), 1) for share in (50, 95)]
            firsts[name] = page.run("gantk.stage.heads[0].first")
        page.run("gantk.explore.clear()")
        project = page.run("gantk.store.id")
        begun = time.perf_counter()
        head = server.job(project, "fit", {"teach": 8})["result"]["head"]
        fit = time.perf_counter() - begun
        label = np.full((64, 64), 255, np.uint8)
        label[16:22, 44:56] = 7
        draft = {"label": server.upload(project, label.tobytes())}
        begun = time.perf_counter()
        server.job(project, "edit", {"head": head, "draft": draft})
        edit = time.perf_counter() - begun
        model = server.workshop.models["demo"]
        figures = server.workshop.engine.call(
            lambda: _frames(model.easel, ids["window light"], arguments.frames)
        ).result()
    return {"device": "cpu", "latency": latency, "first_layer": firsts, "edit_s": edit, "fit_s": fit, **figures}


def _drag(page: Page, direction: str, rows: str | None, frames: int) -> list[float]:
    """Milliseconds of the frames of one drag, as the page measures them: from the event's own time on."""
    import json

    page.run(f"gantk.explore.clear(); gantk.explore.change('{direction}', {{rows: {json.dumps(rows)}, amount: 0.1}})")
    selector = f"input[data-direction='{direction}']"
    page.run(f"document.querySelector(\"{selector}\").scrollIntoView({{block: 'center'}})")
    page.wait("gantk.live.idle && gantk.stage.heads[0].final")
    page.run("gantk.live.latencies.length = 0")
    places = [page.at(selector, 0.2 + 0.6 * step / frames) for step in range(frames + 1)]
    page.pointer("mousePressed", *places[0])
    for place in places[1:]:
        page.pointer("mouseMoved", *place)
        time.sleep(1 / 60)  # as a screen's pointer events come
    page.pointer("mouseReleased", *places[-1])
    page.wait("gantk.live.idle")
    return list(page.run("gantk.live.latencies"))


def _frames(easel: Easel, direction: str, count: int) -> dict[str, Any]:
    """CPU time of frames along one slider, from the kept state and whole; the largest difference of their pixels."""
    import torch

    from gantk.web.terms import Base, Move

    scenes = [easel.scene(Base(), [Move(direction, step / count, "6-9")], lambda sha: b"") for step in range(count)]
    easel.forget()
    ours, images, before = 0.0, [], None
    for scene in scenes:
        begun = time.process_time()
        images.append(easel.render(scene, before).image)
        ours += time.process_time() - begun
        before = scene
    whole, error = 0.0, 0.0
    for scene, image in zip(scenes, images, strict=True):
        begun = time.process_time()
        with torch.inference_mode():
            plain = easel.generator.synthesize(scene.codes)
        whole += time.process_time() - begun
        error = max(error, float((plain - image).abs().max()))
    return {
        "baseline_cpu_s": whole, "ours_cpu_s": ours, "speedup": whole / ours, "wall_speedup": whole / ours,
        "error": error, "baseline_peak_mb": 0.0, "ours_peak_mb": easel.states.used / 2**20,
    }  # fmt: skip


def show(result: dict[str, Any]) -> str:
    lines = [f"{name}: {times[0]} ms, 95th percentile {times[1]} ms" for name, times in result["latency"].items()]
    lines.append(f"an edit {result['edit_s']:.1f} s, a head of 8 images {result['fit_s']:.1f} s")
    lines.append(
        f"a frame from the kept state: {result['speedup']:.1f} times less CPU time, difference {result['error']}"
    )
    return "\n".join(lines)
