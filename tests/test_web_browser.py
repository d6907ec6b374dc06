"""`gantk web` in headless Chromium. Numbers in names are those of the acceptance list."""

from __future__ import annotations

import base64
import io
import json
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forked
import numpy as np
import pytest
import torch
from axe import serious
from forked import Forked
from PIL import Image
from web_page import Page
from web_server import Running, serve

import gantk

pytestmark = pytest.mark.browser

VIEWS = ("explore", "edit", "train", "photo", "regions", "compare", "sort")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serve(tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture
def page(tab: Page) -> Page:
    return tab


@pytest.fixture
def fresh(server: Running, page: Page) -> str:
    """A project of its own, open in the browser at 1280 pixels; what `head` adds must be there before."""
    project = server.project()
    page.screen(1280, 860)
    if not server.link.startswith(f"{page.origin}/#"):
        page.visit(server.link)
    page.console.clear()
    page.run(f"localStorage.setItem('gantk-project', '{project}'); sessionStorage.setItem('gantk-view', 'explore')")
    page.reload()
    assert page.run("gantk.store.id") == project
    return project


@pytest.fixture(scope="module")
def head_file(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = server.project()
    result = server.job(project, "fit", {"teach": 4})["result"]
    saved = server.state(project)["saved"][-1]
    assert result["head"] == "h" + saved["sha"][:12]
    path = tmp_path_factory.mktemp("head") / "head.safetensors"
    path.write_bytes(server.ask("GET", f"projects/{project}/blobs/{saved['sha']}").data)
    return path


@pytest.fixture
def head(server: Running, head_file: Path) -> None:
    """The server knows a head, as if --head had named it."""
    from gantk.predictors.head_files import load_head

    model = server.workshop.models["demo"]
    if "hfixed" not in model.heads:
        model.heads["hfixed"] = load_head(head_file, model.easel.generator).bind(model.easel.generator)


def drawn(page: Page, selector: str = ".grid canvas") -> np.ndarray[Any, Any]:
    """The pixels of a canvas."""
    text = page.run(f"document.querySelector({json.dumps(selector)}).toDataURL('image/png').split(',')[1]")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))


def exported(server: Running, project: str) -> np.ndarray[Any, Any]:
    data = server.ask("GET", f"projects/{project}/export?what=png").data
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def settled(page: Page) -> None:
    """The pictures are those of the state at hand, and the server has it."""
    page.wait("gantk.stage.grid.getAttribute('aria-busy') === 'false' && !gantk.store.pending")


def open_view(page: Page, view: str) -> None:
    page.run(f"gantk.go('{view}')")


def paint(page: Page, *places: tuple[float, float]) -> None:
    """A stroke over the canvas, in fractions of its sides."""
    page.drag(*[page.at("#paint", x, y) for x, y in places])


def test_01_every_view_opens_and_asks_nobody_else(server: Running, page: Page, fresh: str) -> None:
    for view in VIEWS:
        open_view(page, view)
        page.still()
        assert page.run("document.body.dataset.view") == view
    assert page.run("location.hash") == "" and page.run("document.cookie") == ""
    settled(page)
    assert page.complaints() == []


def test_a_tab_without_the_token_says_what_to_do(server: Running, page: Page, fresh: str) -> None:
    page.run("sessionStorage.clear(); location.reload()")
    page.origin = ""
    page.wait("document.querySelector('.empty h2')")
    assert "Open the link that gantk web printed" in page.run("document.querySelector('.empty').textContent")


