"""Counts that no machine has room for: one sentence with the bytes needed and those there, and nothing is left."""

from __future__ import annotations

from pathlib import Path

import pytest

import gantk
from gantk.checkpoints.load import load_generator
from gantk.cli.main import run
from gantk.errors import StoreError
from gantk.higan import manipulate, synthesize
from gantk.store import chunks, memory
from gantk.store.chunks import Grid, Ledger

MANY = "1000000000"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["synthesize", "demo"], "samples need 512.0 GB of disk"),
        (["synthesize", "demo", "--latents", "wp", "--styles"], "of disk"),
        (["resefa", "jacobian", "demo", "--region", "sky"], "samples need 256.0 GB of disk"),
        (["stylespace", "demo"], "The codes of 1000000000 samples need 2560.0 GB of memory"),
        (["walk", "demo"], "frames need 6144.0 GB of memory"),
        (["quality", "demo", "demo-oracle"], "images need"),
        (["ghfeat", "evaluate", "demo", "--no-baselines"], "scenes need 88.0 GB of memory"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_a_count_without_room_ends_at_once(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 4 << 30)
    monkeypatch.setattr(
        chunks.shutil, "disk_usage", lambda folder: chunks.shutil._ntuple_diskusage(1 << 40, 0, 4 << 30)
    )
    out = tmp_path / "run"
    code = run([*words, "-N", MANY, "-o", str(out)])
    last = capsys.readouterr().err.splitlines()[-1]
    assert code == 1 and said in last and " free: " in last
    assert not out.exists() or not list(out.iterdir())


def test_realism_says_what_it_needs_before_anything_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 4 << 30)
    generator = load_generator("demo")
    with pytest.raises(StoreError, match="realism 1000000000: .* need 16000000000.0 GB of memory, and 4.3 GB are"):
        manipulate(generator, gantk.load_direction("season", generator), num=1, realism=10**9)


def test_in_memory_codes_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 4 << 30)
    with pytest.raises(StoreError, match="1000000000 samples need 512.0 GB of memory, and 4.3 GB are free"):
        synthesize(load_generator("demo"), num=10**9)


def test_what_fits_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 0)
    memory.require(memory.SMALL, "little", "nothing")
    with pytest.raises(StoreError, match="much need 268 MB of memory, and 0 MB are free: take less"):
        memory.require(memory.SMALL + 1, "much", "take less")


def test_chunks_that_are_there_need_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    ledger = Ledger(tmp_path / "chunks", Grid(8, 2), {"w": "concatenate"})
    for index in range(3):
        ledger.write(index, {"w": np.zeros((2, 4), np.float32)})
    monkeypatch.setattr(chunks.shutil, "disk_usage", lambda folder: chunks.shutil._ntuple_diskusage(100, 60, 40))
    ledger.refuse_too_large(32)  # one chunk is missing
    with pytest.raises(StoreError, match="8 samples need 0 MB of disk"):
        ledger.refuse_too_large(41)
    assert ledger.missing() == [3]


def test_pictures_of_the_first_chunk_tell_what_all_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays alone would fit; an image of 64 x 64 takes more than its code."""
    line = ["synthesize", "demo", "-N", "128", "--images", "--chunk", "16", "-o", str(tmp_path / "run")]
    monkeypatch.setattr(chunks.shutil, "disk_usage", lambda folder: chunks.shutil._ntuple_diskusage(9e9, 0, 400_000))
    assert run([*line, "--latents", "z"]) == 1
    assert len(list((tmp_path / "run" / "images").iterdir())) <= 32, "it ends with the first chunk"
    monkeypatch.undo()
    assert run([*line, "--latents", "z"]) == 0
    assert len(list((tmp_path / "run" / "images").iterdir())) == 128


@pytest.mark.filterwarnings("default:--predictor")
def test_a_predictor_that_scores_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["synthesize", "demo", "-N", "1", "--predictor", "nowhere", "-o", str(tmp_path)]) == 0
    assert "Warning: --predictor nowhere is not used: only --predict scores images." in capsys.readouterr().err
