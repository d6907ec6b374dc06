"""Limits of time and memory that nobody set, from what a plan measured: `gantk slurm --estimate`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from gantk.runs.runner import Plan
from gantk.runs.table import is_task
from gantk.slurm.pipelines import PIPELINES, Job
from gantk.slurm.settings import ChainSettings, JobSettings

SPARE = 1.5  # times what was measured: other nodes, and what the measured stage does not show
LEAST_SECONDS = 600
LEAST_GB = 2


def estimated(pipeline: str, chain: ChainSettings, plan: Callable[[list[str]], Plan | None]) -> ChainSettings:
    """The chain with limits for every job that has none of its own and whose command can be planned now.

    Args:
        plan: the words of a command line, without shards and directory -> its plan; None where it cannot be made yet,
            since what it reads comes of an earlier job.
    """
    jobs = dict(chain.jobs)
    for job in PIPELINES[pipeline].jobs:
        settings = jobs[job.name]
        if not is_task(job.command) or (settings.time and settings.memory):
            continue
        found = plan(words_of(job, chain))
        if found is not None:
            jobs[job.name] = limited(settings, found, settings.array if job.split or job.together else 1)
    return dataclasses.replace(chain, jobs=jobs)


def words_of(job: Job, chain: ChainSettings) -> list[str]:
    """The command line of a job for all of its work, in no directory of its own."""
    values = {**chain.inputs, "chain": chain.output_dir, "run": f"{chain.output_dir}/{job.run}"}
    words = [word for word in job.line.split() if word not in ("--shard", "auto")]
    if "--output-dir" in words:
        place = words.index("--output-dir")
        del words[place : place + 2]
    for name, value in values.items():
        words = [word.replace(f"{{{name}}}", value) for word in words]
    return words


def limited(settings: JobSettings, plan: Plan, parts: int) -> JobSettings:
    """The settings with the limits that they lack, of one of so many equal parts of the work."""
    seconds = plan.seconds if plan.planned is None else plan.planned.each * plan.planned.total
    time = settings.time or slurm_time(max(LEAST_SECONDS, SPARE * seconds / parts))
    memory = settings.memory or f"{max(LEAST_GB, math.ceil(SPARE * plan.memory / 1e9))}G"
    return dataclasses.replace(settings, time=time, memory=memory)


def slurm_time(seconds: float) -> str:
    """Whole minutes as slurm writes them: 04:10:00, or 2-04:10:00."""
    minutes = math.ceil(seconds / 60)
    days, minutes = divmod(minutes, 1440)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}:00"
    return f"{days}-{text}" if days else text
