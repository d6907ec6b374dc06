"""A chain on the disk: written as batch files, submitted, and asked how it is.

The folder ``OUTPUT-DIR/slurm`` holds the batch files, `submit.sh`, a copy of the settings (so that later edits do not
change what waits in the queue), the logs, and the jobs, `slurm.result.json`, which its page is made from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gantk.errors import GantkError, UsageError
from gantk.runs.manifest import MANIFEST_SUFFIX, read_manifest
from gantk.runs.reporting import read_run
from gantk.runs.results import RESULT_SUFFIX
from gantk.runs.run import Run
from gantk.runs.runner import keep
from gantk.slurm.batch import BatchFile, folder_of
from gantk.slurm.page import CHAIN, ENDED
from gantk.slurm.results import ChainResult, Job
from gantk.slurm.settings import ChainSettings
from gantk.store.files import write_atomic


def write_chain(
    run: Run, pipeline: str, chain: ChainSettings, files: Sequence[BatchFile], submit: str, settings: bytes
) -> ChainResult:
    """Write the batch files, `submit.sh`, the settings and the jobs into the run directory."""
    (run.directory / "logs").mkdir(exist_ok=True)
    for file in files:
        write_atomic(run.output(file.name, file.job.about), file.text)
    write_atomic(run.output("submit.sh", "submits the chain"), submit)
    os.chmod(run.path("submit.sh"), 0o755)
    write_atomic(run.output("settings.toml", "the settings as they were"), settings)
    jobs = tuple(
        Job(
            name=file.job.name,
            file=file.name,
            about=file.job.about,
            command=file.job.command,
            shards=chain.jobs[file.job.name].array if file.job.split or file.job.together else 1,
            array=file.job.split,
            run=Path(os.path.relpath(Path(chain.output_dir) / file.job.run, folder_of(chain))).as_posix(),
            queue={},
        )
        for file in files
    )
    result = ChainResult(pipeline=pipeline, jobs=jobs)
    keep(run, result)
    return result


def submit_chain(run: Run, chain: ChainResult) -> ChainResult:
    """Hand the batch files to sbatch, each after the one before; the chain with its jobs' numbers.

    Raises:
        GantkError: sbatch refuses a file; jobs before it are cancelled, so that no half chain waits.
    """
    needed("sbatch")
    numbers: list[str] = []
    for job in chain.jobs:
        after = ["--kill-on-invalid-dep=yes", f"--dependency=afterok:{numbers[-1]}"] if numbers else []
        done = subprocess.run(
            ["sbatch", "--parsable", *after, str(run.path(job.file))], capture_output=True, text=True, check=False
        )
        if done.returncode:
            if numbers:
                subprocess.run(["scancel", *numbers], capture_output=True, check=False)
            said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
            raise GantkError(f"Slurm refused {run.path(job.file)} ({said}): correct [slurm] and submit again.")
        numbers.append(done.stdout.strip().partition(";")[0])
    numbered = zip(chain.jobs, numbers, strict=True)
    return replace(chain, jobs=tuple(replace(job, number=number) for job, number in numbered))


def refuse_if_queued(folder: Path) -> None:
    """Say so where the chain of a folder was submitted and has not ended: it would write the same directory twice."""
    chain = kept_chain(folder)
    for job in chain.jobs if chain is not None else ():
        states = queue_states(job.number) if job.number else {}
        waiting = [state for state in states.values() if state not in ENDED]
        if waiting:
            raise UsageError(
                f"The chain in {folder} is in the queue (job {job.number}, {job.name}, is {waiting[0].lower()}): "
                f"wait for its end, or scancel it, then submit again."
            )


def kept_chain(folder: Path) -> ChainResult | None:
    """The chain of a folder, as written; None where there is none, or where it was stopped before it was written."""
    manifest = folder / f"{CHAIN.name}{MANIFEST_SUFFIX}"
    if not manifest.exists():
        return None
    if not (folder / f"{CHAIN.name}{RESULT_SUFFIX}").exists() and "jobs" not in read_manifest(manifest)["results"]:
        return None
    found = read_run(CHAIN, folder)
    assert isinstance(found, ChainResult)
    return found


def ask_queue(chain: ChainResult) -> ChainResult:
    """The chain with the scheduler's word on each job that was submitted."""
    return replace(chain, jobs=tuple(map(_asked, chain.jobs)))


def _asked(job: Job) -> Job:
    counts = Counter(queue_states(job.number).values()) if job.number else {}
    return replace(job, queue=dict(counts) or job.queue)


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
