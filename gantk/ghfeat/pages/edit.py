"""The pages of `gantk ghfeat mix`, `edit` and `harmonize`.

mix reads of `results`:
    grids           [{title, rows: [row of wp], cells: [[path per content] per style]}]
    content, style  {names, original: [path], reconstruction: [path]}
edit along a direction:
    directions      as of `gantk manipulate`
    attributes, curves, distances   what a predictor reads along the way, [attribute][step]
    pairs, mse      [[name, original, reconstruction]] and their mean squared error
edit of a region, and harmonize:
    cells           {names, and lists of paths: original, reconstruction, reference, edited, change, reach | pasted,
                    harmonized}
    changes         {inside, outside, beyond_reach, reach}
    where           text: the layers
    outside         mean change outside the pasted region
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gantk.ghfeat.pages.train import pairs_sheet
from gantk.reports.numbers import read_number
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, mapping, numbers, records, texts
from gantk.reports.sections import CellValue, Facts, Headline, LinePlot, Picture, Prose, Section, Series, Table
from gantk.reports.strips import direction_sections

LOCAL = (
    ("original", "image"),
    ("reconstruction", "coded"),
    ("reference", "reference"),
    ("edited", "edited"),
    ("change", "change"),
    ("reach", "reach"),
)
LOCAL_CAPTION = (
    "The image, what the generator makes of its code, the same of the reference, the coded image with the reference's "
    "region, the change (white is the largest), and the region (white) with what it can reach (grey)."
)
HARMONY = (("original", "image"), ("pasted", "pasted"), ("harmonized", "harmonized"))
HARMONY_CAPTION = "The image, the patch on it, and what the generator makes of the code of that."


def build_mix(run: RunRecord) -> Page:
    results = run.results
    content, style = mapping(results.get("content")), mapping(results.get("style"))
    sections: list[Section] = [
        Prose(
            "Columns are the contents, rows the styles. Each cell is the content's code with the named levels taken "
            "from the style's. Levels count from the image, as GH-Feat's do: low ones are fine. Layers count from the "
            "coarsest, as everywhere else in gantk."
        )
    ]
    names = [_short(name) for name in texts(content.get("names"))]
    for grid in records(results.get("grids")):
        rows: list[list[CellValue]] = []
        head: list[CellValue] = ["as it is", *_pictures(run, texts(content.get("reconstruction")), names, "content")]
        rows.append(head)
        cells = grid.get("cells")
        for number, paths in enumerate(cells if isinstance(cells, list) else []):
            of = _short((texts(style.get("names")) + [""] * (number + 1))[number])
            own = (texts(style.get("reconstruction")) + [""] * (number + 1))[number]
            made = [
                run.picture(path, f"content {name} with {grid.get('title')} of {of}")
                for path, name in zip(texts(paths), names, strict=False)
            ]
            rows.append([run.picture(own, f"style {of}"), *made])
        columns = ["style", *names]
        sections.append(
            Table(columns, rows, str(grid.get("title", "")), "Above, the contents as they are.", sortable=False)
        )
    sections.append(Facts(run.settings(), "Settings"))
    subtitle = f"Codes of real images in the styles of `{run.subject}`, put together."
    return Page("Style mixing", subtitle, sections, run.command_line, run.manifest, run.command)


def build_edit(run: RunRecord) -> Page:
    if run.results.get("cells") is not None:
        return _local(run)
    results = run.results
    sections: list[Section] = []
    directions = records(results.get("directions"))
    for direction in directions:
        sections += direction_sections(run, direction, titled=False)
    sections += _curves(results)
    sections += pairs_sheet(run, "The images")
    mse = read_number(results.get("mse"))
    if mse is not None:
        sections.append(
            Prose(
                f"At 0 every slider shows the reconstruction, whose mean squared error is {mse:.4f}: what the encoder "
                "did not see, no edit can keep."
            )
        )
    sections.append(Facts(run.settings(), "Settings"))
    title = str(directions[0].get("name", "Edit")).replace("_", " ") if directions else "Edit"
    subtitle = "Real images, encoded and moved: a step of w becomes a step of styles, dy = A dw."
    return Page(title[:1].upper() + title[1:], subtitle, sections, run.command_line, run.manifest, run.command)


def _curves(results: Mapping[str, Any]) -> list[Section]:
    names, distances = texts(results.get("attributes")), numbers(results.get("distances"))
    curves = results.get("curves")
    series = []
    for name, values in zip(names, curves if isinstance(curves, list) else [], strict=False):
        y = numbers(values)
        if len(y) != len(distances) or not len(y):
            continue
        spread = float(np.ptp(y))
        series.append((spread, Series(name.replace("_", " "), distances, y - y[int(np.argmin(np.abs(distances)))])))
    series.sort(key=lambda item: -item[0])
    if not series:
        return []
    caption = (
        "What the predictor reads from the images along the way, less its value at the start, averaged over the "
        "images; the six that change most, each in its own unit."
    )
    return [LinePlot([s for _, s in series[:6]], "What changes", caption, "distance", "change")]


def _local(run: RunRecord) -> Page:
    results = run.results
    changes = mapping(results.get("changes"))
    sections: list[Section] = []
    if changes:
        sections.append(
            Headline(
                [
                    (read_number(changes.get("inside")), "mean change inside the region", "of pixels in [-1, 1]"),
                    (read_number(changes.get("outside")), "mean change outside it", ""),
                    (read_number(changes.get("beyond_reach")), "largest change beyond its reach", "0 is exactly none"),
                    (read_number(changes.get("reach")), "share of the image in reach", "the region included"),
                ]
            )
        )
    sections.append(_cells(run, LOCAL, LOCAL_CAPTION))
    sections.append(
        Prose(
            f"The region was exchanged at {results.get('where', '')}. Later layers see a little beyond it: that is its "
            "reach. Normalisation keeps the statistics of the unedited image, so that nothing else changes at all."
        )
    )
    sections.append(Facts(run.settings(), "Settings"))
    subtitle = "A region of each image is another image's, in the generator's own feature maps."
    return Page("Local edit", subtitle, sections, run.command_line, run.manifest, run.command)


def build_harmonize(run: RunRecord) -> Page:
    results = run.results
    outside = read_number(results.get("outside"))
    sections: list[Section] = [_cells(run, HARMONY, HARMONY_CAPTION)]
    if outside is not None:
        text = f"Outside the pasted region the result differs from the image by {outside:.3f} on average, in [-1, 1]"
        difference = read_number(results.get("against_paste"))
        text += f"; its mean squared error against the paste is {difference:.4f}." if difference is not None else "."
        sections.append(Prose(text))
    sections.append(Facts(run.settings(), "Settings"))
    subtitle = "A patch is pasted in; encoded and made again, the picture is of one piece."
    return Page("Harmonisation", subtitle, sections, run.command_line, run.manifest, run.command)


def _cells(run: RunRecord, columns: Sequence[tuple[str, str]], caption: str) -> Table:
    cells = mapping(run.results.get("cells"))
    names = texts(cells.get("names"))
    present = [(key, title) for key, title in columns if texts(cells.get(key))]
    rows: list[list[CellValue]] = []
    for number, name in enumerate(names):
        row: list[CellValue] = [_short(name)]
        for key, title in present:
            paths = texts(cells.get(key))
            row.append(run.picture(paths[number], f"{_short(name)}: {title}") if number < len(paths) else None)
        rows.append(row)
    return Table(["name", *(title for _, title in present)], rows, "Results", caption, sortable=False)


def _pictures(run: RunRecord, paths: list[str], names: list[str], what: str) -> list[Picture | None]:
    return [run.picture(path, f"{what} {name}") for path, name in zip(paths, names, strict=False)]


def _short(name: str) -> str:
    return name.rpartition("/")[2]
