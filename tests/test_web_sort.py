"""Sort: marks become an attribute and a boundary; superpixels."""

from __future__ import annotations

import csv
import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from web_server import Running, serve

import gantk
from gantk.lse.superpixels import superpixels
from gantk.web.state import apply
from gantk.web.terms import MOST_MARKS, Base, Created, Marked, MarksEvent, SortingEvent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serve(tmp_path_factory.mktemp("web")) as running:
        yield running


def truth(indices: list[int], attribute: str = "season") -> np.ndarray[Any, Any]:
    """What the bundled predictor says of samples of seed 3."""
    from gantk.predictors.load import load_predictor

    generator, judge = gantk.load_generator("demo"), load_predictor("demo")
    with torch.inference_mode():
        z = torch.cat([generator.sample_z(1, seed=3, start=index) for index in indices])
        scores = judge.attributes(generator.synthesize(generator.expand(generator.map(z))))
    column: np.ndarray[Any, Any] = scores[:, judge.attribute_names.index(attribute)].numpy()
    return column


def mark(server: Running, project: str, values: dict[int, bool | None], name: str = "winter") -> int:
    marks = [{"base": {"seed": 3, "index": index}, "value": value} for index, value in values.items()]
    return server.event(project, {"type": "marks", "attribute": name, "marks": marks}).status


def test_marks_become_a_boundary_within_a_minute(server: Running, tmp_path: Path) -> None:
    project = server.project(seed=3)
    indices = list(range(24))
    middle = float(np.median(truth(list(range(100)))))
    assert mark(server, project, {i: bool(s > middle) for i, s in zip(indices, truth(indices), strict=True)}) == 200
    args = {"attribute": "winter", "base": {"seed": 3}, "pool": 200, "count": 12}
    begun = time.process_time()
    first = server.job(project, "sort", args)
    assert first["state"] == "done", first
    first = first["result"]
    assert first["labels"] == 24 and first["pool"] == 200 and len(first["next"]) == 12
    assert not set(first["next"]) & set(indices)
    mark(server, project, {i: bool(s > middle) for i, s in zip(first["next"], truth(first["next"]), strict=True)})
    second = server.job(project, "sort", {**args, "keep": True})["result"]
    assert time.process_time() - begun < 60 and second["labels"] == 36
    assert second["accuracy"] > 0.75 and "winter" in second["sentence"]
    # the slider does what it is called: along it the true attribute rises more than any other
    entry = server.workshop.models["demo"].easel.catalogue.get(second["direction"])
    generator = gantk.load_generator("demo")
    season = gantk.load_direction("season", generator)
    assert entry.direction is not None
    assert abs(float(entry.direction.vectors[0] @ season.vectors[0])) > 0.5
    assert server.state(project)["saved"][-1]["name"] == "winter"
    # what was learned is there again for another server
    assert second["direction"] in {item["id"] for item in server.directions().values()}


def test_marks_are_taken_back_and_exported_as_a_table(server: Running, tmp_path: Path) -> None:
    from gantk.predictors.label_files import read_labels

    project = server.project(seed=3)
    mark(server, project, {0: True, 1: False, 2: True})
    mark(server, project, {2: None, 1: True})
    mark(server, project, {0: False}, "open, wide")
    marks = server.state(project)["marks"]
    assert [(m["attribute"], m["base"]["index"], m["value"]) for m in marks] == [
        ("winter", 0, True), ("winter", 1, True), ("open, wide", 0, False)
    ]  # fmt: skip
    done = server.job(project, "export", {"what": "labels"})["result"]
    data = server.ask("GET", f"projects/{project}/blobs/{done['blob']}").data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(tmp_path)
        rows = list(csv.reader(io.StringIO(archive.read("labels.csv").decode())))
    assert rows[0] == ["image", "open, wide", "winter"] and [row[1:] for row in rows[1:]] == [["0", "1"], ["", "1"]]
    table = read_labels(tmp_path / "labels.csv")  # what gantk train-predictor reads
    assert table.names == ("open, wide", "winter") and table.labelled == 2
    again = type(server.workshop.projects)(server.workshop.root).get(project)
    assert len(again.state.marks) == 3  # from the journal alone


def test_a_page_cannot_fill_the_memory_with_acts_to_take_back() -> None:
    state = apply(None, Created("created", "demo", Base()))
    for number in range(6):  # the same samples are marked and unmarked, by the thousand
        value = number % 2 == 0 or None
        marks = tuple(Marked(Base(index=index), value) for index in range(2000))
        state = apply(state, MarksEvent("marks", "winter", marks))
    assert len(state.acts) == state.done == MOST_MARKS // 2000 and not state.marks
    state = apply(state, SortingEvent("sorting", -1))
    assert len(state.marks) == 2000
    repeated = tuple(Marked(Base(), value) for value in (True, False) * MOST_MARKS)  # one sample, and one mark
    state = apply(state, MarksEvent("marks", "winter", repeated))
    assert not state.acts and state.done == 0 and len(state.marks) == 2000


