"""The page of `gantk rescore`: which boundary moves its attribute, how surely, and in which rows.

Attributes have units of their own (a count beside a share), so that standard deviations decide order and colour; the
gain in the attribute's unit, which is HiGAN's score, is a column.
"""

from __future__ import annotations

import numpy as np

from gantk.higan.rescored import Gain, Rescored, RescoreResult
from gantk.predictors.selectivity import SELECTIVE
from gantk.reports.answer import answer, film
from gantk.reports.numbers import show_number, show_rounded, side_digits
from gantk.reports.page import Page
from gantk.reports.sections import (
    BarPlot,
    Cell,
    CellValue,
    Column,
    HeatMap,
    LinePlot,
    Panels,
    Section,
    Series,
    Table,
)
from gantk.runs.claims import counted, decimals, who

MOST_BARS = 40
MOST_PANELS = 12
MOST_COLUMNS = 40  # attributes in the picture of what else moves; the strongest where there are more
UNIT = "standard deviations"


def page(result: RescoreResult) -> Page:
    pictures = _pictures(result)
    sections: list[Section] = answer(result, pictures or _bars(result), _numbers(result))
    sections += [
        *(_bars(result) if pictures else []),
        _ranking(result),
        *_row_map(result),
        *_row_panels(result),
        *_responses(result),
        *_entanglement(result),
    ]
    count = counted(len(result.boundaries), "boundary", "boundaries")
    subtitle = (
        f"What does each boundary change, and in which rows of wp? {count}, tried on {counted(result.num, 'sample')} "
        f"moved by {result.distance:g} (in units of {_spaces(result)}) and scored by {who(result.predictor)}."
    )
    return Page("What each boundary changes", subtitle, sections)


def _spaces(result: RescoreResult) -> str:
    return " and ".join(dict.fromkeys(each.space for each in result.boundaries))


def _pictures(result: RescoreResult) -> list[Section]:
    """The first samples moved along the boundary that raises its attribute most."""
    best = result.ranked()[0]
    if best.walk is None:
        return []
    caption = f"The first samples as drawn and moved along {best.name}, up to the distance of the scores."
    return film(best.walk, caption)


def _numbers(result: RescoreResult) -> list[tuple[object, str, str]]:
    """The largest gain with its interval, what random directions gain of the same attribute, selectivity."""
    best, selective = result.told()[0]
    if best.standardized is None:
        return []
    low, high = best.whole.low / best.deviation, best.whole.high / best.deviation
    digits = decimals(low, high)
    items: list[tuple[object, str, str]] = [
        (show_number(best.standardized, digits), f"gain of {best.attribute}",
         f"standard deviations; 95 % interval {show_number(low, digits)} to {show_number(high, digits)}, "
         f"{counted(result.num, 'sample')}")
    ]  # fmt: skip
    if len(best.random):
        least, most = (show_rounded(float(value) / best.deviation) for value in (best.random.min(), best.random.max()))
        mean = show_rounded(float(best.random.mean()) / best.deviation)
        items.append(
            (mean, f"gain of {best.attribute} by random directions", f"mean of {len(best.random)}, {least} to {most}")
        )
    if len(result.attributes) > 1:
        items.append((_selectivity(selective), f"selectivity of {best.name}", f"selective from {SELECTIVE:g} on"))
    return items


def _selectivity(value: float) -> str:
    return show_number(value, side_digits(value, SELECTIVE, 1))


def _name(each: Rescored, result: RescoreResult) -> str:
    several = len({other.space for other in result.boundaries}) > 1
    return f"{each.name} ({each.space})" if several else each.name


def _ranking(result: RescoreResult) -> Table:
    """Boundaries by decreasing gain in standard deviations, with a gauge beside the number."""
    ranked = result.ranked()
    most = max((each.standardized or 0.0 for each in ranked), default=0.0) or 1.0
    several, by_row = len({each.space for each in ranked}) > 1, any(each.rows for each in ranked)
    compared = any(len(each.random) for each in ranked)
    columns = [
        Column("rank", digits=0),
        Column("boundary"),
        *([Column("space")] if several else []),
        Column("attribute"),
        Column(
            "in std",
            "Gain divided by the attribute's standard deviation over the samples, for comparison",
            field="in_std",
        ),
        Column("gain", "Mean rise of the attribute in its own unit, falls counted as zero: HiGAN's score"),
        Column("95 % interval", "Of the gain, over the samples"),
        Column("signed change", "Mean change of the attribute, rises and falls both counted", field="signed"),
        Column(
            "selectivity",
            f"Change of its own attribute over the largest of another; selective from {SELECTIVE:g} on",
        ),
        *([Column("random", "Mean gain of random directions of the same length", field="random")] if compared else []),
        *([Column("strongest row")] if by_row else []),
    ]
    rows: list[list[CellValue]] = []
    for rank, (each, selective) in enumerate(result.told(), 1):
        value, whole = each.standardized, each.whole
        row: list[CellValue] = [rank, each.name, *([each.space] if several else []), each.attribute]
        digits = decimals(whole.low, whole.high, most=4)
        gain, low, high = (show_number(number, digits) for number in (whole.gain, whole.low, whole.high))
        if value is None:
            row.append(Cell(None, "never varies"))
        else:
            places = decimals(whole.low / each.deviation, whole.high / each.deviation, most=4)
            row.append(Cell(value, show_number(value, places), bar=value / most))
        row += [
            Cell(whole.gain, gain),
            Cell(whole.low, f"{low} to {high}") if result.num > 1 else Cell(None, "one sample"),
            Cell(whole.signed, show_number(whole.signed, digits)),
            Cell(None, "never varies") if value is None else Cell(selective, _selectivity(selective)),
        ]
        if compared:
            row.append(float(each.random.mean()) if len(each.random) else Cell(None, "not tried"))
        if by_row:
            best = each.strongest_row
            row.append(
                Cell(None, "no row gains") if best is None else Cell(best, f"{best}: {result.layer_names[best]}")
            )
        rows.append(row)
    caption = (
        "Boundaries by how much they raise their own attribute, in its standard deviations. Gains of different "
        "attributes have different units."
    )
    return Table(columns, rows, "Boundaries by their gain", caption)


