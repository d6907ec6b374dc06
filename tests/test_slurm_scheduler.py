"""Chains on a real scheduler: slurm's own daemons on this host, started for these tests."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from higan_cases import contents, write_world
from slurm_cluster import Cluster, cluster, why_not

from gantk.store.files import load_json

pytestmark = [pytest.mark.slow, pytest.mark.slurm]
Call = Callable[..., tuple[int, str, str]]

SETTINGS = """
[slurm]
model = "tiny.safetensors"
output-dir = "runs/chain"
array = 3
cpus = 1
time = "10"
setup = ['export PATH="$PWD/bin:$PATH"']

[synthesize]
num = 46
batch-size = 2
chunk = 4
images = true
generate-prediction = true
"""

CODE = ("--own-code", "predictor=pred.py:score")

FAILING = """
import os

{sound}

def score(image):
    if os.environ.get("SLURM_ARRAY_TASK_ID") == "1" and os.path.exists("broken"):
        raise RuntimeError("the image is too red")
    return sound(image)
"""


@pytest.fixture(scope="module")
def slurm() -> Iterator[Cluster]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with cluster() as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, root: Path, slurm: Cluster, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, on the cluster: a network, a predictor, settings, and gantk on the path."""
    write_world(tmp_path)
    (tmp_path / "bin").mkdir()
    gantk = tmp_path / "bin" / "gantk"
    gantk.write_text(f'#!/bin/sh\nPYTHONPATH="{root}" exec "{sys.executable}" -m gantk "$@"\n')
    gantk.chmod(0o755)
    (tmp_path / "church.toml").write_text(SETTINGS)
    own = tmp_path / "pred.py"
    own.write_text(FAILING.format(sound=own.read_text().replace("score(", "sound(")))
    monkeypatch.chdir(tmp_path)
    for name in ("PATH", "SLURM_CONF"):
        monkeypatch.setenv(name, slurm.environment[name])
    return tmp_path


@pytest.fixture
def expected(site: Path, gantk_command: Call) -> dict[str, bytes]:
    """The bytes of the run without shards."""
    code, _, err = gantk_command(
        "--config", "church.toml", "synthesize", "tiny.safetensors", "--predictor", "pred.py:score", "-o", "runs/whole"
    )
    assert code == 0, err
    found = contents(site / "runs" / "whole")
    assert len(found) == 46 + 3
    return found


def submit(gantk_command: Call, *more: str) -> list[str]:
    code, out, err = gantk_command("slurm", "synthesize", "--config", "church.toml", *CODE, "--submit", *more)
    assert code == 0, err
    return [line.rpartition(" ")[2] for line in out.splitlines() if ": job " in line]


def logs(site: Path) -> str:
    return "\n".join(f"{p.name}\n{p.read_text()}" for p in sorted((site / "runs/chain/slurm/logs").glob("*.log")))


def ended(slurm: Cluster, jobs: list[str]) -> Callable[[], bool]:
    alive = {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "REQUEUED", "SIGNALING", "STAGE_OUT"}
    return lambda: all((states := slurm.states(job)) and not alive & set(states.values()) for job in jobs)


def page(gantk_command: Call) -> str:
    code, out, err = gantk_command("slurm", "synthesize", "--config", "church.toml", *CODE, "--status")
    assert code == 0, err
    return Path(out.strip()).read_text()


def test_an_array_and_its_merge_give_the_bytes_of_one_run_though_a_task_is_signalled(
    site: Path, slurm: Cluster, gantk_command: Call, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SLEEP", "0.7")  # per batch of two: time to send a signal
    array, merge = submit(gantk_command)
    chain = site / "runs" / "chain"
    chunks = chain / "chunks" / "synthesize"
    slurm.wait("a chunk of shard 1", lambda: list(chunks.glob("attribute.000004.npy")), 90)
    code, _, err = gantk_command("slurm", "synthesize", "--config", "church.toml", *CODE, "--submit")
    assert code == 2 and f"is in the queue (job {array}, synthesize, is " in err and err.count("\n") == 1
    slurm.run("scancel", "--batch", "--signal=USR1", f"{array}_1")
    slurm.wait("shard 1 to be queued again", lambda: slurm.states(array)[f"{array}_1"] != "RUNNING")
    assert load_json(chain / "synthesize.1-of-3.run.json")["state"] == "interrupted"
    assert "interrupted" in page(gantk_command)
    slurm.wait("the chain", ended(slurm, [array, merge]), 180)
    assert {*slurm.states(array).values(), *slurm.states(merge).values()} == {"COMPLETED"}, logs(site)
    assert contents(chain) == expected
    assert not (chain / "chunks").exists()
    shards = load_json(chain / "synthesize.run.json")["shards"]
    assert [shard["attempts"] for shard in shards] == [1, 2, 1]
    assert shards[1]["job"]["array"] == array and shards[1]["job"]["task"] == "1"
    log = (chain / "slurm" / "logs" / f"synthesize-{array}_1.log").read_text()
    assert "Interrupted. The same command continues in" in log and "The time is up: queued again." in log
    assert log.count("synthesize: 100 %") == 1 and log.index("queued again") < log.index("synthesize: 100 %")
    last = re.search(r"synthesize: 100 % \((\d+)/\1 img\)", log)
    assert last is not None and 0 < int(last[1]) < 16  # the chunks of the first attempt were not made again
    shown = page(gantk_command)
    assert "The chain is <strong>complete</strong>" in shown and "3 completed" in shown and "restart" in shown


def test_a_failed_task_stops_the_chain_which_continues_when_submitted_again(
    site: Path, slurm: Cluster, gantk_command: Call, expected: dict[str, Any]
) -> None:
    (site / "broken").touch()
    array, merge = submit(gantk_command)
    slurm.wait("the chain to stop", ended(slurm, [array, merge]), 120)
    states = slurm.states(array)
    assert [states[f"{array}_{task}"] for task in range(3)] == ["COMPLETED", "FAILED", "COMPLETED"], logs(site)
    assert list(slurm.states(merge).values()) == ["CANCELLED"]
    shown = page(gantk_command)
    assert "Shard 1/3 of <strong>synthesize</strong> failed: " in shown and "the image is too red" in shown
    assert "The jobs after it do not start" in shown and "1 cancelled" in shown
    kept = {path: path.stat().st_mtime_ns for path in (site / "runs/chain/chunks/synthesize").iterdir()}
    (site / "broken").unlink()
    array, merge = submit(gantk_command)
    assert kept and os.path.exists(next(iter(kept)))
    slurm.wait("the chain", ended(slurm, [array, merge]), 120)
    assert {*slurm.states(array).values(), *slurm.states(merge).values()} == {"COMPLETED"}, logs(site)
    assert contents(site / "runs" / "chain") == expected