def test_acts_of_sorting_are_taken_back_by_another_server_too(server: Running) -> None:
    project = server.project(seed=3)
    mark(server, project, {0: True, 1: True})
    mark(server, project, {1: False, 2: False})
    mark(server, project, {5: True}, "other")
    mark(server, project, {5: True}, "other")  # changes nothing, and is no act

    def marks(state: Any) -> set[tuple[str, int, bool]]:
        return {(one["attribute"], one["base"]["index"], one["value"]) for one in state["marks"]}

    def step(by: int) -> tuple[int, int, int]:
        status = server.event(project, {"type": "sorting", "step": by}).status
        state = server.state(project)
        return status, state["undoable"], state["redoable"]

    whole = marks(server.state(project))
    assert step(-1) == (200, 2, 1) and step(-1) == (200, 1, 2)
    assert marks(server.state(project)) == {("winter", 0, True), ("winter", 1, True)}
    again = type(server.workshop.projects)(server.workshop.root).get(project)  # from the journal alone
    assert marks(again.view()) == marks(server.state(project)) and again.view()["redoable"] == 2
    assert step(1) == (200, 2, 1) and step(1) == (200, 3, 0) and marks(server.state(project)) == whole
    assert step(1)[0] == 400 and step(2)[0] == 400
    assert step(-1) == (200, 2, 1)
    mark(server, project, {7: True})  # another act: what was taken back is gone
    assert step(1)[0] == 400 and step(-1) == (200, 2, 1)


def test_what_cannot_be_sorted_says_why(server: Running) -> None:
    project = server.project()

    def refused(args: Any) -> str:
        answer = server.ask("POST", f"projects/{project}/jobs", {"kind": "sort", "key": str(args), "args": args})
        assert answer.status == 400, answer.data
        return str(answer.json["message"])

    assert "Nothing is marked" in refused({"attribute": "winter", "base": {"seed": 3}})
    mark(server, project, {0: True, 1: True, 2: True, 3: True})
    assert "Nothing is marked" in refused({"attribute": "winter", "base": {"seed": 4}})  # of other samples
    assert "pool" in refused({"attribute": "winter", "base": {"seed": 3}, "pool": 10**6})
    failed = server.job(project, "sort", {"attribute": "winter", "base": {"seed": 3}, "pool": 16})
    assert failed["state"] == "failed" and "both classes are needed" in failed["error"]["message"]
    code = {"base": {"code": "0" * 64}, "value": True}
    assert server.event(project, {"type": "marks", "attribute": "x", "marks": [code]}).status == 400
    assert server.event(project, {"type": "marks", "attribute": " ", "marks": []}).status == 400
    empty = server.job(server.project(), "export", {"what": "labels"})
    assert empty["state"] == "failed" and "Nothing is marked" in empty["error"]["message"]


def test_superpixels_are_pieces_of_one_class(server: Running) -> None:
    """The pieces follow edges: most of a piece's pixels are of one class, more so than of squares of that size."""
    from gantk.predictors.load import load_predictor

    generator, judge = gantk.load_generator("demo"), load_predictor("demo")
    with torch.inference_mode():
        wp = generator.expand(generator.map(generator.sample_z(4, seed=0)))
        classes = judge.segment(generator.synthesize(wp)).argmax(1).numpy()

    def purity(pieces: Any, label: Any) -> float:
        counts = np.zeros((int(pieces.max()) + 1, 10))
        np.add.at(counts, (pieces.ravel(), label.ravel()), 1)
        return float(counts.max(1).sum() / counts.sum())

    y, x = np.mgrid[:64, :64]
    for size, cells in (("small", 20), ("medium", 12), ("large", 8)):
        mine = []
        for place in range(4):
            pieces = superpixels(generator, wp[place : place + 1], 64, size)
            assert pieces.shape == (64, 64) and pieces.dtype == np.uint16
            assert np.array_equal(pieces, superpixels(generator, wp[place : place + 1], 64, size))
            assert 0.5 * cells**2 < len(np.unique(pieces)) <= cells**2
            mine.append(purity(pieces, classes[place]))
        squares = (y * cells // 64) * cells + x * cells // 64
        assert np.mean(mine) > np.mean([purity(squares, label) for label in classes]) + 0.02, size
    project = server.project()
    huge = {"base": {}, "side": 64, "size": "huge"}
    refused = server.ask("POST", f"projects/{project}/jobs", {"kind": "superpixels", "key": "huge", "args": huge})
    assert refused.status == 400 and "small, medium, large" in refused.json["message"]
    found = server.job(project, "superpixels", {"base": {}, "side": 64, "size": "large"})["result"]
    data = server.ask("GET", f"projects/{project}/blobs/{found['pieces']}").data
    assert len(data) == 2 * 64 * 64 and np.frombuffer(data, "<u2").max() == found["count"] - 1
