"""Shards that are joined, and runs of which something was lost or damaged: the bytes are those of one whole run."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_runs import contents, work

from gantk.errors import GantkError, UsageError
from gantk.runs.manifest import manifests
from gantk.runs.merging import merge_runs
from gantk.runs.run import Run
from gantk.store.chunks import LedgerWarning, Shard
from gantk.store.files import load_json


@pytest.mark.parametrize("shared", [True, False], ids=["one directory", "three directories"])
def test_merged_shards_are_the_whole(tmp_path: Path, shared: bool) -> None:
    work(tmp_path / "whole")
    folders = [tmp_path / ("parts" if shared else f"part{index}") for index in range(3)]
    for index in (2, 0, 1):
        work(folders[index], shard=Shard(index, 3))
        assert not (folders[index] / "z.npy").exists()
    if not shared:
        (folders[1] / "images").mkdir()
        (folders[1] / "images" / "20.png").write_bytes(b"picture")
        manifest = folders[1] / "draw.1-of-3.run.json"
        manifest.write_text(manifest.read_text().replace('"outputs": {}', '"outputs": {"images": "pictures"}'))
    seen = []

    def finish_of(command: str) -> Any:
        return lambda run: seen.append((command, sorted(run.manifest["arrays"])))

    merged = merge_runs(folders, tmp_path / "merged", finish_of)
    expected = contents(tmp_path / "whole")
    if not shared:
        expected["images/20.png"] = b"picture"
    assert contents(tmp_path / "merged") == expected
    assert seen == [("draw", ["square", "z"])]
    manifest = load_json(merged["draw"])
    assert manifest["state"] == "complete" and manifest["results"] == {"mean": 0.5} and len(manifest["shards"]) == 3


def test_merging_in_place_leaves_one_run(tmp_path: Path) -> None:
    for index in range(2):
        work(tmp_path, shard=Shard(index, 2))
    merge_runs([tmp_path], None, lambda command: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["draw.run.json", "square.npy", "z.npy"]
    work(tmp_path)  # and the whole command finds nothing to do there


def test_an_unsharded_run_takes_what_shards_left(tmp_path: Path) -> None:
    work(tmp_path / "whole")
    work(tmp_path / "parts", shard=Shard(1, 2))
    work(tmp_path / "parts")
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_shards_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    def merge(*folders: str) -> None:
        merge_runs([tmp_path / folder for folder in folders], tmp_path / "out", lambda command: None)

    work(tmp_path / "a", shard=Shard(0, 2))
    work(tmp_path / "whole")
    with pytest.raises(GantkError, match="the shard 1/2 is missing: run what is missing"):
        merge("a")
    with pytest.raises(UsageError, match="no shards in"):
        merge("whole")
    with pytest.raises(GantkError, match="does not exist"):
        merge("nowhere")
    work(tmp_path / "third", shard=Shard(1, 3))
    with pytest.raises(UsageError, match="shards of one division"):
        merge("a", "third")
    work(tmp_path / "other", shard=Shard(1, 2), num=60)
    with pytest.raises(UsageError, match="num = 60 .* with 50"):
        merge("a", "other")
    with pytest.raises(KeyboardInterrupt):
        work(tmp_path / "b", shard=Shard(1, 2), stop_after=1)
    with pytest.raises(GantkError, match="1/2 .* is interrupted"):
        merge("a", "b")
    work(tmp_path / "b", shard=Shard(1, 2))
    next((tmp_path / "b" / "chunks" / "draw").glob("z.*.npy")).unlink()
    with pytest.raises(GantkError, match="is missing although shard 1/2 says it is complete"):
        merge("a", "b")
    assert not (tmp_path / "out" / "z.npy").exists()


def test_a_joining_that_was_killed_at_its_end_is_ended(tmp_path: Path) -> None:
    for index in range(2):
        work(tmp_path, shard=Shard(index, 2))
    first, second = (tmp_path / f"draw.{index}-of-2.run.json" for index in range(2))
    kept = second.read_bytes()
    merge_runs([tmp_path], None, lambda command: None)
    before = contents(tmp_path)
    second.write_bytes(kept)  # killed between removing the one and the other
    seen = []
    merge_runs([tmp_path], None, lambda command: lambda run: seen.append(run.command))
    assert contents(tmp_path) == before and seen == ["draw"] and not first.exists() and not second.exists()
    assert len(load_json(tmp_path / "draw.run.json")["shards"]) == 2
    assert merge_runs([tmp_path], None, lambda command: None) == {"draw": tmp_path / "draw.run.json"}
    second.write_bytes(kept.replace(b'"num": 50', b'"num": 60'))
    with pytest.raises(UsageError, match="num = 60 .* with 50"):
        merge_runs([tmp_path], None, lambda command: None)


def test_the_whole_keeps_what_the_shards_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    with pytest.raises(KeyboardInterrupt):
        work(tmp_path, shard=Shard(0, 2), stop_after=1)
    for index in range(2):
        work(tmp_path, shard=Shard(index, 2))
    monkeypatch.delenv("SLURM_JOB_ID")
    merge_runs([tmp_path], None, lambda command: None)
    first, second = load_json(tmp_path / "draw.run.json")["shards"]
    assert first["shard"] == "0/2" and first["attempts"] == 2 and second["attempts"] == 1
    assert first["job"] == {"id": "12"} and second["timings"]["total"] >= 0


def test_the_whole_keeps_the_command_line_without_its_shard() -> None:
    from gantk.runs.merging import _without_shard

    typed = "gantk draw 'a b' --shard 1/2 -o x --shard=0/3"
    assert _without_shard(typed) == "gantk draw 'a b' -o x"


def test_a_damaged_chunk_of_a_shard_is_found_by_merging(tmp_path: Path) -> None:
    work(tmp_path / "whole")
    for folder, index in (("a", 0), ("b", 1)):
        work(tmp_path / folder, shard=Shard(index, 2))
    path = sorted((tmp_path / "b" / "chunks" / "draw").glob("z.*.npy"))[1]
    path.write_bytes(path.read_bytes()[:-40])
    folders = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(GantkError, match=f"{path} is damaged .* although shard 1/2"):
        merge_runs(folders, tmp_path / "out", lambda command: None)
    with pytest.warns(LedgerWarning, match=path.name):
        work(tmp_path / "b", shard=Shard(1, 2))
    merge_runs(folders, tmp_path / "out", lambda command: None)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["{", "[]", '{"command": "draw"}', ""])
def test_a_damaged_manifest_loses_no_chunks(tmp_path: Path, damage: str) -> None:
    work(tmp_path / "whole")
    parts = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        work(parts, stop_after=3)
    (parts / "draw.run.json").write_text(damage)
    before = {path: path.stat().st_mtime_ns for path in (parts / "chunks" / "draw").iterdir()}
    assert len(before) == 6
    with (
        pytest.warns(LedgerWarning, match="draw.run.json is damaged and was renamed"),
        pytest.raises(KeyboardInterrupt),
    ):
        work(parts, stop_after=0)
    assert before == {path: path.stat().st_mtime_ns for path in (parts / "chunks" / "draw").iterdir()}
    work(parts)
    (parts / "draw.run.json.damaged").unlink()
    assert contents(parts) == contents(tmp_path / "whole")


def test_chunks_of_another_run_are_not_taken_for_ones_own(tmp_path: Path) -> None:
    work(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        work(tmp_path / "parts", stop_after=3, sigma=2)
    (tmp_path / "parts" / "draw.run.json").unlink()  # nothing says whose the chunks are but their seals
    with pytest.warns(LedgerWarning, match="another run"):
        work(tmp_path / "parts")
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_a_shard_forgets_its_own_part_only(tmp_path: Path) -> None:
    def shard(index: int, overwrite: bool, num: int = 8) -> int:
        with Run.begin(tmp_path, "draw", {"num": num}, shard=Shard(index, 2), overwrite=overwrite) as run:
            ledger = run.ledger(("z",), num, 2)
            missing = ledger.missing()
            for chunk in missing:
                ledger.write(chunk, {"z": np.zeros((2, 1))})
            return len(missing)

    assert shard(0, False) == shard(1, False) == 2
    assert shard(0, False) == 0 and shard(0, True) == 2
    assert shard(1, False) == 0
    assert shard(1, True, num=12) == 3  # other arguments: all of the earlier run goes
    assert shard(0, False, num=12) == 3


def test_shards_that_overwrite_together_leave_each_other_alone(tmp_path: Path) -> None:
    """Both begin while another run is there; each replaces it when it has a chunk, and neither takes the other's."""
    for index in range(2):
        with Run.begin(tmp_path, "draw", {"num": 8}, shard=Shard(index, 2)) as run:
            ledger = run.ledger(("z",), 8, 2)
            for chunk in ledger.missing():
                ledger.write(chunk, {"z": np.zeros((2, 1))})
    with contextlib.ExitStack() as stack:
        begun = [
            stack.enter_context(Run.begin(tmp_path, "draw", {"num": 12}, shard=Shard(index, 2), overwrite=True))
            for index in range(2)
        ]
        ledgers = [run.ledger(("z",), 12, 2) for run in begun]
        assert {m["arguments"]["num"] for m in manifests(tmp_path).values()} == {8}  # both still as they were
        for ledger in ledgers:
            for chunk in ledger.missing():
                ledger.write(chunk, {"z": np.ones((2, 1))})
    merge_runs([tmp_path], None, lambda command: None)
    assert np.load(tmp_path / "z.npy").tolist() == [[1.0]] * 12
