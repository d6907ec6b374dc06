"""Run directories: state, arguments, locks, shards, and work that is killed and continued."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forked
import numpy as np
import pytest
from forked import Forked

from gantk.errors import GantkError, UsageError
from gantk.runs import run as runs
from gantk.runs.manifest import manifests
from gantk.runs.run import Run
from gantk.store import progress as progressing
from gantk.store.chunks import Shard
from gantk.store.command_line import command_line
from gantk.store.files import load_json, save_npy
from gantk.store.json_values import Json
from gantk.store.progress import progress
from gantk.store.seeding import random_normal


def work(directory: Path, shard: Shard | None = None, stop_after: int | None = None, **arguments: Any) -> None:
    """Draw 50 samples in chunks of 8, as a command would."""
    settings = {"num": 50, "seed": 3, "device": "cpu", **arguments}
    with Run.begin(directory, "draw", settings, seed=3, device="cpu", shard=shard) as run:
        ledger = run.ledger(("z", "square"), 50, 8)
        for count, index in enumerate(ledger.missing()):
            if count == stop_after:
                raise KeyboardInterrupt
            start, stop = ledger.grid.bounds(index)
            z = random_normal(stop - start, 4, seed=3, start=start)
            ledger.write(index, {"z": z, "square": z**2})
        run.assemble(ledger, {"z": "latents"})
        run.manifest["results"]["mean"] = 0.5  # as runs did before results were typed


def contents(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.name.endswith(".run.json")
    }


def test_the_manifest_is_not_written_for_every_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    save = runs.save_json
    monkeypatch.setattr(runs, "save_json", lambda path, value: (written.append(path), save(path, value)))
    with Run.begin(tmp_path, "draw", {}) as run:
        for number in range(100):
            run.output(f"{number}.png")
    assert len(written) == 2  # at the beginning and at the end
    manifest = load_json(tmp_path / "draw.run.json")
    assert len(manifest["outputs"]) == 100


def test_outputs_are_kept_when_a_run_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError), Run.begin(tmp_path, "draw", {}) as run:
        run.output("mean.npy", "the mean").touch()
        raise ValueError
    assert load_json(tmp_path / "draw.run.json")["outputs"] == {"mean.npy": "the mean"}


def test_the_manifest_says_what_was_done(tmp_path: Path) -> None:
    work(tmp_path)
    manifest = load_json(tmp_path / "draw.run.json")
    assert manifest["state"] == "complete" and manifest["error"] is None
    assert manifest["command"] == "draw" and manifest["seed"] == 3 and manifest["device"] == "cpu"
    assert manifest["arguments"] == {"num": 50, "seed": 3, "device": "cpu"}
    assert {"gantk", "torch", "numpy", "python"} <= manifest["versions"].keys()
    assert manifest["outputs"] == {"z.npy": "latents", "square.npy": ""}
    assert manifest["results"] == {"mean": 0.5}
    assert manifest["timings"]["total"] >= 0
    assert sorted(contents(tmp_path)) == ["square.npy", "z.npy"]  # no chunks, locks or temporary files


def test_an_interrupted_run_continues_to_the_same_bytes(tmp_path: Path) -> None:
    work(tmp_path / "whole")
    for stop_after in (3, 1, 2):
        with pytest.raises(KeyboardInterrupt) as caught:
            work(tmp_path / "parts", stop_after=stop_after)
        assert "same command continues in" in caught.value.__notes__[0]
        assert load_json(tmp_path / "parts" / "draw.run.json")["state"] == "interrupted"
    work(tmp_path / "parts")
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    work(tmp_path / "parts", stop_after=0)  # nothing is missing: never reaches the interrupt
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_a_deleted_result_is_made_again(tmp_path: Path) -> None:
    work(tmp_path)
    before = contents(tmp_path)
    (tmp_path / "z.npy").unlink()
    work(tmp_path)
    assert contents(tmp_path) == before


def test_a_failure_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(GantkError), Run.begin(tmp_path / "empty", "draw", {}):
        raise GantkError("Nothing works.")
    assert not (tmp_path / "empty").exists()  # nothing was computed
    with pytest.raises(GantkError), Run.begin(tmp_path, "draw", {}) as run:
        save_npy(run.output("z.npy"), np.zeros(3))
        raise GantkError("Nothing works.")
    manifest = load_json(tmp_path / "draw.run.json")
    assert manifest["state"] == "failed" and manifest["error"] == "GantkError: Nothing works."


@pytest.fixture
def typed() -> Iterator[None]:
    """A command line, on which messages spell options as they are typed."""
    token = command_line.set(("draw",))
    yield
    command_line.reset(token)


def test_other_arguments_are_refused_by_name(typed: None, tmp_path: Path) -> None:
    work(tmp_path)
    with pytest.raises(UsageError, match=r"with num 50, and this one is with num 60: .*--overwrite"):
        work(tmp_path, num=60)
    work(tmp_path, device="cuda")  # where it is computed may change
    with Run.begin(tmp_path, "draw", {"num": 60}, overwrite=True) as run:
        assert run.manifest["outputs"] == {}
    with Run.begin(tmp_path, "other", {"num": 1}):
        pass  # another command shares the directory
    assert [manifest["command"] for manifest in manifests(tmp_path).values()] == ["draw", "other"]


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (True, False, "with --x, and this one is without --x"),
        (None, 0, "without --x, and this one is with --x 0"),
        ([0.0, 2.5], [], "with --x 0, 2.5, and this one is without --x"),
        (["a", "b"], {"wood": 1}, "with --x a, b, and this one is with --x wood 1"),
    ],
)
def test_a_setting_that_differs_is_said_as_it_is_typed(
    before: Json, now: Json, said: str, typed: None, tmp_path: Path
) -> None:
    with Run.begin(tmp_path, "draw", {"--x": before}):
        pass
    with pytest.raises(UsageError, match=re.escape(said)):
        Run.begin(tmp_path, "draw", {"--x": now}).__enter__()


def test_a_directory_that_is_in_use_is_refused(tmp_path: Path) -> None:
    with Run.begin(tmp_path, "draw", {}):
        with pytest.raises(GantkError, match=f"Another gantk process is working in {tmp_path}"):
            work(tmp_path)
        with pytest.raises(GantkError, match="Another gantk process"):
            work(tmp_path, shard=Shard(0, 2))
        with Run.begin(tmp_path, "other", {}):
            pass
    with Run.begin(tmp_path, "split", {}, shard=Shard(0, 2)):
        with Run.begin(tmp_path, "split", {}, shard=Shard(1, 2)):
            pass
        with pytest.raises(GantkError, match="shard 0/2"), Run.begin(tmp_path, "split", {}, shard=Shard(0, 2)):
            pass
        with pytest.raises(GantkError, match="Another gantk process"), Run.begin(tmp_path, "split", {}):
            pass
    assert not list(tmp_path.glob(".*"))


# --- real processes ------------------------------------------------------------------------------------------------

SCRIPT = """
import resource, sys, time
from types import ModuleType
from importlib.machinery import ModuleSpec
import click
from gantk.cli import commands
from gantk.cli.main import main
from gantk.runs.run import Run
from gantk.store.seeding import random_normal

