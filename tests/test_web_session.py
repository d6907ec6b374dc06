"""What `gantk web` exports as a session is made again by `gantk lse edit --session`. 06 of the acceptance list."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from web_server import Running, serve

from gantk.errors import GantkError
from gantk.lse.replay import read_session


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serve(tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture(scope="module")
def edited(server: Running, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Path]:
    """The zip of a session with every kind of step, and the head's file."""
    project = server.project(seed=2, index=3)
    season = server.directions()["season"]["id"]
    head = server.job(project, "fit", {"teach": 4})["result"]["head"]
    sha = server.state(project)["saved"][-1]["sha"]
    file = tmp_path_factory.mktemp("head") / "head.safetensors"
    file.write_bytes(server.ask("GET", f"projects/{project}/blobs/{sha}").data)
    label = np.full((64, 64), 255, np.uint8)
    label[10:20, 30:50] = 7
    colour = np.zeros((64, 64, 4), np.uint8)
    colour[2:10, 4:30] = (255, 90, 20, 255)
    strokes = {"label": server.upload(project, label.tobytes()),
               "colour": server.upload(project, colour.tobytes(), "colour")}  # fmt: skip

    def apply(draft: dict[str, str], **settings: Any) -> str:
        return server.begin(project, "edit", {"head": head, "draft": draft, "settings": settings})

    def wait(job: str) -> Any:
        until = time.monotonic() + 60
        while (found := server.ask("GET", f"jobs/{job}").json)["state"] in ("waiting", "running"):
            assert time.monotonic() < until
            time.sleep(0.01)
        assert found["state"] == "done", found
        return found

    wait(apply({"label": strokes["label"]}, steps=6))
    stopped = apply(strokes, steps=1000, rate=0.003)  # stopped by hand
    until = time.monotonic() + 60
    while server.ask("GET", f"jobs/{stopped}").json["done"] < 3:
        assert time.monotonic() < until
    server.ask("DELETE", f"jobs/{stopped}")
    assert wait(stopped)["stopped"]
    server.event(project, {"type": "moves", "moves": [{"direction": season, "amount": 1.0}]})
    wait(apply({"colour": strokes["colour"]}, steps=4, schedule="colour"))  # on a moved picture
    server.event(project, {"type": "moves", "moves": [{"direction": season, "amount": -0.5}]})
    server.event(project, {"type": "base", "keep": True})
    wait(apply({"label": strokes["label"]}, steps=3))
    done = server.job(project, "export", {"what": "session"})["result"]
    return server.ask("GET", f"projects/{project}/blobs/{done['blob']}").data, file


def test_06_a_session_is_made_again_to_the_same_bytes(
    edited: tuple[bytes, Path], gantk_command: Any, tmp_path: Path
) -> None:
    data, head = edited
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        steps = json.loads(archive.read("session.json"))["edits"]
    assert [step["made"] for step in steps] == ["edit", "edit", "edit", "keep", "edit"]
    assert [len(step["moves"]) for step in steps] == [0, 0, 1, 1, 0]
    assert 3 < steps[1]["evaluations"] < 1000
    (tmp_path / "demo-session.zip").write_bytes(data)
    code, said, error = gantk_command(
        "lse", "edit", "demo", head, "--session", tmp_path / "demo-session.zip", "--frames", 2, "-o", tmp_path / "run"
    )
    assert code == 0, error
    assert (tmp_path / "run" / "session.zip").read_bytes() == data
    assert "to the same bytes" in said


def test_06_what_differs_is_named(edited: tuple[bytes, Path], tmp_path: Path) -> None:
    import gantk
    from gantk import lse

    data, file = edited
    generator = gantk.load_generator("demo")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(files["session.json"])
    about |= {"threads": 99, "torch": "0.4"}
    about["edits"][0]["settings"]["steps"] = 5
    files["session.json"] = json.dumps(about).encode()
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        for name, part in files.items():
            archive.writestr(name, part)
    found = lse.edit(generator, gantk.load_head(file, generator), session=read_session(other), frames=2)
    assert found.replayed is not None and "99" in found.replayed and "torch" in found.replayed
    assert "of 255 levels" in found.replayed and found.index == 3 and found.seed == 2


def test_06_a_bad_session_is_one_sentence(edited: tuple[bytes, Path], gantk_command: Any, tmp_path: Path) -> None:
    data, head = edited
    path = tmp_path / "session.zip"

    def refused(*more: object) -> str:
        code, _, error = gantk_command("lse", "edit", "demo", head, "--session", path, "-o", tmp_path / "bad", *more)
        assert code != 0 and error.count("\n") == 1 and not (tmp_path / "bad").exists(), error
        return str(error)

    assert "There is no session" in refused()
    path.write_bytes(data[:-100])
    assert "damaged" in refused()
    path.write_bytes(data)
    assert "give it alone" in refused("--shape", "7:1,1,3,3")

    def rewritten(change: Any) -> str:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        about = json.loads(files["session.json"])
        change(about, files)
        files["session.json"] = json.dumps(about).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, part in files.items():
                archive.writestr(name, part)
        return refused()

    assert "schema" in rewritten(lambda about, files: about.update(schema=1))
    assert "no edit" in rewritten(lambda about, files: about.update(edits=[]))
    assert "rate" in rewritten(lambda about, files: about["edits"][0]["settings"].update(rate="fast"))
    assert "damaged" in rewritten(lambda about, files: about["edits"][0]["settings"].update(unknown=1))
    assert "damaged" in rewritten(lambda about, files: about["edits"][0].update(label="../../etc/passwd"))
    assert "damaged" in rewritten(lambda about, files: files.update({"wp.npy": b"x"}))
    infinite = rewritten(lambda about, files: about["base"].update({"seed": float("inf")}))
    assert "Infinity is no finite number" in infinite
    for base in ({"index": "first"}, {"label": 2**70}):
        assert "base is not understood" in rewritten(lambda about, files, base=base: about["base"].update(base))
    code = io.BytesIO()
    np.save(code, np.zeros((1, 3, 64), np.float32))
    assert "name its own" in rewritten(lambda about, files: files.update({"wp.npy": code.getvalue()}))


def test_06_a_session_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GantkError, match="export one"):
        read_session(tmp_path / "none.zip")
