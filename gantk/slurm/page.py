"""The page of `gantk slurm`: how a chain of jobs stands, and what its shards took.

It is made from the chain's jobs and, beside them, the manifests and chunk files of the runs that the jobs write: a
shard's own while it works, later what the joined run keeps of it. A task that failed before it left a manifest is known
by its log. The queue is what the scheduler said when it was last asked (`gantk slurm --status`).
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from gantk.errors import GantkError
from gantk.reports.page import Page
from gantk.reports.sections import BarPlot, Cell, CellValue, Column, Headline, Link, Links, Prose, Section, Table
from gantk.runs.manifest import MANIFEST_SUFFIX, Manifest, ShardAccount, file_stem, read_manifest, shard_of
from gantk.runs.task import Reported
from gantk.slurm.results import ChainResult
from gantk.store.chunks import Grid, Shard, parse_shard, shard_range
from gantk.store.inside import inside

MOST_BARS = 64
_LONGEST_END = 1 << 16  # bytes of a log that are read
_LONGEST_ERROR = 200
_AGAIN = "queued again."  # what a batch file says when the time is up
_SCHEDULER = ("slurmstepd: ", "srun: ")
# How shells, Python and slurm end a log of a job whose command never began, or was ended from outside.
_FAILED = re.compile(
    r": (command not found|No such file or directory|Permission denied|No module named \S+)$"
    r"|^\w*(Error|Exception): |(?i:oom[-_ ]?kill|out of memory)"
    r"|CANCELLED AT (?!.*(PREEMPTION|REQUEUE|NODE FAILURE))"
)
ENDED = frozenset(
    {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE"}
)
CHAIN = Reported(
    name="slurm",
    result="gantk.slurm.results:ChainResult",
    page="gantk.slurm.page:page",
    upgrade="gantk.slurm.upgrade:chain",
)


@dataclass(frozen=True)
class Part:
    """One shard of a job, or all of a job that has none.

    Attributes:
        state: waiting, running, interrupted, failed or complete.
        done, chunks: of the ledger; 0 of 0 where there is none.
        seconds: of all attempts together.
    """

    name: str
    state: str = "waiting"
    error: str = ""
    attempts: int = 0
    seconds: float = 0.0
    started: str = ""
    ended: str = ""
    node: str = ""
    done: int = 0
    chunks: int = 0


@dataclass(frozen=True)
class Stage:
    """One job with its parts."""

    name: str
    about: str
    number: str
    queue: Mapping[str, int]
    parts: tuple[Part, ...]

    @property
    def state(self) -> str:
        states = {part.state for part in self.parts}
        if "failed" in states or any(self.queue.get(state) for state in ENDED - {"COMPLETED", "CANCELLED"}):
            return "failed"
        if self.queue.get("CANCELLED") and "complete" not in states:
            return "cancelled"
        for state in ("running", "interrupted"):
            if state in states:
                return state
        if states == {"complete"}:
            return "complete"
        return "running" if "complete" in states else "waiting"


def stages_of(result: ChainResult, directory: Path | None) -> list[Stage]:
    """The jobs of a chain as their runs' files say it; none of those has begun where no directory is known."""
    stages: list[Stage] = []
    before = ""  # the command whose shards a merge joins
    for job in result.jobs:
        if directory is None:
            parts = (Part(""),) * job.shards
        elif job.command == "merge":
            parts = (_joined(_folder_of(directory, job.run), before),)
        else:
            parts, before = _parts(_folder_of(directory, job.run), job.command, job.shards), job.command
        if directory is not None and job.number:
            ends = [f"_{index}" if job.array else "" for index in range(len(parts))]
            logs = [inside(directory, f"logs/{job.name}-{job.number}{end}.log") for end in ends]
            parts = tuple(_with_log(part, log) for part, log in zip(parts, logs, strict=True))
        stages.append(Stage(job.name, job.about, job.number or "", job.queue, parts))
    return stages


def _folder_of(chain: Path, name: str) -> Path:
    """The run directory of a job, in the folder around the chain's own; GantkError where it is elsewhere."""
    around = chain.resolve().parent
    beside = posixpath.normpath(posixpath.join(chain.resolve().name, name))
    return around if beside == "." else inside(around, beside)


def _with_log(part: Part, log: Path) -> Part:
    """A part that has not begun although its log ends with an error has failed."""
    if part.state != "waiting" or not log.is_file():
        return part
    error = _last_error(_end_of(log))
    return part if error is None else replace(part, state="failed", error=error, attempts=1)


def _end_of(log: Path) -> str:
    """The last lines of a log, which may be as long as a job ran."""
    with open(log, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_END))
        return file.read(_LONGEST_END).decode(errors="replace")


