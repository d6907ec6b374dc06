"""The server of `gantk web`: pixels, queue, journal, security. Numbers in names are those of the acceptance list."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import http.client
import io
import itertools
import json
import random
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from web_server import Running, render, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import gantk
from gantk.errors import GantkError
from gantk.pictures.images import encode, to_uint8
from gantk.web import state, terms, wire
from gantk.web.cache import Cache
from gantk.web.journal import Journal
from gantk.web.projects import Projects
from gantk.web.queue import Engine, Job, Ticket
from gantk.web.security import hostname
from gantk.web.terms import Base, Class, Draft, Move
from gantk.web.wire import ApiError, parse_json, structure


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serve(tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture
def project(server: Running) -> str:
    return server.project()


def picture(data: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(data)))


# --- pixels ----------------------------------------------------------------------------------------------------------


def test_02_a_frame_has_the_bits_of_an_uncached_one_and_begins_at_the_first_layer_that_moves(
    server: Running, project: str
) -> None:
    light = server.directions()["window light"]
    generator = gantk.load_generator("demo")
    direction = gantk.load_direction("window_light", generator)
    wp = generator.expand(generator.map(generator.sample_z(1, seed=0)))
    first = generator.layer("32x32/conv1").index
    with server.socket() as socket:
        for seq in range(6):
            move = {"direction": light["id"], "amount": seq / 3, "rows": "6-9"}
            header, data = render(socket, project, seq, moves=[move], final=True)
            with torch.inference_mode():
                wanted = to_uint8(generator.synthesize(direction.apply(wp, seq / 3, "6-9")))[0]
            assert np.array_equal(picture(data), wanted)
            assert header[4] == seq and header[5:7] == (64, 64)
            if seq > 1:
                assert header[8] == first
    assert server.workshop.models["demo"].easel.states.used > 0


def test_03_moves_of_every_system_together_are_those_of_python(server: Running, project: str) -> None:
    generator = gantk.load_generator("demo")
    until = time.monotonic() + 60
    while not {"HiGAN", "ReSeFa", "NaviGAN", "SeFa", "GANSpace"} <= {d["system"] for d in server.directions().values()}:
        assert time.monotonic() < until
        time.sleep(0.05)
    catalogue = server.workshop.models["demo"].easel.catalogue
    chosen = {entry.system: entry for entry in catalogue}  # the last of each
    second = next(entry for entry in catalogue if entry.system == "NaviGAN" and entry is not chosen["NaviGAN"])
    # GH-Feat's directions are of styles
    wp = generator.expand(generator.map(generator.sample_z(1, seed=3, start=1)), gantk.Truncation(0.7, 5))
    width = sum(style.shape[1] for style in generator.styles(wp))
    vector = np.random.default_rng(0).normal(size=(1, width)).astype(np.float32) / 20
    (chosen["GH-Feat"],) = catalogue.add(
        catalogue._rows(gantk.Direction("features", "direction", "s", vector), "GH-Feat", "")
    )
    picked = sorted([*chosen.values(), second], key=lambda entry: entry.id)
    moves = [{"direction": entry.id, "amount": 0.4 * entry.scale} for entry in picked]
    with torch.inference_mode():
        code, deltas = wp, {}
        for entry in picked:
            if entry.space == "w":
                code = entry.direction.apply(code, 0.4 * entry.scale, None, gantk.Truncation(0.7, 5), pick=entry.row)
        styles = chosen["GH-Feat"].direction.apply(generator.styles(code), 0.4 * chosen["GH-Feat"].scale)
        for entry in picked:
            if entry.weights is not None:
                delta = entry.weights.delta(entry.row) * (0.4 * entry.scale)
                deltas[entry.layer] = (deltas[entry.layer][0] + delta if entry.layer in deltas else delta, 1.0)
        wanted = to_uint8(generator.synthesize(styles, weight_deltas=deltas))[0]
    base = {"seed": 3, "index": 1, "psi": 0.7, "rows": 5}
    with server.socket() as socket:
        for order in (moves, moves[::-1]):
            _, data = render(socket, project, base=base, moves=order, final=True)
            assert np.array_equal(picture(data), wanted)


def test_holding_a_direction_fixed_projects_it_away(server: Running, project: str) -> None:
    from gantk.codes.projection import project as without

    directions = server.directions()
    generator = gantk.load_generator("demo")
    season, house = (gantk.load_direction(name, generator) for name in ("season", "house_size"))
    vector = without(season.vectors[0], [house.vectors[0]]).astype(np.float32) * np.linalg.norm(season.vectors[0])
    wp = generator.expand(generator.map(generator.sample_z(1, seed=0)))
    with torch.inference_mode():
        moved = season.replace(vectors=vector[None], intercept=None).apply(wp, 2.0)
        wanted = to_uint8(generator.synthesize(moved))[0]
    moves = [
        {"direction": directions["season"]["id"], "amount": 2.0},
        {"direction": directions["house size"]["id"], "amount": 0.0, "hold": True},
    ]
    with server.socket() as socket:
        _, data = render(socket, project, moves=moves, final=True)
    assert np.array_equal(picture(data), wanted)


@pytest.mark.parametrize("name", ["demo", "demo-stylegan3", "demo-biggan", "demo-pggan", "demo-oracle"])
def test_every_family_renders_from_kept_states(name: str) -> None:
    from gantk.web.catalogue import Catalogue
    from gantk.web.scene import Easel

    generator = gantk.load_generator(name)
    catalogue = Catalogue(generator)
    spec = generator.spec
    vector = np.random.default_rng(1).normal(size=(1, spec.num_layers, spec.wp_dim)).astype(np.float32)
    (entry,) = catalogue.add(catalogue._rows(gantk.Direction("any", "direction", "wp", vector), "made here", ""))
    easel = Easel(catalogue)
    base, before = Base(seed=2, label=1 if spec.label_dim else None), None
    firsts = []
    for amount in (0.0, 0.1, 0.2, 0.3):
        scene = easel.scene(base, [Move(entry.id, amount, str(spec.num_layers - 1))], _no_blob)
        found = easel.render(scene, before)
        with torch.inference_mode():
            plain = generator.synthesize(scene.codes)
        assert torch.equal(found.image, plain)
        firsts.append(found.first)
        before = scene
    assert firsts[-1] > 0 or spec.num_layers == 1


def _no_blob(sha: str) -> bytes:
    raise AssertionError(sha)


def test_keep_save_and_export_give_the_picture_that_is_shown(server: Running, project: str, tmp_path: Path) -> None:
    directions = server.directions()
    moves = [{"direction": directions[name]["id"], "amount": amount, "rows": rows}
             for name, amount, rows in (("season", 1.5, None), ("time of day", -2.0, "2-4"))]  # fmt: skip
    assert server.event(project, {"type": "moves", "moves": moves}).status == 200
    shown = server.ask("GET", f"projects/{project}/export?what=png").data
    code = np.load(io.BytesIO(server.ask("GET", f"projects/{project}/export?what=npy").data))
    generator = gantk.load_generator("demo")
    with torch.inference_mode():
        assert np.array_equal(picture(shown), to_uint8(generator.synthesize(torch.from_numpy(code)))[0])
    saved = server.job(project, "export", {"what": "direction", "name": "dusk in autumn"})["result"]
    path = tmp_path / "direction.safetensors"
    path.write_bytes(server.ask("GET", f"projects/{project}/blobs/{saved['blob']}").data)
    direction = gantk.load_direction(path, generator)
    wp = generator.expand(generator.map(generator.sample_z(1, seed=0)))
    assert direction.space == "wp"  # the rows of the two moves differ
    assert torch.allclose(direction.apply(wp, 1.0), torch.from_numpy(code), atol=1e-5)
    assert any(item["id"] == saved["direction"] for item in server.directions().values())
    assert server.event(project, {"type": "base", "keep": True}).status == 200
    after = server.state(project)
    assert after["cursor"] == 1 and after["nodes"][1]["moves"] == [] and after["nodes"][0]["moves"]
    assert server.ask("GET", f"projects/{project}/export?what=png").data == shown
    for kind, args, sort in (
        ("export", {"what": "strip", "direction": directions["season"]["id"], "frames": 3}, "PNG"),
        ("animate", {"direction": directions["season"]["id"], "frames": 3}, "GIF"),
    ):
        result = server.job(project, kind, args)["result"]
        data = server.ask("GET", f"projects/{project}/blobs/{result['blob']}").data
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == sort


def test_the_command_button_draws_the_same_picture(server: Running, project: str) -> None:
    season = server.directions()["season"]
    server.event(project, {"type": "base", "base": {"seed": 4, "index": 2, "psi": 0.8, "rows": 6}})
    server.event(project, {"type": "moves", "moves": [{"direction": season["id"], "amount": 1.5}]})
    text = server.ask("GET", f"projects/{project}/command").json["python"]
    assert "load_direction" in text
    names: dict[str, Any] = {}
    with torch.inference_mode():
        exec(text, names)
    shown = server.ask("GET", f"projects/{project}/export?what=png").data
    assert np.array_equal(picture(shown), to_uint8(names["image"])[0])


# --- edit and train --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def headed(server: Running) -> tuple[str, str]:
    """A project with a head from the segmenter."""
    project = server.project()
    return project, server.job(project, "fit", {"teach": 4})["result"]["head"]


def stroke(server: Running, project: str) -> str:
    label = np.full((64, 64), 255, np.uint8)
    label[16:22, 44:56] = 7
    return server.upload(project, label.tobytes())


def test_07_stop_ends_an_edit_within_an_evaluation_and_keeps_the_best(server: Running, headed: tuple[str, str]) -> None:
    project, head = headed
    cursor = server.state(project)["cursor"]
    args = {"head": head, "draft": {"label": stroke(server, project)}, "settings": {"steps": 1000, "rate": 0.01}}
    job = server.begin(project, "edit", args)
    until = time.monotonic() + 30
    while (seen := server.ask("GET", f"jobs/{job}").json)["done"] < 3:
        assert time.monotonic() < until and seen["state"] in ("waiting", "running"), seen
    at = server.ask("DELETE", f"jobs/{job}").json["done"]
    while (found := server.ask("GET", f"jobs/{job}").json)["state"] == "running":
        assert time.monotonic() < until
    assert found["state"] == "done" and found["stopped"]
    losses = found["result"]["losses"]
    assert len(losses) - 1 <= at + 2 and min(losses) < losses[0]
    assert server.state(project)["nodes"][found["result"]["node"]]["parent"] == cursor


def test_05_an_edit_is_a_step_of_the_history_with_its_strokes(server: Running, headed: tuple[str, str]) -> None:
    project, head = headed
    label = stroke(server, project)
    server.event(project, {"type": "draft", "draft": {"label": label}})
    before = server.state(project)
    done = server.job(
        project, "edit", {"head": head, "draft": {"label": label}, "settings": {"steps": 30, "rate": 0.15}}
    )
    after = server.state(project)
    node = after["nodes"][after["cursor"]]
    assert done["result"]["followed"][1] > done["result"]["followed"][0]
    assert node["parent"] == before["cursor"] and node["strokes"]["label"] == label
    assert node["draft"] == {"label": None, "colour": None} == after["nodes"][before["cursor"]]["draft"]
    kept = server.ask("GET", f"projects/{project}/blobs/{node['picture']}").data
    assert np.array_equal(picture(kept), picture(server.ask("GET", f"projects/{project}/export?what=png").data))
    server.event(project, {"type": "cursor", "node": before["cursor"]})
    assert server.state(project)["cursor"] == before["cursor"]


def test_colours_move_too(server: Running, headed: tuple[str, str]) -> None:
    project, head = headed
    layer = np.zeros((64, 64, 4), np.uint8)
    layer[2:10, 4:30] = (255, 90, 20, 255)
    draft = {"colour": server.upload(project, layer.tobytes(), "colour")}
    before = picture(server.ask("GET", f"projects/{project}/export?what=png").data).astype(int)
    server.job(project, "edit", {"head": head, "draft": draft, "settings": {"steps": 25, "rate": 0.15}})
    after = picture(server.ask("GET", f"projects/{project}/export?what=png").data).astype(int)
    apart = [np.abs(image[2:10, 4:30] - (255, 90, 20)).mean() for image in (before, after)]
    assert apart[1] < apart[0] - 5
    empty = np.zeros((64, 64, 4), np.uint8).tobytes()
    body = {"head": head, "draft": {"colour": server.upload(project, empty, "colour")}}
    refused = server.ask("POST", f"projects/{project}/jobs", {"kind": "edit", "key": "x", "args": body})
    assert refused.status == 400 and "The stroke is empty" in refused.json["message"]


def test_the_session_zip_has_the_same_bytes_twice(server: Running, headed: tuple[str, str]) -> None:
    import zipfile

    project, head = headed
    server.job(project, "edit", {"head": head, "draft": {"label": stroke(server, project)}, "settings": {"steps": 2}})
    first, second = (server.job(project, "export", {"what": "session"})["result"]["blob"] for _ in range(2))
    assert first == second
    data = server.ask("GET", f"projects/{project}/blobs/{first}").data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        about = json.loads(archive.read("session.json"))
        assert about["schema"] == 2 and about["edits"][-1]["settings"]["steps"] == 2
        strokes = picture(archive.read(about["edits"][-1]["label"]))
        assert set(np.unique(strokes)) == {7, 255}
        assert {"wp.npy", "image.png", "label.png"} <= set(archive.namelist())
        # 06: what it holds is enough to make every step again, to the bit
        from gantk.lse.editing import EditSettings, Stroke, edit

        generator = server.workshop.models["demo"].easel.generator
        known = server.workshop.head(server.workshop.projects.get(project), head)
        found = None
        for number, step in enumerate(about["edits"], 1):
            before = torch.from_numpy(np.load(io.BytesIO(archive.read(f"codes/{number:03d}-before.npy"))))
            if found is not None:
                assert torch.equal(before, found.after)
            label = picture(archive.read(step["label"])).copy() if "label" in step else None
            colour = picture(archive.read(step["colour"])) if "colour" in step else None
            stroke_again = Stroke(
                label,
                None if colour is None else colour[..., :3].copy(),
                None if colour is None else colour[..., 3] == 255,
            )
            settings = EditSettings(**step["settings"])
            if settings.steps < 100:  # the one that was stopped by hand has no end to compare with
                with torch.enable_grad():
                    found = edit(generator, known, before, stroke_again, settings)
            else:
                found = None
        assert found is not None
        assert torch.equal(torch.from_numpy(np.load(io.BytesIO(archive.read("wp.npy")))), found.after)


def test_weights_cannot_be_kept_and_the_sentence_says_so(server: Running) -> None:
    project = server.project()
    weight = next(item for item in server.directions().values() if item["space"] == "weights")
    server.event(project, {"type": "moves", "moves": [{"direction": weight["id"], "amount": 1.0}]})
    answer = server.event(project, {"type": "base", "keep": True})
    assert answer.status == 400 and "moves the weights" in answer.json["message"]
    assert server.state(project)["cursor"] == 0


@pytest.mark.slow
@pytest.mark.usefixtures("few_renders")
def test_08_a_head_of_eight_images_is_good_and_the_command_line_reads_it(
    server: Running, gantk_command: Any, tmp_path: Path
) -> None:
    from gantk.predictors.head_files import load_head
    from gantk.predictors.load import load_predictor

    project = server.project()
    for index in range(8):
        base = {"seed": 5, "index": index}
        label = server.job(project, "predict", {"base": base})["result"]["label"]
        assert server.event(project, {"type": "annotation", "base": base, "label": label}).status == 200
    begun = time.process_time()
    first = server.job(project, "fit", {})["result"]
    assert first["shots"] == 8 and time.process_time() - begun < 10
    saved = server.state(project)["saved"][-1]
    path = tmp_path / "head.safetensors"
    path.write_bytes(server.ask("GET", f"projects/{project}/blobs/{saved['sha']}").data)
    generator = gantk.load_generator("demo")
    head, judge = load_head(path, generator), load_predictor("demo")
    union, both = np.zeros(10), np.zeros(10)
    with torch.inference_mode():
        wp = generator.expand(generator.map(generator.sample_z(48, seed=77)))
        mine = head.segment_codes(generator, wp).argmax(1).numpy()
        theirs = judge.segment(generator.synthesize(wp)).argmax(1).numpy()
    for k in range(10):
        both[k] = ((mine == k) & (theirs == k)).sum()
        union[k] = ((mine == k) | (theirs == k)).sum()
    assert (both / union).mean() > 0.80
    code, said, error = gantk_command("lse", "evaluate", "demo", path, "--num", 4, "-o", tmp_path / "evaluated")
    assert code == 0 and "mIoU" in said, error
    result = server.job(project, "export", {"what": "annotations"})["result"]
    assert result["name"].endswith(".zip")


def test_unlabelled_pixels_and_classes_are_no_fault(server: Running) -> None:
    project = server.project()
    label = np.full((64, 64), 255, np.uint8)
    label[:8] = 1
    one = {"type": "annotation", "base": {"seed": 9}, "label": server.upload(project, label.tobytes())}
    server.event(project, one)
    failed = server.job(project, "fit", {})
    assert failed["state"] == "failed" and "Only one class" in failed["error"]["message"]
    label[56:] = 0
    server.event(project, {**one, "label": server.upload(project, label.tobytes())})
    done = server.job(project, "fit", {})["result"]
    assert done["pixels"][:2] == [8 * 64, 8 * 64] and sum(done["pixels"]) == 1024
    label[56] = 255  # corrected: the maps are known already
    server.event(project, {**one, "label": server.upload(project, label.tobytes())})
    again = server.job(project, "fit", {})["result"]
    assert again["head"] != done["head"] and sum(again["pixels"]) == 1024 - 64
    ranked = server.job(project, "uncertain", {"base": {"seed": 9, "index": 1}, "head": done["head"], "count": 5})
    assert sorted(ranked["result"]["indices"]) == [1, 2, 3, 4, 5]
    assert ranked["result"]["entropies"] == sorted(ranked["result"]["entropies"], reverse=True)


# --- state -----------------------------------------------------------------------------------------------------------


def test_the_state_is_the_journal_replayed_and_a_torn_line_is_dropped(tmp_path: Path) -> None:
    projects = Projects(tmp_path)
    project = projects.create("demo", Base(seed=1), [Class("sky", (1, 2, 3))])
    project.record(terms.MovesEvent("moves", (Move("d1", 0.5, "0-2"),)), 1)
    project.record(terms.NameEvent("name", "roof"), 2)
    blob = project.blobs.put(b"\xff" * 16)
    project.record(terms.DraftEvent("draft", Draft(blob)), 3)
    with pytest.raises(ApiError) as stale:
        project.record(terms.NameEvent("name", "late"), 3)
    assert stale.value.status == 409 and stale.value.state["name"] == "roof"
    with pytest.raises(ApiError, match="upload it first"):
        project.record(terms.DraftEvent("draft", Draft("0" * 64)))
    path = project.journal.path
    whole = path.read_bytes()
    for torn in (b'{"type":"na', b'{"type":"name","name":"x"}', b"\x00" * 40, b'{"type":"nam\n'):
        path.write_bytes(whole + torn)
        again = Projects(tmp_path).get(project.id)
        assert again.state == project.state and again.rev == 4
    again.record(terms.NameEvent("name", "next"), 4)
    assert path.read_bytes().startswith(whole) and path.read_bytes().count(b"\n") == 5
    assert Projects(tmp_path).get(project.id).state.name == "next"
    path.write_bytes(b"{}\n" + whole)
    with pytest.raises(GantkError, match="Line 1 of"):
        Projects(tmp_path).get(project.id)


def test_a_full_disk_is_an_error_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    project = Projects(tmp_path).create("demo", Base(), [])
    real, before = os.fsync, project.journal.path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(GantkError, match="The disk is full"):
        project.record(terms.NameEvent("name", "lost"))
    with pytest.raises(GantkError, match="The disk is full"):
        project.blobs.put(b"new")
    monkeypatch.setattr(os, "fsync", real)
    assert project.rev == 1 and project.state.name == ""
    project.record(terms.NameEvent("name", "kept"))
    assert project.journal.path.read_bytes().startswith(before)
    assert Projects(tmp_path).get(project.id).state.name == "kept"
    assert [path.name for path in (project.folder).iterdir() if "tmp" in path.name] == []


def test_an_edit_of_another_picture_than_the_one_at_hand_is_not_applied(tmp_path: Path) -> None:
    project = Projects(tmp_path).create("demo", Base(), [])
    event = terms.Applied("applied", "edit", Base(index=1), project.blobs.put(b"picture"))
    assert project.record(event, node=0) == 2 and project.state.cursor == 1
    with pytest.raises(GantkError, match="The picture was changed while the edit ran"):
        project.record(event, node=0)
    assert project.rev == 2 and len(project.state.nodes) == 2


def test_results_that_no_event_names_are_gone_after_a_day(tmp_path: Path) -> None:
    import os

    project = Projects(tmp_path).create("demo", Base(), [])
    named, old, new = (project.blobs.put(data) for data in (b"\xff" * 16, b"old", b"new"))
    project.record(terms.DraftEvent("draft", Draft(named)))
    project.record(terms.DraftEvent("draft", Draft()))  # undo may bring it back: the journal names it still
    for sha in (named, old):
        os.utime(project.blobs.folder / sha, (0, 0))
    again = Projects(tmp_path).get(project.id)
    assert named in again.blobs and new in again.blobs and old not in again.blobs


def test_history_is_a_tree(tmp_path: Path) -> None:
    at = state.apply(None, terms.Created("created", "demo", Base()))
    edit = terms.Applied("applied", "edit", Base(code="a" * 64), "b" * 64)
    at = state.apply(at, edit)
    at = state.apply(at, edit)
    at = state.apply(at, terms.CursorEvent("cursor", 1))
    at = state.apply(at, edit)
    assert [node.parent for node in at.nodes] == [None, 0, 1, 1] and at.cursor == 3
    at = state.apply(at, terms.BaseEvent("base", Base(index=4)))
    assert at.nodes[4].parent is None and at.cursor == 4
    at = state.apply(at, terms.BaseEvent("base", Base(index=5)))
    assert len(at.nodes) == 5 and at.at.base.index == 5  # looking through samples leaves no trail


def test_two_tabs_are_brought_up_to_date(server: Running, project: str) -> None:
    with server.socket() as socket:
        socket.send(json.dumps({"t": "watch", "project": project}))
        render(socket, project)  # messages are read in turn: it is watched now
        server.event(project, {"type": "name", "name": "first"})
        heard = [json.loads(socket.recv(10))]
        while heard[-1]["type"] != "rev":
            heard.append(json.loads(socket.recv(10)))
        assert heard[-1] == {"type": "rev", "project": project, "rev": 2}
    late = server.ask("POST", f"projects/{project}/events", {"rev": 1, "event": {"type": "name", "name": "second"}})
    assert late.status == 409 and late.json["code"] == "stale" and late.json["state"]["name"] == "first"
    assert "heads" in late.json["state"]


# --- queue -----------------------------------------------------------------------------------------------------------


def test_only_the_newest_frame_of_a_pane_waits_and_clients_take_turns() -> None:
    engine = Engine()
    done: list[str] = []
    gate = threading.Event()
    engine.start()
    engine.call(lambda: gate.wait(60))
    for number in range(5):
        engine.frame("a", 0, lambda n=number: done.append(f"a0-{n}"))
        engine.frame("a", 1, lambda n=number: done.append(f"a1-{n}"))
    engine.frame("b", 0, lambda: done.append("b0"))
    gate.set()
    engine.call(lambda: None).result(60)
    engine.close()
    assert done == ["a0-4", "b0", "a1-4"]


def test_13_a_long_job_lets_frames_in_and_is_found_by_its_key() -> None:
    engine = Engine()
    engine.start()
    order: list[str] = []
    begun = threading.Event()

    def run(ticket: Ticket) -> dict[str, Any]:
        for step in itertools.count():  # until it is stopped
            order.append("job")
            begun.set()
            if ticket.breathe(step, 200):
                break
        return {"steps": step + 1}

    job = engine.submit("p", "edit", "k", run)
    assert engine.submit("p", "edit", "k", run) is job
    assert begun.wait(60)
    shown = threading.Event()
    engine.frame("a", 0, lambda: (order.append("frame"), shown.set()))
    assert shown.wait(60)
    waiting = [engine.submit("p", "edit", f"w{n}", run) for n in range(4)]
    with pytest.raises(ApiError, match="4 jobs of this project wait"):
        engine.submit("p", "edit", "one more", run)
    other = engine.submit("q", "edit", "k", run)
    assert engine.place(other) == 2 and engine.place(waiting[1]) == 3  # projects take turns
    for one in [*waiting, other]:
        engine.cancel(one)
    engine.cancel(job)
    engine.close()
    assert job.state == "done" and job.result == {"steps": order.count("job")} and order.count("frame") == 1
    assert [one.state for one in waiting] == ["cancelled"] * 4


def test_a_client_begins_at_most_sixty_renders_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [time.monotonic() + 3600]  # each client has its burst, however long the test takes
    monkeypatch.setattr("gantk.web.queue.time", SimpleNamespace(monotonic=lambda: now[0]))
    engine = Engine()  # its thread is this one
    drawn: list[str] = []

    def begun(client: str, tries: int) -> int:
        """How many of so many frames are drawn that are asked for one after the other."""
        drawn.clear()
        for _ in range(tries):
            engine.frame(client, 0, lambda: drawn.append(client))
            engine.serve_urgent()
        return len(drawn)

    assert begun("a", 100) == 32 and begun("a", 100) == 0
    assert begun("b", 5) == 5  # another's are not counted
    now[0] += 0.5
    assert begun("a", 100) == 30
    now[0] += 60
    assert begun("a", 100) == 32  # no more than a burst is saved


def test_14_a_failed_job_is_a_sentence_and_the_engine_lives_on(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    engine = Engine(lambda job: told.append(job.state))
    engine.start()

    def wrong(_ticket: Ticket) -> dict[str, Any]:
        raise GantkError("The stroke is empty: paint at least one pixel.")

    def defect(_ticket: Ticket) -> dict[str, Any]:
        raise KeyError("secret")

    def memory(_ticket: Ticket) -> dict[str, Any]:
        raise MemoryError

    def disk(_ticket: Ticket) -> dict[str, Any]:
        raise OSError(errno.ENOSPC, "No space left on device")

    runs = (("a", wrong), ("b", defect), ("c", memory), ("d", disk))
    jobs = [engine.submit("p", "edit", name, run) for name, run in runs]
    engine.call(lambda: None).result(10)
    until = time.monotonic() + 10
    while not all(job.finished for job in jobs):
        assert time.monotonic() < until
    engine.close()
    codes = [(job.error or {})["code"] for job in jobs]
    assert "disk is full" in (jobs[3].error or {})["message"]
    assert codes == ["bad_value", "defect", "memory", "memory"] and "secret" not in str(jobs[1].error)
    assert "Own code failed (KeyError)" in str(jobs[1].error), "the code of this test is not gantk's"
    assert "KeyError" in capsys.readouterr().err


def test_memory_that_runs_out_empties_the_caches_and_is_tried_once_more(server: Running) -> None:
    model = server.workshop.models["demo"]
    model.easel.states.put("x", object(), 10)  # type: ignore[arg-type]
    tries: list[int] = []

    def work() -> str:
        tries.append(len(model.easel.states))
        if len(tries) == 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")
        return "drawn"

    assert server.workshop.sparing(work) == "drawn" and tries[1] == 0
    with pytest.raises(MemoryError):
        server.workshop.sparing(lambda: (_ for _ in ()).throw(MemoryError()))


def test_the_cache_forgets_what_was_used_longest_ago() -> None:
    cache: Cache[str] = Cache(10)
    for name in "abc":
        cache.put(name, name, 4)
    assert "a" not in cache and cache.get("b") == "b" and cache.used == 8
    cache.put("d", "d", 4)
    assert "c" not in cache and "b" in cache
    cache.put("big", "x", 11)
    assert "big" not in cache and cache.used == 8


# --- security --------------------------------------------------------------------------------------------------------


def test_12_token_host_and_origin_are_asked_for(server: Running) -> None:
    ask = server.ask
    assert ask("GET", "info", token=False).status == 401
    assert ask("GET", "info", headers={"Authorization": f"Bearer {server.token}x"}).status == 401
    assert ask("GET", "info", headers={"Authorization": f"Basic {server.token}"}).status == 401
    assert ask("GET", "/", token=False).status == 200
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "user@localhost", "", "[::1"):
        refused = ask("GET", "info", headers={"Host": host})
        assert refused.status in (400, 403), host
        assert ask("GET", "/", headers={"Host": host}, token=False).status in (400, 403)
    for host in ("localhost", "127.0.0.1:99", "[::1]:1"):
        assert ask("GET", "info", headers={"Host": host}).status == 200, host
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{server.port}", "http://localhost"):
        assert ask("GET", "info", headers={"Origin": origin}).status == 403, origin
    assert ask("GET", "info", headers={"Origin": f"http://localhost:{server.port}"}).status == 200
    headers = ask("GET", "info").headers
    assert "access-control-allow-origin" not in headers and headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer" and "set-cookie" not in headers


def test_12_the_socket_asks_for_the_same(server: Running) -> None:
    address = f"ws://localhost:{server.port}/api/v1/live"
    for origin in (None, "http://evil.example", "null"):
        with pytest.raises(InvalidStatus) as refused, connect(address, origin=origin):  # type: ignore[arg-type]
            pass
        assert refused.value.response.status_code == 403
    with server.socket(greet=False) as socket:
        socket.send(json.dumps({"token": "wrong"}))
        with pytest.raises(ConnectionClosed):
            socket.recv(10)
    with server.socket(greet=False) as socket, pytest.raises(ConnectionClosed):
        socket.recv(10)  # nothing said for 2 s
    with server.socket() as socket:
        socket.send("x" * 70_000)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(10)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


def test_12_the_socket_refuses_foreign_hosts_and_a_ninth_of_one_client(server: Running) -> None:
    import socket as sockets

    def greeting(host: str, origin: str) -> bytes:
        with sockets.create_connection(("127.0.0.1", server.port), 10) as raw:
            raw.sendall(
                f"GET /api/v1/live HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            return raw.recv(100)

    here = f"localhost:{server.port}"
    assert greeting(here, f"http://{here}").startswith(b"HTTP/1.1 101")
    for host in ("evil.example", f"evil.example:{server.port}", "localhost.evil.example", ""):
        assert greeting(host, f"http://{host}").startswith((b"HTTP/1.1 403", b"HTTP/1.1 400")), host
    with contextlib.ExitStack() as stack:
        until = time.monotonic() + 10
        while True:  # those of the lines above are still being closed
            try:
                for _ in range(8):
                    stack.enter_context(server.socket())
                break
            except (InvalidStatus, ConnectionClosed):
                stack.close()
                assert time.monotonic() < until
                time.sleep(0.1)
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            stack.enter_context(server.socket())
    project = server.project()
    with server.socket() as socket:
        bad = {"t": "render", "seq": 3, "pane": 1, "project": project, "base": {}}
        for more, code in (({"x": 1}, "fields"), ({"pane": 64}, "bad_value"), ({"size": 10**6}, "bad_value"),
                           ({"base": {"seed": -1}}, "bad_value"), ({"t": "x"}, "bad_value")):  # fmt: skip
            socket.send(json.dumps({**bad, **more}))
            answer = json.loads(socket.recv(10))
            assert answer["code"] == code and answer["seq"] == 3, (more, answer)


def test_12_names_never_become_paths(server: Running, project: str) -> None:
    for name in ("..", "../..", "%2e%2e", "..%2f..%2fetc", "/etc/passwd", "a" * 64, "\x00", "."):
        for path in (f"projects/{name}", f"projects/{project}/blobs/{name}", f"jobs/{name}", f"/static/{name}"):
            try:
                status = server.ask("GET", path).status
            except http.client.InvalidURL:
                continue  # no such request can be made
            assert status in (400, 404, 405), (path, status)
    sent = {"t": "render", "seq": 1, "pane": 0, "project": "../x", "base": {"code": "../../etc"}}
    with server.socket() as socket:
        socket.send(json.dumps(sent))
        assert json.loads(socket.recv(10))["code"] == "not_found"
    for model in ("../demo", "/etc/passwd"):
        assert server.ask("POST", "projects", {"model": model}).status == 404


def png(width: int, height: int, kind: int = 2) -> bytes:
    """A PNG of one colour that is small on the wire whatever its size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compressobj(9)
    line = bytes(1 + 3 * width)
    body = b"".join(rows.compress(line) for _ in range(height)) + rows.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_12_uploads_are_judged_by_their_content(server: Running, project: str) -> None:
    import resource

    path = f"projects/{project}/blobs"

    def put(data: bytes, kind: str = "image/png") -> int:
        return server.ask("PUT", path, data, {"Content-Type": kind}).status

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bomb = png(14_000, 1)[:16] + struct.pack(">II", 14_000, 14_000)
    bomb = bomb + png(14_000, 1)[24:29] + struct.pack(">I", zlib.crc32(b"IHDR" + bomb[16:24] + png(14_000, 1)[24:29]))
    bomb += png(14_000, 20)[33:]
    assert put(bomb) == 413
    begun = time.monotonic()
    assert server.ask("GET", "info").status == 200 and time.monotonic() - begun < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 << 10
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    assert put(svg) == put(svg, "image/svg+xml") == 415
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for form, status in (("GIF", 415), ("WEBP", 415), ("PNG", 415)):
        buffer = io.BytesIO()
        frames[0].save(buffer, form, save_all=True, append_images=frames[1:])
        assert put(buffer.getvalue()) == status, form
    assert put(b"\x89PNG\r\n\x1a\n" + b"\x00" * 50) == 400
    try:
        status = put(bytes(21 << 20))
    except (ConnectionError, OSError):
        status = 413  # it hung up while the body was still coming
    assert status == 413
    assert server.ask("GET", "info").status == 200
    assert put(b"", "text/html") == 415
    # what is taken is written again: upright, without metadata
    picture_with = Image.new("RGB", (6, 4), (200, 30, 30))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "where it was taken"
    buffer = io.BytesIO()
    picture_with.save(buffer, "JPEG", exif=exif, quality=95)
    answer = server.ask("PUT", path, buffer.getvalue(), {"Content-Type": "image/jpeg"})
    assert answer.status == 201 and (answer.json["width"], answer.json["height"]) == (4, 6)
    kept = server.ask("GET", f"{path}/{answer.json['sha256']}").data
    assert kept.startswith(b"\x89PNG") and b"where it was taken" not in kept and b"eXIf" not in kept


