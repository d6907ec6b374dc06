"""Writes that fail: one sentence, nothing half-written, and the same command goes on to the same bytes."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from higan_cases import save_tiny

from gantk.runs.table import TASKS, Row
from gantk.store.files import save_npy, write_atomic

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
from drilling.bench import Failed
from drilling.cases import cases
from drilling.faults import ERRORS, every_fault, faulty
from drilling.lines import line_of

TOY = ["brightness", "tiny.safetensors", "-N", "4", "-o", "out"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _toy(_here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    save_tiny(Path("tiny.safetensors"))
    monkeypatch.setitem(TASKS, "brightness", Row("toy.tasks:BRIGHTNESS", "Measure how bright samples are."))


@pytest.mark.slow
@pytest.mark.usefixtures("_toy")
def test_each_write_of_the_toy_with_each_error(tmp_path: Path) -> None:
    tried = every_fault(TOY, tmp_path, every=True)
    assert tried.operations > 25
    assert tried.refused == tried.tried > 70  # nothing that fails is passed over


@pytest.mark.slow
def test_a_fault_at_each_place_that_a_task_writes(tmp_path: Path) -> None:
    from drilling.lines import in_folder
    from drilling.world import write_world
    from recording.running import cases as lines

    write_world(tmp_path / "world")
    tried = every_fault(in_folder(lines()[line_of("mix")], "out"), tmp_path)
    assert tried.refused == tried.tried > 15


@pytest.mark.parametrize("number", ERRORS, ids=[errno.errorcode[number] for number in ERRORS])
def test_the_operations_of_one_file_are_counted_and_fail(number: int, tmp_path: Path) -> None:
    with faulty(tmp_path) as counted:
        write_atomic(tmp_path / "a" / "b.txt", "text")
    assert [operation for operation, _ in counted.done] == ["mkdir", "open", "write", "fsync", "rename"]
    for turn in range(1, 5):
        with faulty(tmp_path, turn - 1, number), pytest.raises(Exception, match=r"b\.txt"):
            save_npy(tmp_path / "a" / "b.txt", np.zeros(3))
        assert os.listdir(tmp_path / "a") == ["b.txt"] and (tmp_path / "a" / "b.txt").read_text() == "text"


def test_a_file_is_on_the_disk_before_it_has_its_name_and_its_name_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "b.txt"
    flushed: list[tuple[bool, int, bool]] = []

    def fsync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        folder = stat.S_ISDIR(found.st_mode)
        flushed.append((folder, 0 if folder else found.st_size, target.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    write_atomic(target, "text")
    assert flushed == [(False, 4, False), (True, 0, True)]


@pytest.mark.usefixtures("_toy")
def test_what_a_fault_spoils_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that leaves what it began."""
    from gantk.store import files

    monkeypatch.setattr(files, "_remove", lambda path: None)
    with pytest.raises(Failed, match="it left"):
        every_fault(TOY, tmp_path)


def test_every_task_is_drilled(tmp_path: Path) -> None:
    assert set(TASKS) <= set(cases(tmp_path))
