"""Files are whole or absent; chunk grids and shards cover everything exactly once."""

from __future__ import annotations

import errno
import gc
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gantk.errors import GantkError, UsageError
from gantk.store import files
from gantk.store.chunks import Grid, Ledger, LedgerWarning, Shard, parse_shard, shard_range
from gantk.store.seals import is_sound, save_sealed


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


# --- atomic writes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"abc", "abc", lambda file: file.write(b"abc")], ids=["bytes", "text", "callback"])
def test_write(tmp_path: Path, data: Any) -> None:
    path = files.write_atomic(tmp_path / "a" / "b.txt", data)
    assert path.read_bytes() == b"abc"
    assert names(tmp_path) == ["a", "b.txt"]


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), GantkError("bad")])
def test_an_error_while_writing_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    path = files.write_atomic(tmp_path / "x.bin", b"before")

    def fail(file: Any) -> None:
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        files.write_atomic(path, fail)
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["x.bin"]


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("4096 requested and 1024 written"),
        RuntimeError("[enforce fail at inline_container.cc:671] . unexpected pos 533376 vs 533264"),
    ],
    ids=["errno", "numpy", "torch"],
)
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, failure: OSError) -> None:
    path = tmp_path / "big.npy"

    def fail(file: Any) -> None:
        file.write(b"half")
        raise failure

    with pytest.raises(GantkError, match=r"disk is full .* writing .*big\.npy"):
        files.write_atomic(path, fail)
    assert names(tmp_path) == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(GantkError, match="file/x.npy cannot be written"):
        files.save_npy(tmp_path / "file" / "x.npy", np.zeros(3))


def test_what_a_callback_cannot_read_is_not_blamed_on_the_target(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="source"):
        files.write_atomic(tmp_path / "x", lambda file: file.write((tmp_path / "source").read_bytes()))
    assert names(tmp_path) == []


def test_only_what_dead_processes_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    mine = files.temporary_name(tmp_path / "a.npy")
    dead = mine.with_name(mine.name.replace(f"-{os.getpid()}-", f"-{2**22 + 12345}-"))
    below = tmp_path / "images" / dead.name
    for path in (mine, dead, below):
        path.write_bytes(b"")
    files.remove_stale(tmp_path)
    assert mine.exists() and not dead.exists() and not below.exists()


def test_arrays_and_json(tmp_path: Path) -> None:
    table = np.zeros(2, dtype=[("a", "f4"), ("b", "i8")])
    np.testing.assert_array_equal(files.load_npy(files.save_npy(tmp_path / "t.npy", table)), table)
    with pytest.raises(ValueError, match="[Oo]bject"):
        files.save_npy(tmp_path / "o.npy", np.array([{}], dtype=object))
    value = {"a": np.float32(1.5), "b": (1, 2), "c": np.arange(3), "d": float("nan"), "e": Path("x"), 3: {2, 1}}
    files.save_json(tmp_path / "j.json", value)
    read = files.load_json(tmp_path / "j.json")
    assert read == {"a": 1.5, "b": [1, 2], "c": [0, 1, 2], "d": None, "e": "x", "3": [1, 2]}
    assert names(tmp_path) == ["j.json", "t.npy"]


def test_bad_files_are_named(tmp_path: Path) -> None:
    pickled = tmp_path / "pickled.npy"
    np.save(pickled, np.array({"a": 1}, dtype=object), allow_pickle=True)
    whole = io.BytesIO()
    np.save(whole, np.arange(100))
    (tmp_path / "cut.npy").write_bytes(whole.getvalue()[:200])
    np.savez(tmp_path / "many.npz", a=np.zeros(1))
    for name in ("pickled.npy", "cut.npy", "many.npz", "absent.npy"):
        with pytest.raises(GantkError, match=name):
            files.load_npy(tmp_path / name)
    (tmp_path / "bad.json").write_text("{")
    for name in ("bad.json", "absent.json"):
        with pytest.raises(GantkError, match=name):
            files.load_json(tmp_path / name)


# --- grids and shards ----------------------------------------------------------------------------------------------