def test_12_unknown_fields_and_wrong_values_are_refused(server: Running, project: str) -> None:
    ask = server.ask
    assert ask("POST", "projects", {"model": "demo", "path": "/"}).status == 422
    assert ask("POST", "projects", {}).status == 422
    assert ask("POST", "projects", {"model": 1}).status == 400
    assert ask("POST", "projects", b"{").status == 400
    assert ask("POST", "projects", b'{"model":"demo","seed":NaN}').status == 400
    assert ask("GET", "info?x=1").status == 422
    assert ask("PATCH", f"projects/{project}").status == 405
    assert ask("POST", f"projects/{project}/jobs", {"kind": "rm", "key": "a"}).status == 400
    assert ask("POST", f"projects/{project}/jobs", {"kind": "fit", "key": "a", "args": {"x": 1}}).status == 422
    assert ask("PUT", f"projects/{project}/blobs", bytes(7), {"Content-Type": "application/octet-stream"}).status == 400
    half = np.full((8, 8, 4), 128, np.uint8).tobytes()
    sent = {"Content-Type": "application/octet-stream"}
    assert ask("PUT", f"projects/{project}/blobs?kind=colour", half, sent).status == 400
    for event in ({"type": "applied"}, {"type": "saved"}, {"type": "created"}, {"type": []}, None, 3):
        assert server.ask("POST", f"projects/{project}/events", {"rev": 1, "event": event}).status == 400
    assert server.event(project, {"type": "moves", "moves": [{"direction": "dx", "amount": 1}]}).status == 404
    for base in ({"psi": 2}, {"label": 0}, {"noise": "some"}, {"seed": -1}, {"seed": 1.5}):
        assert server.event(project, {"type": "base", "base": base}).status == 400, base
    assert server.state(project)["rev"] == 1