def _known(result: RescoreResult) -> list[Rescored]:
    """Those whose attribute varies, strongest first."""
    return [each for each in result.ranked() if each.deviation > 0]


def _bars(result: RescoreResult) -> list[Section]:
    shown = _known(result)[:MOST_BARS]
    if not shown:
        return []
    values, low, high = (
        [getattr(each.whole, key) / each.deviation for each in shown] for key in ("gain", "low", "high")
    )
    caption = (
        "Mean rise of each boundary's own attribute in its standard deviations, with 95 % intervals over the samples."
    )
    few = f" The {MOST_BARS} strongest of {len(_known(result))}." if len(_known(result)) > MOST_BARS else ""
    return [
        BarPlot(
            [_name(each, result) for each in shown], values, low, high, caption=caption + few, quantity=UNIT, digits=2
        )
    ]


def _row_map(result: RescoreResult) -> list[Section]:
    """Boundary x row: the gain when one row alone is moved."""
    shown = [each for each in _known(result) if each.rows][:MOST_BARS]
    if not shown:
        return []
    values = np.array([[row.gain / each.deviation for row in each.rows] for each in shown])
    notes = [[_note(each, index, row, result) for index, row in enumerate(each.rows)] for each in shown]
    caption = (
        "Gain when one row of `wp` alone is moved, in standard deviations of the attribute, from the coarsest row "
        "(left) to the finest. The numbers at the top are rows of `wp`."
    )
    chart = HeatMap(
        values,
        [_name(each, result) for each in shown],
        [str(index) for index in range(values.shape[1])],
        title="Gain of each row of wp alone",
        caption=caption,
        row_name="boundary",
        column_name="row",
        quantity=UNIT,
        notes=notes,
        column_help=list(result.layer_names),
    )
    return [chart]


def _note(each: Rescored, index: int, row: Gain, result: RescoreResult) -> str:
    value, low, high = (show_number(number / each.deviation) for number in (row.gain, row.low, row.high))
    return f"{_name(each, result)}, row {index} ({result.layer_names[index]}): {value} [{low}, {high}]"


def _row_panels(result: RescoreResult) -> list[Section]:
    panels = []
    shown = [each for each in _known(result) if len(each.rows) > 1]
    for each in shown[:MOST_PANELS]:
        gain, low, high = (
            np.array([getattr(row, key) / each.deviation for row in each.rows]) for key in ("gain", "low", "high")
        )
        series = Series(_name(each, result), np.arange(len(gain)), gain, low, high)
        panels.append(LinePlot([series], _name(each, result), x_name="row of wp", y_name="gain, std"))
    if not panels:
        return []
    few = f"; the {MOST_PANELS} strongest boundaries of {len(shown)}" if len(shown) > MOST_PANELS else ""
    return [Panels(panels, "Gain by row, with intervals", f"The same numbers as curves, with 95 % intervals{few}.")]


def _responses(result: RescoreResult) -> list[Section]:
    """Mean change of the attribute by distance, where several were tried."""
    shown = [each for each in _known(result) if len(each.responses) > 1][:MOST_PANELS]
    panels = []
    for each in shown:
        distances, changes = zip(*each.responses, strict=True)
        series = Series(_name(each, result), np.array(distances), np.array(changes) / each.deviation)
        panels.append(LinePlot([series], _name(each, result), x_name=f"distance in {each.space}", y_name="change, std"))
    caption = "Mean change of each boundary's own attribute in its standard deviations, by distance."
    return [Panels(panels, "Change by distance", caption)] if panels else []


def entangled_columns(result: RescoreResult) -> list[int]:
    """The attributes of the picture, of those that vary: the boundaries' own first, then those that move most."""
    varying = [column for column in range(len(result.attributes)) if result.deviations[column] > 0]
    own = [result.attributes.index(each.attribute) for each in result.boundaries]
    first = [column for column in dict.fromkeys(own) if column in varying]
    rest = [column for column in varying if column not in first]
    if len(first) + len(rest) > MOST_COLUMNS:
        strength = np.abs(result.change[:, 0]).max(axis=0)
        rest = sorted(rest, key=lambda column: -strength[column])[: max(0, MOST_COLUMNS - len(first))]
    return first + rest


def _entanglement(result: RescoreResult) -> list[Section]:
    columns = entangled_columns(result)
    if not columns:
        return []
    order = {id(each): place for place, each in enumerate(result.boundaries)}
    chosen = [order[id(each)] for each in result.ranked()[:MOST_BARS]]
    if len(result.boundaries) <= MOST_BARS:
        chosen = list(range(len(result.boundaries)))
    rows = [result.boundaries[place].name for place in chosen]
    names = [result.attributes[column] for column in columns]
    caption = (
        "What else moves: the mean change of every attribute (columns) along every boundary (rows), in standard "
        f"deviations of the attribute. A boundary is selective where its own cell is at least {SELECTIVE:g} times as "
        "large as any other of its row."
    )
    if not all(result.deviations > 0):
        caption += " Attributes that never vary over the samples are left out."
    chart = HeatMap(
        result.change[chosen, 0][:, columns], rows, names, "Change of every attribute along every boundary", caption,
        "boundary", "attribute", "diverging", quantity=UNIT, diagonal=rows == names,
    )  # fmt: skip
    return [chart]
