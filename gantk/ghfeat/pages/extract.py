"""The page of `gantk ghfeat extract`: every image with its reconstruction and its figures.

Reads of `results`, all optional but `names`:
    names           [name of each image]
    kept            [number of each image that could be read]
    skipped         [name]
    pairs           [[number, original, reconstruction]]
    figures         [[mse, ssim, perceptual] of each kept image]
    means           {mse, ssim, perceptual}; psnr
    off_manifold    [per row of wp]: how far the styles are from those of any code, 0 to 1
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gantk.ghfeat.pages.train import pairs_sheet, small
from gantk.reports.numbers import read_number
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, mapping, numbers, texts
from gantk.reports.sections import BarPlot, CellValue, Column, Facts, Headline, Link, Links, Prose, Section, Table

FILES = {
    "codes.safetensors": "styles of every image, one array per layer",
    "ghfeat.npy": "the original's array, [images, layers, width]",
    "wp.npy": "the nearest codes of the generator's own mapping",
    "image_list.txt": "the images, in the order of the codes",
}


def build(run: RunRecord) -> Page:
    results = run.results
    names, kept = texts(results.get("names")), [int(i) for i in numbers(results.get("kept"))]
    means = mapping(results.get("means"))
    sections: list[Section] = []
    if means:
        sections.append(_headline(means, results, len(kept)))
    skipped = texts(results.get("skipped"))
    if skipped:
        listed = ", ".join(skipped[:8]) + (f" and {len(skipped) - 8} more" if len(skipped) > 8 else "")
        sections.append(Prose(f"{len(skipped)} images could not be read and were left out: {listed}.", tone="warning"))
    sections += pairs_sheet(run, "Images and their reconstructions")
    table = _table(run, names, kept)
    if table is not None:
        sections.append(table)
    off = numbers(results.get("off_manifold"))
    if len(off):
        caption = (
            "How far the encoded styles of each row lie from those of any code w: 0 means that the generator's mapping "
            "could have made them, near 1 that it could not. Directions of w apply all the same."
        )
        labels = [f"layer {row}" for row in range(len(off))]
        sections.append(BarPlot(labels, off, title="Off the manifold", caption=caption, quantity="share", digits=2))
    links = [Link(name, name, text) for name, text in FILES.items() if run.path(name) is not None]
    sections += [Links(links, "Files"), Facts(run.settings(), "Settings")]
    title = f"{len(kept)} encoded image{'s' * (len(kept) != 1)}"
    return Page(title, f"Encoded into the styles of `{run.subject}`.", sections, run.command_line, run.manifest,
                run.command)  # fmt: skip


def _headline(means: Any, results: Any, count: int) -> Headline:
    items: list[tuple[object, str, str]] = [
        (small(read_number(means.get("mse"))), "mean squared error", f"over {count} images in [-1, 1]"),
        (read_number(results.get("psnr")), "dB", "signal to noise"),
        (read_number(means.get("ssim")), "structural similarity", "1 is equal"),
    ]
    if read_number(means.get("perceptual")) is not None:
        items.append((read_number(means.get("perceptual")), "feature distance", "0 is equal"))
    return Headline([item for item in items if item[0] is not None])


def _table(run: RunRecord, names: list[str], kept: list[int]) -> Table | None:
    figures = run.results.get("figures")
    if not isinstance(figures, list) or not figures:
        return None
    pairs = {int(row[0]): row for row in run.results.get("pairs", []) if isinstance(row, list) and len(row) == 3}
    values = [[read_number(v) for v in row] for row in figures]
    features = any(row[2] is not None and np.isfinite(row[2]) for row in values)
    rows: list[list[CellValue]] = []
    for place, row in enumerate(values):
        number = kept[place] if place < len(kept) else place
        name = names[number] if number < len(names) else str(number)
        cells: list[CellValue] = [name]
        for path, what in zip(pairs.get(number, [0, "", ""])[1:], ("original", "reconstruction"), strict=True):
            cells.append(run.picture(path, f"{what} of {name}") if path else None)
        rows.append([*cells, row[0], row[1], *([row[2]] if features else [])])
    columns: list[Column | str] = [
        "name",
        "original",
        "reconstruction",
        Column("MSE", digits=4),
        Column("SSIM", digits=3),
    ]
    columns += [Column("features", "Distance of the perception", 3)] if features else []
    return Table(columns, rows, "Image by image", "Click a heading to sort by it.")
