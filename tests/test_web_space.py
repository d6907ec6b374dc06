"""`gantk web --write-space`: what it writes, started as its Dockerfile says, and the limits of a public server."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from web_page import Page
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


def ask(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, dict(headers))
        found = connection.getresponse()
        return Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read())
    finally:
        connection.close()


def closed_to_others() -> dict[Path, list[Path]]:
    """Folders that only their owner can enter, with what our Python needs below them."""
    found: dict[Path, list[Path]] = {}
    for wanted in sorted({Path(sys.prefix), Path(sys.base_prefix)}):
        closed = [parent for parent in wanted.parents if not parent.stat().st_mode & 0o001]
        if closed:
            found.setdefault(closed[-1], []).append(wanted)
    return found


def like_a_container(space: Path, command: Sequence[str], variables: Mapping[str, str], scratch: Path) -> list[str]:
    """The words that run a command where the Dockerfile puts it: user 1000, every file system but /tmp read-only.

    It has mounts of its own, with an empty /tmp; what the closed home of our own user has of Python is shown to it.
    """
    app = "/home/user/app"
    script = ["set -e", "mount -t tmpfs -o mode=755 tmpfs /home", f"mkdir -p {app}",
              f"mount --bind {shlex.quote(str(space))} {app}", f"mount -o remount,bind,ro {app}"]  # fmt: skip
    for number, (closed, needed) in enumerate(closed_to_others().items()):
        shown = scratch / str(number)
        for wanted in needed:
            place = shown / wanted.relative_to(closed)
            script += [f"mkdir -p {shlex.quote(str(place))}",
                       f"mount --bind {shlex.quote(str(wanted))} {shlex.quote(str(place))}"]  # fmt: skip
        script += [f"chmod 755 {shlex.quote(str(shown))}", f"mount --rbind {shlex.quote(str(shown))} {closed}"]
    words = [f"{name}={value}" for name, value in variables.items()]
    run = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "env", "-i", *words, *command]
    script += ["mount -t tmpfs -o mode=1777 tmpfs /tmp", "mount -o remount,bind,ro /", f"cd {app}",
               f"exec {shlex.join(run)}"]  # fmt: skip
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", "\n".join(script)]


def can_be_a_container() -> bool:
    """Whether mounts and users are ours to change, and Python does not lie where the container has its own folders."""
    if any(Path(prefix).is_relative_to(own) for prefix in (sys.prefix, sys.base_prefix) for own in ("/tmp", "/home")):
        return False
    try:
        tried = ["unshare", "--mount", "--propagation", "private", "sh", "-c", "mount -t tmpfs tmpfs /tmp && "
                 "mount -o remount,bind,ro / && setpriv --reuid 1000 --regid 1000 --clear-groups true"]  # fmt: skip
        return subprocess.run(tried, capture_output=True).returncode == 0
    except OSError:
        return False


@dataclass(frozen=True)
class Started:
    """The Space in a process of its own; `root` is the file system as it sees it."""

    port: int
    process: subprocess.Popen[bytes]
    root: Path
    contained: bool


@pytest.fixture(scope="module")
def started(space: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    command, variables = container_command(space)
    assert command[0] == "python" and command[-2:] == ["--output-dir", "/tmp/gantk-web"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command[command.index("--port") + 1] = str(port)
    scratch = tmp_path_factory.mktemp("scratch")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables |= {"PATH": path, "SPACE_HOST": HOST, "OMP_NUM_THREADS": "1"}
    contained = can_be_a_container()
    if contained:
        words, environment = like_a_container(space, command, variables, scratch), dict(os.environ)
    else:  # where it cannot be had: a process with the same words and variables, and a folder of the test's
        words = [*command[:-1], str(scratch / "tmp" / "gantk-web")]
        environment = {**variables, "HOME": str(scratch)}
    process = subprocess.Popen(words, cwd=space, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < until
            try:
                ask(port, "GET", "/", {"Host": HOST})
                break
            except OSError:
                time.sleep(0.2)
        yield Started(port, process, Path(f"/proc/{process.pid}/root") if contained else scratch, contained)
    finally:
        process.terminate()
        process.wait(PATIENCE)
        if process.stdout:
            process.stdout.close()


@pytest.mark.slow
def test_17_the_written_folder_runs_as_its_container_would(space: Path, started: Started) -> None:
    """User 1000, no gantk but the copied one, nothing that it could change but what it keeps under /tmp."""
    port = started.port
    before = sorted(space.rglob("*"))
    page = ask(port, "GET", "/", {"Host": HOST})
    assert page.status == 200 and b"/static/main.js" in page.data
    assert "frame-ancestors https://huggingface.co" in page.headers["content-security-policy"]
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
    assert (started.root / "tmp" / "gantk-web" / "projects" / made.json["id"] / "journal.jsonl").is_file()
    assert sorted(space.rglob("*")) == before
    print("in a container's mounts" if started.contained else "as a plain process")
    if started.contained:
        status = Path(f"/proc/{started.process.pid}/status").read_text()
        assert re.search(r"^Uid:\s1000\s1000", status, re.MULTILINE) and "CapEff:\t0000000000000000" in status
        mounts = [line.split() for line in Path(f"/proc/{started.process.pid}/mounts").read_text().splitlines()]
        modes = {where: options.split(",")[0] for _, where, _, options, *_ in mounts}
        assert modes["/"] == "ro" and modes["/home/user/app"] == "ro" and modes["/tmp"] == "rw"


@pytest.mark.slow
@pytest.mark.browser
def test_17_01_02_in_a_browser(started: Started, tab: Page) -> None:
    """Every view opens and asks nobody else; a slider ends with the server's picture; the link brings it back."""
    tab.screen(1280, 860)
    tab.visit(f"http://localhost:{started.port}/")
    project = tab.run("gantk.store.id")
    assert tab.run("location.hash") == f"#project={project}" and tab.run("document.cookie") == ""
    for view in ("explore", "edit", "train", "photo", "regions", "compare", "sort"):
        tab.run(f"gantk.go('{view}')")
        tab.still()
        assert tab.run("document.body.dataset.view") == view
    tab.run("gantk.go('explore')")
    light = tab.run("gantk.store.directions.find(entry => entry.name === 'window light').id")
    selector = f"input[data-direction='{light}']"
    tab.run(f"document.querySelector(\"{selector}\").scrollIntoView({{block: 'center'}}); gantk.live.most = 0")
    tab.drag(*[tab.at(selector, 0.3 + 0.4 * step / 60) for step in range(61)])
    tab.wait("gantk.stage.grid.getAttribute('aria-busy') === 'false' && !gantk.store.pending")
    tab.wait("gantk.store.state.nodes[0].moves.length && !gantk.explore.dirty && !gantk.store.pending")
    assert tab.run("gantk.live.most") <= 2
    text = tab.run("document.querySelector('.grid canvas').toDataURL('image/png').split(',')[1]")
    host = {"Host": f"localhost:{started.port}"}
    data = ask(started.port, "GET", f"/api/v1/projects/{project}/export?what=png", host).data
    drawn, exported = (Image.open(io.BytesIO(part)).convert("RGB") for part in (base64.b64decode(text), data))
    assert drawn.tobytes() == exported.tobytes()
    assert tab.complaints() == []


