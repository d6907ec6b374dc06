"""What every task of the table is promised, by its options alone: nothing here loads a model."""

from __future__ import annotations

import json
import math
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from gantk.cli.build import command_of
from gantk.cli.main import cli
from gantk.cli.options import add_common_options
from gantk.errors import UsageError
from gantk.runs.options import Field, Options, fields_of, from_plain, schema
from gantk.runs.table import GROUPS, TASKS, find_task
from gantk.runs.task import Task

Call = Callable[..., tuple[int, str, str]]
NOWHERE = "there-is-no-such-thing"

every_task = pytest.mark.parametrize("name", TASKS)


def classes_of(task: Task) -> tuple[type[Options], ...]:
    return task.inputs, task.options, task.run


def all_fields(task: Task) -> list[Field]:
    return [field for kind in classes_of(task) for field in fields_of(kind)]


def bad_values(field: Field) -> list[str]:
    """What a number must not be, as it is typed: another type, not finite, too large, just out of its range."""
    about = field.about
    values = ["x", "", "nan", "inf", "-inf", "1e21"]
    step = 1 if field.kind is int else 1e-3
    values += ["1.5", str(10**21)] if field.kind is int else []
    values += [str(end) for end in (about.above, about.below) if end is not None]
    values += [str(about.least - step)] if about.least is not None else []
    values += [str(about.most + step)] if about.most is not None and about.most < 2**53 else []
    return [value.removesuffix(".0") if field.kind is int else value for value in values]


def numbers() -> list[Any]:
    return list(_numbers())


def _numbers() -> Iterator[Any]:
    for name in TASKS:
        for field in all_fields(find_task(name)):
            if field.kind in (int, float) and not field.about.argument:
                yield pytest.param(name, field, id=f"{name} {field.dashed}".replace(" ", "-"))


def needed_words(task: Task, but: str = "") -> list[str]:
    """What a command line of the task cannot lack, naming nothing that exists."""
    words: list[str] = []
    for field in all_fields(task):
        if field.required and field.name != but:
            word = field.choices[0] if field.choices else NOWHERE
            words += [word] if field.about.argument else [field.dashed, word]
    return words


# --- what is said ----------------------------------------------------------------------------------------------------


@every_task
def test_every_option_says_what_it_does_in_one_sentence(name: str) -> None:
    for field in all_fields(find_task(name)):
        text = field.about.help
        assert text.endswith(".") and text[0].isupper(), f"{name} {field.dashed}: {text!r}"
        assert text == " ".join(text.split()) and ". " not in text.replace("e.g. ", ""), f"{name} {field.dashed}"


@every_task
def test_no_spelling_is_two_options(name: str) -> None:
    command = command_of(find_task(name))
    spelled = [word for each in command.params for word in (*each.opts, *each.secondary_opts) if word.startswith("-")]
    dashed = [word.replace("_", "-") for word in spelled]
    assert sorted(set(dashed)) == sorted(dashed), sorted(word for word in dashed if dashed.count(word) > 1)
    assert not {"--config", "--debug", "--help", "-h"} & set(dashed), "these are every command's"


# command, spelling of version 0.1.0, spelling now: one word for one thing in all commands
EARLIER = (
    ("ghfeat train", "--perception", "--metric"),
    ("ghfeat extract", "--perception", "--metric"),
    ("invert", "--perception", "--metric"),
    ("navigan hessian", "--show", "--shown"),
    ("navigan svd", "--show", "--shown"),
    ("navigan train", "--show", "--shown"),
    ("navigan train", "--directions", "--components"),
    ("navigan train", "--predictor", "--reconstructor"),
    ("navigan train", "--predictor-size", "--reconstructor-size"),
    ("navigan apply", "--start", "--start-strength"),
    ("navigan apply", "--end", "--end-strength"),
    ("resefa directions", "--num-directions", "--components"),
    ("lse train", "--head", "--kind"),
    ("lse train", "--eps", "--shrinkage"),
    ("lse fewshot", "--num-eval", "--held-out"),
    ("lse evaluate", "--start", "--first"),
    ("lse sample", "--samples", "--per-target"),
    ("lse sample", "--paper", "--compat"),
    ("lse edit", "--paper", "--compat"),
    ("ghfeat train", "--learning-rate", "--rate"),
    ("ghfeat train", "--validation-images", "--held-out"),
    ("ghfeat train", "--save-every", "--save-seconds"),
    ("ghfeat extract", "--refine", "--steps"),
    ("train-boundary", "--chosen-num-or-ratio", "--chosen"),
)


