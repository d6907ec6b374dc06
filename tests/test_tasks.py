"""What a task is promised: a toy sixth analysis is one folder and one row, and thereby has everything."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from toy import verbs
from toy.options import BrightnessOptions

import gantk
from gantk.errors import GantkError, UsageError
from gantk.runs.options import fields_of, schema
from gantk.runs.reporting import load_result
from gantk.runs.table import TASKS, Row

Call = Callable[..., tuple[int, str, str]]
LINE = ("brightness", "demo-biggan", "-N", "6")


@pytest.fixture(autouse=True)
def _sixth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, "brightness", Row("toy.tasks:BRIGHTNESS", "Measure how bright samples are."))


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file but those that say when and how long a run took."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.suffix not in (".html",)
        and not path.name.endswith(".run.json")
    }  # fmt: skip


def test_command_page_and_result(tmp_path: Path, gantk_command: Call) -> None:
    code, out, err = gantk_command(*LINE, "-o", tmp_path)
    assert code == 0, err
    assert "The mean brightness of 6 samples" in out
    found = load_result(tmp_path)
    assert len(found.table()) == 6
    page = (tmp_path / "brightness.html").read_text()
    assert "The mean brightness of 6 samples" in page and "demo-biggan" in page and "Settings" in page
    (tmp_path / "brightness.html").unlink()
    assert gantk_command("report", tmp_path)[0] == 0
    assert "The mean brightness of 6 samples" in (tmp_path / "brightness.html").read_text()


def test_help_has_every_option_once(gantk_command: Call) -> None:
    code, out, _ = gantk_command("brightness", "--help")
    assert code == 0
    for spelling in ("-N, --num", "--gain", "--bins", "--seed", "--shard", "--output-dir", "--config", "--device"):
        assert out.count(spelling) == 1, spelling
    text = " ".join(out.split())
    assert "--nums" not in text and "[at least 1 and at most 100]" in text and "gantk brightness demo -N 4" in text


def test_settings_file(tmp_path: Path, gantk_command: Call) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("[brightness]\nnum = 3\ngain = 2.0\n")
    assert gantk_command("--config", settings, "brightness", "demo-biggan", "-o", tmp_path / "run")[0] == 0
    arguments = json.loads((tmp_path / "run" / "brightness.run.json").read_text())["arguments"]
    assert (arguments["num"], arguments["gain"]) == (3, 2.0)
    settings.write_text("[brightness]\nnumb = 3\n")
    code, _, err = gantk_command("--config", settings, "brightness", "demo-biggan", "-o", tmp_path / "run")
    assert code == 2 and "numb" in err and "num" in err


def test_shards_and_merging_give_the_bytes_of_the_whole(tmp_path: Path, gantk_command: Call) -> None:
    assert gantk_command(*LINE, "-o", tmp_path / "whole")[0] == 0
    for part in ("1/2", "0/2"):
        code, out, err = gantk_command(*LINE, "--shard", part, "-o", tmp_path / "parts")
        assert code == 0 and f"Shard {part}" in out, err
    assert not (tmp_path / "parts" / "brightness.result.json").exists()
    assert gantk_command("merge", tmp_path / "parts")[0] == 0
    assert bytes_of(tmp_path / "parts") == bytes_of(tmp_path / "whole")
    assert (tmp_path / "parts" / "brightness.html").exists()


def test_a_killed_run_continues_to_the_same_bytes(
    tmp_path: Path, gantk_command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gantk_command(*LINE, "-o", tmp_path / "whole")[0] == 0
    calls = []
    generate = gantk.Generator.synthesize

    def dies(self: gantk.Generator, *arguments: object, **more: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return generate(self, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(gantk.Generator, "synthesize", dies)
    assert gantk_command(*LINE, "-o", tmp_path / "killed")[0] == 130
    assert gantk_command(*LINE, "-o", tmp_path / "killed")[0] == 0
    assert len(calls) == 4  # the first chunk was not computed again
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "whole")


def test_identity_counts_options_and_contents(tmp_path: Path, gantk_command: Call) -> None:
    run = tmp_path / "run"
    assert gantk_command(*LINE, "-o", run)[0] == 0
    for more, named in ((("--gain", "2"), "--gain"), (("--seed", "1"), "--seed"), (("--bins", "9"), "--bins")):
        code, _, err = gantk_command(*LINE, *more, "-o", run)
        assert code == 2 and named in err and "--overwrite" in err, err
    code, _, err = gantk_command("brightness", "demo-pggan", "-N", "6", "-o", run)
    assert code == 2 and "the generator" in err
    before = (run / "brightness.result.json").stat().st_mtime_ns
    assert gantk_command(*LINE, "--device", "cpu", "-o", run)[0] == 0  # the same run: nothing is computed
    assert (run / "brightness.result.json").stat().st_mtime_ns == before
    assert gantk_command(*LINE, "--gain", "2", "--overwrite", "-o", run)[0] == 0


@pytest.mark.parametrize("value", ["inf", "nan", "1e21", "-1", "0", "x"])
def test_numbers_out_of_range_are_one_sentence(value: str, tmp_path: Path, gantk_command: Call) -> None:
    for name in ("--num", "--gain"):
        code, _, err = gantk_command("brightness", "demo-biggan", name, value, "-o", tmp_path / "run")
        assert code == 2 and name in err and value in err and len(err.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("value", ["1_000", "\u0661\u0662", "0x10", "2.5"])
def test_numbers_are_read_as_people_write_them(value: str, tmp_path: Path, gantk_command: Call) -> None:
    """Python's own reader also takes 1_000, and digits of other scripts."""
    settings = tmp_path / "settings.toml"
    settings.write_text(f"[brightness]\nnum = '{value}'\n")
    for words in (("brightness", "--num", value), ("--config", settings, "brightness")):
        code, _, err = gantk_command(*words, "demo-biggan", "-o", tmp_path / "run")
        assert code == 2 and "--num" in err and value in err and len(err.strip().splitlines()) == 1
    for option, given in (("--seeds", "1_0"), ("--truncation", "0.7:1_0"), ("--truncation", "0_1"), ("--rows", "1_0")):
        code, _, err = gantk_command("sefa", "demo", option, given, "-o", tmp_path / "run")
        assert code == 2 and given in err and len(err.strip().splitlines()) == 1, err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("value", ["2.5", "true", "2.0"])