def test_02_a_slider_follows_and_ends_with_the_servers_picture(server: Running, page: Page, fresh: str) -> None:
    light = server.directions()["window light"]["id"]
    selector = f"input[data-direction='{light}']"
    page.run(f"gantk.explore.change('{light}', {{rows: '6-9', amount: 0.1}})")
    settled(page)
    page.run(
        f"document.querySelector(\"{selector}\").scrollIntoView({{block: 'center'}}); gantk.live.latencies.length = 0"
    )
    page.run("gantk.live.most = 0; globalThis.firsts = []; gantk.live.handlers.frame = (f => (p, b, h) => "
             "{ if (p === 0) firsts.push(h.first); f(p, b, h); })(gantk.live.handlers.frame)")  # fmt: skip
    page.drag(*[page.at(selector, 0.2 + 0.6 * step / 60) for step in range(61)])
    settled(page)
    page.wait("gantk.store.state.nodes[0].moves.length && !gantk.explore.dirty && !gantk.store.pending")
    assert page.run("gantk.live.most") <= 2
    first = next(item["name"] for item in server.ask("GET", "info").json["models"][0]["layers"] if item["row"] == 6)
    assert first == "32x32/conv1"
    index = server.workshop.models["demo"].easel.generator.layer(first).index
    firsts = page.run("firsts")
    assert len(firsts) > 3 and set(firsts[2:]) <= {index, *range(index, 14)}
    assert np.array_equal(drawn(page), exported(server, fresh))
    amount = server.state(fresh)["nodes"][0]["moves"][0]["amount"]
    assert amount == pytest.approx(page.run(f'document.querySelector("{selector}").valueAsNumber'), abs=1e-6)
    latencies = sorted(page.run("gantk.live.latencies"))
    # the table's figure is for a core of its own: scripts/bench.py web measures it
    assert latencies[len(latencies) // 2] < 400
    page.reload()
    assert np.array_equal(drawn(page), exported(server, fresh))


def test_a_slider_that_is_not_sent_yet_outlives_word_from_the_server(server: Running, page: Page, fresh: str) -> None:
    season = server.directions()["season"]["id"]
    page.run(f"gantk.explore.change('{season}', {{amount: 2}}); gantk.store.catchUp()")
    assert page.run("gantk.store.at.moves.length") == 1 and page.run("gantk.explore.dirty")
    settled(page)
    page.wait("!gantk.explore.dirty && !gantk.store.pending")
    assert server.state(fresh)["nodes"][0]["moves"][0]["amount"] == 2
    page.run("gantk.explore.psi.value = 0.5; gantk.explore.live({psi: 0.5}, {timeStamp: 0}); gantk.store.catchUp()")
    assert page.run("gantk.store.at.base.psi") == 0.5
    page.run("gantk.explore.base({psi: 0.5})")
    settled(page)
    assert server.state(fresh)["nodes"][0]["base"]["psi"] == 0.5


def test_before_is_shown_while_it_is_held(server: Running, page: Page, fresh: str) -> None:
    before = exported(server, fresh)
    season = server.directions()["season"]["id"]
    page.run(f"gantk.explore.change('{season}', {{amount: 3}})")
    settled(page)
    after = drawn(page)
    assert not np.array_equal(before, after)
    page.wait("!!gantk.stage.before[0]")
    page.run("gantk.stage.hold(true)")
    assert np.array_equal(drawn(page), before)
    page.run("gantk.stage.hold(false)")
    assert np.array_equal(drawn(page), after)
    page.run("gantk.stage.show('divider')")
    split = drawn(page)
    assert np.array_equal(split[:, :31], before[:, :31]) and np.array_equal(split[:, 34:], after[:, 34:])
    page.run("gantk.stage.show('difference')")
    wanted = np.minimum(255, 2 * np.abs(before.astype(int) - after))
    assert np.array_equal(drawn(page), wanted.astype(np.uint8))
    page.run("gantk.stage.show('after')")


def test_samples_move_alike(server: Running, page: Page, fresh: str) -> None:
    page.run("gantk.arrange(4)")
    page.wait("gantk.live.idle && gantk.stage.heads.filter(h => h?.final).length === 4")
    pictures = [drawn(page, f".grid canvas:nth-child({place})") for place in range(1, 5)]
    server.event(fresh, {"type": "base", "base": {"index": 2}})
    assert np.array_equal(pictures[2], exported(server, fresh))
    page.run("gantk.arrange(1)")


def test_04_a_stroke_is_class_numbers_and_outlives_a_reload(
    server: Running, page: Page, head: None, fresh: str
) -> None:
    open_view(page, "edit")
    page.run("gantk.edit.palette.picked(7); gantk.edit.palette.resize(5)")
    page.run("gantk.edit.palette.use('brush')")
    paint(page, (0.3, 0.3))  # a click paints a disc
    paint(page, (0.5, 0.6), (0.61, 0.66), (0.77, 0.6), (1.2, 0.7))  # and leaving the canvas does not end a stroke
    page.wait("gantk.store.at.draft.label && !gantk.edit.dirty && !gantk.store.pending")
    sha = server.state(fresh)["nodes"][0]["draft"]["label"]
    label = np.frombuffer(server.ask("GET", f"projects/{fresh}/blobs/{sha}").data, np.uint8).reshape(64, 64)
    assert set(np.unique(label)) == {7, 255}
    y, x = np.mgrid[:64, :64]
    assert np.array_equal(label[10:30, 10:30] == 7, ((x - 19) ** 2 + (y - 19) ** 2 <= 6.25)[10:30, 10:30])
    assert (label[:, 63] == 7).any()
    page.reload()
    open_view(page, "edit")
    page.wait("!gantk.edit.painter.layers.empty")
    again = page.run("[...gantk.edit.painter.layers.label]")
    assert np.array_equal(np.array(again, np.uint8).reshape(64, 64), label)
    page.run("gantk.edit.palette.use('eraser')")
    paint(page, (0.3, 0.3))
    page.run("gantk.edit.undo()")
    assert page.run("gantk.edit.painter.layers.label[19 * 64 + 19]") == 7
    page.run("gantk.edit.redo()")
    assert page.run("gantk.edit.painter.layers.label[19 * 64 + 19]") == 255
    # a stroke that is painted while another one is on its way to the server is not saved with it
    for view, save in (("edit", "saveDraft"), ("train", "saveLabel")):
        open_view(page, view)
        page.wait(f"!gantk.{view}.dirty && !gantk.store.pending")
        page.run(
            "{ const real = fetch, gate = new Promise((open) => { globalThis.open = open; });"
            "globalThis.fetch = (...asked) => gate.then(() => { globalThis.fetch = real; return real(...asked); }) }"
        )
        page.run(
            f"gantk.{view}.painter.layers.label[0] = 7; gantk.{view}.changed();"
            f"globalThis.saved = gantk.{view}.{save}(); gantk.{view}.changed(); globalThis.open()"
        )
        assert page.run(f"saved.then(() => gantk.{view}.dirty)"), view
        page.wait(f"!gantk.{view}.dirty")


def test_05_apply_undo_redo_and_branch(server: Running, page: Page, head: None, fresh: str) -> None:
    open_view(page, "edit")
    settled(page)
    page.run("gantk.edit.settings.steps.value = 12; gantk.edit.palette.picked(7)")
    pictures = {0: drawn(page, ".sheet .under")}
    for number, place in ((1, 0.3), (2, 0.5)):
        paint(page, (place, 0.3), (place + 0.1, 0.3))
        page.run("document.activeElement.blur()")
        page.press("Enter")
        page.wait(f"gantk.store.state.cursor === {number} && !gantk.edit.job")
        settled(page)
        pictures[number] = drawn(page, ".sheet .under")
        assert np.array_equal(pictures[number], exported(server, fresh))
        assert page.run("gantk.edit.painter.layers.empty")
    page.press("z")
    page.wait("gantk.store.state.cursor === 1 && !gantk.store.pending")
    page.reload()
    open_view(page, "edit")
    settled(page)
    page.wait("gantk.edit.history.children.length === 3")
    assert np.array_equal(drawn(page, ".sheet .under"), pictures[1])
    page.run("gantk.edit.redo()")
    page.wait("gantk.store.state.cursor === 2 && !gantk.store.pending")
    page.run("gantk.edit.jump(0)")
    page.wait("gantk.store.state.cursor === 0 && !gantk.store.pending")
    settled(page)
    assert np.array_equal(drawn(page, ".sheet .under"), pictures[0])
    paint(page, (0.7, 0.5))
    page.run("void gantk.edit.run()")
    page.wait("gantk.store.state.cursor === 3 && !gantk.edit.job")
    assert server.state(fresh)["nodes"][3]["parent"] == 0
    assert "→" in page.run("document.querySelector('#edit .facts').textContent")


def test_07_13_escape_stops_an_edit_while_another_client_moves(
    server: Running, page: Page, head: None, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from web_server import render

    open_view(page, "edit")
    page.run(
        "gantk.edit.settings.steps.value = 1000; gantk.edit.settings.rate.value = 0.003; gantk.edit.palette.picked(7)"
    )
    paint(page, (0.4, 0.3), (0.6, 0.3))
    page.run("void gantk.edit.run()")
    page.wait("gantk.edit.job && gantk.edit.job !== 'asked' && gantk.edit.progress.value > 2")
    season = server.directions()["season"]["id"]
    other = server.project()

    engine = server.workshop.engine
    job, ask = engine.job(page.run("gantk.edit.job")), engine.frame
    waited: list[int] = []

    def frame(client: str, pane: int, work: Any) -> bool:
        """Notes how many evaluations end between the asking and the drawing."""
        with engine._changed:  # no evaluation lets frames in between
            at = job.done
            return ask(client, pane, lambda: (waited.append(job.done - at), work()))

    monkeypatch.setattr(engine, "frame", frame)
    with server.socket() as socket:
        for seq in range(20):
            render(socket, other, seq, moves=[{"direction": season, "amount": seq / 10}])
    monkeypatch.setattr(engine, "frame", ask)
    # a slider waits for the evaluation at hand, not for the job
    assert len(waited) >= 20 and max(waited) <= 1
    assert job.state == "running" and page.run("gantk.edit.job") and page.run("gantk.edit.apply.disabled")
    page.press("Escape")
    page.wait("!gantk.edit.job && gantk.store.state.cursor === 1")
    page.wait("document.querySelector('#edit .result').textContent.includes('best so far is kept')")
    assert not page.run("gantk.edit.painter.locked")


@pytest.mark.slow
def test_05_a_kill_during_an_edit_loses_nothing(page: Page, head_file: Path, tmp_path: Path) -> None:
    words = ["-m", "gantk", "web", "demo", "-o", tmp_path / "web"]

    def ready(process: Forked) -> str:
        link = re.search(r"http\S+", process.stdout.readline())
        assert link is not None, "the link is printed first"
        while not process.stdout.readline().startswith("Ready"):
            assert process.returncode is None
        return link[0]

    page.screen(1280, 860)
    with Forked([*words, "--head", head_file]) as process:
        page.visit(ready(process))
        open_view(page, "edit")
        page.run("gantk.edit.settings.steps.value = 10; gantk.edit.palette.picked(7)")
        paint(page, (0.3, 0.3), (0.4, 0.3))
        page.run("void gantk.edit.run()")
        page.wait("gantk.store.state.cursor === 1 && !gantk.edit.job")
        second = forked.run(words)
        assert second.returncode == 1 and "Another gantk process" in second.stderr
        page.run("gantk.edit.settings.steps.value = 1000; gantk.edit.settings.rate.value = 0.003")
        paint(page, (0.6, 0.5), (0.7, 0.5))
        page.run("void gantk.edit.run()")
        page.wait("gantk.edit.job && gantk.edit.job !== 'asked' && gantk.edit.progress.value > 1")
        strokes = page.run("gantk.store.at.draft.label")
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with Forked([*words, "--head", head_file]) as process:
        page.visit(ready(process))
        open_view(page, "edit")
        page.wait("!gantk.edit.painter.layers.empty")
        assert page.run("gantk.store.state.nodes.length") == 2 and page.run("gantk.store.state.cursor") == 1
        assert page.run("gantk.store.at.draft.label") == strokes
        assert page.run("gantk.edit.history.children.length") == 2
        process.send_signal(signal.SIGINT)
        process.wait(20)
    assert not list((tmp_path / "web").rglob("*.gantk-tmp"))


def test_08_train_fits_a_head_that_edit_takes(server: Running, page: Page, fresh: str) -> None:
    open_view(page, "train")
    assert page.run("gantk.train.fit.disabled")
    page.run("gantk.train.palette.resize(9)")
    for klass, places in ((1, [(0.1, 0.1), (0.9, 0.15)]), (0, [(0.1, 0.95), (0.9, 0.95)])):
        page.run(f"gantk.train.palette.picked({klass})")
        paint(page, *places)
        page.wait("!gantk.train.dirty && !gantk.store.pending && gantk.store.state.annotations.length === 1")
    page.run("gantk.train.go(1)")
    page.click("#draft-segmenter")
    page.wait("gantk.store.state.annotations.length === 2")
    page.reload()
    page.wait("gantk.store.state.annotations.length === 2")
    open_view(page, "train")
    page.click("#fit")
    page.wait("document.querySelectorAll('#train .maps canvas').length >= 2")
    assert page.run("gantk.store.state.saved.at(-1).kind") == "head" and not page.run("gantk.train.fit.disabled")
    open_view(page, "edit")
    page.wait("gantk.edit.heads.some(head => head.name === 'head 1')")
    assert page.complaints() == []


def test_a_fit_is_stopped_by_escape(server: Running, page: Page, fresh: str) -> None:
    label = np.repeat(np.arange(2, dtype=np.uint8), 32 * 64).tobytes()
    base = server.state(fresh)["nodes"][0]["base"]
    server.event(fresh, {"type": "annotation", "base": base, "label": server.upload(fresh, label)})
    page.reload()
    open_view(page, "train")
    settled(page)
    before = server.state(fresh)
    gate = threading.Event()
    server.workshop.engine.call(lambda: gate.wait(60))  # the job waits behind it
    try:
        page.click("#fit")
        page.wait("(gantk.train.job || '').length > 10 && !gantk.train.halt.hidden")
        assert page.run("gantk.train.fit.disabled")
        page.run("document.activeElement.blur()")
        page.press("Escape")
        page.wait("!gantk.train.job && gantk.train.halt.hidden && !gantk.train.fit.disabled")
    finally:
        gate.set()
    after = server.state(fresh)
    assert after["saved"] == before["saved"] and after["rev"] == before["rev"]
    assert after["jobs"][-1]["state"] == "cancelled" and page.complaints() == []


def test_09_a_photo_that_is_chosen_becomes_the_base(server: Running, page: Page, fresh: str) -> None:
    open_view(page, "photo")
    assert page.run("gantk.photo.go.disabled")
    page.run("gantk.photo.take(new File(['<svg/>'], 'a.svg', {type: 'image/svg+xml'}))")
    page.wait("document.querySelector('#photo .problem')")
    page.run(
        "new Promise((done) => gantk.stage.canvases[0].toBlob((blob) => "
        "gantk.photo.take(new File([blob], 'a.png', {type: 'image/png'})).then(done)))"
    )
    assert not page.run("document.querySelector('#photo .problem')") and not page.run("gantk.photo.go.disabled")
    page.run("gantk.photo.steps.value = 12")
    page.click("#invert")
    page.wait("gantk.store.at.made === 'photo' && !gantk.photo.job")
    assert "of 256 samples" in page.run("document.querySelector('#photo .result').textContent")
    open_view(page, "explore")
    settled(page)
    assert np.array_equal(drawn(page), exported(server, fresh)) and page.complaints() == []


def test_09_an_edited_photo_is_shown_within_its_own_pixels(server: Running, page: Page, head: None, fresh: str) -> None:
    """A photo that no generator draws: around the strokes it is there to the byte, in them the generator's picture."""
    from gantk.pictures.images import encode
    from gantk.predictors.resampling import resize

    y, x = np.mgrid[:96, :96]
    photo = np.stack([2 * x + 20, 255 - 2 * y, 90 + 40 * ((x // 12 + y // 12) % 2)], -1).astype(np.uint8)
    text = base64.b64encode(encode(photo)).decode()
    open_view(page, "photo")
    assert page.run("document.querySelector('#photo .paste').hidden")
    page.run(
        f"gantk.photo.take(new File([Uint8Array.from(atob('{text}'), c => c.charCodeAt(0))], 'a.png', "
        "{type: 'image/png'}))"
    )
    page.run("gantk.photo.steps.value = 4")
    page.click("#invert")
    page.wait("gantk.store.at.made === 'photo' && !gantk.photo.job")
    open_view(page, "edit")
    settled(page)
    page.run("gantk.edit.settings.steps.value = 4; gantk.edit.palette.picked(7); gantk.edit.palette.resize(6)")
    paint(page, (0.6, 0.3), (0.8, 0.3))
    page.press("Enter")
    page.wait("gantk.store.at.made === 'edit' && !gantk.edit.job")
    settled(page)
    plain = drawn(page, ".sheet .under")
    assert np.array_equal(plain, exported(server, fresh))
    page.click("#edit .paste input")
    page.wait("gantk.store.state.paste")
    settled(page)
    shown = drawn(page, ".sheet .under")
    node = server.state(fresh)["nodes"][-1]
    data = server.ask("GET", f"projects/{fresh}/blobs/{server.state(fresh)['nodes'][node['parent']]['photo']}").data
    cut = torch.from_numpy(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).copy()).permute(2, 0, 1)[None]
    own = resize(cut.float(), 64, 64)[0].permute(1, 2, 0).numpy()
    label = server.ask("GET", f"projects/{fresh}/blobs/{node['strokes']['label']}").data
    stroke = np.frombuffer(label, np.uint8).reshape(64, 64) != 255
    away = np.array([[np.abs(np.argwhere(stroke) - place).max(1).min() for place in row]
                     for row in np.moveaxis(np.mgrid[:64, :64], 0, -1)])  # fmt: skip
    assert (away > 4).sum() > 2500 and stroke.sum() > 20
    assert np.abs(shown.astype(int) - own)[away > 4].max() <= 1  # of rounding
    assert np.array_equal(shown[stroke], plain[stroke])
    between = (away > 2) & (away <= 4)
    low, high = np.minimum(own, plain)[between], np.maximum(own, plain)[between]
    assert (shown[between] >= low - 1).all() and (shown[between] <= high + 1).all()
    assert np.array_equal(shown, exported(server, fresh))
    # it stays over a reload, and sliders change what they change
    page.reload()
    open_view(page, "explore")
    settled(page)
    assert np.array_equal(drawn(page), shown) and page.run("document.querySelector('.bar .paste input').checked")
    light = server.directions()["window light"]["id"]
    page.run(f"gantk.explore.change('{light}', {{amount: 3}})")
    page.wait("!gantk.explore.dirty && !gantk.store.pending")
    settled(page)
    moved = drawn(page)
    differs = np.abs(moved.astype(int) - shown).max(-1) > 3
    assert np.array_equal(moved, exported(server, fresh)) and 10 < differs.sum() < 3000
    page.click(".bar .paste input")
    page.wait("!gantk.store.state.paste")
    settled(page)
    assert np.array_equal(drawn(page), exported(server, fresh)) and not np.array_equal(drawn(page), moved)
    page.run("gantk.explore.base({index: 3})")  # a sample has no photo behind it
    page.wait("document.querySelector('.bar .paste').hidden")
    assert page.complaints() == []


def test_10_a_painted_region_becomes_sliders(server: Running, page: Page, fresh: str) -> None:
    open_view(page, "regions")
    assert page.run("gantk.regions.find.disabled")
    page.run("gantk.regions.palette.use('box'); gantk.regions.count.value = 2; gantk.regions.rows.value = '5-9'")
    paint(page, (0.2, 0.4), (0.6, 0.7))
    page.click("#find")
    page.wait("document.querySelectorAll('#regions .found input[type=range]').length === 2")
    assert re.search(r"changes [\d.]+ % inside", page.run("document.querySelector('#regions .found').textContent"))
    page.run("gantk.explore.change(gantk.regions.found.directions[0].id, {amount: 2})")
    settled(page)
    page.wait("!gantk.explore.dirty && !gantk.store.pending")
    assert np.array_equal(drawn(page, ".sheet .under"), exported(server, fresh))
    assert page.complaints() == []
    page.run("gantk.regions.rows.value = '5-99'; gantk.regions.palette.use('brush')")
    paint(page, (0.5, 0.5))
    page.click("#find")
    page.wait("document.querySelector('#regions .problem')")
    assert "out of range" in page.run("document.querySelector('#regions .problem').textContent")
    page.wait("!gantk.regions.find.disabled")


def test_11_cards_are_compared_where_they_change_a_region_alike(server: Running, page: Page, fresh: str) -> None:
    directions = server.directions()
    open_view(page, "regions")
    page.run("gantk.regions.palette.use('box')")
    paint(page, (0.02, 0.02), (0.98, 0.4))
    open_view(page, "compare")
    for name in ("season", "time of day"):
        page.run(f"gantk.compare.add('{directions[name]['id']}')")
    page.run("gantk.compare.samples.value = 4; gantk.compare.each.checked = true; gantk.compare.by = 'alike'")
    page.click("#rescore")  # no region yet
    page.wait("document.querySelector('#compare .problem')")
    assert "needs a region" in page.run("document.querySelector('#compare .problem').textContent")
    page.run("gantk.compare.region.value = 'painted'")
    page.click("#rescore")
    page.wait("document.querySelectorAll('.board .card').length === 2 && !gantk.compare.job")
    texts = page.run("[...document.querySelectorAll('.board .card')].map(card => card.textContent)")
    for text, name in zip(texts, ("season", "time of day"), strict=True):
        assert text.startswith(name) and "Changes 5.0 % inside the region" in text and " by row: 0:" in text
    # the numbers are those of the job
    jobs = [job for job in server.state(fresh)["jobs"] if job["kind"] == "card" and job["state"] == "done"]
    first = jobs[0]["result"]["attributes"][0]
    sign = "+" if first["change"] >= 0 else "−"
    assert f"{sign}{abs(first['change']):.2f}" in texts[0]
    page.run("document.querySelector('.card button').click()")
    page.wait("document.querySelector('dialog pre')?.textContent.includes('gantk.web.again')")
    page.run("document.querySelector('dialog').close()")
    assert [line for line in page.complaints() if "status of 400" not in line] == []  # which was refused above


def test_sorted_samples_become_a_slider_within_a_minute(server: Running, page: Page, fresh: str) -> None:
    from gantk.predictors.load import load_predictor

    generator, judge = gantk.load_generator("demo"), load_predictor("demo")
    column = judge.attribute_names.index("season")

    def scores(indices: list[int]) -> list[float]:
        with torch.inference_mode():
            z = torch.cat([generator.sample_z(1, seed=0, start=index) for index in indices])
            images = generator.synthesize(generator.expand(generator.map(z)))
            return [float(value) for value in judge.attributes(images)[:, column]]

    middle = float(np.median(scores(list(range(80)))))
    begun = time.monotonic()
    open_view(page, "sort")
    page.click(".sample:nth-child(1)")
    page.wait("document.querySelector('#sort .problem')")  # of what?
    page.run("document.getElementById('attribute').focus()")
    page.type("winter")
    for turn in range(2):
        indices = page.run("gantk.sort.indices")
        assert len(indices) == 24
        for place, score in enumerate(scores(indices), 1):
            if score > middle:
                page.click(f".sample:nth-child({place})")
                page.wait(f"document.querySelector('.sample:nth-child({place})').dataset.value === 'true'")
        page.click("#rest")
        page.wait(f"gantk.store.state.marks.length === {24 * (turn + 1)} && !gantk.sort.job && gantk.sort.found")
        page.wait("gantk.sort.indices.every(index => !gantk.sort.marks.has(index))")
    page.click("#slider")
    page.wait("document.querySelector('#sort .result input[type=range]')")
    assert time.monotonic() - begun < 60
    marks = server.state(fresh)["marks"]
    assert len(marks) == 48 and {mark["attribute"] for mark in marks} == {"winter"}
    assert "%" in page.run("document.querySelector('#sort .facts').textContent")
    saved = server.state(fresh)["saved"][-1]
    assert saved["kind"] == "direction" and saved["name"] == "winter"
    # the slider moves the picture at hand
    before = exported(server, fresh)
    page.run("gantk.explore.change(gantk.sort.found.direction, {amount: 2})")
    page.wait("!gantk.explore.dirty")
    settled(page)
    assert not np.array_equal(exported(server, fresh), before)
    # undo takes back one act; a reload keeps the rest
    page.press("z")
    page.wait("gantk.store.state.marks.length < 48")
    left = page.run("gantk.store.state.marks.length")
    page.reload()
    open_view(page, "sort")
    page.wait(f"gantk.store.state.marks.length === {left} && gantk.sort.name.value === 'winter'")
    # and what was clicked before the reload is taken back too, and done again
    clicked = page.run("gantk.store.state.marks.filter(mark => mark.value).at(-1).base.index")
    page.run("document.activeElement.blur()")
    page.press("z")
    page.wait(f"gantk.store.state.marks.length === {left - 1} && gantk.sort.indices.includes({clicked})")
    place = page.run(f"gantk.sort.indices.indexOf({clicked})")
    assert page.run(f"gantk.sort.cells[{place}].node.dataset.value") == ""
    page.run("gantk.sort.redo()")
    page.wait(f"gantk.store.state.marks.length === {left} && !gantk.store.pending")
    assert page.run(f"gantk.sort.cells[{place}].node.dataset.value") == "true"
    page.run("gantk.sort.redo()")
    page.wait("gantk.store.state.marks.length === 48 && !gantk.store.pending")
    assert page.complaints() == []


def test_superpixels_are_painted_whole(server: Running, page: Page, head: None, fresh: str) -> None:
    open_view(page, "edit")
    page.press("s")
    assert page.run("gantk.edit.painter.tool") == "piece"
    page.wait("gantk.edit.painter.pieces !== null")
    page.run("gantk.edit.painter.klass = 7")
    paint(page, (0.3, 0.3))
    label = np.array(page.run("[...gantk.edit.painter.layers.label]"), np.uint8).reshape(64, 64)
    pieces = np.array(page.run("[...gantk.edit.painter.pieces]")).reshape(64, 64)
    assert set(np.unique(label)) == {7, 255}
    assert len(set(pieces[label == 7])) == 1 and label[19, 19] == 7
    assert len(np.unique(pieces)) > 40
    page.run("document.querySelector('#edit fieldset input[data-key=large]').click()")
    page.wait("gantk.edit.painter.pieces && new Set(gantk.edit.painter.pieces).size <= 64")
    open_view(page, "train")
    page.press("s")
    page.wait("gantk.train.painter.pieces !== null")
    assert page.complaints() == []


def test_14_a_failure_leaves_a_sentence_and_unlocked_controls(
    server: Running, page: Page, head: None, fresh: str
) -> None:
    open_view(page, "edit")
    weight = next(item["id"] for item in server.directions().values() if item["space"] == "weights")
    page.run(f"gantk.explore.change('{weight}', {{amount: 1}})")
    page.run("gantk.edit.palette.picked(7)")
    paint(page, (0.4, 0.3))
    page.run("void gantk.edit.run()")
    page.wait("document.querySelector('#edit .problem')")
    assert "moves the weights" in page.run("document.querySelector('#edit .problem').textContent")
    assert not page.run("gantk.edit.job") and not page.run("gantk.edit.apply.disabled")
    assert page.run("gantk.edit.progress.hidden") and page.run("gantk.store.state.cursor") == 0
    assert not page.run("gantk.edit.painter.layers.empty")
    open_view(page, "explore")
    page.run("gantk.explore.psi.value = 1; gantk.explore.base({label: 3})")
    page.wait("document.querySelector('#explore .problem')")
    assert "takes no class" in page.run("document.querySelector('#explore .problem').textContent")


FORCED = "The disk of this test is away: do it again."
ACTS: dict[str, tuple[str, str, str]] = {
    # view, what begins it, the control that must be free again
    "edit": ("edit", "void gantk.edit.run()", "gantk.edit.apply"),
    "superpixels": ("edit", "gantk.edit.palette.use('piece')", "gantk.edit.apply"),
    "fit": ("train", "gantk.train.fit.click()", "gantk.train.fit"),
    "uncertain": ("train", "gantk.train.needs[0].click()", "gantk.train.needs[0]"),
    "predict": ("train", "gantk.train.needs[1].click()", "gantk.train.needs[1]"),
    "invert": ("photo", "void gantk.photo.run()", "gantk.photo.go"),
    "region": ("regions", "gantk.regions.find.click()", "gantk.regions.find"),
    "card": ("compare", "gantk.compare.run.click()", "gantk.compare.run"),
    "sort": ("sort", "gantk.sort.fit.click()", "gantk.sort.fit"),
    "animate": ("explore", "BUTTON('GIF')", "BUTTON_OF('GIF')"),
    "export": ("explore", "BUTTON('Strip')", "BUTTON_OF('Strip')"),
}


def test_14_every_job_that_fails_leaves_a_sentence_and_the_earlier_state(
    server: Running, page: Page, head: None, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gantk.errors import GantkError

    season = server.directions()["season"]["id"]
    marks = [{"base": server.state(fresh)["nodes"][0]["base"] | {"index": i}, "value": i % 2 == 0} for i in range(6)]
    server.event(fresh, {"type": "marks", "attribute": "it", "marks": marks})
    page.reload()
    page.wait("gantk.store.state.marks.length === 6")
    for view in ("edit", "train", "regions"):
        open_view(page, view)
        page.run(f"gantk.{view}.palette.picked(0); gantk.{view}.palette.use('brush')")
        paint(page, (0.3, 0.3), (0.6, 0.4))
    page.wait(
        "gantk.store.state.annotations.length === 1 && !gantk.edit.dirty && !gantk.train.dirty && !gantk.store.pending"
    )
    page.run(f"gantk.compare.add('{season}'); gantk.explore.lines.get('{season}').unfold()")
    page.run(
        "new Promise((done) => gantk.stage.canvases[0].toBlob((blob) => "
        "gantk.photo.take(new File([blob], 'a.png', {type: 'image/png'})).then(done)))"
    )
    line = f"gantk.explore.lines.get('{season}').node"
    page.run(f"globalThis.BUTTON_OF = (t) => [...{line}.querySelectorAll('button')].find(b => b.textContent === t)")
    page.run("globalThis.BUTTON = (text) => BUTTON_OF(text).click()")
    real, failed = server.workshop.engine.submit, []

    def submit(project: str, kind: str, key: str, run: Any, *more: Any) -> Any:
        def away(ticket: Any) -> Any:
            failed.append(kind)
            raise GantkError(FORCED)

        return real(project, kind, key, away, *more)

    monkeypatch.setattr(server.workshop.engine, "submit", submit)
    before = server.state(fresh)
    for kind, (view, begin, control) in ACTS.items():
        open_view(page, view)
        page.run("document.querySelectorAll('.problem').forEach(p => p.remove())")
        page.run(f"{begin}; 0")
        page.wait(f"[...document.querySelectorAll('.side .problem')].some(p => p.textContent.includes({FORCED!r}))")
        assert kind in failed
        page.wait(f"{control}.disabled === false")
        assert page.run("[...document.querySelectorAll('progress')].every(p => p.hidden || !p.checkVisibility())"), kind
        page.wait("!gantk.store.waiters.size")
        after = server.state(fresh)
        for name in ("nodes", "cursor", "annotations", "saved", "marks", "rev"):
            assert after[name] == before[name], (kind, name)
    assert page.complaints() == []


def test_15_by_keyboard_alone_and_06_what_is_exported_is_made_again(
    server: Running, page: Page, head: None, fresh: str, head_file: Path, gantk_command: Any, tmp_path: Path
) -> None:
    page.downloads(tmp_path)
    page.press("2")
    assert page.run("document.body.dataset.view") == "edit"
    for key, tool in (("e", "eraser"), ("f", "fill"), ("g", "polygon"), ("i", "pick"), ("p", "brush")):
        page.press(key)
        assert page.run("gantk.edit.painter.tool") == tool
    size = page.run("gantk.edit.painter.size")
    page.press("]")
    assert page.run("gantk.edit.painter.size") == size + 1

    def reach(selector: str) -> None:
        """Tab on until an element has the focus."""
        for _ in range(160):
            if page.run(f"document.activeElement.matches({json.dumps(selector)})"):
                return
            page.press("Tab")
        raise AssertionError(f"{selector} cannot be reached with Tab")

    def write(selector: str, text: str) -> None:
        reach(selector)
        page.run("document.activeElement.select()")  # what Ctrl A does
        page.type(text)

    reach("#edit .palette details summary")
    page.press("Enter")
    page.wait("document.querySelector('#edit .palette details').open")
    reach("#shape-class")
    name = page.run("document.activeElement.options[7].text")
    for letter in name:  # a list takes the first letters of what is in it
        page.press(letter)
    assert page.run("document.activeElement.value") == "7"
    for selector, text in (("#shape-x", "20"), ("#shape-y", "10"), ("#shape-right", "30"), ("#shape-bottom", "14")):
        write(selector, text)
    reach("#shape-paint")
    page.press("Enter")
    page.wait("!gantk.edit.painter.layers.empty")
    label = np.array(page.run("[...gantk.edit.painter.layers.label]"), np.uint8).reshape(64, 64)
    assert (label[10:15, 20:31] == 7).all() and (label == 7).sum() == 55
    reach("#edit > div > details summary")
    page.press("Enter")
    write("input[title='of Adam, at most']", "5")
    reach("#apply")
    page.press("Enter")
    page.wait("gantk.store.state.cursor === 1 && !gantk.edit.job")
    assert "Followed" in page.run("document.getElementById('polite').textContent")
    reach(".tab")
    page.press("1")
    reach("#export")
    page.press("Enter")
    page.wait("document.querySelector('dialog[open]')")
    reach("#export-session")
    page.press("Enter")
    until = time.monotonic() + 30
    while not (tmp_path / "demo-session.zip").is_file():
        assert time.monotonic() < until
        time.sleep(0.05)
    page.wait("!document.querySelector('dialog')")
    page.press("?")
    page.wait("document.querySelector('dialog[open]')")
    page.press("Escape")
    page.wait("!document.querySelector('dialog')")
    page.press("z")
    page.wait("gantk.store.state.cursor === 0")
    zipped = tmp_path / "demo-session.zip"
    code, _, error = gantk_command("lse", "edit", "demo", head_file, "--session", zipped, "-o", tmp_path / "edited")
    assert code == 0, error
    assert (tmp_path / "edited" / "session.zip").read_bytes() == zipped.read_bytes()


def test_15_axe_finds_nothing_serious(server: Running, page: Page, head: None, fresh: str) -> None:
    page.run("document.querySelector('.line [aria-expanded]').click()")
    for view in VIEWS:
        open_view(page, view)
        page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
        for dark in (False, True):
            page.screen(1280, 860, dark=dark)
            page.still()
            assert serious(page) == [], (view, dark)


# Controls that lie on one another or beyond the window; what scrolls by itself may.
OVERLAPS = """(() => {
  const box = (node) => node.getBoundingClientRect();
  const scrolls = (node) => Boolean(node.closest('.bar, .history, .classes'));
  // on a phone the picture is pinned above what scrolls, and what begins a job below it
  const sticky = (node) => getComputedStyle(node).position === 'sticky';
  const pinned = (node) => ['.stage', '.go'].find((name) => sticky(node.closest(name) || node));
  const shown = [...document.querySelectorAll('button, input, select, .choice label')].filter((node) =>
    box(node).width > 4 && box(node).height > 4 && node.checkVisibility({visibilityProperty: true}) && !scrolls(node));
  const found = shown.filter((node) => box(node).right > innerWidth + 1).map((node) => node.outerHTML.slice(0, 90));
  shown.forEach((a, place) => shown.slice(place + 1).forEach((b) => {
    if (a.contains(b) || b.contains(a) || pinned(a) !== pinned(b)) return;
    const [p, q] = [box(a), box(b)];
    const x = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const y = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (x > 2 && y > 2) found.push([a.outerHTML.slice(0, 90), b.outerHTML.slice(0, 90)]);
  }));
  return found;
})()"""
SMALL = """[...document.querySelectorAll('.side button, .tab, .side select')]
  .filter((node) => node.getBoundingClientRect().height > 0 && node.getBoundingClientRect().height < 44)
  .map((node) => node.outerHTML.slice(0, 80))"""


def test_15_nothing_overlaps_or_is_cut(server: Running, page: Page, head: None, fresh: str) -> None:
    for width in (1440, 768, 360):
        phone = width == 360
        page.screen(width, 800, phone=phone)
        if phone:
            page.reload()
        for view in VIEWS:
            open_view(page, view)
            page.still()
            assert page.run("document.documentElement.scrollWidth") <= width, (width, view)
            bad = page.run(OVERLAPS)
            assert bad == [], (width, view)
            if phone:
                small = page.run(SMALL)
                assert small == [], view
