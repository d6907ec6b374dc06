"""A network that takes seconds on a CPU: sketches while something moves, exact pictures in steps that can be left."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from web_server import Running, render, serve

from gantk.checkpoints.checkpoint import Checkpoint
from gantk.checkpoints.native import write_checkpoint
from gantk.generators.registry import build
from gantk.pictures.images import to_uint8
from gantk.web.catalogue import Catalogue
from gantk.web.scene import Easel
from gantk.web.terms import Base
from gantk.web.workshop import Workshop

CONFIG = {"resolution": 512, "channels": [8, 8, 8, 8, 6, 6, 4, 4], "z_dim": 6, "w_dim": 8, "mapping_layers": 1,
          "mapping_width": 8}  # fmt: skip


def none(_sha: str) -> bytes:
    raise AssertionError


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    generator = build("stylegan2", CONFIG)
    path = tmp_path_factory.mktemp("large") / "large.safetensors"
    write_checkpoint(path, Checkpoint("stylegan2", generator.config.to_dict(), generator.state_dict(), "random"))
    return path


@pytest.fixture(scope="module")
def server(large: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    def prepare(workshop: Workshop) -> None:
        workshop.add(str(large))

    with serve(tmp_path_factory.mktemp("web"), prepare) as running:
        yield running


def test_what_moves_is_a_sketch_and_what_rests_is_exact(server: Running) -> None:
    project = server.project(model="large")
    easel = server.workshop.models["large"].easel
    with server.socket() as socket:
        header, data = render(socket, project, 1, size=1024)
        assert header[5:7] == (256, 256) and Image.open(io.BytesIO(data)).format == "JPEG"
        header, data = render(socket, project, 2, final=True)
        assert header[5:7] == (512, 512)
        with torch.inference_mode():
            wanted = to_uint8(easel.generator.synthesize(easel.start(Base(), none)[2]))[0]
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), wanted)


def test_a_slow_picture_is_left_for_a_newer_one_and_lets_others_in(server: Running) -> None:
    project = server.project(model="large")
    easel, engine = server.workshop.models["large"].easel, server.workshop.engine
    real, order, gate = easel.render_in_steps, [], threading.Event()

    def slow(scene: Any, before: Any, pause: Any) -> Any:
        def stop() -> bool:
            order.append("step")
            gate.wait(0.3)
            return bool(pause())

        found = real(scene, before, stop)
        order.append("left" if found is None else "done")
        return found

    easel.render_in_steps = slow  # type: ignore[method-assign]
    try:
        with server.socket() as socket, server.socket() as other:
            message = '{"t":"render","seq":%d,"pane":0,"project":"' + project + '","base":{},"final":%s}'
            socket.send(message % (1, "true"))
            while "step" not in order:
                gate.wait(0.01)
            header, _ = render(other, project, 5)  # another client does not wait for the picture's end
            assert header[4] == 5 and "done" not in order
            socket.send(message % (2, "false"))
            answer = socket.recv(20)
            assert isinstance(answer, bytes) and int.from_bytes(answer[4:8], "little") == 2
            assert order[-1] == "left" and not engine.superseded("none", 0)
    finally:
        easel.render_in_steps = real  # type: ignore[method-assign]


def test_only_slow_networks_are_sketched() -> None:
    import gantk

    generator = gantk.load_generator("demo")
    easel = Easel("demo", generator, Catalogue(generator))
    scene = easel.scene(Base(), (), none)
    assert torch.equal(easel.render(scene, None, sketch=True).image, easel.render(scene).image)
    stepped = easel.render_in_steps(scene, None, lambda: True)
    assert stepped is not None  # there is no pause in it


def test_a_stop_ends_an_evaluation_between_its_operations_and_keeps_the_best(large: Path) -> None:
    """Forward and backward: what is left are the whole evaluations, to the bit; nothing more is computed."""
    import gantk
    from gantk.errors import Stopped
    from gantk.ghfeat.projection import ProjectionPlan, project
    from gantk.lse.descent import descend
    from gantk.web.interrupting import Interruptible

    generator = gantk.load_generator(str(large)).requires_grad_(False)
    target = torch.linspace(-1, 1, 3 * 512 * 512).reshape(1, 3, 512, 512)
    start = generator.expand(generator.map(generator.sample_z(1, seed=1))).clone()
    seen: list[int] = []
    count = 0

    def after(most: int | None) -> Any:
        def wanted() -> bool:
            nonlocal count
            count += 1
            return most is not None and count > most

        return wanted

    def searched(most: int | None, stop: int) -> Any:
        nonlocal count
        count = 0
        seen.clear()

        def watch(number: int, _image: Any) -> bool:
            seen.append(count)
            return number == stop

        with Interruptible(after(most)):
            return project(generator, target, ProjectionPlan("wp", 6, frames=0), None, start, watch=watch)

    def descended(most: int | None, stop: int) -> Any:
        nonlocal count
        count = 0
        seen.clear()

        def objective(wp: Any) -> Any:
            loss = (generator.synthesize(wp) - target).square().mean((1, 2, 3))
            return loss, loss

        def watch(number: int, _wp: Any) -> bool:
            seen.append(count)
            return number == stop

        with Interruptible(after(most)):
            return descend(start, objective, 6, 0.1, after=watch)

    plain = project(generator, target, ProjectionPlan("wp", 6, frames=0), None, start, watch=lambda *_: False)
    assert torch.equal(searched(None, 99).codes, plain.codes)  # looking changes no bit
    for search, code in ((searched, "codes"), (descended, "best")):
        search(None, 2)
        second, third = seen[1], seen[2]
        assert third - second > 100
        wanted = getattr(search(None, 1), code)
        for share in (0.1, 0.4, 0.7, 0.95):
            most = second + int(share * (third - second))
            found = getattr(search(most, 99), code)
            assert torch.equal(found, wanted) and len(seen) == 2
            assert count - most < 40  # only what puts the result together
        with pytest.raises(Stopped):
            search(seen[0] // 2, 99)


def test_a_stopped_job_ends_at_once_and_a_frame_that_it_let_in_does_not(server: Running) -> None:
    """The stop comes while a frame is drawn inside the job: the frame is drawn to its end."""
    project = server.project(model="large")
    easel, engine = server.workshop.models["large"].easel, server.workshop.engine
    real, inside = easel.render, threading.Event()
    marks = [{"base": {"index": i}, "value": i % 2 == 0} for i in range(6)]
    assert server.event(project, {"type": "marks", "attribute": "it", "marks": marks}).status == 200
    jobs: list[str] = []

    def render_and_stop(*given: Any, **named: Any) -> Any:
        if jobs:
            engine.cancel(engine.job(jobs[0]))
            inside.set()
        return real(*given, **named)

    easel.render = render_and_stop  # type: ignore[method-assign]
    try:
        with server.socket() as socket:
            args = {"attribute": "it", "base": {}, "pool": 1000}
            jobs.append(server.begin(project, "sort", args))
            header, data = render(socket, project, 3, size=64)  # `render` fails where the server answers an error
            assert inside.is_set() and header[4] == 3 and Image.open(io.BytesIO(data)).size == (64, 64)
    finally:
        easel.render = real  # type: ignore[method-assign]
    while (found := server.ask("GET", f"jobs/{jobs[0]}").json)["state"] == "running":
        pass
    assert found["state"] == "cancelled" and found["error"] is None
    with torch.inference_mode():
        picture = to_uint8(easel.sketch(easel.start(Base(), none)[2]))
    assert picture.shape == (1, 256, 256, 3)
