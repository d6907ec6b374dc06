"""A chain on the disk: written as batch files, submitted, and asked how it is.

The folder ``OUTPUT-DIR/slurm`` holds the batch files, `submit.sh`, a copy of the settings (so that later edits do not
change what waits in the queue), the logs, and the manifest `slurm.run.json` its page is made from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from gantk.errors import GantkError, UsageError
from gantk.runs.manifest import read_manifest
from gantk.runs.run import Run
from gantk.runs.structure import Source, from_plain
from gantk.slurm.batch import BatchFile, folder_of
from gantk.slurm.settings import ChainSettings
from gantk.store.files import write_atomic
from gantk.store.json_values import JsonTable

COMMAND = "slurm"
ENDED = frozenset(
    {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE"}
)


class Job(TypedDict):
    """A job of a chain, as its run keeps it.

    Attributes:
        run: its run directory, relative to the chain's folder.
        shards, array: how many tasks it has, and whether each computes a part.
        id: its number at the scheduler, once submitted.
        queue: state -> how many of its tasks, as last asked.
    """

    name: str
    file: str
    about: str
    command: str
    shards: int
    array: bool
    run: str
    id: str | None
    queue: dict[str, int] | None


def read_jobs(results: JsonTable, where: str) -> list[Job]:
    """The jobs that a chain's run recorded; none where it recorded none.

    Raises:
        GantkError: one lacks a part, or has one of another kind.
    """
    found: list[Job] = from_plain(list[Job], results.get("jobs", []), Source(Path(), where), "jobs")
    return found


def write_chain(run: Run, chain: ChainSettings, files: Sequence[BatchFile], submit: str, settings: bytes) -> None:
    """Write the batch files, `submit.sh` and the settings into the run directory and record the jobs."""
    (run.directory / "logs").mkdir(exist_ok=True)
    for file in files:
        write_atomic(run.output(file.name, file.job.about), file.text)
    write_atomic(run.output("submit.sh", "submits the chain"), submit)
    os.chmod(run.path("submit.sh"), 0o755)
    write_atomic(run.output("settings.toml", "the settings as they were"), settings)
    jobs: list[Job] = []
    for file in files:
        place = Path(os.path.relpath(Path(chain.output_dir) / file.job.run, folder_of(chain))).as_posix()
        shards = chain.jobs[file.job.name].array if file.job.split or file.job.together else 1
        jobs.append(
            {
                "name": file.job.name,
                "file": file.name,
                "about": file.job.about,
                "command": file.job.command,
                "shards": shards,
                "array": file.job.split,
                "run": place,
                "id": None,
                "queue": None,
            }
        )
    run.record("jobs", jobs)


def submit_chain(run: Run, files: Sequence[BatchFile]) -> list[str]:
    """Hand the batch files to sbatch, each after the one before; return and record their job numbers.

    Raises:
        GantkError: sbatch refuses a file; jobs before it are cancelled, so that no half chain waits.
    """
    needed("sbatch")
    jobs = read_jobs(run.results, str(run.directory))
    numbers: list[str] = []
    for job, file in zip(jobs, files, strict=True):
        after = ["--kill-on-invalid-dep=yes", f"--dependency=afterok:{numbers[-1]}"] if numbers else []
        done = subprocess.run(
            ["sbatch", "--parsable", *after, str(run.path(file.name))], capture_output=True, text=True, check=False
        )
        if done.returncode:
            if numbers:
                subprocess.run(["scancel", *numbers], capture_output=True, check=False)
            said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
            raise GantkError(f"Slurm refused {run.path(file.name)} ({said}): correct [slurm] and submit again.")
        number = done.stdout.strip().partition(";")[0]
        job["id"] = number
        numbers.append(number)
    run.record("jobs", jobs)
    return numbers


def refuse_if_queued(folder: Path) -> None:
    """Say so where the chain of a folder was submitted and has not ended: it would write the same directory twice."""
    jobs = recorded_jobs(folder)
    for job in jobs:
        states = queue_states(job["id"]) if job["id"] else {}
        waiting = [state for state in states.values() if state not in ENDED]
        if waiting:
            raise UsageError(
                f"The chain in {folder} is in the queue (job {job['id']}, {job['name']}, is {waiting[0].lower()}): "
                f"wait for its end, or scancel it, then submit again."
            )


def recorded_jobs(folder: Path) -> list[Job]:
    """The jobs of a chain's folder, as written; none where there is no chain."""
    path = folder / f"{COMMAND}.run.json"
    if not path.exists():
        return []
    return read_jobs(read_manifest(path)["results"], str(path))


def ask_queue(jobs: Sequence[Job]) -> list[Job]:
    """The jobs of a chain with the scheduler's word on each: state -> how many tasks."""
    asked: list[Job] = []
    for job in jobs:
        states = queue_states(job["id"]) if job["id"] else {}
        counts: dict[str, int] = {}
        for state in states.values():
            counts[state] = counts.get(state, 0) + 1
        asked.append({**job, "queue": counts or job["queue"]})
    return asked


def queue_states(number: str) -> dict[str, str]:
    """State by task of a job, as squeue has it, or sacct where the queue has forgotten it and sacct is set up."""
    needed("squeue")
    words = ["squeue", "--noheader", "--array", "--states=all", "--format=%i|%T", f"--jobs={number}"]
    states = _states(words)
    if not states and shutil.which("sacct"):
        asked = ["--allocations", "--format=JobID,State", f"--jobs={number}"]
        states = _states(["sacct", "--noheader", "--parsable2", *asked])
    return states


def _states(words: list[str]) -> dict[str, str]:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        return {}  # an old job is forgotten, or there is no accounting
    pairs = (line.split("|") for line in done.stdout.splitlines() if "|" in line)
    return {task.strip(): (state.split() or ["UNKNOWN"])[0] for task, state, *_ in pairs}


def needed(program: str) -> None:
    """Say so where a program of slurm's is not on the path.

    Raises:
        GantkError: it is not.
    """
    if shutil.which(program) is None:
        raise GantkError(
            f"Slurm's {program} was not found on this machine: go to a login node of the cluster, or copy the files "
            "there and run submit.sh."
        )