@given(total=st.integers(0, 500), chunk=st.integers(1, 60), count=st.integers(1, 12))
def test_shards_of_a_grid_cover_every_sample_once(total: int, chunk: int, count: int) -> None:
    grid = Grid(total, chunk)
    shards = [shard_range(len(grid), Shard(index, count)) for index in range(count)]
    samples = [sample for part in shards for index in part for sample in range(*grid.bounds(index))]
    assert samples == list(range(total))
    sizes = [len(part) for part in shards]
    assert max(sizes) - min(sizes) <= 1


@given(total=st.integers(1, 500), chunk=st.integers(1, 60))
def test_every_chunk_but_the_last_is_full(total: int, chunk: int) -> None:
    grid = Grid(total, chunk)
    sizes = [stop - start for start, stop in map(grid.bounds, range(len(grid)))]
    assert all(size == chunk for size in sizes[:-1]) and 1 <= sizes[-1] <= chunk
    with pytest.raises(IndexError):
        grid.bounds(len(grid))


@pytest.mark.parametrize(
    ("text", "environment", "shard"),
    [
        (None, {}, Shard(0, 1)),
        ("0/1", {}, Shard(0, 1)),
        (" 2 / 4 ", {}, Shard(2, 4)),
        ("auto", {"RANK": "1", "WORLD_SIZE": "3"}, Shard(1, 3)),
        ("auto", {"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, Shard(1, 2)),
        ("auto", {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "5"}, Shard(2, 4)),
        (
            "auto",
            {
                "SLURM_ARRAY_TASK_ID": "4",
                "SLURM_ARRAY_TASK_COUNT": "3",
                "SLURM_ARRAY_TASK_MIN": "0",
                "SLURM_ARRAY_TASK_STEP": "2",
            },
            Shard(2, 3),
        ),
        (
            "auto",  # torchrun inside a task of an array
            {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "3", "RANK": "1", "WORLD_SIZE": "2"},
            Shard(3, 6),
        ),
    ],
)
def test_shards_as_text(text: str | None, environment: dict[str, str], shard: Shard) -> None:
    assert parse_shard(text, environment) == shard


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4/4", "the last of 4 is 3/4"),
        ("0/0", "0/0"),
        ("1", "'1'"),
        ("-1/2", "'-1/2'"),
        ("a/b", "'a/b'"),
        ("0/1000000000000", "at most 7 digits"),
        ("auto", "SLURM_ARRAY_TASK_ID"),
    ],
)
def test_wrong_shards_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_shard(text, {})


def test_an_environment_that_makes_no_sense_is_named() -> None:
    with pytest.raises(UsageError, match="RANK='one'"):
        parse_shard("auto", {"RANK": "one", "WORLD_SIZE": "2"})
    with pytest.raises(UsageError, match="2/2"):
        parse_shard("auto", {"RANK": "2", "WORLD_SIZE": "2"})


# --- the ledger ----------------------------------------------------------------------------------------------------


def table(start: int, stop: int) -> np.ndarray[Any, Any]:
    rows = np.zeros(stop - start, dtype=[("index", "i8"), ("score", "f4", (3,))])
    rows["index"] = np.arange(start, stop)
    rows["score"] = rows["index"][:, None] * 0.5
    return rows


def test_assembled_chunks_are_the_file_that_numpy_writes(tmp_path: Path) -> None:
    grid = Grid(23, 5)
    ledger = Ledger(tmp_path / "chunks" / "work", grid, {"t": "concatenate", "gram": "sum"})
    assert ledger.missing() == [0, 1, 2, 3, 4]
    for index in (3, 0, 4, 2):
        start, stop = grid.bounds(index)
        ledger.write(index, {"t": table(start, stop), "gram": np.full((2, 2), float(index))})
    assert ledger.missing() == [1] == ledger.absent()
    with pytest.raises(GantkError, match="1 of 5 chunks of t are missing or damaged"):
        ledger.assemble("t", tmp_path / "t.npy")
    ledger.write(1, {"t": table(5, 10), "gram": np.full((2, 2), 1.0)})
    ledger.assemble("t", tmp_path / "t.npy")
    ledger.assemble("gram", tmp_path / "gram.npy")
    ledger.remove("t")
    ledger.remove("gram")
    expected = io.BytesIO()
    np.save(expected, table(0, 23))
    assert (tmp_path / "t.npy").read_bytes() == expected.getvalue()
    np.testing.assert_array_equal(np.load(tmp_path / "gram.npy"), np.full((2, 2), 10.0))
    assert names(tmp_path) == ["gram.npy", "t.npy"]