@click.command()
@click.option("--limit", type=int, default=None)
@click.option("--hold", type=int, default=None)
@click.option("--output-dir", "-o")
def draw(limit, hold, output_dir):
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    with Run.begin(output_dir, "draw", {"num": 64}) as run:
        ledger = run.ledger(("z",), 64, 4)
        for index in ledger.missing():
            start, stop = ledger.grid.bounds(index)
            ledger.write(index, {"z": random_normal(stop - start, 2048, start=start)})
            print(index, flush=True)
            if index == hold:
                time.sleep(600)
        run.assemble(ledger)

module = ModuleType("gantk.cli.draw")
module.__spec__ = ModuleSpec("gantk.cli.draw", None)
module.command = draw
sys.modules["gantk.cli.draw"] = module
commands.COMMANDS["draw"] = ("draw", "Draw.")
main()
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "script.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture(scope="module")
def uninterrupted(script: Path) -> dict[str, bytes]:
    whole = script.with_name("whole")
    done = forked.run([script, "draw", "-o", whole])
    assert (done.returncode, done.stderr) == (0, "")
    return contents(whole)


def wait_for_chunk(process: Forked, chunk: int) -> None:
    for line in process.stdout:
        if int(line) == chunk:
            return


@pytest.mark.parametrize(
    ("sent", "code", "state"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "interrupted"), (signal.SIGKILL, -9, "running")],
)
def test_a_killed_command_continues(
    script: Path, tmp_path: Path, uninterrupted: dict[str, bytes], sent: signal.Signals, code: int, state: str
) -> None:
    out = tmp_path / "out"
    with Forked([script, "draw", "--hold", "3", "-o", out]) as process:
        wait_for_chunk(process, 3)
        process.send_signal(sent)
        error = process.communicate()[1]
        assert process.wait() == code
    assert load_json(out / "draw.run.json")["state"] == state
    assert not (out / "z.npy").exists() and len(list((out / "chunks" / "draw").glob("z.*.npy"))) >= 4
    if sent != signal.SIGKILL:
        assert error.strip() == f"Interrupted. The same command continues in {out}."
    done = forked.run([script, "draw", "-o", out])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[0] == "4"  # the chunks before were kept
    assert contents(out) == uninterrupted


