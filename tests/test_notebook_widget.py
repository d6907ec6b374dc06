"""`gantk.explore`: values in and out, and the messages of the page's modules. Numbers: of the acceptance list."""

from __future__ import annotations

import dataclasses
import gc
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import gantk
from gantk.errors import GantkError, UsageError
from gantk.pictures.images import to_uint8
from gantk.web.bundle import module, modules, styles
from gantk.web.wire import FINAL, HEADER, PNG

pytest.importorskip("anywidget", reason="the extra notebook is not installed")
SENT = list[tuple[dict[str, Any], list[bytes]]]


@pytest.fixture(scope="module")
def generator() -> gantk.Generator:
    return gantk.load_generator("demo")


@pytest.fixture
def widget(generator: gantk.Generator) -> Iterator[Any]:
    made = gantk.explore(generator, ["season", "time_of_day", "weights_32x32_conv1"])
    yield made
    made.close()


@pytest.fixture
def sent(widget: Any, monkeypatch: pytest.MonkeyPatch) -> SENT:
    """What the widget sends, in place of a page."""
    found: SENT = []
    monkeypatch.setattr(widget, "send", lambda content, buffers=None: found.append((content, buffers or [])))
    return found


def ask(widget: Any, sent: SENT, method: str, path: str, body: Any = None) -> Any:
    """A request as notebook.js sends it, and its answer."""
    text = "" if body is None else json.dumps(body)
    widget._handle_custom_msg({"t": "ask", "view": "a", "number": 7, "method": method, "path": path, "body": text}, [])
    content, buffers = next((c, b) for c, b in reversed(sent) if c["t"] == "answer")
    assert content["number"] == 7 and content["view"] == "a"
    return content["status"], buffers[0]


def expected(generator: gantk.Generator, amounts: dict[str, float], seed: int = 0, index: int = 0) -> torch.Tensor:
    default = generator.spec.truncation
    truncation = None if default is None else gantk.Truncation(default.psi, default.layers)
    with torch.inference_mode():
        wp = generator.expand(generator.map(generator.sample_z(1, seed=seed, start=index)), truncation)
        for name, amount in amounts.items():
            wp = gantk.load_direction(name, generator).apply(wp, amount, truncation=truncation)
    return wp


def test_16_setting_moves_changes_the_image_to_that_of_python(widget: Any, generator: gantk.Generator) -> None:
    before = widget.image
    heard: list[Any] = []
    widget.observe(lambda change: heard.append(change["new"]), "moves")
    widget.moves = {"season": 2.0}
    assert heard == [{"season": 2.0}]
    wanted = expected(generator, {"season": 2.0})
    assert torch.equal(widget.wp, wanted)
    with torch.inference_mode():
        assert np.array_equal(widget.image, to_uint8(generator.synthesize(wanted))[0])
    assert not np.array_equal(widget.image, before)
    widget.moves = {}
    assert np.array_equal(widget.image, before)


def test_base_names_the_sample_and_keeps_what_is_not_named(widget: Any, generator: gantk.Generator) -> None:
    psi = widget.base["psi"]
    widget.base = {"seed": 3, "index": 2}
    assert (widget.base["seed"], widget.base["index"], widget.base["psi"]) == (3, 2, psi)
    assert torch.equal(widget.wp, expected(generator, {}, 3, 2))


def test_a_code_that_is_set_is_the_base_and_the_sliders_rest(widget: Any, generator: gantk.Generator) -> None:
    widget.moves = {"season": 1.0}
    code = expected(generator, {}, 5)
    widget.wp = code.numpy() if code.is_cpu else code
    assert widget.moves == {} and widget.base["code"] is not None
    assert torch.equal(widget.wp, code)
    widget.base = {"seed": 1}
    assert widget.base["code"] is None
    with pytest.raises(GantkError, match="a code float32 \\(1, "):
        widget.wp = np.zeros((1, 2, 3))