def test_hosts_are_read_as_browsers_send_them() -> None:
    assert hostname("localhost:80") == "localhost" and hostname("[::1]:80") == "::1" and hostname("A.b") == "a.b"
    for text in ("", ":80", "a@b", "a/b", "a?b", "a:b", "[::1", "a#b"):
        assert hostname(text) is None, text


def test_only_loopback_without_a_name(gantk_command: Any, tmp_path: Path) -> None:
    code, _, error = gantk_command("web", "demo", "--host", "0.0.0.0", "-o", tmp_path / "w")
    assert code == 2 and "--allow-host NAME" in error
    with serve(tmp_path / "named", hosts=("gan.example",)) as running:
        assert running.ask("GET", "info", headers={"Host": "gan.example"}).status == 200


def test_a_unix_socket_is_its_owners_alone(tmp_path: Path) -> None:
    import socket
    import stat

    from gantk.web.server import make_app
    from gantk.web.serving import listen, server_of
    from gantk.web.workshop import Workshop

    workshop = Workshop(tmp_path / "web")
    workshop.add("demo")
    place = tmp_path / "s.sock"
    with listen("127.0.0.1", 0, str(place)) as address:
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        assert str(place) in address.tunnel() and address.link("127.0.0.1", "t") == "http://localhost:8080/#token=t"
        running = server_of(make_app(workshop, "t"))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [address.bound]}, daemon=True)
        thread.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            while not running.started:
                time.sleep(0.01)
            client.connect(str(place))
            client.sendall(b"GET /api/v1/info HTTP/1.1\r\nHost: localhost:8080\r\nAuthorization: Bearer t\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")
        running.should_exit = True
        thread.join(20)
    assert not place.exists()


