"""What the page does can be repeated by the lines that its Command button shows: every kind of job."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from web_server import Running, serve

from gantk.errors import GantkError
from gantk.pictures.images import encode
from gantk.web.again import again

VOLATILE = ("rev", "node", "seconds", "kept")  # of a result: not of what was found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serve(tmp_path_factory.mktemp("web")) as running:
        until = time.monotonic() + 60
        while "SeFa" not in {item["system"] for item in running.directions().values()}:  # found while it runs
            assert time.monotonic() < until
            time.sleep(0.05)
        yield running


@pytest.fixture(scope="module")
def project(server: Running) -> str:
    """A moved picture, two labelled samples, and a head."""
    found = server.project(seed=1, index=2)
    for index in range(2):
        base = {"seed": 1, "index": index}
        label = server.job(found, "predict", {"base": base})["result"]["label"]
        server.event(found, {"type": "annotation", "base": base, "label": label})
    marks = [{"base": {"seed": 1, "index": index}, "value": index % 2 == 0} for index in range(6)]
    server.event(found, {"type": "marks", "attribute": "bright", "marks": marks})
    server.job(found, "fit", {"teach": 3})
    directions = server.directions()
    moves = [{"direction": directions["season"]["id"], "amount": 1.0}]
    server.event(found, {"type": "moves", "moves": moves})
    return found


def head(server: Running, project: str) -> str:
    return str(server.state(project)["heads"][-1]["id"])


def mask(server: Running, project: str) -> str:
    label = np.full((64, 64), 255, np.uint8)
    label[26:46, 8:36] = 7
    return server.upload(project, label.tobytes())


def photo(server: Running, project: str) -> str:
    picture = encode(np.random.default_rng(0).integers(0, 255, (32, 32, 3)).astype(np.uint8))
    answer = server.ask("PUT", f"projects/{project}/blobs", picture, {"Content-Type": "image/png"})
    return str(answer.json["sha256"])


def season(server: Running) -> str:
    return str(server.directions()["season"]["id"])


ARGS: dict[str, Callable[[Running, str], dict[str, Any]]] = {
    "predict": lambda s, p: {"base": {"seed": 1}, "head": head(s, p)},
    "fit": lambda s, p: {},
    "uncertain": lambda s, p: {"base": {"seed": 1, "index": 5}, "head": head(s, p), "count": 3},
    "region": lambda s, p: {"mask": mask(s, p), "rows": "6-9", "count": 2, "name": "house"},
    "card": lambda s, p: {"direction": season(s), "samples": 4},
    "animate": lambda s, p: {"direction": season(s), "frames": 3},
    "export": lambda s, p: {"what": "strip", "direction": season(s), "frames": 3},
    "edit": lambda s, p: {"head": head(s, p), "draft": {"label": mask(s, p)}, "settings": {"steps": 4}},
    "invert": lambda s, p: {"photo": photo(s, p), "steps": 4},
    "superpixels": lambda s, p: {"base": {"seed": 1}, "side": 64},
    "sort": lambda s, p: {"attribute": "bright", "base": {"seed": 1}, "pool": 16, "count": 3, "keep": True},
}  # fmt: skip
EXPORTS = ("direction", "annotations", "session", "labels")


def lines(server: Running, job: str) -> str:
    answer = server.ask("GET", f"jobs/{job}/command")
    assert answer.status == 200, answer.data
    return str(answer.json["text"])


def compare(server: Running, project: str, kind: str, args: dict[str, Any]) -> None:
    done = server.job(project, kind, args)
    assert done["state"] == "done", done
    text = lines(server, done["id"])
    python = text[text.index("from gantk.web.again") :]
    before = server.state(project)
    names: dict[str, Any] = {}
    exec(python, names)
    mine = {key: value for key, value in done["result"].items() if key not in VOLATILE}
    # results name files by the SHA-256 of their bytes, so that equal results are equal files
    theirs = json.loads(json.dumps(dict(names["found"].result)))
    assert mine == {key: value for key, value in theirs.items() if key not in VOLATILE}
    made = names["found"].blobs
    named = re.findall(r"[0-9a-f]{64}", json.dumps(mine)) + [str(mine.get("head", "h"))[1:]] * (kind == "fit")
    assert any(sha.startswith(name) for name in named if name for sha in made) or kind == "uncertain"
    assert server.state(project)["rev"] == before["rev"]  # the project is as it was


def test_every_kind_is_tried(server: Running) -> None:
    from gantk.web.jobs import Desk

    assert set(ARGS) == set(Desk(server.workshop, lambda job, image: None).kinds)


@pytest.mark.parametrize("kind", ARGS)
def test_the_command_of_a_job_gives_the_same(server: Running, project: str, kind: str) -> None:
    compare(server, project, kind, ARGS[kind](server, project))


@pytest.mark.parametrize("what", EXPORTS)
def test_the_command_of_an_export_gives_the_same_file(server: Running, project: str, what: str) -> None:
    server.event(project, {"type": "cursor", "node": 0})
    compare(server, project, "export", {"what": what, "name": "moves" if what == "direction" else ""})


def test_06_the_line_of_an_edit_is_run(server: Running, project: str, gantk_command: Any, tmp_path: Path) -> None:
    server.event(project, {"type": "cursor", "node": 0})
    done = server.job(project, "edit", ARGS["edit"](server, project))
    (line,) = (line for line in lines(server, done["id"]).splitlines() if line.startswith("gantk "))
    exported = server.job(project, "export", {"what": "session"})["result"]
    sha = next(item["sha"] for item in server.state(project)["heads"] if item["id"] == done["result"]["head"])
    for name, blob in ((exported["name"], exported["blob"]), ("head.safetensors", sha)):
        (tmp_path / name).write_bytes(server.ask("GET", f"projects/{project}/blobs/{blob}").data)
    code, _, error = _in(tmp_path, gantk_command, line)
    assert code == 0, error
    assert (tmp_path / "edited" / "session.zip").read_bytes() == (tmp_path / exported["name"]).read_bytes()


def test_11_the_line_of_a_card_is_run(server: Running, gantk_command: Any, tmp_path: Path) -> None:
    other = server.project()
    server.event(other, {"type": "base", "base": {"seed": 6, "psi": 0.8}})
    done = server.job(other, "card", {"direction": season(server), "amount": 1.5, "samples": 12, "rows": "0-9"})
    (line,) = (line for line in lines(server, done["id"]).splitlines() if line.startswith("gantk "))
    code, _, error = _in(tmp_path, gantk_command, line)
    assert code == 0, error
    import gantk

    result: Any = gantk.load_result(tmp_path / "rescored")
    (row,) = (row for row in result.table() if row["boundary"] == "season")
    found = next(item for item in done["result"]["attributes"] if item["name"] == "season")
    assert found["gain"] == pytest.approx(row["gain"], rel=1e-5)


def test_what_cannot_be_repeated_says_why(server: Running, project: str, tmp_path: Path) -> None:
    with pytest.raises(GantkError, match=r"There is no project"):
        again("demo", "fit", {}, project=tmp_path, rev=1)
    folder = server.workshop.root / "projects" / project
    with pytest.raises(GantkError, match="events, not 9999"):
        again("demo", "fit", {}, project=folder, rev=9999)
    with pytest.raises(GantkError, match="not of 'demo-oracle'"):
        again("demo-oracle", "fit", {}, project=folder, rev=1)
    assert server.ask("GET", "jobs/none/command").status == 404


def test_a_model_with_facts_or_tuned_weights_is_named_with_them(tmp_path: Path) -> None:
    """What the line says is that network, not the file's own."""
    import foreign_files as foreign
    import torch

    import gantk
    from gantk.checkpoints import nvidia
    from gantk.checkpoints.tuned import TunedWeights, save_tuned
    from gantk.generators.probe import probe_of

    checkpoint = foreign.small_checkpoint(z_dim=8, w_dim=8, mapping_width=8)
    path = tmp_path / "tiny.pt"  # which does not say where activations are clamped
    path.write_bytes(foreign.torch_file(foreign.source_state(nvidia.SPELLING, checkpoint)))
    generator = gantk.load_generator(path)
    name = "synthesis.b8.conv1.weight"
    delta = {name: 3 * torch.randn_like(generator.get_parameter(name))}
    tuned = save_tuned(tmp_path / "photos.safetensors", TunedWeights.of(delta, probe_of(generator), {}))
    sources = {"tiny": str(path), "clamped": f"{path}?conv_clamp=0.5", "tiny+photos": f"{path}?tuned={tuned}"}
    found = {}
    for name, source in sources.items():
        with serve(tmp_path / name, lambda workshop, source=source: workshop.add(source)) as running:
            (model,) = running.workshop.models
            assert model == ("tiny" if name == "clamped" else name)
            project = running.project(model=model)
            args = {"photo": photo(running, project), "steps": 1, "way": "optimise"}
            compare(running, project, "invert", args)
            found[name] = running.job(project, "invert", args)["result"]["picture"]
            running.event(project, {"type": "cursor", "node": 0})
            text = running.ask("GET", f"projects/{project}/command").json["python"]
            names: dict[str, Any] = {}
            with torch.inference_mode():
                exec(text, names)
                wanted = gantk.load_generator(source)
                wp = wanted.expand(wanted.map(wanted.sample_z(1, seed=0)))
                assert torch.equal(names["image"], wanted.synthesize(wp))
    assert len(set(found.values())) == 3


def _in(folder: Path, command: Any, line: str) -> Any:
    words, here = shlex.split(line), Path.cwd()
    os.chdir(folder)
    try:
        return command(*words[1:])
    finally:
        os.chdir(here)
