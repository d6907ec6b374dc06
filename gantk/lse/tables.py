"""Tables of scores in LaTeX and CSV, and pictures of label maps side by side.

Shape legend: S side of a label map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.pictures.label_maps import Colours, colour_map
from gantk.store.text import csv_bytes

Array = npt.NDArray[np.uint8]
GAP, LEAST = 2, 128  # pixels between pictures side by side, and of their sides at least


def scores_csv(rows: Sequence[Mapping[str, Any]], class_names: Sequence[str]) -> bytes:
    """One line per generator and head: the means, then the paper's score of each class (empty: never seen).

    `rows` are those of `EvaluateResult.table`.
    """
    keys = ("model", "head", "paper_miou", "dataset_miou", "accuracy", "paper_miou_low", "paper_miou_high")
    head = (*keys, *class_names)
    return csv_bytes(head, ([_cell(row.get(name)) for name in head] for row in rows))


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.6f}" if isinstance(value, float) else str(value)


def comparison_latex(table: Mapping[str, Mapping[str, float]], heads: Sequence[str]) -> str:
    """The paper's table: a row per head, a column per generator, mIoU in percent with the distance to the best.

    `table` is generator -> head -> mIoU; a head that a generator lacks is a dash.
    """
    from gantk.reports.latex import latex_text  # which brings all of the page kit

    models = list(table)
    rows = []
    for head in heads:
        cells = [latex_text(head)]
        for model in models:
            value = table[model].get(head)
            best = max(table[model].values())
            if value is None:
                cells.append("--")
            elif value == best:
                cells.append(f"\\textbf{{{100 * value:.1f}}}")
            else:
                cells.append(f"{100 * value:.1f} ({100 * (value - best) / best if best else 0:.1f})")
        rows.append(cells)
    return _tabular(["", *map(latex_text, models)], rows)


def classes_latex(names: Sequence[str], heads: Mapping[str, Sequence[float]]) -> str:
    """A row per class, a column per head, the paper's IoU in percent."""
    from gantk.reports.latex import latex_text

    rows = []
    for place, name in enumerate(names):
        values = [scores[place] for scores in heads.values()]
        rows.append([latex_text(name), *("--" if value <= -0.1 else f"{100 * value:.1f}" for value in values)])
    return _tabular(["class", *map(latex_text, heads)], rows)


def _tabular(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in LaTeX, its first column to the left and numbers to the right."""
    lines = [" & ".join(row) + " \\\\" for row in (head, *rows)]
    begin = "\\begin{tabular}{l" + "r" * (len(head) - 1) + "}"
    return "\n".join([begin, "\\hline", lines[0], "\\hline", *lines[1:], "\\hline", "\\end{tabular}", ""])


def side_by_side(pictures: Sequence[Array], colours: Colours) -> Array:
    """Images [S, S, 3] and label maps [S, S] in one row, white between them, small ones enlarged without smoothing."""
    size = max(picture.shape[0] for picture in pictures)
    tiles = []
    for picture in pictures:
        tile = colour_map(picture, colours) if picture.ndim == 2 else picture
        tile = np.repeat(tile, 3, 2) if tile.shape[2] == 1 else tile
        times = max(1, -(-LEAST // size)) * max(1, size // tile.shape[0])
        tiles += [tile.repeat(times, 0).repeat(times, 1), np.full((tile.shape[0] * times, GAP, 3), 255, np.uint8)]
    return np.concatenate(tiles[:-1], 1)