def test_a_number_of_a_settings_file_is_not_rounded(value: str, tmp_path: Path, gantk_command: Call) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(f"[brightness]\nnum = {value}\n")
    code, _, err = gantk_command("--config", settings, "brightness", "demo-biggan", "-o", tmp_path / "run")
    assert code == 2 and f"--num is {value.capitalize()}: give a whole number" in err
    assert not (tmp_path / "run").exists()


def test_python_needs_no_directory() -> None:
    generator = gantk.load_generator("demo-biggan")
    found = verbs.brightness(generator, num=5, gain=2.0)
    assert found.brightness.shape == (5,) and "5 samples" in repr(found) and "<iframe" in found._repr_html_()
    again = verbs.brightness(generator, options=BrightnessOptions(num=5, gain=2.0))
    np.testing.assert_array_equal(found.brightness, again.brightness)
    with pytest.raises(UsageError, match="'gian' is no option here. Did you mean 'gain'"):
        verbs.brightness(generator, gian=2.0)
    with pytest.raises(UsageError, match="num is 0"):
        verbs.brightness(generator, num=0)
    with pytest.raises(UsageError, match="gain is nan"):
        verbs.brightness(generator, gain=float("nan"))


def test_save_and_load(tmp_path: Path) -> None:
    found = verbs.brightness(gantk.load_generator("demo-biggan"), num=3)
    found.save(tmp_path)
    again = load_result(tmp_path)
    assert again.sentence() == found.sentence() and (tmp_path / "brightness.html").exists()


@pytest.mark.parametrize("field", ["brightness", "counts", "resolution"])
def test_a_renamed_field_is_an_error(tmp_path: Path, field: str) -> None:
    verbs.brightness(gantk.load_generator("demo-biggan"), num=3).save(tmp_path)
    path = tmp_path / "brightness.result.json"
    plain = json.loads(path.read_text())
    plain["fields"][field + "x"] = plain["fields"].pop(field)
    path.write_text(json.dumps(plain))
    with pytest.raises(GantkError, match=f"unknown field {field}x.*Did you mean '{field}'"):
        load_result(tmp_path)


def test_schema_has_types_ranges_and_defaults() -> None:
    found = schema(BrightnessOptions)
    assert found["additionalProperties"] is False
    properties = found["properties"]
    assert isinstance(properties, dict)
    assert properties["num"] == {"type": "integer", "minimum": 1, "description": "Number of samples.", "default": 8}
    assert properties["gain"]["exclusiveMinimum"] == 0.0
    assert [field.name for field in fields_of(BrightnessOptions)] == ["seed", "num", "gain", "bins"]


