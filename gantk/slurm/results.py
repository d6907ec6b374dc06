"""What a chain of jobs is made of. How far it has come stand in the files of its runs, which its page reads."""

from __future__ import annotations

from typing import ClassVar

from gantk.errors import GantkError
from gantk.runs.claims import counted
from gantk.runs.results import Result, record

MOST_TASKS = 100_000  # of a job; schedulers take a thousand, if nobody told them otherwise


@record
class Job:
    """A job of a chain.

    Attributes:
        file: its batch file.
        about: what it does.
        command: of gantk, that it runs.
        shards, array: how many tasks it has, and whether each computes a part.
        run: its run directory, relative to the chain's folder.
        number: at the scheduler; None until it is submitted.
        queue: state -> how many of its tasks, as the scheduler said it when it was last asked.
    """

    name: str
    file: str
    about: str
    command: str
    shards: int
    array: bool
    run: str
    number: str | None = None
    queue: dict[str, int]

    def __post_init__(self) -> None:
        if not 1 <= self.shards <= MOST_TASKS:
            raise GantkError(
                f"The job {self.name[:80]!r} of a chain has {self.shards} tasks: 1 to {MOST_TASKS} are read."
            )


@record
class ChainResult(Result):
    """A chain: its pipeline, and its jobs in the order in which they run."""

    TASK: ClassVar[str] = "slurm"

    pipeline: str
    jobs: tuple[Job, ...]

    def sentence(self) -> str:
        submitted = sum(job.number is not None for job in self.jobs)
        state = "was submitted" if 0 < submitted == len(self.jobs) else "was not submitted"
        return f"The chain {self.pipeline} of {counted(len(self.jobs), 'job')} {state}."

    def table(self) -> list[dict[str, object]]:
        """The jobs."""
        return [
            {"job": job.name, "command": job.command, "shards": job.shards, "number": job.number} for job in self.jobs
        ]