def _last_error(text: str) -> str | None:
    """What a log ends with, where that is an error: gantk's own, else the shell's, Python's or slurm's."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(_SCHEDULER)]
    if told and told[-1].endswith(_AGAIN):
        return None
    for line in (*told[-1:], *lines[-1:]):
        if line.startswith("Error: "):
            return line.removeprefix("Error: ")
        if _FAILED.search(line):
            return line[:_LONGEST_ERROR]
    return None


def _parts(folder: Path, command: str, count: int) -> tuple[Part, ...]:
    stem = file_stem(command)
    whole = folder / (stem + MANIFEST_SUFFIX)
    if count == 1:
        alone = folder / f"{stem}.0-of-1{MANIFEST_SUFFIX}"
        return (_part("", alone if alone.is_file() else whole, stem),)
    kept, parts = _kept(whole, stem), []
    for index in range(count):
        name, own = f"{index}/{count}", folder / f"{stem}.{index}-of-{count}{MANIFEST_SUFFIX}"
        parts.append(kept[name] if name in kept and not own.is_file() else _part(name, own, stem))
    return tuple(parts)


def _joined(folder: Path, command: str) -> Part:
    """The joining of a run's shards; it waits where the run was never split."""
    stem = file_stem(command)
    path = folder / (stem + MANIFEST_SUFFIX)
    part = _part("", path, stem)
    split = part.state in ("waiting", "running") or _kept(path, stem)
    return part if split else replace(part, state="waiting")


def _part(name: str, path: Path, stem: str) -> Part:
    """A part by the manifest of its own run."""
    if not path.is_file():
        return Part(name)
    try:
        manifest = read_manifest(path)
        part = _as_told(name, manifest, _chunks(manifest, shard_of(manifest), path.parent, stem))
    except GantkError:
        return Part(name, "failed", f"{path.name} cannot be read")
    return replace(part, error=re.sub(r"^(Gantk|Usage|Store|Link)Error: ", "", manifest.get("error") or ""))


def _kept(path: Path, stem: str) -> dict[str, Part]:
    """Shard -> what the manifest of a joined run keeps of it; nothing where none was joined."""
    if not path.is_file():
        return {}
    try:
        manifest = read_manifest(path)
        return {
            each["shard"]: _as_told(
                each["shard"], each, _chunks(manifest, parse_shard(each["shard"]), path.parent, stem)
            )
            for each in manifest.get("shards", [])
        }
    except GantkError:
        return {}


def _as_told(name: str, told: Manifest | ShardAccount, chunks: Sequence[bool]) -> Part:
    """A part as a manifest tells of it; `chunks` says which of its chunks are there."""
    complete = told["state"] == "complete"
    return Part(
        name,
        told["state"],
        attempts=told.get("attempts", 1),
        seconds=told.get("timings", {}).get("total", 0.0),
        started=told.get("started") or "",
        ended=told.get("ended") or "",
        node=told.get("job", {}).get("node", ""),
        done=len(chunks) if complete else sum(chunks),
        chunks=len(chunks),
    )


def _chunks(manifest: Manifest, shard: Shard, folder: Path, stem: str) -> list[bool]:
    """Which chunks of a shard are there, of the array that comes last in each chunk."""
    if not manifest["arrays"]:
        return []
    name, about = list(manifest["arrays"].items())[-1]
    mine = shard_range(len(Grid(about["total"], about["chunk"])), shard)
    return [(folder / "chunks" / stem / f"{name}.{index:06d}.npy").exists() for index in mine]


def page(result: ChainResult, directory: Path | None) -> Page:
    """The page of a chain.

    Args:
        directory: of the chain, around which its runs are; None where the result was loaded alone.
    """
    stages = stages_of(result, directory)
    sections: list[Section] = [_verdict(stages)]
    figures = _figures(stages)
    if figures:
        sections.append(Headline(figures))
    sections.append(_jobs(stages))
    for stage in stages:
        sections += _shards(stage)
    names = [*(job.file for job in result.jobs), "submit.sh", "settings.toml"]
    files = [name for name in names if directory is not None and inside(directory, name).is_file()]
    if files:
        sections.append(Links([Link(name, name) for name in files], "Files", "What is handed to the scheduler."))
    subtitle = " → ".join(stage.name for stage in stages)
    return Page(f"Chain: {result.pipeline}", subtitle, sections)


