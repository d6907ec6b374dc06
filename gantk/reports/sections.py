"""What a page is made of: plain data, no markup. `gantk.reports.page` turns it into HTML.

Every section has a `title` (it becomes a heading and an entry of the table of contents; empty: none) and, where it
shows something, a `caption` that says what is seen. Captions and prose are plain text with three conveniences:
`code`, **strong** and, in prose, lines that start with "- " become a list. Everything else is escaped.

Shapes: R rows, C columns, K frames of a strip, n points of a curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from gantk.errors import GantkError


@dataclass(frozen=True, eq=False)
class Picture:
    """One image: a file, or uint8 `[H, W]`, `[H, W, 3]` or `[H, W, 4]`.

    `alt` says what is seen and is never empty; `label` stands under the image; `name` is what a saved copy is called.
    `lossless=None` decides by size: small images lose visibly in lossy WebP (its colour is stored at half resolution).
    """

    source: Path | np.ndarray
    alt: str
    label: str = ""
    name: str = ""
    lossless: bool | None = None

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise GantkError("A picture needs an alternative text: say in `alt` what is seen.")
        if isinstance(self.source, np.ndarray):
            array = self.source
            colour = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
            if array.dtype != np.uint8 or not colour or 0 in array.shape:
                raise GantkError(
                    f"A picture of dtype {array.dtype} and shape {array.shape} cannot be shown; "
                    "uint8 [H, W], [H, W, 3] or [H, W, 4] is expected."
                )


@dataclass(frozen=True)
class Link:
    """A way to another page or file. `href` is relative to the page, or an http(s) address."""

    href: str
    title: str
    text: str = ""
    thumbnail: Picture | None = None


@dataclass(frozen=True)
class Prose:
    text: str
    title: str = ""
    tone: Literal["plain", "finding", "warning", "next"] = "plain"


@dataclass(frozen=True)
class Facts:
    """Settings and other named values, in the order given."""

    items: Sequence[tuple[str, object]]
    title: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Headline:
    """A few figures to remember: (value, what it is, a note or ""), at most six read well."""

    items: Sequence[tuple[object, str, str]]
    title: str = ""


@dataclass(frozen=True)
class Sheet:
    """A contact sheet. `size` is the width of one image on a desktop screen, in pixels.

    Above 240 they are pictures to look into (rows of tiles, say), which a phone shows below each other. Of each
    `group` pictures (an original and its edit, say) none goes to another line without the others. `legend` names the
    colours of label maps: (red, green, blue) in [0, 255] and a name each.
    """

    pictures: Sequence[Picture]
    title: str = ""
    caption: str = ""
    size: int = 112
    group: int = 1
    legend: Sequence[tuple[tuple[int, int, int], str]] = ()

    def __post_init__(self) -> None:
        if self.group < 1 or len(self.pictures) % self.group:
            raise GantkError(
                f"The sheet {self.title!r} has {len(self.pictures)} pictures, which are no groups of {self.group}."
            )


@dataclass(frozen=True)
class SliderStrip:
    """One image per value; a slider chooses which is seen.

    `start` is the index to which the key 0 returns (default: the value nearest 0), `first` the one shown first
    (default: the start).
    """

    frames: Sequence[Picture]
    values: Sequence[float]
    title: str = ""
    caption: str = ""
    quantity: str = "distance"
    start: int | None = None
    downloads: Sequence[Link] = ()
    first: int | None = None

    def __post_init__(self) -> None:
        if len(self.frames) != len(self.values) or not self.frames:
            raise GantkError(
                f"The strip {self.title!r} has {len(self.frames)} frames and {len(self.values)} values; it needs "
                "one value per frame and at least one frame."
            )
        for place in (self.start, self.first):
            if place is not None and not 0 <= place < len(self.frames):
                raise GantkError(
                    f"The strip {self.title!r} cannot start at {place}; it has frames 0 to {len(self.frames) - 1}."
                )

    @property
    def origin(self) -> int:
        """Index of the frame to which the key 0 returns."""
        if self.start is not None:
            return self.start
        return int(np.argmin(np.abs(np.asarray(self.values, dtype=float))))

    @property
    def opening(self) -> int:
        """Index of the frame shown first."""
        return self.origin if self.first is None else self.first


@dataclass(frozen=True)
class SliderGrid:
    """Strips side by side (one per sample, same values) with one master slider that moves all of them."""

    strips: Sequence[SliderStrip]
    title: str = ""
    caption: str = ""
    quantity: str = "distance"
    downloads: Sequence[Link] = ()

    def __post_init__(self) -> None:
        first = tuple(self.strips[0].values) if self.strips else ()
        for strip in self.strips:
            if tuple(strip.values) != first:
                raise GantkError(
                    f"The strip {strip.title!r} has the values {list(strip.values)}, the first one {list(first)}; "
                    "strips of one grid share their values."
                )
        if not self.strips:
            raise GantkError(f"The slider grid {self.title!r} has no strips; give at least one.")


@dataclass(frozen=True)
class Cell:
    """A table cell that is more than a value.

    `value` is what is sorted by, `text` what is read (default: the value), `note` a tooltip, `bar` a fraction in
    [-1, 1] drawn before the number, `href` a link.
    """

    value: float | int | str | None
    text: str = ""
    note: str = ""
    bar: float | None = None
    href: str = ""


@dataclass(frozen=True)
class Column:
    """`field` is the number of the result's `table()` that the column shows: `gantk compare` calls it by this name."""

    name: str
    help: str = ""
    digits: int = 3
    field: str = ""


