"""The text of batch files: what people read, edit and hand to sbatch."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from gantk.runs.options import fields_of
from gantk.runs.table import find_task, is_task
from gantk.slurm.pipelines import PIPELINES, Job
from gantk.slurm.settings import ChainSettings, JobSettings

STOP = """\
# {warning} s before the time is up slurm sends USR1 to this shell. gantk then stops, what it has done is kept, and the
# job is queued again and continues. TERM comes when it is cancelled, or preempted; then slurm queues it again itself.
worker=
stop() {{
    if [ -n "$worker" ]; then
        {send} 2> /dev/null || true
        wait "$worker" && exit 0  # it was just done
    fi
    [ "$1" = USR1 ] || exit 143
    echo "The time is up: queued again."
    exec scontrol requeue "{job}"
}}
trap 'stop USR1' USR1
trap 'stop TERM' TERM
"""
WIDTH = 110


@dataclass(frozen=True)
class BatchFile:
    """One file of a chain: its name, its text, and the job it is for."""

    name: str
    text: str
    job: Job


def folder_of(chain: ChainSettings) -> str:
    """The folder of a chain's batch files, settings, logs and page."""
    return (PurePosixPath(chain.output_dir) / "slurm").as_posix()


def batch_files(
    pipeline: str, chain: ChainSettings, typed: str = "", code: Mapping[str, str] | None = None
) -> list[BatchFile]:
    """Return the batch files of a pipeline in the order in which they run.

    Args:
        typed: the command line that wrote them, for a comment.
        code: option -> own code, which goes onto the command line of every job that has the option: a settings file
            may not name code.
    """
    jobs = PIPELINES[pipeline].jobs
    files = []
    for number, job in enumerate(jobs, 1):
        name = f"{number}-{job.name}.sbatch"
        files.append(BatchFile(name, _text(pipeline, chain, job, f"{number} of {len(jobs)}", typed, code or {}), job))
    return files


def submit_script(pipeline: str, chain: ChainSettings, files: list[BatchFile]) -> str:
    """Return the shell script that submits the chain; `gantk slurm --submit` does the same."""
    folder = folder_of(chain)
    lines = [
        "#!/bin/bash",
        f"# Submits the pipeline {pipeline} from the folder in which its paths hold: each job starts when the one",
        "# before has ended well, and is cancelled when that one failed.",
        "set -euo pipefail",
        f"mkdir -p {shlex.quote(f'{folder}/logs')}",
    ]
    for place, file in enumerate(files):
        after = ' --kill-on-invalid-dep=yes --dependency="afterok:$job"' if place else ""
        lines.append(f"job=$(sbatch --parsable{after} {shlex.quote(f'{folder}/{file.name}')})")
        lines.append(f'echo "{file.job.name}: $job"')
    return "\n".join(lines) + "\n"


def _text(pipeline: str, chain: ChainSettings, job: Job, place: str, typed: str, code: Mapping[str, str]) -> str:
    settings = chain.jobs[job.name]
    what = job.about
    if job.split or job.together:
        what += f" {'An array' if job.split else 'A job'} of {settings.array} shards."
    written = f", written by `{typed}`" if typed else ""
    lines = ["#!/bin/bash", f"# {what}", f"# Job {place} of the pipeline {pipeline}{written}."]
    lines += [f"# {chain.origins[job.name]}"] if job.name in chain.origins else []
    lines += [f"#SBATCH {option}" for option in _options(chain, job, settings)]
    identity = "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}" if job.split else "$SLURM_JOB_ID"
    # srun itself takes TERM for the order to kill its tasks at once; the tasks take it as gantk does.
    send = 'scancel --signal=TERM "$SLURM_JOB_ID"' if _by_srun(job, settings) else 'kill -TERM "$worker"'
    stop = STOP.format(warning=settings.warning, job=identity, send=send)
    lines += ["", "set -euo pipefail", "", stop, *settings.setup]
    if settings.venv:
        lines.append(f"source {_shell(settings.venv.rstrip('/') + '/bin/activate')}")
    if settings.cpus:
        lines.append('export OMP_NUM_THREADS="$SLURM_CPUS_PER_TASK"')
    lines += ["", *_variables(chain, job), ""]
    if job.split:
        lines.append("# --shard auto is SLURM_ARRAY_TASK_ID of SLURM_ARRAY_TASK_COUNT.")
    if job.together:
        lines.append("# --shard auto is SLURM_PROCID of SLURM_NTASKS.")
    lines += [f"{_wrapped(_command(job, settings) + _own_code(job, code))} &", "worker=$!", 'wait "$worker"', ""]
    text = "\n".join(lines)
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text