def test_a_chunk_is_done_when_all_its_arrays_are(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Grid(4, 2), {"z": "concatenate", "w": "concatenate"})
    ledger.write(0, {"z": np.zeros((2, 3)), "w": np.zeros((2, 3))})
    ledger.path("w", 0).unlink()
    assert ledger.missing() == [0, 1]


def test_chunks_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Grid(4, 2), {"z": "concatenate"})
    with pytest.raises(ValueError, match="3 rows instead of 2"):
        ledger.write(0, {"z": np.zeros((3, 1))})
    with pytest.raises(ValueError, match="'w'"):
        ledger.write(0, {"w": np.zeros((2, 1))})
    ledger.write(0, {"z": np.zeros((2, 1))})
    save_sealed(ledger.path("z", 1), np.zeros((2, 2)), "")
    with pytest.raises(GantkError, match="Chunk 1 of z"):
        ledger.assemble("z", tmp_path / "z.npy")
    assert not (tmp_path / "z.npy").exists()


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["flipped", "flipped in the seal", "cut", "empty", "without a seal", "of another run"])
def test_a_damaged_chunk_is_computed_again(tmp_path: Path, how: str) -> None:
    grid = Grid(6, 2)
    ledger = Ledger(tmp_path, grid, {"z": "concatenate"}, mark="this")
    for index in range(3):
        ledger.write(index, {"z": np.full((2, 3), float(index))})
    path = ledger.path("z", 1)
    if how.startswith("flipped"):
        flip(path, -5 if "seal" in how else 130)
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:150])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "without a seal":
        files.save_npy(path, np.full((2, 3), 1.0))
    else:
        save_sealed(path, np.full((2, 3), 1.0), "that")
    again = Ledger(tmp_path, grid, {"z": "concatenate"}, mark="this")
    with pytest.warns(LedgerWarning, match=r"z\.000001\.npy is damaged or of another run"):
        assert again.missing() == [1]
    with pytest.warns(LedgerWarning), pytest.raises(GantkError, match="1 of 3 chunks of z are missing or damaged"):
        again.assemble("z", tmp_path / "z.npy")
    again.write(1, {"z": np.full((2, 3), 1.0)})
    again.assemble("z", tmp_path / "z.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "z.npy"), np.repeat([0.0, 1.0, 2.0], 2)[:, None] * np.ones(3))


def test_numpy_reads_a_sealed_array(tmp_path: Path) -> None:
    for array in (table(0, 7), np.asfortranarray(np.arange(12.0).reshape(3, 4)), np.zeros((0, 2)), np.float64(3)):
        path = save_sealed(tmp_path / "x.npy", np.asarray(array), "run")
        np.testing.assert_array_equal(np.load(path), array)
        assert is_sound(path, "run") and not is_sound(path, "another")
    assert not is_sound(tmp_path / "nothing.npy", "run")


def test_assembling_needs_memory_for_one_chunk_only(tmp_path: Path) -> None:
    import tracemalloc

    def grown(chunks: int, name: str) -> int:
        """Bytes that joining so many chunks of a MiB each takes at most, beyond those held before."""
        ledger = Ledger(tmp_path / name, Grid(chunks, 1), {"z": "concatenate"})
        for index in range(chunks):
            ledger.write(index, {"z": np.zeros((1, 1 << 17))})
        gc.collect()
        gc.disable()  # what other tests left is not this one's
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            ledger.assemble("z", tmp_path / f"{name}.npy")
            return tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
            gc.enable()

    grown(2, "first")  # what is imported and kept at the first time
    assert grown(48, "many") < 4 << 20