CellValue = Cell | Picture | str | int | float | bool | None


@dataclass(frozen=True, eq=False)
class Table:
    """Rows under columns; a click on a heading sorts (`sortable`).

    A column is numeric when all its values are numbers. `filters` are names of columns of text by whose values lines
    are chosen from a list; a value such as "sefa, resefa" is several.
    """

    columns: Sequence[Column | str]
    rows: Sequence[Sequence[CellValue]]
    title: str = ""
    caption: str = ""
    sortable: bool = True
    filters: Sequence[str] = ()

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise GantkError(
                    f"Row {number} of the table {self.title!r} has {len(row)} cells; its {len(self.columns)} "
                    "columns need as many."
                )


@dataclass(frozen=True, eq=False)
class HeatMap:
    """A matrix `[R, C]` as a table whose cells carry value and colour.

    `scale` is "diverging" (zero in the middle, symmetric) or "sequential" (from zero up). `limit` is the
    value that gets the full colour (default: the largest finite magnitude). `notes` `[R, C]` are tooltips.
    Not-a-number stays blank. Where `grey` `[R, C]` is true a number stands in grey without colour: it may be chance.
    """

    values: np.ndarray
    rows: Sequence[str]
    columns: Sequence[str]
    title: str = ""
    caption: str = ""
    row_name: str = ""
    column_name: str = ""
    scale: Literal["diverging", "sequential"] = "sequential"
    limit: float | None = None
    digits: int = 2
    quantity: str = ""
    notes: Sequence[Sequence[str]] | None = None
    diagonal: bool = False
    column_help: Sequence[str] = ()
    grey: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.values)
        if shape != (len(self.rows), len(self.columns)):
            raise GantkError(
                f"The heat map {self.title!r} has values of shape {shape} for {len(self.rows)} rows and "
                f"{len(self.columns)} columns; the two must agree."
            )


@dataclass(frozen=True, eq=False)
class Series:
    """A curve: `x` and `y` `[n]`, and optionally a band `low`..`high` `[n]`."""

    name: str
    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    low: Sequence[float] | np.ndarray | None = None
    high: Sequence[float] | np.ndarray | None = None

    def __post_init__(self) -> None:
        lengths = {len(part) for part in (self.x, self.y, self.low, self.high) if part is not None}
        if len(lengths) != 1 or (self.low is None) != (self.high is None):
            raise GantkError(
                f"The series {self.name!r} needs x, y and both or none of low and high, all of one length; got "
                f"{lengths}."
            )


@dataclass(frozen=True)
class LinePlot:
    series: Sequence[Series]
    title: str = ""
    caption: str = ""
    x_name: str = ""
    y_name: str = ""
    y_range: tuple[float, float] | None = None
    markers: bool = True


@dataclass(frozen=True, eq=False)
class BarPlot:
    """Horizontal bars, one per label; `low` and `high` are the ends of the error bars."""

    labels: Sequence[str]
    values: Sequence[float] | np.ndarray
    low: Sequence[float] | np.ndarray | None = None
    high: Sequence[float] | np.ndarray | None = None
    title: str = ""
    caption: str = ""
    quantity: str = ""
    digits: int = 3

    def __post_init__(self) -> None:
        lengths = {len(part) for part in (self.labels, self.values, self.low, self.high) if part is not None}
        if len(lengths) != 1 or (self.low is None) != (self.high is None):
            raise GantkError(
                f"The bars {self.title!r} need labels, values and both or none of low and high, all of one length."
            )


@dataclass(frozen=True, eq=False)
class Points:
    """One group of a scatter plot: `x` and `y` `[n]`; `notes` `[n]` are tooltips."""

    name: str
    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class ScatterPlot:
    groups: Sequence[Points]
    title: str = ""
    caption: str = ""
    x_name: str = ""
    y_name: str = ""
    identity: bool = False


@dataclass(frozen=True, eq=False)
class Bins:
    """Counts `[n]` between edges `[n + 1]`."""

    name: str
    counts: Sequence[float] | np.ndarray
    edges: Sequence[float] | np.ndarray

    def __post_init__(self) -> None:
        if len(self.edges) != len(self.counts) + 1:
            raise GantkError(
                f"The histogram {self.name!r} has {len(self.counts)} counts and {len(self.edges)} edges; one edge "
                "more than counts is needed."
            )


@dataclass(frozen=True)
class Histogram:
    """One or several sets of bins over one axis; `rule` is a vertical line with its name (a threshold, a boundary)."""

    series: Sequence[Bins]
    title: str = ""
    caption: str = ""
    x_name: str = ""
    rule: tuple[float, str] | None = None
    y_name: str = "count"


@dataclass(frozen=True)
class Panels:
    """Small plots side by side under one heading and one figure number; their titles name the panels."""

    sections: Sequence[LinePlot | BarPlot | ScatterPlot | Histogram]
    title: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Links:
    """Cards (with thumbnails where given) that lead to other pages or files."""

    links: Sequence[Link]
    title: str = ""
    caption: str = ""


Section = (
    Prose
    | Facts
    | Headline
    | Sheet
    | SliderStrip
    | SliderGrid
    | Table
    | HeatMap
    | LinePlot
    | BarPlot
    | ScatterPlot
    | Histogram
    | Panels
    | Links
)
