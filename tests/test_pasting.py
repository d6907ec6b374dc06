"""Commands of a page name what its run was given, so that they can be pasted."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from report_runs import write_run

from gantk.reports.pasting import pasted
from gantk.reports.record import RunRecord
from gantk.reports.sections import Cell, Facts, Picture, Prose, Table
from gantk.reports.tabular import grid_of

SECTIONS = [
    Prose("`gantk navigan apply MODEL RUN/a.safetensors`, then `gantk lse edit MODEL b`. A MODEL in a sentence stays."),
    Facts([("command", "gantk manipulate MODEL c"), ("seed", 0)]),
    Table(["command", "n"], [["gantk manipulate MODEL d", 1], [Cell(None, "none"), 2]]),
]


def run(folder: Path = Path("runs/a"), **arguments: object) -> RunRecord:
    return RunRecord(folder, "sefa", {"arguments": {"output_dir": "runs/a", **arguments}})


def told(text: str, record: RunRecord) -> str:
    (section,) = pasted([Prose(text)], record)
    assert isinstance(section, Prose)
    return section.text


def test_what_a_run_was_given_stands_in_commands_alone() -> None:
    prose, facts, table = pasted(SECTIONS, run(model="demo"))
    assert isinstance(prose, Prose) and isinstance(facts, Facts) and isinstance(table, Table)
    assert prose.text == (
        "`gantk navigan apply demo runs/a/a.safetensors`, then `gantk lse edit demo b`. A MODEL in a sentence stays."
    )
    assert facts.items == [("command", "gantk manipulate demo c"), ("seed", 0)]
    assert table.rows[0] == ["gantk manipulate demo d", 1] and table.rows[1] == [Cell(None, "none"), 2]


def test_a_file_is_named_as_it_was_typed_and_quoted_for_a_shell() -> None:
    given = run(model="nets/my church.pkl?label_dim=4", images=["a.png", "b c.png"])
    assert (
        told("`gantk invert MODEL IMAGES`", given) == "`gantk invert 'nets/my church.pkl?label_dim=4' a.png 'b c.png'`"
    )
    assert told("`gantk lse edit MODEL heads/LSE.safetensors`", given).endswith("heads/LSE.safetensors`")
    assert told("`RUN/wp.npy` holds the codes", given) == "`runs/a/wp.npy` holds the codes"


def test_the_next_step_keeps_an_option_that_the_run_has_too() -> None:
    from gantk.ghfeat.claims import ALONG

    given = run(model="demo", direction=None)  # `gantk invert` has a --direction of its own
    assert "--direction BOUNDARY`" in told(ALONG, given)


@pytest.mark.parametrize("folder", ["runs/a", "my runs/a", "it's", 'a"b', "a\\b", "ä"])
def test_a_name_in_python_stays_inside_its_string(folder: str) -> None:
    lines = [("Python", 'gantk.load_direction("RUN/x.safetensors", generator)')]
    (section,) = pasted([Facts(lines)], RunRecord(Path(), "atlas", {"arguments": {"output_dir": folder}}))
    assert isinstance(section, Facts)
    call = ast.parse(str(section.items[0][1]), mode="eval").body
    assert isinstance(call, ast.Call) and ast.literal_eval(call.args[0]) == f"{folder}/x.safetensors"


def test_an_option_whose_value_was_not_given_is_left_out() -> None:
    text = "`gantk lse evaluate MODEL HEAD --teacher TEACHER` scores"
    assert told(text, run(model="demo", teacher=None)) == "`gantk lse evaluate demo HEAD` scores"
    assert told(text, run(model="demo", teacher="t.py:f")) == "`gantk lse evaluate demo HEAD --teacher t.py:f` scores"
    assert told(text, run(model="demo")) == "`gantk lse evaluate demo HEAD --teacher TEACHER` scores"


def test_the_model_of_the_run_before_is_found_beside_this_one(tmp_path: Path) -> None:
    first, second = tmp_path / "jacobian", tmp_path / "found"
    second.mkdir()
    write_run(first, "resefa jacobian", {}, arguments={"model": "demo"})
    arguments = {"run": "somewhere/jacobian", "output_dir": "somewhere/found", "model": None}
    record = RunRecord(second, "resefa-directions", {"arguments": arguments})
    assert told("`gantk manipulate MODEL RUN/a`", record) == "`gantk manipulate demo somewhere/found/a`"
    (first / "resefa-jacobian.run.json").unlink()
    assert told("`gantk manipulate MODEL RUN/a`", record) == "`gantk manipulate MODEL somewhere/found/a`"


@pytest.mark.parametrize("model", [None, "a`b", "a\nb", 3, "", [], "x" * 301])
def test_what_cannot_be_typed_is_not_put_into_a_command(model: object) -> None:
    assert told("`gantk manipulate MODEL c`", run(model=model)) == "`gantk manipulate MODEL c`"
    bare = RunRecord(Path(), "sefa", {"arguments": {}})
    assert told("`gantk manipulate MODEL RUN/c`", bare) == "`gantk manipulate MODEL RUN/c`"


def test_a_column_of_pictures_with_a_gap_is_left_out_of_a_copied_table() -> None:
    picture = Picture(np.zeros((4, 4), np.uint8), "A grid's corner is empty")
    grid = grid_of(Table(["code", "unmixed", "mixed"], [["", None, picture], ["seed 0", picture, picture]]))
    assert grid.names == ("code",)
    labelled = Picture(np.zeros((4, 4), np.uint8), "A sample", "sample 0")
    assert grid_of(Table(["code", "image"], [["a", None], ["b", labelled]])).names == ("code", "image")
