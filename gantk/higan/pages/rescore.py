"""The page of `gantk rescore`: which boundary moves its attribute, how surely, and in which layer.

Reads of `results`, all optional but `boundaries`:
    boundaries      [{name, space, gain, gain_ci: [low, high], signed, signed_ci, standardized (gain over the
                      attribute's
                      standard deviation), null (gain of random directions), layers: [{index, name, gain, ci: [low,
                      high]}]}]
    cross_effect    {boundaries: [B], attributes: [A], values: [B][A]}: signed change of every attribute, in standard
                    deviations where `standardized` is true in it
    num             samples used
    distance        how far codes were moved
    predictor       name of what scored the images
    findings        [text]: sentences to put first

`gain` is HiGAN's score: the mean over samples of the rise of the attribute, falls counted as zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gantk.reports.numbers import read_number, show_number
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, interval, mapping, matrix, numbers, records, texts
from gantk.reports.sections import (
    BarPlot,
    Cell,
    CellValue,
    Column,
    Facts,
    HeatMap,
    LinePlot,
    Panels,
    Prose,
    Section,
    Series,
    Table,
)


def _number(entry: Mapping[str, Any], key: str) -> float:
    value = read_number(entry.get(key))
    return np.nan if value is None else value


def _name(entry: Mapping[str, Any], several_spaces: bool) -> str:
    name, space = str(entry.get("name", "")), str(entry.get("space") or "")
    return f"{name} ({space})" if several_spaces and space else name


def ranking_table(entries: list[Mapping[str, Any]]) -> Table:
    """Boundaries by decreasing gain, with a gauge beside the number and the interval as text."""
    most = (
        max((abs(_number(entry, "gain")) for entry in entries if np.isfinite(_number(entry, "gain"))), default=1.0)
        or 1.0
    )
    extra = [
        ("signed", "signed change", "Mean change of the attribute, rises and falls both counted"),
        (
            "standardized",
            "in std",
            "Gain divided by the attribute's standard deviation over the samples: comparable between attributes",
        ),
        ("null", "random", "Gain of random directions of the same length: what noise alone gives"),
    ]
    extra = [item for item in extra if any(np.isfinite(_number(entry, item[0])) for entry in entries)]
    with_layer = any(records(entry.get("layers")) for entry in entries)
    several = len({entry.get("space") for entry in entries}) > 1
    columns = [
        Column("rank", digits=0),
        Column("boundary"),
        *([Column("space")] if several else []),
        Column("gain", "Mean rise of the attribute, falls counted as zero"),
    ]
    columns += [Column("95 % interval"), *(Column(name, help) for _, name, help in extra)]
    if with_layer:
        columns.append(Column("strongest layer"))
    rows: list[list[CellValue]] = []
    for rank, entry in enumerate(entries, 1):
        gain, ends = _number(entry, "gain"), interval(entry.get("gain_ci"))
        row: list[CellValue] = [rank, str(entry.get("name", ""))]
        if several:
            row.append(str(entry.get("space") or ""))
        row.append(Cell(gain, bar=gain / most) if np.isfinite(gain) else None)
        row.append(Cell(ends[0], f"{show_number(ends[0])} \u2026 {show_number(ends[1])}") if ends else None)
        row += [None if not np.isfinite(_number(entry, key)) else _number(entry, key) for key, _, _ in extra]
        if with_layer:
            layers = [layer for layer in records(entry.get("layers")) if np.isfinite(_number(layer, "gain"))]
            best = max(layers, key=lambda layer: _number(layer, "gain"), default=None)
            row.append(Cell(best.get("index"), _layer_name(best)) if best is not None else None)
        rows.append(row)
    caption = "Boundaries by how much they raise their own attribute. Click a heading to sort by it."
    return Table(columns, rows, "Most relevant semantics", caption)


def _layer_name(layer: Mapping[str, Any]) -> str:
    index, name = layer.get("index"), str(layer.get("name") or "")
    return f"{index}: {name}" if name and index is not None else name or str(index)


def layer_map(entries: list[Mapping[str, Any]], several: bool) -> HeatMap | None:
    """Layer x attribute: the gain when one layer alone is moved. A row per boundary, layers from coarse to fine."""
    rows = [entry for entry in entries if records(entry.get("layers"))]
    if not rows:
        return None
    indices = sorted(
        {
            int(layer["index"])
            for entry in rows
            for layer in records(entry["layers"])
            if read_number(layer.get("index")) is not None
        }
    )
    if not indices:
        return None
    place = {index: column for column, index in enumerate(indices)}
    values = np.full((len(rows), len(indices)), np.nan)
    notes = [[""] * len(indices) for _ in rows]
    helps = [""] * len(indices)
    for i, entry in enumerate(rows):
        for layer in records(entry["layers"]):
            if read_number(layer.get("index")) is None:
                continue
            j = place[int(layer["index"])]
            values[i, j] = _number(layer, "gain")
            helps[j] = helps[j] or str(layer.get("name") or "")
            ends = interval(layer.get("ci"))
            notes[i][j] = f"{_name(entry, several)}, layer {_layer_name(layer)}: {show_number(values[i, j])}"
            notes[i][j] += f" [{show_number(ends[0])}, {show_number(ends[1])}]" if ends else ""
    caption = (
        "Gain when only one layer is moved, from the coarsest (left) to the finest. The numbers at the top are rows "
        "of `wp`."
    )
    return HeatMap(
        values,
        [_name(entry, several) for entry in rows],
        [str(index) for index in indices],
        title="Where each attribute is stored",
        caption=caption,
        row_name="boundary",
        column_name="layer",
        quantity="gain",
        notes=notes,
        column_help=helps,
    )


def layer_panels(entries: list[Mapping[str, Any]], several: bool) -> Panels | None:
    panels = []
    for entry in entries[:12]:
        layers = [layer for layer in records(entry.get("layers")) if read_number(layer.get("index")) is not None]
        if len(layers) < 2:
            continue
        gain = numbers([layer.get("gain") for layer in layers])
        ends = [interval(layer.get("ci")) for layer in layers]
        low = high = None
        if all(ends):
            low, high = [pair[0] for pair in ends if pair], [pair[1] for pair in ends if pair]
        index = numbers([layer.get("index") for layer in layers])
        series = Series(_name(entry, several), index, gain, low, high)
        panels.append(LinePlot([series], _name(entry, several), x_name="layer"))
    if not panels:
        return None
    return Panels(
        panels, "Layer by layer", "The same numbers as curves, with 95 % intervals; the twelve strongest boundaries."
    )


def build(run: RunRecord) -> Page:
    results = run.results
    entries = records(results.get("boundaries"))
    entries.sort(key=lambda entry: -np.nan_to_num(_number(entry, "gain"), nan=-np.inf))
    several = len({entry.get("space") for entry in entries}) > 1
    sections: list[Section] = []
    findings = texts(results.get("findings"))
    if findings:
        sections.append(Prose("\n\n".join(findings), tone="finding"))
    if entries:
        sections.append(ranking_table(entries))
        intervals = [interval(entry.get("gain_ci")) for entry in entries]
        low = high = None
        if any(intervals):
            low = [pair[0] if pair else np.nan for pair in intervals]
            high = [pair[1] if pair else np.nan for pair in intervals]
        gains = [_number(entry, "gain") for entry in entries]
        names = [_name(entry, several) for entry in entries]
        caption = "Mean rise of each boundary's own attribute, with 95 % intervals over the samples."
        sections.append(
            BarPlot(names[:40], gains[:40], low and low[:40], high and high[:40], caption=caption, quantity="gain")
        )
        chart = layer_map(entries, several)
        if chart is not None:
            sections.append(chart)
        panels = layer_panels(entries, several)
        if panels is not None:
            sections.append(panels)
    cross = mapping(results.get("cross_effect"))
    rows, columns = texts(cross.get("boundaries")), texts(cross.get("attributes"))
    values_BA = matrix(cross.get("values"), len(rows), len(columns))
    if values_BA is not None and columns:
        unit = "standard deviations" if cross.get("standardized") else "change"
        caption = (
            "What else moves: the change of every attribute (columns) along every boundary (rows). A clean boundary "
            "has one dark cell."
        )
        chart = HeatMap(
            values_BA,
            rows,
            columns,
            "Entanglement",
            caption,
            "boundary",
            "attribute",
            "diverging",
            quantity=unit,
            diagonal=rows == columns,
        )
        sections.append(chart)
    facts: list[tuple[str, object]] = [
        (key, results[key]) for key in ("num", "distance", "predictor") if results.get(key) is not None
    ]
    known = {key for key, _ in run.settings()}
    sections.append(Facts([item for item in facts if item[0] not in known] + run.settings(), "Settings"))
    subtitle = f"{len(entries)} boundaries" + (f" of `{run.subject}`" if run.subject else "")
    if results.get("num") is not None:
        subtitle += f", each tried on {show_number(results['num'], 0)} samples"
    return Page(
        "Which direction carries what, and where", subtitle + ".", sections, run.command_line, run.manifest, run.command
    )
