"""Commands of a page name the model of its run, where a name says which one it is."""

from __future__ import annotations

import numpy as np
import pytest

from gantk.reports.pasting import with_model
from gantk.reports.sections import Cell, Facts, Picture, Prose, Table
from gantk.reports.tabular import grid_of

SECTIONS = [
    Prose("`gantk navigan apply MODEL a.safetensors`, then `gantk lse edit MODEL b`. A MODEL in a sentence stays."),
    Facts([("command", "gantk manipulate MODEL c"), ("seed", 0)]),
    Table(["command", "n"], [["gantk manipulate MODEL d", 1], [Cell(None, "none"), 2]]),
]


def test_a_name_stands_for_model_in_commands_alone() -> None:
    prose, facts, table = with_model(SECTIONS, {"arguments": {"model": "demo"}})
    assert isinstance(prose, Prose) and isinstance(facts, Facts) and isinstance(table, Table)
    assert prose.text == (
        "`gantk navigan apply demo a.safetensors`, then `gantk lse edit demo b`. A MODEL in a sentence stays."
    )
    assert facts.items == [("command", "gantk manipulate demo c"), ("seed", 0)]
    assert table.rows[0] == ["gantk manipulate demo d", 1] and table.rows[1] == [Cell(None, "none"), 2]


@pytest.mark.parametrize("model", [None, "nets/church.pkl", "a b", r"\1"])
def test_what_is_no_name_is_not_put_into_a_command(model: str | None) -> None:
    assert with_model(SECTIONS, {"arguments": {"model": model}}) == SECTIONS
    assert with_model(SECTIONS, {}) == SECTIONS


def test_a_column_of_pictures_with_a_gap_is_left_out_of_a_copied_table() -> None:
    picture = Picture(np.zeros((4, 4), np.uint8), "A grid's corner is empty")
    grid = grid_of(Table(["code", "unmixed", "mixed"], [["", None, picture], ["seed 0", picture, picture]]))
    assert grid.names == ("code",)
    labelled = Picture(np.zeros((4, 4), np.uint8), "A sample", "sample 0")
    assert grid_of(Table(["code", "image"], [["a", None], ["b", labelled]])).names == ("code", "image")