def test_sliders_with_rows_and_weights(widget: Any) -> None:
    weights = next(name for name in widget.directions if name.startswith("32x32/conv1"))
    widget.moves = {"season": {"amount": 2, "rows": "6-9"}, weights: np.float32(0.5)}
    assert widget.moves["season"] == {"amount": 2.0, "rows": "6-9", "mute": False, "hold": False}
    assert widget.moves[weights] == 0.5
    with pytest.raises(GantkError, match="moves the weights, which a kept code cannot hold"):
        _ = widget.wp
    assert widget.image.dtype == np.uint8


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("moves", {"nonsense": 1.0}, "There is no direction 'nonsense' here: there are season, "),
        ("moves", {"season": float("nan")}, "the move 'season' amount is nan"),
        ("moves", {"season": {"amount": 1.0, "far": 2}}, "the field 'far' is unknown"),
        ("base", {"psi": 9.0}, "psi is 9, and it goes from 0 to 1.5"),
        ("base", {"label": 3}, "There is no class 3"),
        ("base", {"code": "0" * 64}, "There is no such code: set wp to give one"),
    ],
)
def test_what_cannot_be_set_is_a_sentence_and_changes_nothing(
    widget: Any, name: str, value: Any, sentence: str
) -> None:
    before = dict(widget.base), dict(widget.moves)
    with pytest.raises(GantkError, match=sentence):
        setattr(widget, name, value)
    assert (widget.base, widget.moves) == before


def test_16_the_page_opens_moves_and_is_told_of_pythons_moves(
    widget: Any, sent: SENT, generator: gantk.Generator
) -> None:
    status, data = ask(widget, sent, "GET", "info")
    info = json.loads(data)
    project = info["project"]
    assert status == 200 and info["models"][0]["name"] == "demo-stylegan2"
    state = json.loads(ask(widget, sent, "GET", f"projects/{project}")[1])
    listed = json.loads(ask(widget, sent, "GET", "directions?model=demo-stylegan2")[1])
    entries = {item["name"]: item for item in listed}

    move = {"direction": entries["season"]["id"], "amount": 1.5, "rows": None, "mute": False, "hold": False}
    event = {"type": "moves", "moves": [move]}
    body = {"rev": state["rev"], "event": event}
    status, data = ask(widget, sent, "POST", f"projects/{project}/events", body)
    assert status == 200 and widget.moves == {"season": 1.5}
    rev = json.loads(data)["rev"]
    status, data = ask(widget, sent, "POST", f"projects/{project}/events", body)
    assert status == 409 and json.loads(data)["state"]["rev"] == rev

    sent.clear()
    widget.moves = {"time_of_day" if "time_of_day" in widget.directions else "time of day": -1.0}
    told = [content["message"] for content, _ in sent if content["t"] == "told"]
    assert told == [{"type": "rev", "project": project, "rev": rev + 1}]

    state = json.loads(ask(widget, sent, "GET", f"projects/{project}")[1])
    at = state["nodes"][state["cursor"]]
    message = {"t": "render", "seq": 4, "pane": 0, "project": project, "size": 512, "offset": 0}
    message |= {"base": at["base"], "moves": at["moves"], "final": True}
    widget._handle_custom_msg({"t": "render", "view": "a", "message": message}, [])
    content, buffers = sent[-1]
    head = HEADER.unpack(buffers[0][: HEADER.size])
    assert content == {"t": "frame", "view": "a"} and head[1:5] == (PNG, FINAL, 0, 4)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(buffers[0][HEADER.size :]))), widget.image)


def test_keep_export_and_save_a_direction_over_the_channel(widget: Any, sent: SENT, tmp_path: Path) -> None:
    project = json.loads(ask(widget, sent, "GET", "info")[1])["project"]
    widget.moves = {"season": 2.0}
    moved = widget.image
    status, data = ask(widget, sent, "GET", f"projects/{project}/export?what=png")
    assert status == 200 and np.array_equal(np.asarray(Image.open(io.BytesIO(data))), moved)
    assert "direction.apply" in json.loads(ask(widget, sent, "GET", f"projects/{project}/command")[1])["python"]

    body = {"kind": "export", "key": "k", "args": {"what": "direction", "name": "mine"}}
    job = json.loads(ask(widget, sent, "POST", f"projects/{project}/jobs", body)[1])["job"]
    done = json.loads(ask(widget, sent, "GET", f"jobs/{job}")[1])
    assert done["state"] == "done" and "mine" in widget.directions
    data = ask(widget, sent, "GET", f"projects/{project}/blobs/{done['result']['blob']}")[1]
    (tmp_path / "mine.safetensors").write_bytes(data)
    assert gantk.load_direction(tmp_path / "mine.safetensors").name == "mine"

    rev = json.loads(ask(widget, sent, "GET", f"projects/{project}")[1])["rev"]
    ask(widget, sent, "POST", f"projects/{project}/events", {"rev": rev, "event": {"type": "base", "keep": True}})
    assert widget.moves == {} and widget.base["code"] is not None
    assert np.array_equal(widget.image, moved)


