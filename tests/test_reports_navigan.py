"""The pages of `gantk navigan`: what they say of a result, and that their sliders work."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser
from report_runs import save_scene

from gantk.navigan.kept import KeptWeights
from gantk.navigan.results import (
    ApplyResult,
    Curve,
    EachEdit,
    Exactness,
    HessianResult,
    LogLine,
    Pair,
    SearchStep,
    Shown,
    Spectrum,
    SvdResult,
    TrainResult,
)
from gantk.runs.structure import Image, Strip
from gantk.runs.walk import Walk

STRENGTHS = (-12.6, -6.3, 0.0, 6.3, 12.6)
EXACT = Exactness(
    residuals=np.array([1e-5, 1e-4, 1e-3]),
    ritz=np.array([0.8, 0.7, 0.6, 0.4, 0.3]),
    history=tuple(
        SearchStep(products=n, residual=residual, angle=angle)
        for n, residual, angle in ((2, None, 90.0), (4, 0.5, 90.0), (6, 0.002, 1.2))
    ),
    converged=True,
    angle=1.2,
    trace=7.1,
    trace_error=0.01,
    captured=0.31,
    agreement=0.93,
    tolerance=0.003,
)


def scene(directory: Path, name: str, seed: int, light: float = 0.0) -> Image:
    return Image(name, None, directory / save_scene(directory, name, seed, light))


def shown(directory: Path, count: int = 3, samples: int = 4, valued: bool = True) -> tuple[Shown, ...]:
    made = []
    for number in range(count):
        strips = tuple(
            Strip(
                label=f"sample {n}",
                values=STRENGTHS,
                images=tuple(scene(directory, f"images/d{number}_{n}_{t}.png", n, t / 5) for t in range(5)),
                quantity="strength",
                origin=2,
            )
            for n in range(samples)
        )
        pictures = [strip.images for strip in strips[:2]]
        made.append(
            Shown(
                number=number,
                walk=Walk(name=f"direction {number}", space="the weight", strips=strips),
                scale=12.6,
                value=0.8 - 0.1 * number if valued else None,
                change=0.07,
                change_most=0.4,
                where=strips[0].images[0],
                pairs=tuple(Pair(original=p[2], edited=p[4], change=p[0]) for p in pictures),
            )
        )
    return tuple(made)


def common(directory: Path, **changes: Any) -> dict[str, Any]:
    kept = KeptWeights(
        name="directions", kind="hessian", layer="8x8/conv1", vectors=np.zeros((3, 2, 2, 3, 3), np.float32),
        scales=(12.6, 12.6, 12.6), identity={}, meta={},
    )  # fmt: skip
    curve = Curve(
        number=0, scale=12.6, strengths=np.array([0, 6, 12.6]), distances=np.array([0, 0.3, 0.9]), reached=True
    )
    return {
        "directions": kept, "weight_length": 30.0, "metric": "demo at 64 pixels", "share": 0.2, "curves": (curve,),
        "shown": shown(directory), "fps": 10.0, **changes,
    }  # fmt: skip


def hessian(directory: Path, exact: Exactness | None = EXACT, **changes: Any) -> HessianResult:
    spectrum = Spectrum(values=np.array([0.8, 0.7, 0.6]), products=6, exact=exact)
    return HessianResult(**common(directory, **changes), spectrum=spectrum, num=8)


def train(directory: Path) -> TrainResult:
    log = tuple(
        LogLine(
            step=10 * i, cross_entropy=2.0 / i, strength_error=0.5 / i, accuracy=1 - 0.8 / i,
            held_out=0.85 if i == 8 else None,
        )
        for i in range(1, 9)
    )  # fmt: skip
    seen = shown(directory, 1, valued=False)
    return TrainResult(**common(directory, shown=seen), basis="eigenvectors", steps=80, log=log, held_out_edits=20)


def test_the_page_says_what_was_found_and_how_sure(tmp_path: Path) -> None:
    page = hessian(tmp_path).page().text()
    for text in (
        "31\u00a0%",
        "93\u00a0%",
        "1.2°",
        "Eigenvalues by direction",
        "Convergence",
        "Distance of pictures",
        "either half of 8 samples",
        "direction 2",
    ):
        assert text in page, text
    assert "other samples would give other ones" not in page and "stopped before" not in page
    assert "two estimates differ" not in page
    unsure = dataclasses.replace(EXACT, trace_error=2.0)
    assert "two estimates differ by 2" in hessian(tmp_path, unsure).page().text()


def test_the_page_warns(tmp_path: Path) -> None:
    curve = Curve(number=0, scale=1.0, strengths=np.array([0, 1]), distances=np.array([0, 0.1]), reached=False)
    exact = dataclasses.replace(EXACT, agreement=0.4, converged=False)
    found = hessian(tmp_path, exact, curves=(curve,))
    page = found.page().text()
    assert (
        "only 40\u00a0%" in page
        and 'Give more <span class="whole">--max-products</span>' in page
        and "1 direction never moved" in page
    )
    assert any("0.002 of the last eigenvalue, not below 0.003" in line for line in found.lines())


def test_the_page_says_nothing_that_was_not_measured(tmp_path: Path) -> None:
    alone = dataclasses.replace(EXACT, agreement=None, captured=None)
    page = hessian(tmp_path, alone, metric=None, curves=()).page().text()
    assert "captured" not in page and "agreement" not in page and "How far to go" not in page
    assert "strengths were not measured" in page
    released = hessian(tmp_path, None)
    assert "Convergence" not in released.page().text() and released.sentence().count("trace") == 0


def test_pages_of_the_other_commands(tmp_path: Path) -> None:
    page = train(tmp_path / "train").page().text()
    assert (
        "85\u00a0%" in page and "Chance is 33\u00a0%" in page and "cross entropy" in page and "eigenvalue" not in page
    )
    assert "of 20 held-out edits; 95\u00a0% interval 64\u00a0% to 95\u00a0%; chance is 33\u00a0%" in page
    assert train(tmp_path / "few").said("doubt") == ()
    svd = SvdResult(**common(tmp_path / "svd"), singular_values=np.array([3.0, 2.0, 1.0]))
    assert "Singular values" in svd.page().text() and [row["singular value"] for row in svd.table()] == [3, 2, 1]
    each = EachEdit(image=scene(tmp_path, "images/each_00000.png", 0), number=2, strength=-1.5)
    fields: dict[str, Any] = {"name": "nose", "layer": "8x8/conv1", "count": 3, "metric": None, "fps": 10.0}
    assert "2 at −1.5" in ApplyResult(**fields, total=1, edited=(), each=(each,)).page().text()
    assert "1 sample was moved along 0 directions" in ApplyResult(**fields, total=1, edited=(), each=()).sentence()


@pytest.mark.browser
def test_sliders_move_and_pages_fit(tmp_path: Path, browser: Browser) -> None:
    for number, found in enumerate((hessian(tmp_path), train(tmp_path))):
        page = found.page().write(tmp_path / f"{number}.html")
        for width, phone in ((1280, False), (390, True)):
            browser.screen(width, phone=phone)
            browser.open(page)
            assert browser.console == []
            assert browser.run("document.documentElement.scrollWidth") <= width
            before = browser.run("document.querySelector('.strip .frame.current img').src")
            browser.run("document.querySelector('.all input').focus()")
            browser.press("End")
            assert browser.run("document.querySelector('.strip output').textContent") == "+12.6"
            assert browser.run("document.querySelector('.strip .frame.current img').src") != before
