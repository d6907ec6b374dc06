"""Tours that were taken before their results were typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gantk.runs.structure import Image
from gantk.runs.upgrade import part, walk
from gantk.store.inside import inside
from gantk.tour.results import Chapter, Charted, Figure, FoundTable, Heading, Moved, RowChanges, TourResult

_DIGITS = dict.fromkeys(("selectivity", "own change", "strength", "largest change", "second largest"), 2)


def tour(manifest: Mapping[str, Any], directory: Path) -> TourResult:
    """A tour, as far as it had come."""
    told = manifest["results"]
    first, rows = told.get("first"), told.get("layers")
    return TourResult(
        chapters=tuple(_chapter(entry, directory) for entry in told.get("chapters", [])),
        charted=first and Charted(figures=_figures(first), text=str(first["text"]), table=_table(first["table"])),
        samples=_there(told.get("images", []), directory),
        samples_caption=str(told.get("images_caption", "")),
        truth=str(told.get("truth", "")),
        figures=_figures(told),
        findings=tuple(map(str, told.get("findings", []))),
        moved=tuple(
            part(Moved, entry, directory, strip=walk(entry, directory).strips[0]) for entry in told.get("best", [])
        ),
        factors=_table(told["factors"]) if "factors" in told else None,
        oracle=_table(told["oracle"]) if "oracle" in told else None,
        row_changes=rows and part(
            RowChanges, rows, directory, factors=tuple(rows["names"]), rows=tuple(rows["layers"]),
            change=np.asarray(rows["values"], np.float64), caption=str(rows.get("caption", "")),
        ),
    )  # fmt: skip


def _chapter(entry: Mapping[str, Any], directory: Path) -> Chapter:
    images = _there([entry["image"]] if entry.get("image") else entry.get("images", []), directory)
    table = _table(entry["table"]) if entry.get("table") else None
    return part(Chapter, entry, directory, picture=next(iter(images), None), table=table)


def _there(names: Sequence[object], directory: Path) -> tuple[Image, ...]:
    """The pictures that are still there."""
    found = (Image(str(name), None, inside(directory, str(name))) for name in names)
    return tuple(image for image in found if image.file is not None and image.file.is_file())


def _figures(told: Mapping[str, Any]) -> tuple[Figure, ...]:
    return tuple(
        Figure(value=entry["value"], name=str(entry["name"]), note=str(entry.get("note", "")))
        for entry in told.get("headline", [])
    )


def _table(told: Mapping[str, Any]) -> FoundTable:
    return FoundTable(
        headings=tuple(Heading(name=str(name), digits=_DIGITS.get(str(name), 3)) for name in told["columns"]),
        rows=tuple(tuple(row) for row in told["rows"]),
        caption=str(told.get("caption", "")),
    )