def test_refusals_are_answers_with_a_sentence(widget: Any, sent: SENT) -> None:
    project = json.loads(ask(widget, sent, "GET", "info")[1])["project"]
    for method, path, body, status in (
        ("GET", "nowhere", None, 404),
        ("GET", f"projects/{'0' * 32}", None, 404),
        ("GET", f"projects/{project}/blobs/..%2Fjournal", None, 404),
        ("GET", f"projects/{project}/export?what=exe", None, 400),
        ("POST", f"projects/{project}/events", {"rev": 1, "event": {"type": "wrong"}}, 400),
        ("POST", f"projects/{project}/events", {"event": {}}, 422),
        ("POST", f"projects/{project}/jobs", {"kind": "invert", "key": "k", "args": {}}, 400),
    ):
        found, data = ask(widget, sent, method, path, body)
        assert found == status and json.loads(data)["message"].endswith("."), (path, data)
    widget._handle_custom_msg({"t": "render", "view": "a", "message": {"seq": 3, "pane": 99}}, [])
    assert sent[-1][0]["message"]["type"] == "error" and sent[-1][0]["message"]["seq"] == 3
    count = len(sent)
    widget._handle_custom_msg({"t": "ask", "view": "a", "method": 1, "path": None, "body": ""}, [])
    widget._handle_custom_msg("nonsense", [])
    assert len(sent) == count


def test_the_session_is_what_the_page_exports(widget: Any, tmp_path: Path) -> None:
    from zipfile import ZipFile

    widget.moves = {"season": 1.0}
    path = widget.save_session(tmp_path / "session.zip")
    with ZipFile(path) as archive:
        session = json.loads(archive.read("session.json"))
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(archive.read("image.png")))), widget.image)
        assert np.array_equal(np.load(io.BytesIO(archive.read("wp.npy"))), widget.wp.numpy())
    assert session["model"] == "demo-stylegan2"


def test_all_kinds_of_directions_are_taken(generator: gantk.Generator, tmp_path: Path) -> None:
    season = gantk.load_direction("season", generator)
    weights = gantk.load_weights("weights_32x32_conv1")
    made = gantk.explore(generator, [dataclasses.replace(season, name="mine"), weights, "region_house"])
    systems = {entry.system for entry in made._channel.model.easel.catalogue}
    assert {"HiGAN", "NaviGAN", "ReSeFa"} <= systems and "mine" in made.directions
    with pytest.raises(UsageError, match="is no direction"):
        gantk.explore(generator, [3])
    with pytest.raises(UsageError, match="seed is -1"):
        gantk.explore(generator, [], seed=-1)


def test_names_of_several_systems_are_told_apart(generator: gantk.Generator) -> None:
    season = gantk.load_direction("season", generator)
    other = dataclasses.replace(season, kind="direction", meta={})
    made = gantk.explore(generator, [season, other])
    assert set(made.directions) == {"HiGAN: season", "directions: season"}
    made.moves = {"HiGAN: season": 1.0}
    assert not np.array_equal(made.image, gantk.explore(generator, season, 0).image)


def test_without_directions_all_that_fit_are_there(generator: gantk.Generator) -> None:
    made = gantk.explore("demo")
    assert "season" in made.directions and "sefa 0" in made.directions and "component 0" in made.directions
    folder = made._channel.workshop.root
    assert folder.is_dir()
    made.close()
    del made
    gc.collect()


def test_a_folder_goes_with_its_widget(generator: gantk.Generator) -> None:
    from gantk.web.channel import Channel

    channel = Channel(generator, "season")
    root = channel.workshop.root
    assert root.is_dir()
    del channel
    gc.collect()
    assert not root.exists()


def test_a_still_picture_goes_with_the_widget(widget: Any) -> None:
    data, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data and data["image/png"]
    assert repr(widget) == "gantk.explore(demo-stylegan2): seed 0, sample 0; nothing moved"


def test_without_the_extra_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(UsageError, match="pip install 'gantk\\[notebook\\]'"):
        gantk.explore("demo")


def test_the_module_holds_the_pages_own_and_asks_nothing_of_others() -> None:
    names = [name for name, _ in modules()]
    assert names[-1] == "notebook.js" and {"explore.js", "renderer.js", "live.js", "store.js"} <= set(names)
    for name, text in modules():
        assert "http://" not in text and "https://" not in text, name
    assert ":root" not in styles() and "url(" not in styles()
    assert module().count("export default") == 1