@pytest.mark.slow
def test_17_12_what_is_refused(started: Started) -> None:
    port = started.port
    own = {"Host": HOST, "Origin": f"https://{HOST}"}
    json_body = {**own, "Content-Type": "application/json"}
    project = ask(port, "POST", "/api/v1/projects", json_body, b'{"model": "demo"}').json["id"]
    blobs = f"/api/v1/projects/{project}/blobs"
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    refusals: list[tuple[int, str, str, dict[str, str], bytes | None]] = [
        (403, "GET", "/", {"Host": "evil.example"}, None),
        (403, "GET", "/api/v1/info", {**own, "Origin": "https://evil.example"}, None),
        (404, "GET", "/api/v1/projects/..%2F..%2Fetc", own, None),
        (404, "GET", f"{blobs}/..%2Fjournal.jsonl", own, None),
        (404, "GET", "/api/v1/jobs/..%2F..", own, None),
        (413, "PUT", blobs, {**own, "Content-Type": "image/png"}, bytes(6 << 20)),
        (415, "PUT", blobs, {**own, "Content-Type": "image/gif"}, b"GIF89a"),
        (415, "PUT", blobs, {**own, "Content-Type": "image/png"}, svg),
        (422, "POST", "/api/v1/projects", json_body, b'{"model": "demo", "more": 1}'),
    ]
    for status, method, path, headers, body in refusals:
        try:
            answer = ask(port, method, path, headers, body).status
        except (BrokenPipeError, ConnectionResetError):  # it does not read on
            answer = status if status == 413 else 0
        assert answer == status, (method, path, headers)
        begun = time.monotonic()
        assert ask(port, "GET", "/api/v1/info", own).status == 200
        assert time.monotonic() - begun < 10


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