def test_parts_of_a_result_are_made_once(tmp_path: Path) -> None:
    from toy.results import Facts

    from gantk.runs.run import Run
    from gantk.runs.stores import MemoryStore, RunStore

    made: list[int] = []

    def make() -> Facts:
        made.append(1)
        return Facts(resolution=len(made))

    for _ in range(2):
        with Run.begin(tmp_path, "brightness", {}, identity={"a": 1}) as run:
            assert RunStore(run).part("first", Facts, make).resolution == 1
    with Run.begin(tmp_path, "brightness", {}, identity={"a": 2}, overwrite=True) as run:
        assert RunStore(run).part("first", Facts, make).resolution == 2  # of another run: made again
        run.drop_parts()
    assert not (tmp_path / "parts").exists()
    assert MemoryStore().part("first", Facts, make).resolution == 3


def test_what_is_refused_leaves_nothing(tmp_path: Path, gantk_command: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the verb finds out, after the run began: no manifest, no directory."""

    def refuses(*_: object, **__: object) -> None:
        raise UsageError("This sample cannot be.")

    monkeypatch.setattr(gantk.Generator, "synthesize", refuses)
    code, _, err = gantk_command(*LINE, "-o", tmp_path / "a" / "b")
    assert (code, err) == (2, "Error: This sample cannot be.\n")
    assert not (tmp_path / "a").exists()
    (tmp_path / "c").mkdir()
    assert gantk_command(*LINE, "-o", tmp_path / "c")[0] == 2
    assert list((tmp_path / "c").iterdir()) == []


def every_byte(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stops_at(call: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the generator raise at its call of that number, from 0."""
    calls: list[int] = []
    generate = gantk.Generator.synthesize

    def stops(self: gantk.Generator, *arguments: object, **more: object) -> object:
        calls.append(1)
        if len(calls) == call + 1:
            raise error
        return generate(self, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(gantk.Generator, "synthesize", stops)


@pytest.mark.parametrize(
    "error, code", [(UsageError("Not so."), 2), (GantkError("No."), 1), (KeyboardInterrupt(), 130)]
)
@pytest.mark.parametrize("whole", [True, False], ids=["complete", "interrupted"])
@pytest.mark.parametrize("gain", ["2", "1"], ids=["other", "same"])
def test_what_is_overwritten_stays_until_something_new_is_whole(
    tmp_path: Path, gantk_command: Call, error: BaseException, code: int, whole: bool, gain: str
) -> None:
    run, line = tmp_path / "run", (*LINE, "--gain", gain, "--overwrite")
    if whole:
        assert gantk_command(*LINE, "-o", run)[0] == 0
    else:
        with pytest.MonkeyPatch.context() as patch:
            stops_at(1, KeyboardInterrupt(), patch)
            assert gantk_command(*LINE, "-o", run)[0] == 130
    before = every_byte(run)
    with pytest.MonkeyPatch.context() as patch:
        stops_at(0, error, patch)
        assert gantk_command(*line, "-o", run)[0] == code
    assert every_byte(run) == before
    with pytest.MonkeyPatch.context() as patch:
        stops_at(1, error, patch)
        assert gantk_command(*line, "-o", run)[0] == code  # one chunk was whole: now it is this run's directory
    manifest = json.loads((run / "brightness.run.json").read_text())
    assert manifest["arguments"]["gain"] == float(gain)
    assert manifest["state"] == ("interrupted" if code == 130 else "failed")
    assert [path.name for path in (run / "chunks" / "brightness").iterdir()] == ["brightness.000000.npy"]
    assert gantk_command(*line, "-o", run)[0] == 0
    assert gantk_command(*line[:-1], "-o", tmp_path / "fresh")[0] == 0
    assert bytes_of(run) == bytes_of(tmp_path / "fresh")


def test_a_folder_of_a_run_may_have_the_name_of_the_run(
    tmp_path: Path, gantk_command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert gantk_command("synthesize", "demo-biggan", "--label", "0", "-N", "1", "--images", "-o", "images")[0] == 0
    assert (tmp_path / "images" / "images" / "000000.png").is_file()


def test_a_finished_run_removes_what_a_kill_at_its_end_left(tmp_path: Path, gantk_command: Call) -> None:
    run = tmp_path / "run"
    assert gantk_command(*LINE, "-o", run)[0] == 0
    before = every_byte(run).keys()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = socket.gethostname().replace("-", "_")
    for again in ((*LINE, "-o", run), ("report", run)):
        (run / f".brightness.html.{host}-{dead.pid}-0.gantk-tmp").write_text("half a pa")
        assert gantk_command(*again)[0] == 0
        assert every_byte(run).keys() == before
