"""The runner: loads a task's inputs, compares identities, calls the verb, writes the result and its page. Written once.

The identity of a run is the task, the version of its result, every option that decides the result, and the fingerprint
of everything that the inputs loaded.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from gantk.errors import GantkError
from gantk.runs.batches import batch_field, open_field, settled, with_size
from gantk.runs.identity import identity_of, of_arguments, of_options
from gantk.runs.manifest import MANIFEST_SUFFIX, decisive, manifest_paths, read_manifest
from gantk.runs.options import Options, from_plain
from gantk.runs.reporting import read_from, write_page
from gantk.runs.results import RESULT_SUFFIX, Result, read_result, stem_of, write_result
from gantk.runs.run import Run
from gantk.runs.shared_options import RunOptions
from gantk.runs.stores import Following, MemoryStore, OnlyAPart, RunStore
from gantk.runs.structure import Source
from gantk.runs.structure import from_plain as structured
from gantk.runs.task import Inputs, Reported, Task
from gantk.store.chunks import parse_shard
from gantk.store.files import load_json, load_npy, remove_empty, remove_stale, to_json
from gantk.store.fingerprint import fingerprint
from gantk.store.lazy import resolve
from gantk.store.locks import hold
from gantk.store.memory import peak, peak_of_gpus
from gantk.store.memory import shown as in_words
from gantk.store.progress import Planned, duration, planning, shown

BELOW = "sources"  # of a run: the runs that it needed


@dataclasses.dataclass(frozen=True)
class Done:
    """What an executed task left: its result (None for a shard, or another process of a training) and where.

    `note` is what the user should know of it; `leads` is False for another process of a training than the first.
    """

    directory: Path
    result: Result | None
    shard: str | None = None
    note: str = ""
    leads: bool = True


def execute(task: Task, inputs: Inputs, options: Options, where: RunOptions) -> Done:
    """Run a task in a run directory: continue, or return what is there, where the identity is the same.

    Raises:
        UsageError: the directory holds another run of the command; the sentence names what differs.
        GantkError: what the inputs or the verb raise.
    """
    if not task.together:
        with _reproducible(inputs):
            return _execute(task, inputs, options, where)
    from gantk.store.parallel import processes

    with _reproducible(inputs), processes(str(getattr(inputs, "device", "auto"))) as (rank, device):
        return _execute(task, dataclasses.replace(inputs, **{"device": device}), options, where, leads=rank == 0)


def _reproducible(inputs: Inputs) -> contextlib.AbstractContextManager[None]:
    """What `--deterministic` asks for, while a task runs."""
    if not getattr(inputs, "deterministic", False):
        return contextlib.nullcontext()
    from gantk.generators.devices import reproducible

    return reproducible()


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a task would take.

    Attributes:
        batch_size: of the run, where the task has one.
        planned: the first stage that takes a while, measured; None where all was done in `seconds`.
        memory: bytes that this process had at most meanwhile.
    """

    batch_size: int | None
    planned: Planned | None
    seconds: float
    memory: int

    def lines(self) -> list[str]:
        """What is said of it."""
        first = f"All of it takes {duration(self.seconds)}." if self.planned is None else self.planned.sentence()
        size = "" if self.batch_size is None else f", --batch-size {self.batch_size}"
        return [first, f"Memory until now: {in_words(self.memory)}{size}."]


def plan(task: Task, inputs: Inputs, options: Options) -> Plan:
    """Do a task in memory for a few seconds, and say how long all of it takes. Nothing is written.

    Raises:
        GantkError: what the inputs or the verb raise.
    """
    with shown(True):
        arguments = inputs.load(options)
    options = settled(options, arguments)
    field = batch_field(options)
    size = None if field is None else int(getattr(options, field.name))
    began, found = time.monotonic(), None
    try:
        with _reproducible(inputs), planning(), contextlib.suppress(OnlyAPart):
            task.call(arguments, options, MemoryStore())
    except Planned as planned:
        found = planned
    on_gpu = peak_of_gpus()
    return Plan(size, found, time.monotonic() - began, peak() if on_gpu is None else on_gpu)