@pytest.mark.parametrize(("name", "before", "now"), EARLIER, ids=[" ".join(each[:2]) for each in EARLIER])
def test_an_earlier_spelling_is_taken_and_not_shown(name: str, before: str, now: str) -> None:
    task = find_task(name)
    kind, field = next((kind, field) for kind in classes_of(task) for field in fields_of(kind) if field.dashed == now)
    option = next(each for each in command_of(task).params if before in each.opts)
    assert option.name == field.name
    record = option.get_help_record(click.Context(command_of(task)))
    assert record is not None and now in record[0] and before not in record[0].split()
    value = field.choices[0] if field.choices else True if field.kind is bool else "none" if field.kind is str else 64
    earlier = {before[2:].replace("-", "_"): [value] if field.several else value}  # as a manifest has it
    needed = {each.name: "x" for each in fields_of(kind) if each.required}
    made = from_plain(kind, {**needed, **earlier})
    assert getattr(made, field.name) == ((value,) if field.several else value)


@every_task
def test_examples_are_of_the_command_and_parse(name: str) -> None:
    task = find_task(name)
    assert task.name == name and task.examples and task.summary.endswith(".")
    for line in task.examples:
        words = shlex.split(line)
        words = words[words.index("gantk") :]  # after torchrun, where processes work together
        depth = 1 + len(name.split())
        assert words[:depth] == ["gantk", *name.split()], line
        context = add_common_options(command_of(task)).make_context(name, words[depth:])
        for kind in classes_of(task):
            names = {field.name for field in fields_of(kind)}
            kind(**{key: value for key, value in context.params.items() if key in names})


@every_task
def test_the_command_is_found_under_its_name(name: str) -> None:
    group: click.Command | None = cli
    for word in name.split():
        assert isinstance(group, click.Group)
        group = group.get_command(click.Context(group), word)
    assert group is not None and group.get_short_help_str(200) == find_task(name).summary
    assert len(name.split()) == 1 or " ".join(name.split()[:-1]) in GROUPS


# --- the schema ------------------------------------------------------------------------------------------------------


def conforms(value: Any, about: dict[str, Any]) -> bool:
    """Whether a value is allowed by the part of JSON schema that gantk uses."""
    kinds = about["type"] if isinstance(about["type"], list) else [about["type"]]
    if value is None:
        return "null" in kinds and None in about.get("enum", [None])
    if isinstance(value, bool):
        return "boolean" in kinds
    if isinstance(value, list):
        sized = about.get("minItems", 0) <= len(value) <= about.get("maxItems", math.inf)
        return "array" in kinds and sized and all(conforms(item, about["items"]) for item in value)
    if isinstance(value, (int, float)):
        ends = about.get("minimum", -math.inf) <= value <= about.get("maximum", math.inf)
        inner = about.get("exclusiveMinimum", -math.inf) < value < about.get("exclusiveMaximum", math.inf)
        return ends and inner and ("number" in kinds or ("integer" in kinds and isinstance(value, int)))
    return "string" in kinds and value in about.get("enum", [value])


@every_task
def test_the_schema_is_json_that_allows_the_defaults(name: str) -> None:
    for kind in classes_of(find_task(name)):
        found = json.loads(json.dumps(schema(kind), allow_nan=False))
        assert found["type"] == "object" and found["additionalProperties"] is False
        assert list(found["properties"]) == [field.name for field in fields_of(kind)]
        for field in fields_of(kind):
            about = found["properties"][field.name]
            known = {"string", "boolean", "integer", "number", "array", "null"}
            assert set(about["type"] if isinstance(about["type"], list) else [about["type"]]) <= known
            assert (field.name in found["required"]) == ("default" not in about)
            if "default" in about:
                assert conforms(about["default"], about), f"{name} {field.dashed}: {about}"


