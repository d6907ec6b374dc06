"""The pages of `gantk resefa jacobian` and `gantk resefa directions`.

Reads of `results`, all optional but `regions`:
    jacobian    regions [{name, text, share, inside, outside, rank, condition, spectrum: {inside: [n], outside: [n]},
                pictures: [path]}], dim, layer_names
    directions  regions [{name, text, file, space, layers, eigenvalues: [K], quotients: [K], scales: [K], alike,
                share (of the held-out images), scores: [{method, level, roir, outside, best, reached, count}],
                walks: [{row, levels: [{distance, outside, roir}]}],
                pictures: [{row, distances: [T], frames: [[path per step] per sample], heat: [path], limit}]}],
                levels [root mean square change inside], compat [{name, sample, file, eigenvalues}]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gantk.reports.numbers import read_number, show_number, telling
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, mapping, numbers, records, texts
from gantk.reports.sections import (
    Cell,
    CellValue,
    Column,
    Facts,
    LinePlot,
    Link,
    Links,
    Picture,
    Prose,
    Section,
    Series,
    Sheet,
    SliderGrid,
    SliderStrip,
    Table,
)
from gantk.reports.strips import how_to_move

ABOUT = {
    "resefa": "this run's directions",
    "lowrankgan": "LowRankGAN: robust PCA and projection, from the same Jacobian",
    "sefa": "the first directions of SeFa on the same rows",
    "ganspace": "the first principal components (GANSpace)",
    "sefa chosen": "of all of SeFa's directions, those with the best quotient for this region",
    "ganspace chosen": "of all principal components, those with the best quotient for this region",
    "random": "random directions",
}


# --- gantk resefa jacobian -------------------------------------------------------------------------------------------


def build_jacobian(run: RunRecord) -> Page:
    results = run.results
    leading = records(results.get("leading"))
    regions = records(results.get("regions"))
    sections: list[Section] = []
    for region in regions or leading:
        pictures = [
            picture
            for index, name in enumerate(texts(region.get("pictures")))
            if (picture := run.picture(name, f"Sample {index} with the region {region.get('name')}", f"sample {index}"))
        ]
        if pictures:
            caption = f"{region.get('text') or ''}: {show_number(100 * _number(region, 'share'), 1)} % of the pixels."
            sections.append(Sheet(pictures, str(region.get("name", "")), caption.lstrip(": "), 160))
    if regions:
        sections.append(_regions_table(regions))
        sections += _spectra(regions)
    for region in leading:
        sections.append(Prose("The leading directions, from products alone.", str(region.get("name", ""))))
        sections.append(_directions_table(region, []))
    if leading:
        files = [
            Link(str(each["file"]), str(each["file"])) for each in leading if run.path(each.get("file")) is not None
        ]
        sections.append(Links(files, "Files", "For `gantk manipulate` and `gantk rescore`."))
    else:
        sections.append(_next())
    sections.append(Facts(run.settings(), "Settings"))
    of = f" of `{run.subject}`" if run.subject else ""
    subtitle = (
        f"What moving each of {show_number(results.get('dim'), 0)} coordinates{of} changes inside every region and "
        "outside it, to first order, added up over samples."
    )
    return Page("Regions and their Jacobian", subtitle, sections, run.command_line, run.manifest, run.command)


def _next() -> Prose:
    text = (
        "`gantk resefa directions` makes directions of these matrices; with `--space wp` here, any subset of the rows "
        "can be chosen there."
    )
    return Prose(text, "What next")


def _regions_table(regions: list[Mapping[str, Any]]) -> Table:
    columns = [
        Column("region"),
        Column("pixels, %", "Share of the image, over all samples", 1),
        Column("change inside", "Root mean square change per pixel along a random unit step, images in [-1, 1]", 4),
        Column("change outside", "The same outside the region", 4),
        Column("rank inside", "How many independent directions change the region at all", 0),
        Column("condition outside", "Largest over smallest eigenvalue of the background's Gram matrix", 0),
    ]
    rows: list[list[CellValue]] = []
    for region in regions:
        condition = read_number(region.get("condition"))
        shown = Cell(condition, f"{condition:.1e}") if condition is not None else Cell(float("inf"), "singular")
        rows.append([
            str(region.get("name", "")), 100 * _number(region, "share"), _number(region, "inside"),
            _number(region, "outside"), _number(region, "rank"), shown,
        ])  # fmt: skip
    caption = (
        "A background whose Gram matrix is nearly singular has directions that change nothing anywhere; the ridge "
        "`--tau` keeps them from winning."
    )
    return Table(columns, rows, "How the regions respond", caption)


def _spectra(regions: list[Mapping[str, Any]]) -> list[Section]:
    found: list[Section] = []
    for side, title in (("inside", "Spectrum inside"), ("outside", "Spectrum outside")):
        series = []
        for region in regions[:8]:
            values = numbers(mapping(region.get("spectrum")).get(side))
            if len(values):
                series.append(Series(str(region.get("name", "")), np.arange(1, len(values) + 1), values))
        if series:
            caption = f"Root mean square change {side} the region along each principal direction, strongest first."
            found.append(LinePlot(series, title, caption, "principal direction", "change of a unit step"))
    return found


# --- gantk resefa directions -----------------------------------------------------------------------------------------


def build_directions(run: RunRecord) -> Page:
    results = run.results
    regions = records(results.get("regions"))
    levels = [float(level) for level in numbers(results.get("levels"))]
    sections: list[Section] = []
    findings = [text for region in regions if (text := _finding(region, levels))]
    if findings:
        sections.append(Prose("\n\n".join(findings), tone="finding"))
    for region in regions:
        sections += _region(run, region, levels)
    compat = records(results.get("compat"))
    if compat:
        sections.append(_compat_table(compat))
    if any(records(region.get("scores")) for region in regions):
        sections.append(Prose(_method(), "How this is measured"))
    if regions:
        files = [Link(str(r["file"]), str(r["file"])) for r in regions if run.path(r.get("file")) is not None]
        sections.append(
            Links(files, "Files", "For `gantk manipulate` and `gantk rescore`; `--rows` chooses among them.")
        )
    sections.append(Facts(run.settings(), "Settings"))
    names = ", ".join(str(region.get("name", "")) for region in regions) or "each sample's regions"
    of = f" of `{run.subject}`" if run.subject else ""
    subtitle = f"Directions{of} that change one region most for what they change elsewhere: {names}."
    return Page("Directions of a region", subtitle, sections, run.command_line, run.manifest, run.command)


def _method() -> str:
    return (
        "Every direction is walked to both sides on codes that no direction was found on. At each step the squared "
        "change of the pixels inside the region and outside it is summed over the samples, and methods are compared "
        "where they change the **inside equally much** (root mean square, on [0, 1]). **ROIR** is the norm of the "
        "change outside over the norm of the change inside, over all pixels: 0 is perfectly local, smaller is better. "
        "The region is that of the unmoved image; a margin around it counts on neither side."
    )


def _finding(region: Mapping[str, Any], levels: list[float]) -> str:
    """Who is most local at the middle level."""
    if not levels:
        return ""
    middle = levels[len(levels) // 2]
    at = {str(s.get("method")): _number(s, "roir") for s in records(region.get("scores")) if s.get("level") == middle}
    at = {name: value for name, value in at.items() if np.isfinite(value)}
    own = at.get("resefa")
    if own is None or len(at) < 2:
        return ""
    rest = {name: value for name, value in at.items() if name != "resefa"}
    best = min(rest, key=lambda name: rest[name])
    name, second = region.get("name"), f"`{best}` {show_number(rest[best], 2)}"
    if own < rest[best]:
        text = f"**{name}**: at a change of {middle:g} inside, the most local of all methods: ROIR "
        chance = "" if best == "random" else f", random {show_number(at.get('random'), 2)}"
        return f"{text}{show_number(own, 2)}; next {second}{chance}."
    return (
        f"**{name}**: at a change of {middle:g} inside, {second} is more local than this run ({show_number(own, 2)})."
    )


def _region(run: RunRecord, region: Mapping[str, Any], levels: list[float]) -> list[Section]:
    name = str(region.get("name", ""))
    pictures = records(region.get("pictures"))
    sections: list[Section] = []
    folder = f"{name}_steps"
    overlays: list[Picture] = []
    while (
        picture := run.picture(f"{folder}/region_{len(overlays)}.png", f"Held-out sample with {name}", "")
    ) is not None:
        overlays.append(picture)
    text = str(region.get("text") or "")
    layers = region.get("layers")
    where = f"rows {', '.join(map(str, layers))} of wp" if isinstance(layers, list) else "every row of wp"
    about = f"{text}. " if text and text != name else ""
    about += f"Directions of {region.get('space')}, {where}."
    if overlays:
        sections.append(Sheet(overlays, name, f"{about} The region in the held-out samples shown below.", 160))
    else:
        sections.append(Prose(about, name))
    if records(region.get("scores")) and levels:
        sections.append(_scores_table(region, levels))
    sections.append(_directions_table(region, levels))
    for shown in pictures:
        sections += _sliders(run, name, shown)
    return sections


def _scores_table(region: Mapping[str, Any], levels: list[float]) -> Table:
    scores = records(region.get("scores"))
    methods = list(dict.fromkeys(str(each.get("method")) for each in scores))
    columns = [Column("method")]
    for level in levels:
        columns.append(Column(f"ROIR at {level:g}", "Norm of the change outside over inside; smaller is more local", 2))
    for level in levels:
        help_text = f"Mean squared change per pixel, in thousandths; inside it is {1000 * level**2:g} for every method"
        columns.append(Column(f"outside at {level:g}", help_text, 3))
    columns.append(Column("best", f"Smallest ROIR of one direction, at {levels[len(levels) // 2]:g}", 2))
    columns.append(Column("reached", f"Directions that change the inside by {levels[-1]:g} within the codes' reach"))
    worst = max((_number(each, "roir") for each in scores if np.isfinite(_number(each, "roir"))), default=1.0)
    rows: list[list[CellValue]] = []
    for method in methods:
        at = {each.get("level"): each for each in scores if each.get("method") == method}
        row: list[CellValue] = [Cell(method, note=ABOUT.get(method, ""))]
        for level in levels:
            value = _number(at.get(level, {}), "roir")
            row.append(Cell(value, bar=value / worst) if np.isfinite(value) else None)
        for level in levels:
            value = _number(at.get(level, {}), "outside")
            row.append(1000 * value if np.isfinite(value) else None)
        best = _number(at.get(levels[len(levels) // 2], {}), "best")
        row.append(best if np.isfinite(best) else None)
        last = at.get(levels[-1], {})
        row.append(f"{last.get('reached', 0)} of {last.get('count', 0)}")
        rows.append(row)
    squares = ", ".join(f"{1000 * level**2:g}" for level in levels)
    caption = (
        "Methods at the same change inside: root mean square "
        f"{', '.join(f'{level:g}' for level in levels)} on [0, 1], that is a mean squared change of {squares} "
        "thousandths. Means over each method's first directions, geometric. Held-out codes."
    )
    return Table(columns, rows, caption=caption)


def _directions_table(region: Mapping[str, Any], levels: list[float]) -> Table:
    eigenvalues, quotients = numbers(region.get("eigenvalues")), numbers(region.get("quotients"))
    scales = numbers(region.get("scales"))
    walks = {int(each["row"]): records(each.get("levels")) for each in records(region.get("walks"))}
    columns = [
        Column("direction", digits=0),
        Column("eigenvalue", "Of the regularised problem", 3),
        Column("quotient", "Mean squared change inside over outside, first order, on the codes it was found on", 2),
        Column("scale", "Distance at which the inside changes by 0.1 to first order", 2),
    ]
    if walks:
        for level in levels:
            columns.append(Column(f"distance at {level:g}", "Where the inside really changes that much", 2))
            columns.append(Column(f"ROIR at {level:g}", digits=2))
    rows: list[list[CellValue]] = []
    for row in range(min(len(eigenvalues), 12)):
        line: list[CellValue] = [row, float(eigenvalues[row]), _cell(quotients, row), _cell(scales, row)]
        for index in range(len(levels) if walks else 0):
            found = walks.get(row, [])
            entry: Mapping[str, Any] = found[index] if index < len(found) else {}
            for key in ("distance", "roir"):
                value = _number(entry, key)
                line.append(value if np.isfinite(value) else None)
        rows.append(line)
    caption = f"The first of {len(eigenvalues)} directions."
    return Table(columns, rows, caption=caption)


def _sliders(run: RunRecord, name: str, shown: Mapping[str, Any]) -> list[Section]:
    row = int(read_number(shown.get("row")) or 0)
    values = [float(value) for value in numbers(shown.get("distances"))]
    title = f"{name}, direction {row}"
    strips = []
    frames = shown.get("frames")
    for sample, paths in enumerate(frames if isinstance(frames, list) else []):
        pictures = [
            picture
            for path, value in zip(texts(paths), values, strict=False)
            if (
                picture := run.picture(
                    path, f"sample {sample}, {title} at {value:+g}", "", f"{name}_{row}_{sample}_{value:+g}"
                )
            )
        ]
        if len(pictures) == len(values) and pictures:
            strips.append(SliderStrip(pictures, values, f"sample {sample}", first=telling(values)))
    sections: list[Section] = []
    if strips:
        caption = f"Held-out samples; 0 is the sample as it was drawn. {how_to_move(strips[0])}"
        sections.append(SliderGrid(strips, title, caption))
    heats: list[Picture] = [
        picture
        for sample, path in enumerate(texts(shown.get("heat")))
        if (picture := run.picture(path, f"Where {title} changes sample {sample}", f"sample {sample}"))
    ]
    if heats:
        limit = show_number(read_number(shown.get("limit")), 2)
        caption = (
            f"Where direction {row} changes each of them at the ends of its slider: black nowhere, white by {limit} or "
            "more (root mean square over colours, on [0, 1])."
        )
        sections.append(Sheet(heats, caption=caption, size=128))
    return sections


def _compat_table(entries: list[Mapping[str, Any]]) -> Table:
    columns = [Column("file"), Column("region"), Column("sample", digits=0), Column("largest eigenvalues")]
    rows: list[list[CellValue]] = []
    for entry in entries:
        values = numbers(entry.get("eigenvalues"))[:5]
        shown = ", ".join(show_number(float(value), 2) for value in values)
        file = str(entry.get("file", ""))
        rows.append([Cell(file, href=file), str(entry.get("name")), int(read_number(entry.get("sample")) or 0), shown])
    return Table(
        columns, rows, "As the released script finds them", "One file per sample and region, a direction per row."
    )


def _number(entry: Mapping[str, Any], key: str) -> float:
    value = read_number(entry.get(key))
    return np.nan if value is None else value


def _cell(values: np.ndarray, row: int) -> CellValue:
    return float(values[row]) if row < len(values) and np.isfinite(values[row]) else None
