"""Numbers and rows as pages write them, and what explains a column."""

from __future__ import annotations

from pathlib import Path

import pytest

from gantk.quality.results import Measured
from gantk.reports import Bins, Column, Facts, Histogram, Page, Prose, Table
from gantk.reports.numbers import MISSING, show_places, show_rounded, show_rows, side_digits
from gantk.reports.record import RunRecord
from gantk.reports.text import inline, typeset, whole


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("58 % of 12 s", "58\u00a0% of 12\u00a0s"),
        ("0.4 \u00b1 0.1 dB", "0.4\u00a0\u00b1\u00a00.1\u00a0dB"),
        ("95 % interval -3 to 2", "95\u00a0% interval \u22123 to 2"),
        ("pixels in [-1, 1] s", "pixels in [\u22121,\u00a01] s"),
        ("3 samples, 8 min-max, 5 sets", "3 samples, 8 min-max, 5 sets"),
    ],
)
def test_no_line_ends_between_a_number_and_its_unit(text: str, shown: str) -> None:
    assert typeset(text) == shown
    page = Page(
        "t", sections=[Prose(text, text), Table([text], [[text]], text), Facts([("a", text)], caption=text)]
    ).text()
    assert page.count(shown) >= 5, "the title, the paragraph, the cell and the captions have it alike"


def test_headings_of_one_kind_are_one_entry_of_the_contents() -> None:
    walks = [Prose("a", f"direction {number}: edited samples") for number in range(6)]
    page = Page("t", sections=[Prose("a", "First"), *walks, Prose("b", "Files"), Prose("c", "Last")]).text()
    contents = page.partition('<nav class="contents"')[2].partition("</nav>")[0]
    assert "<summary>Edited samples (6)</summary>" in contents and ">direction 3</a>" in contents
    assert contents.count("<details") == 2 and contents.count("<a href") == 9
    few = Page("t", sections=[Prose("a", "First"), *walks[:4], Prose("b", "Files")]).text()
    assert "direction 3: edited samples</a>" in few and "Edited samples (" not in few


def test_a_short_word_of_code_is_not_divided() -> None:
    assert str(inline("`--predictor` and `gantk sefa demo`")) == (
        '<code class="whole">--predictor</code> and <code>gantk sefa demo</code>'
    )
    assert str(inline("`gantk a --of b`")) == '<code>gantk a <span class="whole">--of</span> b</code>'
    assert str(inline("`--random 20 of a longer one`")).startswith('<code><span class="whole">--random</span> 20')


def test_no_line_ends_inside_a_range() -> None:
    kept = '<span class="whole">5-9</span>'
    assert str(inline("rows 5-9, **5-9** and -3")) == f"rows {kept}, <strong>{kept}</strong> and \u22123"
    assert kept in str(inline("`gantk manipulate demo season --rows 5-9`"))
    assert str(whole("2026-11-29, w-5-9, 1-2-3, a<b")) == "2026-11-29, w-5-9, 1-2-3, a&lt;b"
    text = Page("Rows 5-9", sections=[Prose("a", "Rows 5-9"), Table(["rows"], [["rows 5-9"]])]).text()
    assert text.count(kept) >= 3


def test_a_number_stays_on_its_side_of_a_bound() -> None:
    assert [side_digits(value, 2.0, 1) for value in (1.94, 1.96, 1.996, 2.0, 2.04)] == [1, 2, 3, 1, 1]
    assert f"{0.7996:.{side_digits(0.7996, 0.8)}f}" == "0.7996"
    assert side_digits(1 - 1e-12, 1.0) == 6


def test_settings_of_0_are_shown_and_those_left_out_are_not() -> None:
    given = {"random": 0, "layerwise": False, "label": None, "names": [], "seed": 0, "rate": 0.0}
    shown = RunRecord(Path(), "rescore", {"arguments": given}).settings()
    assert shown == [("random", 0), ("seed", 0), ("rate", 0.0)]
