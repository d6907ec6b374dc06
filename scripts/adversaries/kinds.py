"""The kinds of cases: what is made, under which name it lies, and who reads it."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaries import files, grammars, readers
from adversaries.damage import damaged
from adversaries.trees import changed, text_of, value_of, wild

if TYPE_CHECKING:
    from gantk.runs.results import Result
    from gantk.runs.task import Reported, Task

Execution = Callable[[], object]
Case = tuple[str, list[tuple[str, Execution]]]
Cases = Generator[Case, None, None]


@dataclass(frozen=True)
class Kind:
    """Cases of one kind.

    Attributes:
        share: of all executions, in proportion to those of the other kinds.
        cases: endless: what the case is (shown where it fails), and its executions by the reader's name.
    """

    share: int
    cases: Callable[[random.Random, Path], Cases]


def _of_files(
    make: Callable[[random.Random], bytes], suffixes: tuple[str, ...], *read: readers.Reader
) -> Callable[[random.Random, Path], Cases]:
    def cases(source: random.Random, folder: Path) -> Cases:
        while True:
            data = make(source)
            path = folder / f"case{source.choice(suffixes)}"
            path.write_bytes(data)
            yield repr(data[:2000]), [(reader.__name__, partial(reader, path)) for reader in read]
            path.unlink(missing_ok=True)

    return cases


def _manifests(runs: Path) -> list[Any]:
    found = [json.loads(path.read_text()) for path in sorted(runs.glob("*/*.run.json"))]
    plain = {
        "arguments": {"num": 4, "shard": "0/2"},
        "timings": {"total": 1.0},
        "outputs": {"z.npy": "codes"},
        "results": {},
        "arrays": {"z": {"total": 4, "chunk": 2, "join": "concatenate"}},
        "command": "synthesize",
        "argv": "gantk",
        "state": "complete",
        "seed": 0,
        "device": "cpu",
        "format": 1,
        "identity": {"seed": 0},
        "error": None,
        "started": "2026-01-01T00:00:00+00:00",
        "ended": None,
        "attempts": 1,
        "versions": {},
        "facts": None,
    }
    return [plain, *found]


def _texts(trees: list[Any]) -> Callable[[random.Random], bytes]:
    return lambda source: text_of(changed(source.choice(trees), source), source).encode()


def _results(source: random.Random, folder: Path) -> Cases:
    """Results by their types, right or wrong at one place, read and shown as a page."""
    from gantk.errors import GantkError
    from gantk.runs.reporting import read_from
    from gantk.runs.results import read_result, stem_of
    from gantk.runs.table import BESIDE, TASKS, find_reported

    (folder / "x.png").write_bytes(files.pictures()[0])
    (folder / "y").mkdir(exist_ok=True)
    (folder / "y" / "z.jpg").write_bytes(files.pictures()[0])
    (folder / "a.npy").write_bytes(files.arrays()[0])
    tasks = [find_reported(name) for name in (*TASKS, *BESIDE)]
    while True:
        task = source.choice(tasks)
        kind = task.result_type
        plain = {"task": task.name, "version": kind.VERSION, "fields": value_of(kind, source)}
        if source.random() < 0.5:
            plain = changed(plain, source)
        text = text_of(plain, source)
        path = folder / f"{stem_of(task.name)}.result.json"
        path.write_text(text)
        read: list[Result] = []

        def load(kind: type[Result] = kind, read: list[Result] = read) -> None:
            read.append(read_result(kind, folder))

        def show(task: Reported = task, read: list[Result] = read) -> None:
            if not read:
                raise GantkError("it was refused.")
            with read_from(task.spelled, folder):
                task.page_of(read[0]).text()

        yield text[:2000], [("read_result", load), ("page", show)]
        path.unlink(missing_ok=True)


def _options(source: random.Random, folder: Path) -> Cases:
    """Every task's options: from a manifest's plain values, and as they are typed."""
    import click

    from gantk.cli.build import command_of
    from gantk.runs.options import changed as with_changes
    from gantk.runs.options import fields_of, from_plain
    from gantk.runs.table import TASKS, find_task

    tasks = [find_task(name) for name in TASKS]
    commands = {task.name: command_of(task) for task in tasks}
    while True:
        task = source.choice(tasks)
        kind = source.choice([task.inputs, task.options, task.run])
        fields = fields_of(kind)
        some = source.sample(fields, min(len(fields), source.randint(1, 3)))
        values = {field.name: source.choice([wild(source), source.choice(grammars.WORDS)]) for field in some}
        typed = [field for field in some if not field.about.argument and field.kind is not bool]
        words = [word for field in typed for word in (field.dashed, *[source.choice(grammars.WORDS)] * field.pair)]

        def parse(task: Task = task, words: list[str] = words) -> None:
            try:
                context = commands[task.name].make_context(task.name, ["demo", *words], resilient_parsing=False)
            except click.ClickException as error:
                error.format_message()
                return
            for each in (task.inputs, task.options, task.run):
                names = {field.name for field in fields_of(each)}
                each(**{name: value for name, value in context.params.items() if name in names})

        yield (
            f"{task.name} {values!r} {words!r}",
            [
                ("from_plain", partial(from_plain, kind, values)),
                ("changed", partial(with_changes, kind, None, values)),
                ("parse", parse),
            ],
        )


def _runs(runs: Path) -> Callable[[random.Random, Path], Cases]:
    """`report` and `merge` of whole directories whose manifests were changed."""

    def cases(source: random.Random, folder: Path) -> Cases:
        old = sorted(path for path in runs.glob("*") if path.is_dir())
        shards = _manifests(runs)[0]
        while True:
            run, whole = folder / "run", folder / "whole"
            for leftover in (run, whole):
                shutil.rmtree(leftover, ignore_errors=True)
            if old and source.random() < 0.5:
                shutil.copytree(source.choice(old), run)
                for path in run.glob("*.run.json"):
                    text = text_of(changed(json.loads(path.read_text()), source), source)
                    path.write_text(text)
                lines = [["report", str(run)]]
            else:
                run.mkdir()
                text = ""
                for index in range(2):
                    tree = {**shards, "arguments": {**shards["arguments"], "shard": f"{index}/2"}}
                    tree = changed(tree, source) if source.random() < 0.7 else tree
                    text = text_of(tree, source)
                    (run / f"synthesize.{index}-of-2.run.json").write_text(text)
                lines = [["merge", str(run), "-o", str(whole)], ["report", str(run)]]
            yield text[:2000], [(words[0], partial(readers.run_line, words)) for words in lines]

    return cases


def kinds(root: Path) -> dict[str, Kind]:
    """Every kind by name.

    Args:
        root: of the project.
    """
    runs = root / "tests" / "runs_v1"
    reference = root.parent / "shared" / "reference"
    good = files.checkpoints(reference if reference.is_dir() else None)
    arrays, tensors, pictures, zips, trees = (
        files.arrays(),
        files.tensors(),
        files.pictures(),
        files.zips(),
        _manifests(runs),
    )
    r = readers
    texts = [
        b"smile: smile_boundary.npy, z\n",
        b"a.png 0.5\nb.png 1\n",
        b"image,smile\na.png,1\n",
        b"age: x.npy, wp, 0-3\n",
    ]
    return {
        "manifests": Kind(4, _of_files(_texts(trees), (".run.json",), r.of_json)),
        "results": Kind(3, _results),
        "options": Kind(6, _options),
        "runs": Kind(1, _runs(runs)),
        "pickles": Kind(
            12,
            _of_files(
                grammars.pickle,
                (".pkl", ".npy"),
                r.of_arrays,
                r.of_audits,
                r.of_checkpoints,
                r.of_directions,
                r.of_deformations,
                r.of_scores,
            ),
        ),
        "torch": Kind(
            3, _of_files(grammars.torch_zip, (".pt",), r.of_arrays, r.of_audits, r.of_checkpoints, r.of_heads)
        ),
        "checkpoints": Kind(
            1, _of_files(lambda s: damaged(s.choice(good), s.choice(good), s), (".pkl",), r.of_audits, r.of_checkpoints)
        ),
        "safetensors": Kind(
            6,
            _of_files(
                lambda s: grammars.safetensors(s, tensors),
                (".safetensors",),
                r.of_arrays,
                r.of_directions,
                r.of_weights,
                r.of_codes,
                r.of_heads,
                r.of_tuned,
                r.of_bundled,
                r.of_checkpoints,
            ),
        ),
        "arrays": Kind(
            8,
            _of_files(
                lambda s: grammars.npy(s, arrays),
                (".npy", ".npz"),
                r.of_npy,
                r.of_arrays,
                r.of_scores,
                r.of_directions,
                r.of_numbers,
                r.of_deformations,
            ),
        ),
        "pictures": Kind(
            6,
            _of_files(
                lambda s: grammars.picture(s, pictures),
                (".png", ".jpg", ".tif"),
                r.of_pictures,
                r.of_values,
                r.of_sides,
            ),
        ),
        "archives": Kind(
            3,
            _of_files(
                lambda s: grammars.archive(s, zips), (".zip",), r.of_zips, r.of_sessions, r.of_arrays, r.of_labels
            ),
        ),
        "records": Kind(4, _of_files(grammars.records, (".tfrecords",), r.of_records)),
        "settings": Kind(2, _of_files(grammars.toml, (".toml",), r.of_settings)),
        "texts": Kind(
            3,
            _of_files(
                lambda s: damaged(s.choice(texts), s.choice(texts), s),
                (".txt", ".csv", ".json", ".tsv"),
                r.of_boundary_list,
                r.of_labels,
                r.of_scores,
                r.of_arrays,
            ),
        ),
    }