def test_a_full_disk_leaves_nothing_half_written(script: Path, tmp_path: Path, uninterrupted: dict[str, bytes]) -> None:
    out = tmp_path / "out"
    # room for every chunk (32 KiB), not for the 512 KiB of all
    done = forked.run([script, "draw", "--limit", "100000", "-o", out])
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The disk is full") and "z.npy" in done.stderr and done.stderr.count("\n") == 1
    assert not (out / "z.npy").exists() and not list(out.rglob("*.gantk-tmp")) and not list(out.rglob(".*"))
    assert load_json(out / "draw.run.json")["state"] == "failed"
    again = forked.run([script, "draw", "-o", out])
    assert (again.stdout, again.stderr) == ("", "")
    assert contents(out) == uninterrupted


def test_two_commands_in_one_directory(script: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Forked([script, "draw", "--hold", "0", "-o", out]) as first:
        wait_for_chunk(first, 0)
        second = forked.run([script, "draw", "-o", out])
        assert second.returncode == 1
        assert second.stderr.startswith("Error: Another gantk process is working in") and second.stderr.count("\n") == 1


# --- progress ------------------------------------------------------------------------------------------------------


def test_progress_is_a_line_per_tenth_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(1000), "drawing", unit="img")) == list(range(1000))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("drawing: 10 % (100/1000 img)") and lines[-1].startswith("drawing: 100 %")
    with progress(7, "counting", unit="it") as bar:
        for _ in range(7):
            bar.update()
    assert capsys.readouterr().err.splitlines()[-1].startswith("counting: 100 % (7/7 it)")
    assert list(progress(iter("ab"), "reading", unit="it")) == ["a", "b"]
    assert capsys.readouterr().err == "reading: 2 it\n"


def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with contextlib.closing(progress(range(3), "drawing", unit="it")) as bar:
        assert list(bar) == [0, 1, 2]
    assert "drawing: 100%" in capsys.readouterr().err


def test_stage_timings_add_up(tmp_path: Path) -> None:
    with Run.begin(tmp_path, "draw", {}) as run:
        for _ in range(2):
            with run.timed("sleep"):
                time.sleep(0.01)
        save_npy(run.output("x.npy", "zeros"), np.zeros(2))
    manifest = load_json(tmp_path / "draw.run.json")
    assert manifest["timings"]["sleep"] >= 0.02 and manifest["outputs"] == {"x.npy": "zeros"}
    assert os.path.getsize(tmp_path / "x.npy") > 0


def test_progress_says_a_word_before_the_first_tenth_and_how_long_it_will_take(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progressing, "FIRST_SIGN", 0.01)
    with progress(1000, "drawing", unit="img") as bar:
        bar.update(3)
        _wait_for(lambda: "drawing" in (said := capsys.readouterr().err) and "0 % (3/1000 img)" in said)
        bar.update(97)
    last = capsys.readouterr().err.splitlines()[-1]
    assert "10 % (100/1000 img)" in last and "img" in last.partition(" s, ")[2] and last.endswith(" left")


def test_a_command_says_that_it_is_reading_unless_something_was_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progressing, "FIRST_SIGN", 0.01)
    with progressing.alive("sefa"):
        _wait_for(lambda: capsys.readouterr().err == "sefa: reading\n")
    monkeypatch.setattr(progressing, "FIRST_SIGN", 60.0)
    with progressing.alive("sefa"):
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "said"), [(4.4, "4 s"), (119, "119 s"), (130, "2 min"), (5400, "1.5 h"), (100_000, "1.2 d")]
)
def test_durations_are_said_in_the_unit_that_fits(seconds: float, said: str) -> None:
    assert progressing.duration(seconds) == said


def _wait_for(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not true():
        assert time.monotonic() < until
        time.sleep(0.005)
