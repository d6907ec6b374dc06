"""Results of all tasks, tours and chains: earlier versions' open, no field is renamed unseen, pages need no torch."""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from higan_cases import save_tiny
from made_once import made_once
from PIL import Image
from report_runs import write_run
from test_imagenet import Coarse, published_state

from gantk.cli.main import run
from gantk.errors import GantkError
from gantk.predictors.efficientnet_lite import ImageNet
from gantk.runs.manifest import read_manifest
from gantk.runs.reporting import load_result, read_run, report
from gantk.runs.results import Result, read_result, stem_of, write_result
from gantk.runs.table import BESIDE, TASKS, find_reported, find_task
from gantk.slurm.results import ChainResult, Job
from gantk.tour.results import TourResult

RUNS = Path(__file__).with_name("runs_v1")  # of version 0.1.0: one small run of every task, a tour and a chain

# Of tasks that the released version did not have: a small run by the command itself.
FRESH: dict[str, list[str]] = {
    "atlas": [
        "TINY",
        "--predictor",
        "demo",
        "--metric",
        "demo",
        "--quick",
        "-N",
        "40",
        "--held-out",
        "2",
        "--random",
        "1",
        "--shown",
        "1",
    ],
    "stylespace": ["demo", "-N", "40", "--looked", "1", "-K", "1", "--samples", "1", "--step", "3"],
    "mix": ["demo", "--left", "0-1", "--top", "2", "--rows", "0-3", "--rows", "4"],
    "walk": ["demo", "--seeds", "0,85", "--frames", "2", "--strip", "2"],
    "quality": ["demo", "PICTURES", "--truncation", "0.5", "--shown", "1", "--neighbours", "3", "--subsets", "2"],
    "train-predictor": ["PICTURES", "LABELS", "--suggest", "2"],
    "compare": ["KEPT", "CHANGED"],
}

every_result = pytest.mark.parametrize("name", [*TASKS, *BESIDE])


def old_run(name: str, folder: Path) -> Path:
    """A copy of the run that the released version left, or of one made now."""
    if name in FRESH:
        return Path(shutil.copytree(fresh_run(name), folder / "run"))
    return Path(shutil.copytree(RUNS / stem_of(name), folder / "run"))


def fresh_run(name: str) -> Path:
    """A run of a task, made once."""
    return made_once(f"fresh-{stem_of(name)}", lambda folder: make_run(name, folder)) / "run"


def make_run(name: str, folder: Path) -> None:
    given = {"TINY": str(folder / "tiny.safetensors")}
    given |= {"PICTURES": str(folder / "pictures"), "LABELS": str(folder / "labels.csv")}
    given |= {"KEPT": str(RUNS / "rescore"), "CHANGED": str(folder / "changed")}
    words = [given.get(word, word) for word in FRESH[name]]
    if "TINY" in FRESH[name]:
        save_tiny(folder / "tiny.safetensors")
    if "PICTURES" in FRESH[name]:
        labelled_pictures(folder)
    if "CHANGED" in FRESH[name]:
        changed_run(folder / "changed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageNet, "from_file", random_features)  # where its weights are not installed
        assert run([*name.split(), *words, "-o", str(folder / "run")]) == 0


def changed_run(folder: Path) -> Path:
    """The kept run of rescoring with another seed, and one gain raised beyond its interval."""
    shutil.copytree(RUNS / "rescore", folder)
    result: Any = read_run(find_task("rescore"), folder)
    first, *others = result.boundaries
    raised = {name: getattr(first.whole, name) + 10 for name in ("gain", "low", "high")}
    first = dataclasses.replace(first, whole=dataclasses.replace(first.whole, **raised))
    write_result(dataclasses.replace(result, boundaries=(first, *others)), folder)
    manifest = json.loads((folder / "rescore.run.json").read_text())
    manifest["arguments"]["seed"] = manifest["seed"] = 7
    (folder / "rescore.run.json").write_text(json.dumps(manifest))
    return folder


def labelled_pictures(folder: Path) -> None:
    """Twelve pictures, eight of them with a class and a number."""
    (folder / "pictures").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (12, 20, 24, 3), dtype=np.uint8)
    for i, pixels in enumerate(noise):
        Image.fromarray(pixels).save(folder / "pictures" / f"{i}.png")
    lines = [f"{i}.png,{i % 2},{i / 4}\n" for i in range(8)]
    (folder / "labels.csv").write_text("image,odd,place\n" + "".join(lines))


