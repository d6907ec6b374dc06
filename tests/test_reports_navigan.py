"""The pages of `gantk navigan`: what they say of a run, and that their sliders work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser
from report_runs import save_scene, write_run

from gantk.reports import render


def directions(directory: Path, count: int = 3, samples: int = 4) -> list[dict[str, Any]]:
    strengths = np.linspace(-12.6, 12.6, 5).round(3).tolist()
    made = []
    for row in range(count):
        frames = [
            [save_scene(directory, f"images/d{row}_{n}_{t}.png", n, value / 4) for t, value in enumerate(strengths)]
            for n in range(samples)
        ]
        pairs = [{"original": frames[n][2], "edited": frames[n][4], "change": frames[n][0]} for n in range(2)]
        made.append(
            {
                "name": f"direction {row}", "space": "the weight", "quantity": "strength", "distances": strengths,
                "frames": frames, "samples": [f"sample {n}" for n in range(samples)], "start": 2, "scale": 12.6,
                "pairs": pairs, "map": frames[0][0], "change": 0.07, "value": 0.8 - 0.1 * row,
                "value_name": "eigenvalue", "animation": {},
            }
        )  # fmt: skip
    return made


def hessian(directory: Path, **changes: Any) -> Path:
    values = [0.8, 0.7, 0.6]
    results = {
        "directions": directions(directory), "eigenvalues": values, "residuals": [1e-5, 1e-4, 1e-3],
        "ritz": [*values, 0.4, 0.3], "history": [[2, None, 90], [4, 0.5, 90], [6, 0.002, 1.2]], "captured": 0.31,
        "agreement": 0.93, "trace": 7.1, "products": 6, "converged": True, "angle": 1.2, "count": 3,
        "layer": "8x8/conv1",
        "curves": [{"row": 0, "scale": 12.6, "strengths": [0, 6, 12.6], "distances": [0, 0.3, 0.9], "reached": True}],
        "metric": "demo at 64 pixels", "share": 0.2, "file": "eigenvectors.safetensors", **changes,
    }  # fmt: skip
    return write_run(directory, "navigan hessian", results)


def train(directory: Path) -> Path:
    log: list[dict[str, Any]] = [
        {"step": 10 * i, "cross_entropy": 2.0 / i, "strength_error": 0.5 / i, "accuracy": 1 - 0.8 / i}
        for i in range(1, 9)
    ]
    log[-1]["held_out"] = 0.85
    results = {"directions": directions(directory, 1), "log": log, "held_out": 0.85, "count": 4, "layer": "8x8/conv1"}
    return write_run(directory, "navigan train", results)


def test_the_page_says_what_was_found_and_how_sure(tmp_path: Path) -> None:
    page = render(hessian(tmp_path), "navigan hessian").read_text()
    for text in ("31 %", "93 %", "1.2°", "Spectrum", "Convergence", "How far to go", "direction 2", "difference"):
        assert text in page, text
    assert "other samples would give other ones" not in page and "stopped before" not in page


def test_the_page_warns(tmp_path: Path) -> None:
    curves = [{"row": 0, "scale": 1.0, "strengths": [0, 1], "distances": [0, 0.1], "reached": False}]
    page = render(hessian(tmp_path, agreement=0.4, converged=False, curves=curves), "navigan-hessian").read_text()
    assert "only 40 %" in page and "Give more products" in page and "1 direction never moved" in page


def test_pages_of_the_other_commands(tmp_path: Path) -> None:
    page = render(train(tmp_path / "train"), "navigan train").read_text()
    assert "85 %" in page and "Chance is 25.0 %" in page and "cross entropy" in page
    values = {"singular_values": [3.0, 2.0, 1.0], "count": 3, "layer": "8x8/conv1"}
    assert "Singular values" in render(write_run(tmp_path / "svd", "navigan svd", values), "navigan svd").read_text()
    name = save_scene(tmp_path / "each", "images/each_00000.png", 0)
    run = write_run(tmp_path / "each", "navigan apply", {"each": [[name, 2, -1.5]]})
    assert "2 at −1.5" in render(run, "navigan apply").read_text()
    assert render(write_run(tmp_path / "none", "navigan apply", {}), "navigan apply").is_file()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "phone"), [(1280, False), (390, True)])
def test_sliders_move_and_pages_fit(tmp_path: Path, chromium: str, width: int, phone: bool) -> None:
    pages = [render(hessian(tmp_path / "a"), "navigan hessian"), render(train(tmp_path / "b"), "navigan train")]
    with Browser(chromium) as browser:
        browser.screen(width, phone=phone)
        for page in pages:
            browser.open(page)
            assert browser.console == []
            assert browser.run("document.documentElement.scrollWidth") <= width
            before = browser.run("document.querySelector('.strip .frame.current img').src")
            browser.run("document.querySelector('.all input').focus()")
            browser.press("End")
            assert browser.run("document.querySelector('.strip output').textContent") == "+12.6"
            assert browser.run("document.querySelector('.strip .frame.current img').src") != before
