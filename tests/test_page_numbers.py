"""Numbers and rows as pages write them, and what explains a column."""

from __future__ import annotations

import pytest

from gantk.quality.results import Measured
from gantk.reports import Bins, Column, Facts, Histogram, Page, Table
from gantk.reports.numbers import MISSING, show_places, show_rounded, show_rows


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0, 2, "0.0"), (-0.0, 2, "0.0"), (0.99999, 2, "1.0"), (1284.0, 2, "1\u202f300"),
        (28.203, 3, "28.2"), (-0.01234, 2, "\u22120.012"),
        (9.96, 2, "10"), (2.0e6, 2, "2.0e+06"), (float("nan"), 2, MISSING), (float("inf"), 2, MISSING),
    ],
)  # fmt: skip
def test_significant_digits(value: float, digits: int, text: str) -> None:
    assert show_rounded(value, digits) == text


def test_rows_in_words() -> None:
    assert show_places((0, 1, 2, 4, 7, 8)) == "0-2, 4, 7-8" and show_places(()) == ""
    assert show_rows((6,)) == "row 6" and show_rows((5, 6)) == "rows 5-6"


def test_a_figure_has_the_decimals_of_its_interval() -> None:
    assert str(Measured(4.9606, 2.1285, 7.7927)) == "5.0 (2.1 to 7.8)"
    low = Measured(0.4, 0.0004, 0.9).shown()[1]  # an end above 0 does not read as 0
    assert float(low) > 0


def test_columns_that_mean_the_same_are_explained_once() -> None:
    columns = [Column("a"), Column("at 1", "The same."), Column("at 2", "The same."), Column("c", "Another.")]
    text = Page("t", sections=[Table(columns, [["x", 1.0, 2.0, 3.0]])]).text()
    assert "<dt>at 1, at 2</dt>" in text and text.count("The same.") == 1 and "<dt>c</dt>" in text


def test_long_facts_take_a_line_and_mostly_long_ones_all_do() -> None:
    long = "x" * 40
    one = Page("t", sections=[Facts([("a", 1), ("b", 2), ("c", long)])]).text()
    most = Page("t", sections=[Facts([("a", 1), ("b", long), ("c", long)])]).text()
    assert one.count('<div class="long">') == 1 and most.count('<div class="long">') == 3


def test_an_axis_has_two_ticks_and_a_histogram_says_what_it_counts() -> None:
    from gantk.reports.plots import PANEL, Axis, _ticks, draw

    for low, high in ((-1.85, 1.65), (0.4, 0.62), (-4.9, 4.6)):
        assert len(_ticks(Axis(low, high, PANEL.left, PANEL.x_end), 2)) >= 2
    plot = Histogram([Bins("", [1, 2], [0, 1, 2])], "t", x_name="score", y_name="samples")
    assert ">samples<" in draw(plot, panel=True) and ">score<" in draw(plot, panel=True)