@functools.cache
def random_features() -> ImageNet:
    return Coarse(published_state())


@every_result
def test_a_run_of_the_released_version_opens(name: str, tmp_path: Path) -> None:
    folder = old_run(name, tmp_path)
    page = report(find_reported(name), folder)
    assert page.stat().st_size > 3000
    loaded = load_result(folder)
    assert type(loaded) is find_reported(name).result_type
    assert loaded.table() and repr(loaded) == f"{type(loaded).__name__}: {loaded.sentence()}"


@pytest.mark.parametrize("state", ["complete", "failed"])
def test_a_run_of_the_released_version_is_not_continued(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its arrays were computed in another order of sums, and its manifest has no identity."""
    folder = old_run("synthesize", tmp_path)
    path = folder / "synthesize.run.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "state": state}))
    before = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}
    code = run(["synthesize", "demo", "-N", str(manifest["arguments"]["num"]), "-o", str(folder)])
    assert code == 2 and "holds a run of `gantk synthesize` made by an earlier gantk" in capsys.readouterr().err
    assert {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()} == before


@every_result
def test_a_result_survives_the_disk(name: str, tmp_path: Path) -> None:
    task = find_reported(name)
    result = read_run(task, old_run(name, tmp_path))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write_result(result, tmp_path / "a")
    again = read_result(task.result_type, tmp_path / "a")
    write_result(again, tmp_path / "b")
    first, second = ((tmp_path / x / f"{stem_of(name)}.result.json").read_bytes() for x in "ab")
    assert first == second
    assert again.sentence() == result.sentence() and again.sentence().endswith(".")
    assert task.page_of(again).text() == task.page_of(result).text()


def places(plain: Any, trail: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every named field of a result's JSON, of the first of each list only."""
    if isinstance(plain, dict):
        for key, value in plain.items():
            yield (*trail, key)
            yield from places(value, (*trail, key))
    elif isinstance(plain, list) and plain:
        yield from places(plain[0], (*trail, 0))


@every_result
def test_every_renamed_field_is_seen(name: str, tmp_path: Path) -> None:
    """Any field of a record under another name: reading refuses it, whichever it is."""
    task = find_reported(name)
    write_result(read_run(task, old_run(name, tmp_path)), tmp_path)
    path = tmp_path / f"{stem_of(name)}.result.json"
    plain = json.loads(path.read_text())
    tried = 0
    for trail in list(places(plain["fields"])):
        holder = plain["fields"]
        for step in trail[:-1]:
            holder = holder[step]
        if not isinstance(holder, dict) or free(task.result_type, trail):
            continue  # a table whose keys are names of data, not fields
        other = f"{trail[-1]}_renamed"
        holder[other] = holder.pop(trail[-1])
        path.write_text(json.dumps(plain))
        with pytest.raises(GantkError):
            load_result(path)
        holder[trail[-1]] = holder.pop(other)
        tried += 1
    path.write_text(json.dumps(plain))
    load_result(path)  # with every name as it was
    assert tried >= len(dataclasses.fields(task.result_type))  # type: ignore[arg-type]


def test_every_renamed_part_of_a_manifest_is_seen(tmp_path: Path) -> None:
    """What pages, merging and later runs read of a manifest: reading refuses one that lacks a part."""
    write_run(tmp_path, "sefa", {})
    path = tmp_path / "sefa.run.json"
    whole = json.loads(path.read_text())
    read_manifest(path)
    assert len(whole) == 16
    for name in whole:
        path.write_text(json.dumps({f"{key}_renamed" if key == name else key: value for key, value in whole.items()}))
        with pytest.raises(GantkError, match=f"{name}"):
            read_manifest(path)


@pytest.mark.parametrize(
    "account", [None, {"state": "complete"}, {"shard": "0/2"}, {"shard": "0/2", "state": "complete", "timings": 3}]
)
def test_an_account_of_a_shard_is_read_by_its_types(account: object, tmp_path: Path) -> None:
    write_run(tmp_path, "sefa", {}, shards=[account])
    with pytest.raises(GantkError, match=r"In .* shards\.0"):
        read_manifest(tmp_path / "sefa.run.json")


def free(kind: Any, trail: tuple[Any, ...]) -> bool:
    """Whether a place is a key of a mapping, which is data and no field."""
    import types
    import typing

    for step in trail[:-1]:
        options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
        kind = next((k for k in options if k is not type(None)), kind)
        if dataclasses.is_dataclass(kind):
            kind = typing.get_type_hints(kind)[step]
        elif typing.get_origin(kind) is tuple:
            kind = typing.get_args(kind)[0]
        elif typing.get_args(kind):
            kind = typing.get_args(kind)[-1]
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    kind = next((k for k in options if k is not type(None)), kind)
    named = typing.get_origin(kind) is dict
    return named or (not dataclasses.is_dataclass(kind) and "ndarray" not in str(kind))


@every_result
def test_every_field_is_read_by_something(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that neither page, sentence, table nor export reads would be written for nobody."""
    task = find_reported(name)
    result = read_run(task, old_run(name, tmp_path))
    seen: set[str] = set()

    def get(self: Result, attribute: str) -> Any:
        if self is result:
            seen.add(attribute)
        return object.__getattribute__(self, attribute)

    monkeypatch.setattr(task.result_type, "__getattribute__", get)
    result.sentence()
    result.lines()
    result.table()
    for export in result.exports():
        export.write(tmp_path / export.name.replace("/", "_"))
    task.page_of(result)
    unread = {field.name for field in dataclasses.fields(task.result_type)} - seen  # type: ignore[arg-type]
    kept = set(getattr(task.result_type, "KEPT", ()))  # for Python only: say so in the class
    assert unread <= kept, f"nothing reads {sorted(unread - kept)} of {task.result_type.__name__}"


def test_pages_need_no_torch(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`gantk report` of every kind of run where torch cannot be imported."""
    runs = [str(old_run(name, tmp_path / stem_of(name))) for name in (*TASKS, *BESIDE)]
    capfd.readouterr()
    script = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, *more):\n"
        "        if name.partition('.')[0] in ('torch', 'torchvision', 'sklearn'):\n"
        "            raise ImportError('absent: ' + name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from gantk.cli.main import run\n"
        f"sys.exit(sum(run(['report', path]) != 0 for path in {runs!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    # on a busy machine a timer says that it reads
    assert (done.returncode, done.stderr.replace("report: reading\n", "")) == (0, "")


def test_a_saved_result_has_the_page_of_its_run(tmp_path: Path) -> None:
    """`gantk demo` leaves index.html, every other command a page of its own name."""
    for result in (TourResult(findings=("It was found.",)), ChainResult(pipeline="higan", jobs=())):
        folder = result.save(tmp_path / result.TASK)
        assert [path.name for path in folder.glob("*.html")] == [find_reported(result.TASK).page_file]
    assert find_reported("demo").page_file == "index.html"


def test_a_chain_is_submitted_when_all_of_its_jobs_are() -> None:
    job = Job(name="a", file="a", about="", command="", shards=1, array=False, run="a", number="7", queue={})
    later = dataclasses.replace(job, number=None)
    said = [ChainResult(pipeline="higan", jobs=jobs).sentence() for jobs in ((), (job,), (job, later))]
    assert ["was submitted" in each for each in said] == [False, True, False]
