"""`gantk compare` and `gantk.compare`: what differs between finished runs of one command, and what is refused."""

from __future__ import annotations

import csv
import dataclasses
import html
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_results import RUNS, changed_run, old_run

import gantk
from gantk.comparing.labels import in_words, labels_of
from gantk.comparing.numbers import key_of, numbers_of, ordered
from gantk.comparing.pictures import paired
from gantk.comparing.reading import distinct, shown
from gantk.comparing.results import Number
from gantk.errors import GantkError, UsageError
from gantk.runs.reporting import read_run
from gantk.runs.table import BESIDE, TASKS, find_task

Call = Callable[..., tuple[int, str, str]]


def kept(name: str, folder: Path) -> Path:
    return Path(shutil.copytree(RUNS / name, folder))


def manifest_of(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    (path,) = folder.glob("*.run.json")
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return kept("rescore", tmp_path / "first"), changed_run(tmp_path / "second")


def test_the_changed_number_and_the_changed_setting_are_found(pair: tuple[Path, Path]) -> None:
    found = gantk.compare(*pair)
    assert [side.name for side in found.runs] == ["first", "second"]
    assert [(each.name, each.values[1]) for each in found.settings] == [("--seed", "7")]
    results: list[Any] = [read_run(find_task("rescore"), folder) for folder in pair]
    before, after = results
    old, new = (next(r for r in each.table() if r["boundary"] == before.boundaries[0].name) for each in (before, after))
    number = next(n for n in found.different if (n.row, n.name) == (old["boundary"], "gain"))
    assert number.values == (old["gain"], new["gain"]) and number.difference == pytest.approx(10)
    assert number.low == (old["gain_low"], new["gain_low"]) and number.apart
    assert found.sentence().startswith(f"The number that differs most is gain of {number.row}: ")
    assert all(n.row == number.row or n.name == "rank" for n in found.different)
    row = next(row for row in found.table() if (row["row"], row["number"]) == (number.row, "gain"))
    assert (
        row["scaled"] == pytest.approx(number.scaled)
        and row["apart"] is True
        and row["second high"] == new["gain_high"]
    )


def test_the_same_numbers_are_said_to_be_the_same(tmp_path: Path) -> None:
    runs = [kept("train-boundary", tmp_path / name) for name in "ab"]
    found = gantk.compare(*runs)
    assert found.different == () and found.settings == () and found.same > 0
    assert found.sentence() == f"{len(found.shared)} numbers are the same in all 2 runs."


def test_results_without_their_runs_are_compared_too(pair: tuple[Path, Path]) -> None:
    first, second = (read_run(find_task("rescore"), folder) for folder in pair)
    alone, mixed = gantk.compare(first, second), gantk.compare(first, pair[1])
    assert not alone.known and not mixed.known and alone.settings == ()
    assert [n.values for n in alone.numbers] == [n.values for n in mixed.numbers]
    assert [side.name for side in mixed.runs] == ["result 1", "second"]
    with pytest.raises(UsageError, match="twice"):
        gantk.compare(first, first)
    with pytest.raises(UsageError, match="different commands"):
        gantk.compare(first, read_run(find_task("sefa"), RUNS / "sefa"))
    with pytest.raises(UsageError):
        gantk.compare()
    with pytest.raises(UsageError, match="two or more"):
        gantk.compare(first)


def test_two_seeds_of_synthesize(tmp_path: Path, gantk_command: Call) -> None:
    runs = [tmp_path / "seed0", tmp_path / "seed1"]
    for seed, run in enumerate(runs):
        words = ("synthesize", "demo", "-N", "3", "--predict", "--preview", "3", "--seed", seed, "-o", run)
        assert gantk_command(*words)[0] == 0
    code, out, err = gantk_command("compare", *runs, "--shown", "2", "-o", tmp_path / "both")
    assert code == 0, err
    assert "The number that differs most is" in out and "--seed: 0 | 1" in out
    found: Any = gantk.load_result(tmp_path / "both")
    assert [setting.name for setting in found.settings] == ["--seed"]
    assert not any(number.name == "seed" for number in found.numbers), "a setting is no number that was found"
    assert len(found.pictures) == 2
    for place, run in enumerate(runs):
        name = found.pictures[0].name
        assert (tmp_path / "both" / f"run{place}" / name).read_bytes() == (run / name).read_bytes()
    with open(tmp_path / "both" / "comparison.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    means = [{r["attribute"]: r["mean"] for r in gantk.load_result(run).table()} for run in runs]
    for row in rows:
        if row["number"] == "mean":
            assert [float(row[run.name]) for run in runs] == [mean[row["row"]] for mean in means]
    again = gantk_command("compare", *runs, "--shown", "2", "-o", tmp_path / "both")
    assert again[0] == 0, "an unchanged pair is answered with what is there"


def test_strips_of_two_runs_stand_in_one_grid(tmp_path: Path) -> None:
    found = gantk.compare(kept("sefa", tmp_path / "a"), kept("sefa", tmp_path / "b"), shown=1)
    assert len(found.moved) == 1 and len(found.moved[0].strips) == 2
    found.save(tmp_path / "out")
    again: Any = gantk.load_result(tmp_path / "out")
    names = [strip.images[0].name.split("/")[0] for strip in again.moved[0].strips]
    assert names == ["run0", "run1"] and again.sentence() == found.sentence()


@pytest.mark.parametrize("name", sorted({path.name for path in RUNS.iterdir()} - set(BESIDE)))
def test_every_kept_run_can_be_compared(name: str, tmp_path: Path) -> None:
    found = gantk.compare(kept(name, tmp_path / "a"), kept(name, tmp_path / "b"))
    assert found.different == () and found.settings == ()
    assert found.page().text().count("<h1") == 1


def test_names_from_runs_are_shown_escaped(tmp_path: Path, gantk_command: Call) -> None:
    evil = "<img src=x onerror=alert(1)>`**"
    first, second = kept("rescore", tmp_path / "a"), changed_run(tmp_path / evil.replace("/", ""))
    manifest_of(second, lambda m: m["arguments"].update({evil: f"{evil}\x1b[31m"}))
    code, out, _ = gantk_command("compare", first, second, "-o", tmp_path / "out")
    text = (tmp_path / "out" / "compare.html").read_text()
    assert code == 0 and "\x1b" not in out
    assert "<img src=x" not in text and html.escape("<img src=x onerror=alert(1)>") in text


# --- what is refused -------------------------------------------------------------------------------------------------


def refused(gantk_command: Call, code: int, *words: object) -> str:
    """The sentence of a call that writes nothing."""
    folder = Path(str(words[0])).parent
    before = sorted(folder.rglob("*"))
    found, out, err = gantk_command("compare", *words, "-o", folder / "out")
    assert (found, out) == (code, "") and err.startswith("Error: ") and err.count("\n") == 1, err
    assert sorted(folder.rglob("*")) == before
    return err


def test_bad_inputs_are_one_sentence(tmp_path: Path, gantk_command: Call) -> None:
    one, two = kept("rescore", tmp_path / "one"), kept("rescore", tmp_path / "two")
    other = kept("sefa", tmp_path / "other")
    (tmp_path / "empty").mkdir()
    assert "two or more" in refused(gantk_command, 2, one)
    assert "given twice" in refused(gantk_command, 2, one, tmp_path / "two" / ".." / "one")
    assert "different commands" in refused(gantk_command, 2, one, other)
    assert "holds no *.run.json" in refused(gantk_command, 1, one, tmp_path / "empty")
    assert "does not exist" in refused(gantk_command, 1, one, tmp_path / "nowhere")
    assert "holds no run of --command 'rescor'" in refused(gantk_command, 2, one, two, "--command", "rescor")
    manifest_of(two, lambda m: m.update(state="interrupted"))
    assert "is not finished (it is interrupted)" in refused(gantk_command, 1, one, two)
    manifest_of(two, lambda m: (m.update(state="complete"), m["arguments"].update(shard="0/2")))
    assert "`gantk merge" in refused(gantk_command, 2, one, two)
    manifest_of(other, lambda m: m.update(command="../x"))
    assert "no command of gantk" in refused(gantk_command, 1, one, other)


def test_a_directory_with_several_commands_asks_which(tmp_path: Path, gantk_command: Call) -> None:
    runs = [kept("rescore", tmp_path / name) for name in "ab"]
    for run in runs:
        shutil.copytree(RUNS / "train-boundary", run, dirs_exist_ok=True)
    assert "--command" in refused(gantk_command, 2, *runs)
    assert gantk_command("compare", *runs, "--command", "train-boundary", "-o", tmp_path / "out")[0] == 0
    found: Any = gantk.load_result(tmp_path / "out")
    assert found.command == "train-boundary"


def test_a_damaged_result_is_refused(pair: tuple[Path, Path]) -> None:
    (pair[1] / "rescore.result.json").write_text("{}")
    with pytest.raises(GantkError, match="run the command again"):
        gantk.compare(*pair)


# --- parts -----------------------------------------------------------------------------------------------------------


def number(values: tuple[float | None, ...], half: float | None = None, name: str = "n") -> Number:
    ends = [tuple(None if v is None or half is None else v + side * half for v in values) for side in (-1, 1)]
    return Number(row="", name=name, label=name, values=values, low=ends[0], high=ends[1])


def test_differences_and_intervals() -> None:
    far, near, bare, lost = number((1.0, 2.0), 0.1), number((1.0, 2.0), 0.6), number((1.0, -3.0)), number((1.0, None))
    assert (far.difference, far.relative, far.apart) == (1.0, 0.5, True)
    assert near.bounded and not near.apart
    assert (bare.difference, bare.relative, bare.bounded) == (4.0, 4 / 3, False)
    assert not lost.shared and lost.difference == 0
    assert number((0.0, 0.0)).relative == 0
    assert far.scaled == pytest.approx(1 / (0.1 * 2**0.5)) and bare.scaled is None
    tiny = number((1e-9, -1e-9))  # 200 % of its size, and without an interval
    assert ordered([lost, tiny, near, bare, far]) == (far, near, tiny, bare, lost)
    assert number((0.0, 5.0), 0.0).scaled == float("inf") and number((5.0, 5.0), 0.0).scaled == 0
    wide = Number(row="", name="n", label="n", values=(0.0, 9.0, 1.0), low=(-1.0, 6.0, 0.9), high=(1.0, 12.0, 1.1))
    assert wide.scaled == pytest.approx(9 / 10**0.5)  # of the two runs that are furthest apart
    assert number((0.0, 5.0, 1.0), 0.1).apart


def test_digits_are_those_of_the_interval_or_those_that_tell_runs_apart() -> None:
    sure, unsure = number((0.91234, 0.95678), 0.0012), number((0.91234, 0.95678), 0.3)
    assert sure.shown(0) == "0.912 (0.911 to 0.914)" and sure.shown_difference == "0.044"
    assert unsure.shown(1) == "1.0 (0.7 to 1.3)" and unsure.shown_difference == "0.0"
    near, same = number((0.91234, 0.91271)), number((0.912345, 0.912345))
    assert (near.shown(0), near.shown(1), near.shown_difference) == ("0.91234", "0.91271", "0.00037")
    assert same.shown(0) == "0.912" and same.shown_difference == "0"
    assert (number((3.0, 1200.0)).shown(1), number((3.0, 1200.0)).shown_difference) == ("1\u202f200", "1\u202f197")
    assert (number((0.0, 0.5)).shown(0), number((1e-9, -2.5e-9)).shown(1)) == ("0", "\u22122.50e\u221209")


def test_numbers_have_the_words_of_their_own_page(tmp_path: Path) -> None:
    found = gantk.compare(*(kept("train-boundary", tmp_path / name) for name in "ab"))
    assert {number.name: number.label for number in found.numbers}["accuracy_val"] == "held-out accuracy"
    text = found.page().text()
    assert "held-out accuracy" in text and "accuracy_val" not in text
    assert in_words("layer_03") == "layer 3" and in_words("scores.paper_miou") == "paper mIoU (scores)"


@pytest.mark.parametrize("name", list(TASKS))
def test_no_name_of_a_field_is_left_in_a_comparison(name: str, tmp_path: Path) -> None:
    result = read_run(find_task(name), old_run(name, tmp_path))
    every = {column for row in result.table() for column in row}
    labels = labels_of(result)
    assert labels.keys() <= every, "a column names a field that no table has"
    for label in [labels.get(key) or in_words(key) for (_, key) in numbers_of([result])[0]]:
        assert not re.search(r"\w_\w|\w\.\w", label), label


def test_rows_are_matched_by_the_columns_that_tell_them_apart() -> None:
    first = [{"rank": 1, "boundary": "a", "gain": 2.0}, {"rank": 2, "boundary": "b", "gain": 1.0}]
    assert key_of([first, first[::-1]]) == ("boundary",)
    regions = [{"region": r, "method": m, "roir": 1.0} for r in "xy" for m in ("s", "t")]
    assert key_of([regions]) == ("region", "method")
    assert key_of([[]]) == ()


def test_low_and_high_are_no_numbers_of_their_own() -> None:
    fixed: Any = _Fixed()
    found = numbers_of([fixed])[0]
    assert found[("fid", "value")] == (1.0, 0.5, 2.0) and ("fid", "low") not in found
    assert found[("fid", "mean")] == (3.0, None, None) and ("fid", "sure") not in found


@dataclasses.dataclass(frozen=True)
class _Fixed:
    TASK = "quality"

    def table(self) -> list[dict[str, object]]:
        return [{"figure": "fid", "mean": 3.0, "value": 1.0, "low": 0.5, "high": 2.0, "sure": True}]


def test_pictures_pair_by_name_and_else_by_place() -> None:
    assert paired([{"a": 1, "b": 2}, {"b": 3}]) == [("b", (2, 3))]
    assert paired([{"a": 1, "b": 2}, {"c": 3}]) == [("number 0", (1, 3))]


def test_names_of_runs_are_short_and_distinct() -> None:
    assert distinct([Path("/x/a"), Path("/x/b")]) == ["a", "b"]
    assert distinct([Path("/x/run"), Path("/y/run")]) == ["x/run", "y/run"]
    assert shown("a`b*\x1b") == "a_b__" and len(shown("a" * 999)) == 120