def _execute(task: Task, inputs: Inputs, options: Options, where: RunOptions, leads: bool = True) -> Done:
    """Run a task in this process; one that does not lead takes the same steps and keeps nothing."""
    shard = parse_shard(getattr(where, "shard", None))
    with shown(True):
        arguments = inputs.load(options)
    directory, note = Path(where.output_dir or inputs.directory(task.made)), ""
    options = _with_batch(task, inputs, options, arguments, directory, where)
    identity = identity_of(task, inputs, options, arguments)
    if not where.output_dir and not where.overwrite and not task.restarts:
        directory, note = _free(task, directory, identity)
    typed = {**inputs.plain(), **options.plain(), "output_dir": str(directory)}
    seed, device = getattr(options, "seed", None), _device(arguments)
    if not where.overwrite and shard.is_whole:
        earlier = finished(task, directory, identity)
        if earlier is not None and earlier.answers(options):
            if leads:
                _drop_left(task, directory)
                with read_from(task.spelled, directory):
                    write_page(task, earlier, directory)
            return Done(directory, earlier if leads else None, note=note, leads=leads)
    if not leads:
        with contextlib.suppress(OnlyAPart):
            resolve(task.verb)(**arguments, options=options, store=Following(), progress=False)
        return Done(directory, None, leads=False)
    if task.restarts:
        result = task.call(arguments, options, MemoryStore())  # nothing is touched before all was found good
        with Run.begin(directory, task.name, typed, seed, device, overwrite=True, identity=identity) as run:
            finish(task, run, result)
        return Done(directory, result)
    with Run.begin(directory, task.name, typed, seed, device, shard, where.overwrite, identity=identity) as run:
        try:
            result = task.call(arguments, options, RunStore(run))
        except OnlyAPart:
            return Done(directory, None, None if shard.is_whole else str(shard), note)
        finish(task, run, result)
    return Done(directory, result, note=note)


def _with_batch(
    task: Task, inputs: Inputs, options: Options, arguments: Mapping[str, object], directory: Path, where: RunOptions
) -> Options:
    """The options with the batch size chosen, where it is to be chosen by itself.

    It is that of the run that is there, where all else is as it was: memory may be scarcer now, or on this machine.
    """
    field = open_field(options)
    if field is None:
        return options
    chosen = settled(options, arguments)
    if where.overwrite and parse_shard(getattr(where, "shard", None)).is_whole:
        return chosen
    number, folder = 1, directory
    ours = {name: to_json(value) for name, value in identity_of(task, inputs, chosen, arguments).items()}
    while found := [identity for path in manifest_paths(folder, stem_of(task.name)) if (identity := _identity(path))]:
        for theirs in found:
            size = theirs.get(field.dashed)
            if isinstance(size, int) and size > 0 and {**ours, field.dashed: size} == theirs:
                return with_size(options, size)
        if where.output_dir:
            break
        number += 1
        folder = directory.with_name(f"{directory.name}_{number}")
    return chosen


def _identity(path: Path) -> dict[str, object]:
    """The identity that a manifest holds; nothing where there is none, or it is damaged, which `Run.begin` says."""
    with contextlib.suppress(GantkError):
        return dict(read_manifest(path).get("identity", {}))
    return {}


def execute_below(task: Task, run: Run, name: str, arguments: Mapping[str, object], options: Options) -> Result:
    """Run a task whose result another one needs, in `sources/NAME` of that one's directory, as its own command would.

    It is continued, or read where it is complete; what the other one was told to forget is forgotten here too.
    """
    identity = {"result version": task.result_type.VERSION, **of_arguments(arguments), **of_options(options)}
    directory = run.path(f"{BELOW}/{name}")
    afresh = run.afresh and name not in run.below
    run.below.add(name)
    earlier = None if afresh else finished(task, directory, identity)
    if earlier is not None:
        _drop_left(task, directory)
    else:
        seed = getattr(options, "seed", None)
        begun = Run.begin(
            directory, task.name, options.plain(), seed, _device(arguments), overwrite=afresh or task.restarts,
            identity=identity,
        )  # fmt: skip
        with begun as inner:
            earlier = task.call(arguments, options, RunStore(inner))
            finish(task, inner, earlier)
    run.output(BELOW, "what was needed, each in a run directory of its own")
    return earlier