# --- bad values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "field"), numbers())
def test_a_bad_number_is_one_sentence_that_names_the_option(
    name: str, field: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gantk_command: Call
) -> None:
    """Options are read before any input is: the model of these lines does not exist, and nobody says so."""
    monkeypatch.chdir(tmp_path)
    task = find_task(name)
    words = [*name.split(), *needed_words(task, field.name), "--output-dir", "run"]
    for value in bad_values(field):
        code, out, err = gantk_command(*words, field.dashed, *[value] * field.pair)
        shown = f"gantk {' '.join(words)} {field.dashed} {value!r}"
        assert code == 2 and not out, f"{shown} -> {code}: {out}{err}"
        assert field.dashed in err and value in err, f"{shown} -> {err}"
        assert err.startswith("Error: ") and len(err.strip().splitlines()) == 1 and "unexpectedly" not in err, err
    assert not list(tmp_path.iterdir()), "nothing is written"


@pytest.mark.parametrize(("name", "field"), numbers())
def test_what_is_drawn_for_every_sample_has_an_end(name: str, field: Field) -> None:
    """A typing error in these is endless work before anything is seen: they multiply what every sample costs."""
    if field.dashed in ("--size", "--metric-size"):  # of images; memory grows with its square
        assert field.about.most is not None and field.about.most <= 16_384, f"{name} {field.dashed}"
    if field.dashed in ("--step", "--frames", "--subsets", "--resamples", "--random"):
        assert field.about.most is not None and field.about.most <= 100_000, f"{name} {field.dashed}"


@pytest.mark.parametrize(("name", "field"), numbers())
def test_python_refuses_what_the_command_line_refuses(name: str, field: Field) -> None:
    task = find_task(name)
    kind = next(each for each in classes_of(task) if field.name in {one.name for one in fields_of(each)})
    needed: dict[str, Any] = {each.name: NOWHERE for each in fields_of(kind) if each.required}
    for value in ("x", True, math.nan, math.inf, 1e21, 10**21, object()):
        with pytest.raises(UsageError) as caught:
            kind(**needed | {field.name: (value,) * field.pair if field.pair > 1 else value})
        assert field.name in str(caught.value), str(caught.value)


@every_task
def test_what_is_no_choice_or_no_option_is_one_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gantk_command: Call
) -> None:
    monkeypatch.chdir(tmp_path)
    task = find_task(name)
    words = [*name.split(), *needed_words(task)]
    for field in all_fields(task):
        if field.choices and not field.about.argument:
            code, _, err = gantk_command(*words, field.dashed, *[NOWHERE] * field.pair)
            assert code == 2 and field.dashed in err and NOWHERE in err and len(err.strip().splitlines()) == 1, err
    code, _, err = gantk_command(*words, f"--{NOWHERE}")
    assert code == 2 and f"--{NOWHERE}" in err and len(err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


@every_task
def test_an_input_that_is_not_there_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gantk_command: Call
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = gantk_command(*name.split(), *needed_words(find_task(name)), "-o", "run")
    lines = [line for line in err.strip().splitlines() if not line.endswith(": reading")]  # said where that takes long
    assert code in (1, 2) and NOWHERE in err and len(lines) == 1 and "unexpectedly" not in err, err
    assert not list(tmp_path.iterdir())


# --- the tree --------------------------------------------------------------------------------------------------------


def test_analyses_take_a_store_and_no_run(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, root / "scripts" / "untyped.py", "--json"], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["total"]["lines"] > 10_000 and found["total"][": Any"] >= found["rooms"]["runs"][": Any"] > 0
    assert found["systems_taking_a_run"] == [] and found["long_callbacks"] == {}
    assert found["total"]["dict[str, Any]"] < 40, (
        "name what the table holds: a TypedDict, a dataclass, Json, or JsonView"
    )
    assert found["total"][": Any"] < 80, "name the type, or object where isinstance decides; a reason stands beside Any"


def test_an_option_that_is_needed_is_asked_for(gantk_command: Call, tmp_path: Path) -> None:
    code, _, err = gantk_command("navigan", "svd", "demo", "-o", tmp_path / "none")
    assert code == 2 and "--conv" in err and "Missing option" in err and err.count("\n") == 1
    assert not (tmp_path / "none").exists()
