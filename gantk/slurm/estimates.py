"""Limits of time and memory that nobody set, from what a plan of the same command line measured.

`gantk slurm --estimate` measures, and keeps what it found in the cache folder; without it what was kept is taken, for
the same words, options and files.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gantk import __version__
from gantk.errors import GantkError
from gantk.runs.runner import Plan
from gantk.runs.structure import Source, from_plain
from gantk.runs.table import is_task
from gantk.slurm.pipelines import PIPELINES, Job
from gantk.slurm.settings import ChainSettings, JobSettings
from gantk.store.files import load_json, save_json
from gantk.store.json_values import Json
from gantk.store.shipped import home

SPARE = 1.5  # times what was measured: other nodes, and what the measured stage does not show
LEAST_SECONDS = 600
LEAST_GB = 2
MOST_KEPT = 500


@dataclass(frozen=True)
class Estimate:
    """What all of a job's work takes.

    Attributes:
        seconds: of one process.
        memory: bytes.
        origin: where and when that was measured, for the batch file.
    """

    seconds: float
    memory: int
    origin: str

    @classmethod
    def of(cls, plan: Plan) -> Estimate:
        """What a plan measured here and now."""
        seconds = plan.seconds if plan.planned is None else plan.planned.each * plan.planned.total
        return cls(seconds, plan.memory, f"measured {_here()}, {time.strftime('%Y-%m-%d')}")


def estimated(
    pipeline: str, chain: ChainSettings, settings: Mapping[str, Json], plan: Callable[[list[str]], Plan | None] | None
) -> ChainSettings:
    """The chain with limits for every job that has none of its own and of which something is known.

    Args:
        settings: the whole settings file; what its tables say of the commands is a part of what was measured.
        plan: the words of a command line, without shards and directory -> its plan; None where it cannot be made yet,
            since what it reads comes of an earlier job. Without it only what was kept counts.
    """
    jobs, origins = dict(chain.jobs), dict(chain.origins)
    for job in PIPELINES[pipeline].jobs:
        own = jobs[job.name]
        if not is_task(job.command) or (own.time and own.memory):
            continue
        words = words_of(job, chain)
        key = _key(words, settings)
        found = _kept().get(key) if plan is None else None
        if plan is not None and (made := plan(words)) is not None:
            found = Estimate.of(made)
            _keep(key, found)
        if found is not None:
            jobs[job.name] = limited(own, found, own.array if job.split or job.together else 1)
            origins[job.name] = _said(own, found)
    return dataclasses.replace(chain, jobs=jobs, origins=origins)


def _said(own: JobSettings, found: Estimate) -> str:
    """Where the limits come from, for the batch file."""
    names = [name for name, given in (("time", own.time), ("memory", own.memory)) if not given]
    what = " and ".join(names).capitalize()
    return f"{what}: {SPARE:g} times what `--plan` of the command {found.origin}."


def _here() -> str:
    """This machine, in words."""
    import platform

    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"on {platform.node() or 'this machine'} ({os.cpu_count()} cores, {gpu})"


def _key(words: list[str], settings: Mapping[str, Json]) -> str:
    """What decides how long a command takes: its words, its options, and the files it reads."""
    tables = {name: value for name, value in settings.items() if name != "slurm"}
    files = []
    for word in words:
        with contextlib.suppress(OSError, ValueError):
            status = Path(word).stat()
            files.append([word, status.st_size, status.st_mtime_ns])
    said = json.dumps([__version__, words, tables, files], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _kept() -> dict[str, Estimate]:
    """What was measured before; nothing where the file is not there or damaged."""
    path = _file()
    try:
        found: dict[str, Estimate] = from_plain(dict[str, Estimate], load_json(path), Source(path.parent, str(path)))
    except GantkError:
        return {}
    return {  # the origin becomes one comment of a batch file
        key: dataclasses.replace(each, origin=" ".join(each.origin.split()))
        for key, each in found.items()
        if math.isfinite(each.seconds)
    }


def _keep(key: str, found: Estimate) -> None:
    """Keep an estimate; a folder that cannot be written is no reason to fail."""
    known = list({**{k: v for k, v in _kept().items() if k != key}, key: found}.items())[-MOST_KEPT:]
    with contextlib.suppress(OSError, GantkError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        save_json(_file(), dict(known))


def _file() -> Path:
    return home() / "estimates.json"


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


def limited(settings: JobSettings, found: Estimate, parts: int) -> JobSettings:
    """The settings with the limits that they lack, of one of so many equal parts of the work."""
    limit = settings.time or slurm_time(max(LEAST_SECONDS, SPARE * found.seconds / parts))
    memory = settings.memory or f"{max(LEAST_GB, math.ceil(SPARE * found.memory / 1e9))}G"
    return dataclasses.replace(settings, time=limit, memory=memory)


def slurm_time(seconds: float) -> str:
    """Whole minutes as slurm writes them: 04:10:00, or 2-04:10:00."""
    minutes = math.ceil(seconds / 60)
    days, minutes = divmod(minutes, 1440)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}:00"
    return f"{days}-{text}" if days else text
