"""The numbers, ticks, colours and coordinates behind the plots."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from report_gallery import bins_of

from gantk.reports import BarPlot, Cell, HeatMap, Histogram, LinePlot, Points, ScatterPlot, Series, Table
from gantk.reports.images import ImageStore
from gantk.reports.numbers import nice_ticks, show_fixed, show_number, show_step, step_digits, tick_labels
from gantk.reports.palettes import DARK, DARK_SEQUENTIAL, LIGHT, LIGHT_SEQUENTIAL, cell_colours, contrast, luminance
from gantk.reports.plots import MOST_POINTS, draw, legend_of
from gantk.reports.tables import show_heat_map, show_table


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.12345, 3, "0.123"),
        (-0.5, 2, "\u22120.50"),
        (-1e-9, 3, "\u22121.00e\u221209"),
        (-0.0, 2, "0.00"),
        (1234567, 3, "1\u202f234\u202f567"),
        (2.5e7, 1, "2.50e+07"),
        (None, 3, "\u2013"),
        (float("nan"), 3, "\u2013"),
        (float("inf"), 3, "\u2013"),
        (True, 3, "\u2013"),
        (np.float32(0.25), 2, "0.25"),
    ],
)
def test_numbers_read_as_people_write_them(value: object, digits: int, text: str) -> None:
    assert show_number(value, digits) == text


def test_steps_have_a_sign_and_no_more_decimals_than_they_need() -> None:
    values = np.linspace(-3, 3, 9).tolist()
    assert [show_step(value, step_digits(values)) for value in values][:5] == [
        "\u22123.00",
        "\u22122.25",
        "\u22121.50",
        "\u22120.75",
        "0",  # on every slider, whatever its decimals
    ]
    assert show_step(-1e-9, 2) == "0" and step_digits([-3.0, 0.0, 3.0]) == 0 and show_step(3.0) == "+3"
    assert show_fixed(-0.004, 2) == "0.00"


@pytest.mark.parametrize("span", [(0, 1), (-3.2, 7.9), (0.001, 0.0042), (1e5, 9e5), (-1e-7, 3e-7), (99.9, 100.1)])
def test_ticks_are_round_inside_and_distinct(span: tuple[float, float]) -> None:
    low, high = span
    ticks = nice_ticks(low, high, 5)
    assert 2 <= len(ticks) <= 8
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)
    labels = tick_labels(ticks)
    assert len(set(labels)) == len(labels)
    for tick, label in zip(ticks, labels, strict=True):
        number = float(label.replace("\u2212", "-").replace("\u202f", ""))
        assert number == pytest.approx(tick, rel=0.06, abs=(high - low) / 1e3)


def test_axes_of_counts_have_whole_ticks() -> None:
    assert nice_ticks(-0.2, 9.2, 4, whole=True) == [0, 5]
    assert nice_ticks(0, 2, 5, whole=True) == [0, 1, 2]
    plot = LinePlot([Series("a", np.arange(10), np.arange(10.0))])
    assert not re.search(r">\d+\.\d+</text>", str(draw(plot, panel=True)).split('class="axis"')[1])
    counted = Histogram([bins_of("", np.repeat([0.1, 0.9], [3, 1]), 4)], "t", x_name="score", y_name="samples")
    heights = str(draw(counted, panel=True)).split('class="axis"')[0]
    assert not re.search(r">\d+\.\d+</text>", heights)


@pytest.mark.parametrize("palette", [LIGHT, DARK, LIGHT_SEQUENTIAL, DARK_SEQUENTIAL])
def test_numbers_on_cells_can_be_read_at_every_value(palette: object) -> None:
    for position in np.linspace(-1, 1, 201):
        background, ink = cell_colours(round(float(position), 2), palette)  # type: ignore[arg-type]
        assert contrast(background, ink) >= 4.5, (position, background, ink)


@pytest.mark.parametrize(("palette", "direction"), [(LIGHT, -1), (DARK, 1)])
def test_lightness_alone_orders_the_magnitudes(palette: object, direction: int) -> None:
    """A grey print, and every kind of colour blindness, still reads how large a value is."""
    for sign in (-1, 1):
        values = [luminance(cell_colours(sign * step / 20, palette)[0]) for step in range(21)]  # type: ignore[arg-type]
        assert all((b - a) * direction > 0 for a, b in itertools.pairwise(values))


def test_the_two_ends_differ_in_blue_against_red() -> None:
    """What red-green blindness keeps: blue against the rest."""
    for palette in (LIGHT, DARK):
        low, high = cell_colours(-1.0, palette)[0], cell_colours(1.0, palette)[0]
        assert int(low[5:], 16) - int(low[1:3], 16) > 60
        assert int(high[1:3], 16) - int(high[5:], 16) > 60


def test_a_line_goes_through_its_points() -> None:
    svg = str(draw(LinePlot([Series("a", [0, 1, 2], [0.0, 1.0, 0.0])], y_range=(0.0, 1.0)), panel=True))
    path = re.search(r'<path d="M([^"]+)" class="curve s0 d0"', svg)
    assert path is not None
    (x0, y0), (x1, y1), (x2, y2) = (tuple(map(float, part.split())) for part in path[1].split("L"))
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.02) and y0 == y2 and y1 == 24.0 and y0 == 136.0


def test_gaps_in_a_curve_are_gaps() -> None:
    y = [0.0, 1.0, np.nan, 1.0, 0.0]
    svg = str(draw(LinePlot([Series("a", range(5), y, np.array(y) - 1, np.array(y) + 1)]), panel=True))
    assert svg.count('class="curve s0') == 2 and svg.count("<circle") == 4 and "nan" not in svg


def test_bars_end_at_their_values_and_say_their_interval() -> None:
    svg = str(draw(BarPlot(["a", "b"], [1.0, -0.5], [0.9, -0.6], [1.1, -0.4]))).split("</svg>")[0]
    bars = [tuple(map(float, found)) for found in re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)]
    assert bars[0][1] == pytest.approx(2 * bars[1][1], abs=0.05)
    assert bars[1][0] + bars[1][1] == pytest.approx(bars[0][0], abs=0.05)
    assert "a: 1.000 [0.900, 1.100]" in svg


def test_histogram_bars_have_heights_in_proportion() -> None:
    svg = str(draw(Histogram([bins_of("", [0, 0, 0, 0, 1, 1], 2)]), panel=True))
    heights = [float(found) for found in re.findall(r'<rect [^>]*height="([\d.]+)"', svg)]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.05)


def test_many_points_are_thinned_evenly() -> None:
    x = np.arange(100_000)
    svg = str(draw(ScatterPlot([Points("a", x, x)]), panel=True))
    assert svg.count("<circle") == MOST_POINTS
    assert legend_of(ScatterPlot([Points("a", x, x)])) == []
    assert legend_of(ScatterPlot([Points("a", x, x), Points("b", x, x)])) == [(0, "a"), (1, "b")]


def test_heat_map_scales() -> None:
    values = np.array([[-1.0, 0.0], [0.5, np.nan]])
    shown = show_heat_map(HeatMap(values, ["a", "b"], ["c", "d"], scale="diverging"))
    low, zero = shown.rows[0][1]
    assert low.text == "\u22121.00" and f"--l:{cell_colours(-1.0, LIGHT)[0]}" in low.style
    assert f"--l:{cell_colours(0.0, LIGHT)[0]}" in zero.style
    assert shown.rows[1][1][1].text == "" and shown.rows[1][1][1].style == ""
    assert [text for text, _ in shown.legend] == ["\u22121.00", "\u22120.50", "0.00", "0.50", "1.00"]
    grey = show_heat_map(HeatMap(values, ["a", "b"], ["c", "d"], scale="diverging", grey=np.abs(values) < 0.6))
    assert [cell.grey for cell in (*grey.rows[0][1], grey.rows[1][1][0])] == [False, True, True]
    assert grey.rows[1][1][0].text == "0.50" and grey.rows[1][1][0].style == zero.style, "chance has no colour"


def test_names_with_commas_may_stand_on_several_lines() -> None:
    rows = [["sefa, ganspace"], ["sefa"], ["a sentence, with words"]]
    shown = show_table(Table(["systems"], rows), ImageStore())
    assert [row[0].several for row in shown.rows] == [True, False, False]


def test_columns_of_numbers_are_known_as_such() -> None:
    table = Table(["text", "whole", "mixed", "gap"], [["a", 1, 1, None], ["b", np.int64(2), "x", Cell(0.5)]])
    shown = show_table(table, ImageStore())
    assert [column.numeric for column in shown.columns] == [False, True, False, True]
    assert [cell.text for cell in shown.rows[1]] == ["b", "2", "x", "0.500"]
