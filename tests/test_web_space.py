"""`gantk web --write-space`: what it writes, started as its Dockerfile says, and the limits of a public server."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from web_server import Answer, Running, render, serve

from gantk.cli.main import run
from gantk.web.limits import PUBLIC
from gantk.web.server import make_app
from gantk.web.wire import FINAL, PNG, ApiError
from gantk.web.workshop import Workshop

ROOT = Path(__file__).parent.parent
HOST = "someone-gantk.hf.space"
PATIENCE = 120.0


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "space"
    words = ["web", "demo", "--directions", str(ROOT / "directions" / "demo" / "region_house.safetensors")]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert run([*words, "--write-space", str(folder)]) == 0
    assert said.getvalue().startswith(f"Wrote {folder}: push it to a Space, which runs python -m gantk web demo")
    return folder


def container_command(folder: Path) -> tuple[list[str], dict[str, str]]:
    """What the Dockerfile runs, and the variables it sets."""
    lines = [line.partition(" ") for line in (folder / "Dockerfile").read_text().splitlines()]
    values = {key: rest for key, _, rest in lines}
    return json.loads(values["CMD"]), dict(pair.split("=", 1) for pair in values["ENV"].split())


def other_user() -> dict[str, Any]:
    """How a process is started as user 1000; empty where that is not ours to do, or our Python is not for others."""
    user: dict[str, Any] = {"user": 1000, "group": 1000, "extra_groups": []}
    try:
        subprocess.run([sys.executable, "-c", "import torch"], cwd="/", check=True, capture_output=True, **user)
    except (OSError, subprocess.SubprocessError):
        return {}
    return user


def ask(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, dict(headers))
        found = connection.getresponse()
        return Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read())
    finally:
        connection.close()


@pytest.mark.slow
def test_17_the_written_folder_starts_in_a_process_like_its_container(space: Path, tmp_path: Path) -> None:
    """User 1000 where the test may change users, no gantk but the copied one, and nothing written beside it."""
    command, variables = container_command(space)
    assert command[0] == "python" and command[-2:] == ["--output-dir", "/tmp/gantk-web"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out = tmp_path / "projects"
    command = [sys.executable, *command[1:-1], str(out)]
    command[command.index("--port") + 1] = str(port)
    own = {"SPACE_HOST": HOST, "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    environment = {"PATH": os.environ["PATH"], **variables, **own}
    user = other_user()
    place = space
    if user:  # a folder of pytest's own can be entered by its owner alone
        shared = Path(tempfile.mkdtemp(prefix="gantk-space-"))
        shared.chmod(0o755)
        place, out = shared / "app", shared / "out"
        shutil.copytree(space, place)
        out.mkdir()
        os.chown(out, 1000, 1000)
        command[-1] = str(out)
        environment["HOME"] = str(out)
    before = sorted(place.rglob("*"))
    process = subprocess.Popen(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **user
    )
    try:
        until = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < until
            try:
                page = ask(port, "GET", "/", {"Host": HOST})
                break
            except OSError:
                time.sleep(0.2)
        assert page.status == 200 and b"/static/main.js" in page.data
        assert "frame-ancestors https://huggingface.co" in page.headers["content-security-policy"]
        assert ask(port, "GET", "/static/explore.js", {"Host": HOST}).status == 200
        info = ask(port, "GET", "/api/v1/info", {"Host": HOST}).json
        assert info["public"] and info["limits"]["upload"] == 5 << 20
        sent = {"Host": HOST, "Origin": f"https://{HOST}", "Content-Type": "application/json"}
        made = ask(port, "POST", "/api/v1/projects", sent, b'{"model": "demo"}')
        assert made.status == 201
        listed = ask(port, "GET", "/api/v1/directions?model=demo", {"Host": HOST}).json
        assert any(entry["system"] == "ReSeFa" for entry in listed)
        picture = ask(port, "GET", f"/api/v1/projects/{made.json['id']}/export?what=png", {"Host": HOST})
        assert picture.status == 200 and picture.data.startswith(b"\x89PNG")
        assert ask(port, "GET", "/api/v1/projects", {"Host": HOST}).json == []
        assert ask(port, "GET", "/", {"Host": "evil.example"}).status == 403
        assert ask(port, "GET", "/api/v1/info", {"Host": HOST, "Origin": "https://evil.example"}).status == 403
        assert (out / "projects" / made.json["id"] / "journal.jsonl").is_file()
        assert sorted(place.rglob("*")) == before
    finally:
        process.terminate()
        process.wait(PATIENCE)
        if process.stdout:
            process.stdout.close()
        if place != space:
            shutil.rmtree(place.parent, ignore_errors=True)


def test_the_folder_holds_what_it_needs_and_no_path_of_this_machine(space: Path) -> None:
    readme = (space / "README.md").read_text()
    assert readme.startswith("---\n") and "\nsdk: docker\n" in readme and "\napp_port: 7860\n" in readme
    dockerfile = (space / "Dockerfile").read_text()
    assert "--uid 1000" in dockerfile and dockerfile.index("COPY . .") < dockerfile.index("USER user")
    assert (space / "artifacts" / "region_house.safetensors").is_file()
    assert (space / "package" / "gantk" / "boundaries" / "demo" / "season.safetensors").is_file()
    for name in ("starlette", "uvicorn", "websockets", "torch"):
        assert any(line.startswith(f"{name}==") for line in (space / "requirements.txt").read_text().splitlines())
    for path in space.iterdir():
        if path.is_file():
            text = path.read_text()
            assert str(ROOT) not in text and str(space.parent) not in text, path.name
    assert not list(space.rglob("__pycache__"))


def test_what_cannot_be_written_is_a_sentence_and_leaves_nothing(gantk_command: Any, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    code, _, err = gantk_command("web", "demo", "--write-space", str(full))
    assert code == 2 and "it holds something already" in err
    code, _, err = gantk_command("web", "own.py:make", "--write-space", str(tmp_path / "new"))
    assert code == 2 and "takes no own code" in err
    missing = str(tmp_path / "nothing.safetensors")
    code, _, err = gantk_command("web", "demo", "--head", missing, "--write-space", str(tmp_path / "new"))
    assert code == 1 and "There is no file or folder" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


# --- the limits of a public server ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    def prepare(workshop: Workshop) -> None:
        workshop.limits = PUBLIC
        workshop.add("demo")

    with serve(tmp_path_factory.mktemp("public"), prepare) as running:
        yield running


def test_17_uploads_have_five_megabytes(public: Running) -> None:
    project = public.project()
    said = {"Content-Type": "image/png", "Content-Length": str((5 << 20) + 1)}
    answer = public.ask("PUT", f"projects/{project}/blobs", None, said)
    assert answer.status == 413 and "larger than 5 MB" in answer.json["message"]


def test_17_a_visitor_has_one_job_at_a_time(public: Running) -> None:
    project = public.project()
    direction = public.directions()["season"]["id"]
    args = {"direction": direction, "form": "gif", "frames": 61}
    first = public.begin(project, "animate", args, key="one")
    body = {"kind": "animate", "args": args, "key": "two"}
    answer = public.ask("POST", f"projects/{project}/jobs", body)
    assert answer.status == 429 and "one job at a time" in answer.json["message"]
    assert public.begin(project, "animate", args, key="one") == first  # the same job is no second one
    public.ask("DELETE", f"jobs/{first}")


def test_17_regions_and_train_are_for_small_models() -> None:
    for kind in ("region", "fit"):
        PUBLIC.check_job(kind, 0, 256)
        with pytest.raises(ApiError, match="at most 256 pixels, and this one has 1024"):
            PUBLIC.check_job(kind, 0, 1024)
    PUBLIC.check_job("edit", 0, 1024)


def test_17_projects_are_deleted_a_day_after_their_last_change(public: Running) -> None:
    old, new = public.project(), public.project()
    journal = public.workshop.projects.folder / old / "journal.jsonl"
    then = time.time() - 86400 - 60
    os.utime(journal, (then, then))
    public.project()
    assert not journal.parent.exists()
    assert public.ask("GET", f"projects/{old}").status == 404
    assert public.ask("GET", f"projects/{new}").status == 200


def test_17_there_is_an_end_to_projects(tmp_path: Path) -> None:
    import dataclasses

    from gantk.web.terms import Base

    workshop = Workshop(tmp_path, limits=dataclasses.replace(PUBLIC, projects=1))
    workshop.add("demo")
    workshop.new_project("demo", Base())
    with pytest.raises(ApiError, match="as many projects as it can hold"):
        workshop.new_project("demo", Base())


def test_17_a_slider_answers_without_a_token(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, limits=PUBLIC)
    workshop.add("demo")
    assert make_app(workshop, None, (HOST,), "https://huggingface.co")
    with serve(tmp_path / "other") as running, running.socket() as live:
        header, data = render(live, running.project(), final=True)
    assert header[1:3] == (PNG, FINAL) and data.startswith(b"\x89PNG")
