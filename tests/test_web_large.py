"""A network that takes seconds on a CPU: sketches while something moves, exact pictures in steps that can be left."""

from __future__ import annotations

import io
import itertools
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from web_server import Running, render, serve

import gantk
from gantk.checkpoints.checkpoint import Checkpoint
from gantk.checkpoints.native import write_checkpoint
from gantk.errors import Stopped
from gantk.generators.base import Generator
from gantk.generators.registry import build
from gantk.ghfeat.projection import ProjectionPlan, project
from gantk.lse.descent import descend
from gantk.pictures.images import to_uint8
from gantk.web.catalogue import Catalogue
from gantk.web.interrupting import Interruptible, interruptible
from gantk.web.queue import Engine, Job, Ticket
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


def test_a_slow_picture_is_left_for_a_newer_one_and_lets_others_in(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = server.project(model="large")
    easel, engine = server.workshop.models["large"].easel, server.workshop.engine
    real, ask, order = easel.render_in_steps, engine.frame, []
    begun, asked = threading.Event(), queue.SimpleQueue[None]()

    def slow(scene: Any, before: Any, pause: Any) -> Any:
        def stop() -> bool:
            """A step of it ends once a further picture is asked for."""
            begun.set()
            asked.get(timeout=60)
            return bool(pause())

        asked.get(timeout=60)  # what it was asked for with itself
        found = real(scene, before, stop)
        order.append("left" if found is None else "done")
        return found

    def frame(*given: Any) -> bool:
        replaced = ask(*given)
        asked.put(None)
        return replaced

    monkeypatch.setattr(easel, "render_in_steps", slow)
    monkeypatch.setattr(engine, "frame", frame)
    with server.socket() as socket, server.socket() as other:
        message = '{"t":"render","seq":%d,"pane":0,"project":"' + project + '","base":{},"final":%s}'
        socket.send(message % (1, "true"))
        assert begun.wait(60)
        header, _ = render(other, project, 5)  # another client does not wait for the picture's end
        assert header[4] == 5 and order == []
        socket.send(message % (2, "false"))
        answer = socket.recv(60)
        assert isinstance(answer, bytes) and int.from_bytes(answer[4:8], "little") == 2 and order == ["left"]


def test_only_slow_networks_are_sketched() -> None:
    generator = gantk.load_generator("demo")
    easel = Easel(Catalogue(generator))
    scene = easel.scene(Base(), (), none)
    assert torch.equal(easel.render(scene, None, sketch=True).image, easel.render(scene).image)
    stepped = easel.render_in_steps(scene, None, lambda: True)
    assert stepped is not None  # there is no pause in it


def test_a_stop_ends_an_evaluation_between_its_operations_and_keeps_the_best() -> None:
    """Forward and backward: what is left are the whole evaluations, to the bit; nothing more is computed."""
    torch.manual_seed(0)
    generator = build("stylegan2", {**CONFIG, "resolution": 64, "channels": [8, 8, 8, 6, 4]}).requires_grad_(False)
    target = torch.linspace(-1, 1, 3 * 64 * 64).reshape(1, 3, 64, 64)
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
            return project(generator, target, ProjectionPlan("wp", 3, frames=0), None, start, watch=watch)

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
            return descend(start, objective, 3, 0.1, after=watch)

    plain = project(generator, target, ProjectionPlan("wp", 3, frames=0), None, start, watch=lambda *_: False)
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


@pytest.mark.parametrize("way", ["backward", "forward mode"])
def test_a_frame_is_drawn_between_two_operations_of_an_evaluation(
    large: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for in the middle of one it is there before the next operation, and both have the bits they have alone.

    A call, which may differentiate, waits for the end of the evaluation.
    """
    over = threading.Event()
    engine = Engine(lambda job: over.set() if job.finished else None)
    generator = gantk.load_generator(str(large)).requires_grad_(False)
    monkeypatch.setattr(type(generator), "_tangent_map", Generator._tangent_map)
    easel = Easel(Catalogue(generator))
    wp = generator.expand(generator.map(generator.sample_z(1, seed=1))).clone()
    styles = generator.styles(wp)

    def evaluate() -> torch.Tensor:
        if way == "forward mode":
            return generator.tangent_map(styles, [0, 5])([torch.ones_like(styles[place]) for place in (0, 5)])
        code = wp.clone().requires_grad_()
        return torch.autograd.grad(generator.synthesize(code).square().mean(), code)[0]

    def draw(number: int) -> torch.Tensor:
        return easel.render(easel.scene(Base(seed=2), (), none), sketch=number % 2 == 0).image

    order: list[str] = []
    operations: list[str] = []
    with Interruptible(lambda: bool(operations.append(""))):
        alone = evaluate()
    pictures = [draw(0), draw(1)]
    asked = [int(share * len(operations)) for share in (0.1, 0.4, 0.7, 0.9)]
    operations.clear()

    def frame(number: int) -> None:
        order.append(f"frame {number}" if torch.equal(draw(number), pictures[number % 2]) else "another picture")

    def job(ticket: Ticket) -> dict[str, Any]:
        let_in = ticket.between

        def between() -> bool:
            assert not engine.serving  # frames are not looked into
            operations.append("")
            if len(operations) in asked:
                number = asked.index(len(operations))
                order.append(f"asked {number}")
                engine.frame("a", 0, lambda: frame(number))
                engine.call(lambda: order.append(f"call {number}"))
            ended = let_in()
            if len(operations) in asked:
                order.append("goes on")
            return ended

        monkeypatch.setattr(ticket, "between", between)
        with interruptible(generator, ticket):
            found = evaluate()
        order.append("evaluated")
        ticket.breathe()
        return {"same": torch.equal(found, alone)}

    engine.start()
    done = engine.submit("p", "edit", "k", job)
    assert over.wait(60)
    engine.close()
    assert done.result == {"same": True}, done.error
    inside = [[f"asked {number}", f"frame {number}", "goes on"] for number in range(4)]
    assert order == [*itertools.chain(*inside), "evaluated", *(f"call {number}" for number in range(4))]


def test_no_frame_comes_into_the_module_of_a_user(large: Path) -> None:
    """It may keep something from one layer to the next."""
    ticket = Ticket(Job("j", "p", "edit", "k", dict), Engine())  # type: ignore[arg-type]
    generator = gantk.load_generator(str(large))
    module = gantk.wrap(torch.nn.Sequential(torch.nn.Unflatten(1, (4, 1, 1)), torch.nn.ConvTranspose2d(4, 3, 512)), 4)
    for network, wanted in ((generator, ticket.between), (module, ticket.unwanted)):
        made = interruptible(network, ticket)
        assert isinstance(made, Interruptible) and made.wanted == wanted


def test_a_stopped_job_ends_at_once_and_a_frame_that_it_let_in_does_not(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop comes while a frame is drawn inside the job: the frame is drawn to its end."""
    project = server.project(model="large")
    easel, engine = server.workshop.models["large"].easel, server.workshop.engine
    real, listen, inside, over = easel.render, engine.listen, threading.Event(), threading.Event()
    running = threading.Event()
    marks = [{"base": {"index": i}, "value": i % 2 == 0} for i in range(6)]
    assert server.event(project, {"type": "marks", "attribute": "it", "marks": marks}).status == 200
    jobs: list[str] = []

    def told(job: Job) -> None:
        listen(job)
        if job.state == "running":
            running.set()
        elif job.finished:
            over.set()

    def render_and_stop(*given: Any, **named: Any) -> Any:
        assert engine.serving  # inside the job
        engine.cancel(engine.job(jobs[0]))
        inside.set()
        return real(*given, **named)

    monkeypatch.setattr(easel, "render", render_and_stop)
    monkeypatch.setattr(engine, "listen", told)
    with server.socket() as socket:
        args = {"attribute": "it", "base": {}, "pool": 1000}
        jobs.append(server.begin(project, "sort", args))
        assert running.wait(60)
        header, data = render(socket, project, 3, size=64)  # `render` fails where the server answers an error
        assert inside.is_set() and header[4] == 3 and Image.open(io.BytesIO(data)).size == (64, 64)
    assert over.wait(60)
    found = server.ask("GET", f"jobs/{jobs[0]}").json
    assert found["state"] == "cancelled" and found["error"] is None
    with torch.inference_mode():
        picture = to_uint8(easel.sketch(easel.start(Base(), none)[2]))
    assert picture.shape == (1, 256, 256, 3)
