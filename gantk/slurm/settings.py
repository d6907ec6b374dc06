"""The [slurm] table of a settings file: what a site wants to be told, and what a pipeline works on.

    [slurm]
    model = "church.pkl"
    output-dir = "runs/church"
    partition = "gpu"
    time = "04:00:00"
    gpus = 1
    array = 8

    [slurm.merge]           # of one job only
    partition = "cpu"

    [synthesize]            # the commands' own options, as everywhere
    num = 500000

Nothing is assumed about a site: what is not given is not asked for.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gantk.checkpoints.addresses import is_address
from gantk.errors import UsageError, suggestion
from gantk.slurm.pipelines import PIPELINES, Pipeline, input_names
from gantk.slurm.results import MOST_TASKS

DEFAULT_ARRAY = 4


@dataclass(frozen=True)
class JobSettings:
    """What one job asks of slurm, and what is done before it starts.

    Attributes:
        array: tasks of a job that is split.
        at_once: of them at most this many at a time; 0 is no limit.
        gpus: per task, such as 1 or "a100:2"; "" is none.
        cpus, memory, time, partition, account, qos: as sbatch takes them.
        nodes: of a job under torchrun.
        warning: seconds before the end of the time at which a job stops and is queued again.
        extra: further options of sbatch, such as "--constraint=a100".
        setup: lines of shell before the command, such as "module load cuda".
        venv: a virtual environment to activate.
        container: an image to run gantk in.
        container_command: what runs the image.
    """

    array: int = DEFAULT_ARRAY
    at_once: int = 0
    gpus: str = ""
    cpus: int = 0
    memory: str = ""
    time: str = ""
    partition: str = ""
    account: str = ""
    qos: str = ""
    nodes: int = 1
    warning: int = 120
    extra: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    venv: str = ""
    container: str = ""
    container_command: str = "apptainer exec --nv"

    def __post_init__(self) -> None:
        if self.venv and self.container:
            raise UsageError("[slurm] has both venv and container: give one of them.")
        for name, least in (("array", 1), ("at_once", 0), ("cpus", 0), ("nodes", 1), ("warning", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"[slurm] {_key(name)} = {getattr(self, name)} is too small: {least} or more.")
        if self.array > MOST_TASKS:
            raise UsageError(f"[slurm] array = {self.array} is too large: {MOST_TASKS} or less.")
        if self.time and not re.fullmatch(r"[0-9]+(-[0-9]+)?(:[0-9]+){0,2}", self.time):
            raise UsageError(
                f"[slurm] time = {self.time!r} is not understood: write it as slurm does, such as 04:00:00 or 2-00."
            )
        for line in self.extra:
            if not line.startswith("-"):
                raise UsageError(f"[slurm] extra has {line!r}: give options of sbatch, such as --constraint=a100.")


@dataclass(frozen=True)
class ChainSettings:
    """A pipeline with all it needs to be written.

    Attributes:
        inputs: the pipeline's, by key.
        output_dir: the run directory, or the folder of the pipeline's run directories.
        name: before every job's name in the queue.
        jobs: the settings of each job by its name.
        origins: where the limits of a job come from that the settings do not say: a sentence by name.
    """

    name: str
    output_dir: str
    inputs: dict[str, str]
    jobs: dict[str, JobSettings]
    origins: dict[str, str] = field(default_factory=dict)


def _key(field: str) -> str:
    return field.replace("_", "-")


def read_settings(pipeline_name: str, settings: Mapping[str, Any], source: str) -> ChainSettings:
    """Take the [slurm] table of a settings file for a pipeline.

    Args:
        settings: the whole file, keys with dashes.
        source: its name, for errors.

    Raises:
        UsageError: a key is unknown, has the wrong kind of value, or is missing.
    """
    pipeline = PIPELINES[pipeline_name]
    table = settings.get("slurm")
    if not isinstance(table, Mapping):
        raise UsageError(f"{source} has no [slurm] table: write the pipeline's {_needs(pipeline)} below [slurm].")
    fields = {_key(field.name): field for field in dataclasses.fields(JobSettings)}
    inputs = {*input_names(), "output-dir", "name"}
    known = {*fields, *inputs, *(job.name for pipeline in PIPELINES.values() for job in pipeline.jobs)}
    for key, value in table.items():
        if key not in known:
            raise UsageError(f"[slurm] of {source} has an unknown key {key!r}.{suggestion(key, known)}")
        if isinstance(value, Mapping) and key in fields.keys() | inputs:
            raise UsageError(f"[slurm] of {source} has a table {key!r} where a value was expected.")
    shared = {key: value for key, value in table.items() if key in fields}
    given = {key: _text(key, table[key], source) for key in table if key in inputs}
    for key in (*pipeline.inputs, "output-dir"):
        if not given.get(key):
            raise UsageError(f"[slurm] of {source} says no {key}: the pipeline needs {_needs(pipeline)}.")
    for key, value in given.items():
        if is_address(value):
            raise UsageError(
                f"[slurm] of {source} has the address {value[:100]!r} as {key}: fetch it first, "
                "as with `gantk models info ADDRESS`, and name the file that this says."
            )
    jobs = {}
    for job in pipeline.jobs:
        own = table.get(job.name, {})
        if not isinstance(own, Mapping):
            raise UsageError(f"In {source} {job.name!r} must be a table: write [slurm.{job.name}].")
        unknown = [key for key in own if key not in fields]
        if unknown:
            raise UsageError(
                f"[slurm.{job.name}] of {source} has an unknown key {unknown[0]!r}.{suggestion(unknown[0], fields)}"
            )
        merged = {**shared, **own}
        if not job.gpu:
            merged["gpus"] = own.get("gpus", "")
        if "venv" in own:
            merged.pop("container", None)
        if "container" in own:
            merged.pop("venv", None)
        values = {field.name: _value(field, merged[key], source) for key, field in fields.items() if key in merged}
        jobs[job.name] = JobSettings(**values)
    wanted = {**dict(pipeline.optional), **given}
    return ChainSettings(
        name=given.get("name") or pipeline_name,
        output_dir=os.path.expandvars(os.path.expanduser(given["output-dir"])),  # slurm expands nothing in --output
        inputs={key: wanted[key] for key in (*pipeline.inputs, *(name for name, _ in pipeline.optional))},
        jobs=jobs,
    )


def _needs(pipeline: Pipeline) -> str:
    *first, last = [*pipeline.inputs, "output-dir"]
    return f"{', '.join(first)} and {last}"


def _text(key: str, value: object, source: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UsageError(f"[slurm] of {source} has {key} = {value!r}: a text was expected.")
    text = str(value)
    if "\n" in text or "\r" in text:
        raise UsageError(f"[slurm] of {source} has a line break in {key} = {text!r}: it must be one line.")
    return text


# Any: of the type of the field
def _value(field: dataclasses.Field[Any], value: object, source: str) -> Any:
    key = _key(field.name)
    if isinstance(field.default, tuple):
        lines = [value] if isinstance(value, str) else value
        if not isinstance(lines, list):
            raise UsageError(f"[slurm] of {source} has {key} = {value!r}: a list of lines was expected.")
        return tuple(_text(key, line, source) for line in lines)
    if isinstance(field.default, int):
        if isinstance(value, bool) or not isinstance(value, int):
            raise UsageError(f"[slurm] of {source} has {key} = {value!r}: a whole number was expected.")
        return value
    text = _text(key, value, source)
    return "" if field.name == "gpus" and text == "0" else text
