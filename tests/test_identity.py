"""What a run is told by: every option that decides, and the bytes of every input, of every task of the table.

Another value or another content is another run (or is refused); nothing is computed here but what the inputs are.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gantk.cli.build import _own, command_of
from gantk.cli.main import run as gantk
from gantk.cli.options import normalize_token
from gantk.errors import GantkError, UsageError
from gantk.runs.merging import merge_runs
from gantk.runs.options import Field, Options, fields_of
from gantk.runs.run import Run, Shard
from gantk.runs.runner import identity_of
from gantk.runs.table import TASKS, find_task
from gantk.runs.task import Inputs, Task
from gantk.store.files import to_json

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
from drilling.lines import before, divided, files_of, of_task
from recording.running import cases, prepare

every_task = pytest.mark.parametrize("name", list(TASKS))

# What an option of a task may be without deciding its result, and why.
FREE = {
    "device": "where it is computed",
    "workers": "threads that write pictures",
    "patience": "how long a shard waits for another",
    "save_every": "how often a training keeps its state",
    "minutes": "when a training stops: it goes on from there",
    "force": "takes what is refused without it, as it is",
    "skip_unreadable": "takes the files that can be read, whose contents decide",
}
FREE_OF_ONE = {("navigan train", "steps"): "a training that goes on further: its result says whether it answers"}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with what every recorded line of a task reads."""
    folder = tmp_path_factory.mktemp("identity")
    every = cases()
    needed = {line for name in TASKS for case in of_task(name) for line in before(case)}
    here = Path.cwd()
    prepare(folder)
    os.chdir(folder)
    try:
        for case, words in every.items():
            if case in needed:
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
                    assert gantk(words) == 0, f"{case}: {said.getvalue()}"
        yield folder
    finally:
        os.chdir(here)


def parsed(task: Task, words: list[str]) -> tuple[Inputs, Options]:
    """The inputs and options of a command line."""
    command = command_of(task)
    context = command.make_context(
        "x", words[len(task.name.split()) :], token_normalize_func=normalize_token, resilient_parsing=False
    )
    return task.inputs(**_own(task.inputs, context.params)), task.options(**_own(task.options, context.params))


def identity(task: Task, inputs: Inputs, options: Options) -> Any:
    return to_json(identity_of(task, inputs, options, inputs.load(options)))


@contextlib.contextmanager
def changed(path: Path) -> Iterator[None]:
    """Another content of the same kind in a file."""
    kept = path.read_bytes()
    path.write_bytes(other_content(path, kept))
    try:
        yield
    finally:
        path.write_bytes(kept)


def other_content(path: Path, data: bytes) -> bytes:
    """The least change: one bit of a number, one grey level, one line."""
    flipped = bytearray(data)
    if path.suffix == ".npy":
        flipped[10 + int.from_bytes(data[8:10], "little")] ^= 1  # behind a header of format 1
    elif path.suffix == ".safetensors":
        length = int.from_bytes(data[:8], "little")
        places = {k: v["data_offsets"] for k, v in json.loads(data[8 : 8 + length]).items() if k != "__metadata__"}
        flipped[8 + length + max(places.values(), key=lambda ends: ends[1] - ends[0])[0]] ^= 1
    elif path.suffix in (".png", ".jpg", ".webp"):
        pixels = np.array(Image.open(path))
        pixels.reshape(-1)[0] ^= 128
        kept = io.BytesIO()
        Image.fromarray(pixels).save(kept, {".jpg": "JPEG"}.get(path.suffix, path.suffix[1:].upper()))
        return kept.getvalue()
    elif path.suffix == ".pt":
        import torch

        state = torch.load(path, weights_only=True)
        next(iter(tensors(state))).view(-1)[0] += 1
        kept = io.BytesIO()
        torch.save(state, kept)
        return kept.getvalue()
    elif path.suffix == ".py":
        return data + b"\n# another source\n"
    else:
        return b"".join(reversed(data.splitlines(keepends=True)))
    return bytes(flipped)


def tensors(value: object) -> Iterator[Any]:
    """The tensors in what torch.save wrote."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from tensors(part)
    elif hasattr(value, "view"):
        yield value


def is_input(path: Path) -> bool:
    """Whether a file of a folder is data: a run's pages and accounts are not."""
    return not path.name.endswith((".html", ".run.json", ".json", ".csv.txt")) and not path.name.startswith(".")


@every_task
def test_other_bytes_of_an_input_are_another_run(name: str, work: Path) -> None:
    task = find_task(name)
    tried = 0
    for case, words in of_task(name).items():
        inputs, options = parsed(task, words)
        before = identity(task, inputs, options)
        assert identity(task, inputs, options) == before, case  # the same again
        for path in files_of(words, work):
            if not is_input(path):
                continue
            with changed(path):
                try:
                    after = identity(task, inputs, options)
                except GantkError:
                    after = None
            print(case, path.relative_to(work), "refused" if after is None else after != before)
            tried += 1
    print(name, tried)