def _drop_left(task: Task, directory: Path) -> None:
    """Remove what nobody else would beside a whole result: a lock and a page half-written of a run that was killed at
    its very end, and chunks that a process wrote which had not seen that another was done, where there are no locks.
    """
    remove_stale(directory)  # of a page that was being written
    lock = directory / f".{stem_of(task.name)}.lock"
    chunks = directory / "chunks" / stem_of(task.name)
    left = chunks.is_dir() and not any("-of-" in path.name for path in manifest_paths(directory, stem_of(task.name)))
    if lock.exists() or left:
        with contextlib.suppress(GantkError), hold(lock):
            if left:
                shutil.rmtree(chunks, ignore_errors=True)
                remove_empty([chunks.parent])
            lock.unlink(missing_ok=True)


def _free(task: Task, directory: Path, identity: Mapping[str, object]) -> tuple[Path, str]:
    """The default directory, or the first of NAME_2, NAME_3, ... that holds no other run of the task; and a word on it.

    Nobody chose the directory, so that another run of the same command is no reason to refuse this one.
    """
    same, number, found = to_json(dict(identity)), 1, directory

    def other(path: Path) -> bool:
        with contextlib.suppress(GantkError, KeyError, TypeError):
            return decisive(read_manifest(path)) != same
        return False  # absent; or damaged, which `Run.begin` sets aside

    while any(other(path) for path in manifest_paths(found, stem_of(task.name))):
        number += 1
        found = directory.with_name(f"{directory.name}_{number}")
    if found == directory:
        return directory, ""
    return found, f"{directory} holds another run of `{task.spelled}`: this one goes to {found}."


def _device(arguments: Mapping[str, object]) -> object:
    return next((value.device for value in arguments.values() if hasattr(value, "device")), None)


def finished(task: Task, directory: Path, identity: Mapping[str, object]) -> Result | None:
    """The result of a complete run with this identity; None where there is none, or its files are not whole."""
    path = directory / (stem_of(task.name) + MANIFEST_SUFFIX)
    if not path.is_file() or not (directory / (stem_of(task.name) + RESULT_SUFFIX)).is_file():
        return None
    with contextlib.suppress(GantkError):
        manifest = load_json(path)
        if isinstance(manifest, dict) and manifest.get("state") == "complete":
            same = manifest.get("identity") == to_json(dict(identity))
            return read_result(task.result_type, directory) if same else None
    return None


def keep(run: Run, result: Result) -> None:
    """Write a result into the directory of its run, as far as it has come."""
    run.replace()
    for name in write_result(result, run.directory):
        run.output(name)
    run.output(stem_of(result.TASK) + RESULT_SUFFIX, "the result")


def finish(task: Reported, run: Run, result: Result) -> None:
    """Write a result, its exports and its page."""
    keep(run, result)
    for export in result.exports():
        export.write(run.output(export.name, export.about))
    run.complete()
    run.drop_parts()
    write_page(task, result, run.directory)


def conclude(task: Task, run: Run) -> None:
    """Turn the arrays of a joined run into its result and page.

    Raises:
        GantkError: the task's work cannot be divided, or the manifest is damaged.
    """
    if task.conclude is None:
        raise GantkError(f"The work of `{task.spelled}` is not divided: there is nothing to join.")
    options = from_plain(task.options, run.manifest["arguments"])
    plain = run.manifest.get("facts")
    facts = None
    if task.facts is not None:
        facts = structured(resolve(task.facts), plain, Source(run.directory, f"the facts of {run.manifest_path}"))
    arrays = {name: load_npy(run.directory / f"{name}.npy", mmap=True) for name in run.manifest["arrays"]}
    again = from_plain(task.inputs, run.arguments).load_again(options)
    for name, value in again.items():
        if to_json(fingerprint(value)) != run.manifest["identity"].get(f"the {name}"):
            raise GantkError(f"The {name} is not the one that the parts of {run.directory} were made with any more.")
    result: Result = resolve(task.conclude)(arrays, facts, options, RunStore(run), **again)
    finish(task, run, result)