def _verdict(stages: Sequence[Stage]) -> Prose:
    for stage in stages:
        if stage.state not in ("failed", "cancelled"):
            continue
        if stage.state == "cancelled":
            return Prose(
                f"**{stage.name}** was cancelled: submit the chain again, what is done is kept.", tone="warning"
            )
        broken = next((part for part in stage.parts if part.state == "failed"), None)
        who = f"Shard {broken.name} of **{stage.name}**" if broken and broken.name else f"**{stage.name}**"
        why = broken.error if broken and broken.error else _queue_text(stage.queue).capitalize()
        end = "" if why.endswith(".") else "."
        after = " The jobs after it do not start." if stage is not stages[-1] else ""
        advice = " Its log says more; mend the cause and submit the chain again: what is done is kept."
        return Prose(f"{who} failed: {why}{end}{after}{advice}", tone="warning")
    if stages and all(stage.state == "complete" for stage in stages):
        return Prose("The chain is **complete**.", tone="finding")
    for stage in stages:
        if stage.state == "complete":
            continue
        if stage.state == "waiting" and all(part.state == "waiting" for part in stage.parts):
            submitted = "waits for its turn" if stage.number else "was not submitted"
            return Prose(f"**{stage.name}** {submitted}.", tone="plain")
        ready = sum(part.state == "complete" for part in stage.parts)
        chunks, done = sum(part.chunks for part in stage.parts), sum(part.done for part in stage.parts)
        share = f", {100 * done // chunks} % of the chunks seen so far" if chunks else ""
        stopped = sum(part.state == "interrupted" for part in stage.parts)
        again = f"; {stopped} stopped and will continue where they did" if stopped else ""
        return Prose(f"**{stage.name}** is at work: {ready} of {len(stage.parts)} parts are complete{share}{again}.")
    return Prose("There are no jobs.")


def _figures(stages: Sequence[Stage]) -> list[tuple[object, str, str]]:
    parts = [part for stage in stages for part in stage.parts]
    busy = sum(part.seconds for stage in stages if not _is_merge(stage) for part in stage.parts)
    if not busy:
        return []
    begins = [moment for part in parts if (moment := _moment(part.started))]
    ends = [moment for part in parts if (moment := _moment(part.ended))]
    figures: list[tuple[object, str, str]] = [(_duration(busy), "work", "all shards and attempts together")]
    if begins and ends:
        passed = (max(ends) - min(begins)).total_seconds()
        figures.append((_duration(max(passed, 0.0)), "from first start to last end", "waiting in the queue included"))
    again = sum(max(part.attempts - 1, 0) for stage in stages if not _is_merge(stage) for part in stage.parts)
    figures.append((again, "restarts" if again != 1 else "restart", "after a stop, a kill or an error"))
    return figures


def _is_merge(stage: Stage) -> bool:
    return stage.name.startswith("merge")


def _jobs(stages: Sequence[Stage]) -> Table:
    rows: list[list[CellValue]] = []
    for stage in stages:
        ready = sum(part.state == "complete" for part in stage.parts)
        seconds = sum(part.seconds for part in stage.parts)
        longest = max((part.seconds for part in stage.parts), default=0.0)
        rows.append(
            [
                Cell(stage.name, note=stage.about),
                stage.state,
                Cell(ready, f"{ready} of {len(stage.parts)}", bar=ready / max(len(stage.parts), 1)),
                Cell(seconds, _duration(seconds) if seconds else "–"),
                Cell(longest, _duration(longest) if longest else "–"),
                stage.number or "–",
                _queue_text(stage.queue) or "–",
            ]
        )
    columns = [
        Column("job"),
        Column("state", "By the files it left"),
        Column("complete", "Parts that are complete"),
        Column("work", "Time of all its parts together"),
        Column("longest", "Time of its slowest part"),
        Column("number", "In the queue"),
        Column("scheduler", "What it said when it was last asked (--status)"),
    ]
    return Table(columns, rows, "Jobs", "A job starts when the one before has ended well.", sortable=False)


def _shards(stage: Stage) -> list[Section]:
    if len(stage.parts) < 2 or not any(part.attempts for part in stage.parts):
        return []
    rows: list[list[CellValue]] = []
    for place, part in enumerate(stage.parts):
        share = part.done / part.chunks if part.chunks else None
        rows.append(
            [
                Cell(place, part.name),
                Cell(part.state, note=part.error),
                Cell(part.done, f"{part.done} of {part.chunks}" if part.chunks else "–", bar=share),
                part.attempts,
                Cell(part.seconds, _duration(part.seconds) if part.seconds else "–"),
                part.started.replace("T", " ").replace("+00:00", ""),
                part.node or "–",
            ]
        )
    columns = [
        Column("shard"),
        Column("state"),
        Column("chunks"),
        Column("attempts", "1 and how often it was continued", digits=0),
        Column("time", "Of all attempts together"),
        Column("started (UTC)"),
        Column("node"),
    ]
    timed = [part for part in stage.parts if part.seconds]
    sections: list[Section] = [Table(columns, rows, f"Shards of {stage.name}", f"{stage.about} Part by part.")]
    if 1 < len(timed) <= MOST_BARS:
        mean = sum(part.seconds for part in timed) / len(timed)
        longest = max(part.seconds for part in timed)
        caption = f"The slowest part took {longest / mean:.2f} times the mean: what the chain waits for."
        seconds = [part.seconds for part in timed]
        names = [part.name for part in timed]
        sections.append(
            BarPlot(
                names,
                seconds,
                title=f"Time of each shard of {stage.name}",
                caption=caption,
                quantity="seconds",
                digits=1,
            )
        )
    return sections


def _queue_text(queue: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state.lower().replace('_', ' ')}" for state, count in sorted(queue.items()))


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