def test_public_mode_lists_no_projects(tmp_path: Path) -> None:
    from gantk.web.security import Security

    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    guard = Security(nothing, None, ("space.example",), "https://embed.example")
    assert any(b"frame-ancestors https://embed.example" in value for _, value in guard.headers)
    guard.check({"type": "http", "path": "/api/v1/info", "headers": [(b"host", b"space.example")]})
    with pytest.raises(ApiError):
        guard.check({"type": "http", "path": "/api/v1/info", "headers": [(b"host", b"other.example")]})


def test_structure_reads_what_dataclasses_say() -> None:
    with pytest.raises(ApiError) as unknown:
        structure(Base, {"seed": 1, "sed": 2})
    assert unknown.value.status == 422 and "'sed'" in str(unknown.value)
    assert structure(Move, {"direction": "d", "amount": 1}) == Move("d", 1.0)
    assert structure(Base, json.loads(json.dumps(dataclasses.asdict(Base(noise=3))))) == Base(noise=3)
    wrong_moves: list[Any] = [{"direction": name, "amount": amount} for name, amount in
                              (("d", True), ("d", "1"), ("d\n", 1), (1, 1))]  # fmt: skip
    for wrong in [*wrong_moves, [], None]:
        with pytest.raises(ApiError):
            structure(Move, wrong)
    for text in ('{"a":1,"a":2}', "[" * 20 + "]" * 20, "Infinity", "{", '"\\'):
        with pytest.raises(ApiError):
            parse_json(text)
    assert wire.HEADER.size == 16


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_a_client_sends_is_a_defect(server: Running, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short run of scripts/fuzz_web.py over the network."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "scripts"))
    from fuzz_web import Fuzzer
    from fuzzing.wires import HttpWire

    report = Fuzzer(HttpWire(server.port, server.token), random.Random(seed)).run(requests=120, frames=120)
    assert report.bad == [] and report.requests == 120 and report.frames == 120


def test_nothing_is_a_defect_in_process_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And without a parser of HTTP in between, which would refuse some of it."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "scripts"))
    from fuzz_web import Fuzzer
    from fuzzing.wires import InProcess

    wire = InProcess(tmp_path)
    report = Fuzzer(wire, random.Random(2)).run(requests=400, frames=120)
    assert report.bad == [] and wire.outside() == [] and report.requests == 400
    for length in ("\xb2", "9" * 5000, "-1", "1e3"):
        wire = InProcess(tmp_path)
        status, data = wire.send("POST", "/api/v1/projects", b"{}", {"Content-Length": length})
        wire.close()
        assert status == 413, (length, data)


def test_nothing_is_written_outside_the_projects(server: Running) -> None:
    root = server.workshop.root
    assert {path.name for path in root.iterdir()} <= {"projects", ".lock", ".scratch"}
    for folder in (root / "projects").iterdir():
        assert {path.name for path in folder.iterdir()} <= {"journal.jsonl", "blobs"}
        for blob in (folder / "blobs").glob("*"):
            assert len(blob.name) == 64


# --- the files -------------------------------------------------------------------------------------------------------


def test_a_journal_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(GantkError, match="cannot be read"):
        list(Journal(tmp_path / "none").read())
    assert Job("j", "p", "edit", "k", lambda ticket: {}).view()["state"] == "waiting"
    assert encode(np.zeros((2, 2, 3), np.uint8)).startswith(b"\x89PNG")


def test_the_page_asks_nothing_of_others() -> None:
    import re

    folder = Path(gantk.__file__).parent / "web" / "static"
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        found = set(re.findall(r"https?://[^\s\"'`)]+", text))
        assert found <= {"http://www.w3.org/2000/svg"}, (path.name, found)
        assert "innerHTML" not in text and "eval(" not in text and "style=" not in text, path.name


# --- photo -----------------------------------------------------------------------------------------------------------


def test_09_a_render_that_is_uploaded_is_found_again_and_moves_along_season(server: Running, project: str) -> None:
    from gantk.predictors.load import load_predictor

    generator, judge = gantk.load_generator("demo"), load_predictor("demo")
    with torch.inference_mode():
        image = generator.synthesize(generator.expand(generator.map(generator.sample_z(1, seed=11))))
    wide = np.pad(to_uint8(image)[0], ((0, 0), (16, 16), (0, 0)), constant_values=200)  # cut square in the middle
    answer = server.ask("PUT", f"projects/{project}/blobs", encode(wide), {"Content-Type": "image/png"})
    args = {"photo": answer.json["sha256"], "steps": 60}
    found = server.job(project, "invert", args)["result"]
    assert found["mse"] < 0.03 and found["losses"][-1] < found["losses"][0] and 0 < found["away"] < 3
    at = server.state(project)
    node = at["nodes"][at["cursor"]]
    assert node["made"] == "photo" and node["parent"] is None and node["photo"] == args["photo"]
    season = server.directions()["season"]
    scores = []
    with server.socket() as socket:
        for seq, amount in enumerate((0.0, 3.0)):
            moves = [{"direction": season["id"], "amount": amount}]
            _, data = render(socket, project, seq, base=node["base"], moves=moves, final=True)
            pixels = torch.from_numpy(picture(data).copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
            scores.append(judge.attributes(pixels)[0])
    with torch.inference_mode():
        samples = generator.synthesize(generator.expand(generator.map(generator.sample_z(64, seed=1))))
        spread = judge.attributes(samples).std(0)
    moved = dict(zip(judge.attribute_names, ((scores[1] - scores[0]) / spread).abs().tolist(), strict=True))
    assert max(moved, key=lambda name: moved[name]) == "season", moved


def test_a_photo_alone_by_optimisation_can_be_stopped(server: Running, project: str) -> None:
    answer = server.ask("PUT", f"projects/{project}/blobs", png(40, 40), {"Content-Type": "image/png"})
    args = {"photo": answer.json["sha256"], "way": "optimise", "space": "w", "steps": 2000}
    job = server.begin(project, "invert", args)
    until = time.monotonic() + 30
    notes = []
    while (seen := server.ask("GET", f"jobs/{job}").json)["done"] < 3 or seen["note"] != "searching":
        assert time.monotonic() < until
        notes.append(seen["note"])
    assert set(notes) <= {"", "looking for a start", "searching"}
    server.ask("DELETE", f"jobs/{job}")
    while (found := server.ask("GET", f"jobs/{job}").json)["state"] == "running":
        assert time.monotonic() < until
    assert found["stopped"] and 3 < len(found["result"]["losses"]) < 2000
    kept = server.ask("GET", f"projects/{project}/blobs/{found['result']['picture']}").data
    assert np.array_equal(picture(kept), picture(server.ask("GET", f"projects/{project}/export?what=png").data))
    bad = server.ask(
        "POST", f"projects/{project}/jobs", {"kind": "invert", "key": "b", "args": {**args, "photo": "0" * 64}}
    )
    assert bad.status == 404


# --- regions ---------------------------------------------------------------------------------------------------------


def test_10_a_box_gives_local_directions_and_a_second_one_costs_products_only(server: Running, project: str) -> None:
    label = np.full((64, 64), 255, np.uint8)
    label[26:46, 8:36] = 0  # the house
    args = {"mask": server.upload(project, label.tobytes()), "rows": "5-9", "count": 3, "name": "house"}

    def run(**changes: Any) -> Any:
        done = server.job(project, "region", {**args, **changes})
        assert done["state"] == "done", done
        return done["result"]

    first = run()
    assert first["kept"] == 0 and len(first["directions"]) == 3
    values = [item["eigenvalue"] for item in first["directions"]]
    assert values == sorted(values, reverse=True)
    label[:] = 255
    label[48:60, 4:60] = 0
    second = run(mask=server.upload(project, label.tobytes()), name="ground")
    assert second["kept"] == 1  # what takes time was there already
    generator = gantk.load_generator("demo")
    house = np.zeros((64, 64), bool)
    house[26:46, 8:36] = True
    wp = generator.expand(generator.map(generator.sample_z(1, seed=0)))
    entry = server.workshop.models["demo"].easel.catalogue.get(first["directions"][0]["id"])

    def local(vector: Any) -> float:
        step = gantk.Direction("any", "direction", "w", vector[None].astype(np.float32), layers=(5, 6, 7, 8, 9))
        with torch.inference_mode():
            change = generator.synthesize(step.apply(wp, 0.3)) - generator.synthesize(wp)
        square = change.square().mean(1)[0].numpy()
        return float(square[house].mean() / square[~house].mean())

    draw = np.random.default_rng(0).normal(size=(24, 64))
    by_chance = [local(vector / np.linalg.norm(vector)) for vector in draw]
    assert entry.direction is not None
    assert local(entry.direction.vectors[0]) > 2 * np.mean(by_chance)
    assert server.state(project)["saved"][-1]["name"] == "ground"
    empty = np.full((64, 64), 255, np.uint8).tobytes()
    failed = server.job(project, "region", {**args, "mask": server.upload(project, empty)})
    assert failed["state"] == "failed" and "empty" in failed["error"]["message"]


# --- compare ---------------------------------------------------------------------------------------------------------


def test_11_a_cards_numbers_are_those_of_rescoring(server: Running, project: str) -> None:
    from gantk.codes.source import CodeSource
    from gantk.higan.gains import gains
    from gantk.pictures.images import as_saved
    from gantk.predictors.load import load_predictor

    directions = server.directions()
    season = directions["season"]
    server.event(project, {"type": "base", "base": {"seed": 6, "psi": 0.8}})
    args = {"direction": season["id"], "amount": 2.0, "rows": "0-9", "samples": 12}
    card = server.job(project, "card", args)["result"]
    generator, judge = gantk.load_generator("demo"), load_predictor("demo")
    direction = gantk.load_direction("season", generator)
    truncation = gantk.Truncation(0.8)
    with torch.inference_mode():
        parts = [CodeSource(generator, 12, 6, truncation).batch(*bounds).wp for bounds in ((0, 8), (8, 12))]
        was = torch.cat([judge.attributes(as_saved(generator.synthesize(wp))) for wp in parts])
        moved = [direction.apply(wp, 2.0, "0-9", truncation) for wp in parts]
        now = torch.cat([judge.attributes(as_saved(generator.synthesize(wp))) for wp in moved])
    column = judge.attribute_names.index("season")
    (wanted,) = gains(torch.stack([was[:, column], now[:, column]], 1).numpy())
    found = next(item for item in card["attributes"] if item["name"] == "season")
    spread = was[:, column].double().numpy().std()
    assert found["gain"] == pytest.approx(wanted.gain, rel=1e-6)
    assert found["change"] * spread == pytest.approx(wanted.signed, rel=1e-5)
    assert found["low"] <= found["change"] <= found["high"]
    assert card["attributes"][0]["name"] == "season" and "train-boundary" in card["origin"]
    strip = picture(server.ask("GET", f"projects/{project}/blobs/{card['strip']}").data)
    assert strip.shape == (3 * 64, 5 * 64, 3)
    cosines = [abs(item["cosine"]) for item in card["nearest"]]
    assert cosines == sorted(cosines, reverse=True) and max(cosines) <= 1
    weight = next(item for item in directions.values() if item["space"] == "weights")
    other = server.job(project, "card", {"direction": weight["id"], "samples": 3})["result"]
    assert all(item["system"] == "NaviGAN" for item in other["nearest"]) and other["attributes"]


def test_11_cards_at_equal_change_inside_a_region_and_row_by_row(server: Running, project: str) -> None:
    directions = server.directions()
    label = np.full((64, 64), 255, np.uint8)
    label[:28] = 0  # the sky
    mask = server.upload(project, label.tobytes())
    generator = gantk.load_generator("demo")
    wp = generator.expand(generator.map(generator.sample_z(4, seed=0)))
    for name in ("time of day", "season"):
        each = name == "season"
        args = {"direction": directions[name]["id"], "samples": 4, "mask": mask, "inside": 0.05, "each_row": each}
        card = server.job(project, "card", args)["result"]
        assert card["inside"] == pytest.approx(0.05, abs=2e-3)
        direction = gantk.load_direction(name.replace(" ", "_"), generator)
        with torch.inference_mode():
            moved = generator.synthesize(direction.apply(wp, card["amount"]))
            change = (moved - generator.synthesize(wp)).square().mean(1).numpy() / 4
        assert card["inside"] == pytest.approx(float(np.sqrt(change[:, :28].mean())), rel=1e-3)
        assert card["outside"] == pytest.approx(float(np.sqrt(change[:, 28:].mean())), rel=1e-3)
        assert [item["row"] for item in card["by_row"]] == (list(range(10)) if each else [])
        assert {item["name"] for item in card["by_row"]} <= {card["attributes"][0]["name"]}
    body = {"kind": "card", "key": "r", "args": {"direction": directions["season"]["id"], "inside": 0.05}}
    refused = server.ask("POST", f"projects/{project}/jobs", body)
    assert refused.status == 400 and "needs a region" in refused.json["message"]
    far = server.job(project, "card", {"direction": directions["window light"]["id"], "samples": 4, "mask": mask,
                                       "inside": 0.5})  # fmt: skip
    assert far["state"] == "failed" and "ask for less" in far["error"]["message"]