def _own_code(job: Job, code: Mapping[str, str]) -> str:
    """The options of a job's command that name own code."""
    if not code or not is_task(job.command):
        return ""
    task = find_task(job.command)
    fields = {field.name for kind in (task.inputs, task.options) for field in fields_of(kind) if field.about.code}
    chosen = {name: value for name, value in code.items() if name.replace("-", "_") in fields}
    return "".join(f" --{name} {shlex.quote(value)}" for name, value in chosen.items())


def _options(chain: ChainSettings, job: Job, settings: JobSettings) -> list[str]:
    log = f"{folder_of(chain)}/logs/{job.name}-{'%A_%a' if job.split else '%j'}.log"
    limit = f"%{settings.at_once}" if settings.at_once else ""
    options = {
        "job-name": f"{chain.name}-{job.name}" if chain.name != job.name else chain.name,
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "time": settings.time,
        "array": f"0-{settings.array - 1}{limit}" if job.split else "",
        "nodes": str(settings.nodes) if job.torchrun else "",
        "ntasks-per-node": "1" if job.torchrun else "",
        "ntasks": str(settings.array) if job.together else "",
        "gres": f"gpu:{settings.gpus}" if settings.gpus and not job.together else "",
        "gpus-per-task": settings.gpus if job.together else "",
        "cpus-per-task": str(settings.cpus or ""),
        "mem": settings.memory,
        "output": log,
        "open-mode": "append",
        "signal": f"B:USR1@{settings.warning}",
    }
    written = [f"--{name}={_option(value)}" for name, value in options.items() if value]
    return [*written, "--requeue", *settings.extra]


def _option(value: str) -> str:
    """A value as the line of an option takes it: sbatch splits at blanks unless quoted."""
    return f'"{value}"' if any(letter.isspace() for letter in value) else value


def _variables(chain: ChainSettings, job: Job) -> list[str]:
    run = (PurePosixPath(chain.output_dir) / job.run).as_posix()
    values = {name: value for name, value in chain.inputs.items() if f"{{{name}}}" in job.line}
    if "{chain}" in job.line:
        values["chain"] = chain.output_dir
    values |= {"run": run, "settings": f"{folder_of(chain)}/settings.toml"}
    return [f"{_variable(name)}={_shell(value)}" for name, value in values.items()]


def _shell(value: str) -> str:
    """A value in a shell: quoted unless it is plain, with variables such as $SCRATCH left to the shell, as ~/ is."""
    if value.startswith("~/"):
        value = "$HOME" + value[1:]
    if shlex.quote(value) == value:
        return value
    for letter in '\\"`':
        value = value.replace(letter, "\\" + letter)
    return f'"{value}"'


def _wrapped(command: str) -> str:
    """A command line over several lines, broken before options."""
    lines = [""]
    for word in command.split(" "):
        if word.startswith("--") and len(lines[-1]) + len(word) > WIDTH - 30:
            lines.append("   ")
        lines[-1] += f" {word}" if lines[-1] else word
    return " \\\n".join(lines)


def _variable(name: str) -> str:
    return name.replace("-", "_").upper()


def _command(job: Job, settings: JobSettings) -> str:
    words = []
    for word in job.line.split():
        name = word[1:].partition("}")[0] if word.startswith("{") else ""
        words.append('"' + word.replace(f"{{{name}}}", f"${_variable(name)}") + '"' if name else word)
    call = f'gantk --config "$SETTINGS" {" ".join(words)}'
    if job.torchrun:
        call = f"{_torchrun(settings)} -m {call}"
    if settings.container:
        call = f"{settings.container_command} {_shell(settings.container)} {call}"
    return f"srun {call}" if _by_srun(job, settings) else call


def _by_srun(job: Job, settings: JobSettings) -> bool:
    return job.together or (job.torchrun and settings.nodes > 1)


def _torchrun(settings: JobSettings) -> str:
    """A process per GPU, or two on a job without: on one node by itself, on several meeting at the first."""
    last = settings.gpus.rpartition(":")[2]
    processes = int(last) if last.isdecimal() else 2
    if settings.nodes == 1:
        return f"torchrun --standalone --nproc-per-node={processes}"
    first = '"$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1):29500"'
    return (
        f'torchrun --nnodes="$SLURM_NNODES" --nproc-per-node={processes} --rdzv-id="$SLURM_JOB_ID" '
        f"--rdzv-backend=c10d --rdzv-endpoint={first}"
    )
