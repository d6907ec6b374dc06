"""Figures of a page as SVG files that stand alone: white ground, colours of the light theme, text as text."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from gantk.reports import palettes, plots
from gantk.reports.numbers import show_fixed
from gantk.reports.sections import BarPlot, HeatMap, Histogram, LinePlot, ScatterPlot
from gantk.reports.svg import coordinate, tag

Plot = LinePlot | BarPlot | ScatterPlot | Histogram

SERIES = ("#0a7a6f", "#c4541a", "#3b62b5", "#977012", "#8d4089", "#5b6b67")
"""Colours of the series; tests hold them equal to those of the style sheet."""

_INK = "#15201d"
_STYLE = (
    "text{font-family:Helvetica,Arial,'Liberation Sans',sans-serif;font-size:12px;fill:#15201d;stroke:none}"
    ".plot{fill:none}.name{font-size:12.5px}.label{font-size:13px}"
    ".grid{stroke:#dde3e1}.axis{stroke:#5f6d69}.zero{stroke:#bcc7c3;stroke-width:1.4}"
    ".whisker{stroke:#15201d;stroke-width:1.4}.rule{stroke:#15201d;stroke-width:1.4;stroke-dasharray:4 3}"
    ".reference{stroke:#bcc7c3;stroke-dasharray:5 4}.curve{stroke-width:2;fill:none}"
    ".d1{stroke-dasharray:7 4}.d2{stroke-dasharray:2 4}.d3{stroke-dasharray:9 3 2 3}"
    ".band{opacity:.16;stroke:none}.mark{stroke:#ffffff;stroke-width:1.2}.dots{fill-opacity:.6}.bin{fill-opacity:.62}"
    + "".join(
        f".curve.s{i}{{stroke:{c}}}.band.s{i},.mark.s{i},.bar.s{i},.dots.s{i},.bin.s{i},.key.s{i}{{fill:{c}}}"
        for i, c in enumerate(SERIES)
    )
)
_NARROW_TO = 120.0
"""Up to this width in mm a plot is drawn narrow: the wide drawing's letters would be smaller than 6 points."""


def document(content: Sequence[Markup], width: float, height: float, width_mm: float, title: str) -> bytes:
    """An SVG file of `width` by `height` units that is `width_mm` wide on paper."""
    ground = tag("rect", width=width, height=height, fill="#ffffff")
    drawing = tag(
        "svg",
        [tag("title", title), tag("style", Markup(_STYLE)), ground, *content],
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {coordinate(width)} {coordinate(height)}",
        width=f"{coordinate(width_mm)}mm",
        height=f"{coordinate(width_mm * height / width)}mm",
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{drawing}\n'.encode()


def plot_svg(plot: Plot, width_mm: float, title: str) -> bytes:
    """A plot with the names of its series above it."""
    drawing, width, height = plots.one_drawing(plot, narrow=width_mm <= _NARROW_TO)
    parts, x, y = [], 4.0, 0.0
    for index, name in plots.legend_of(plot):
        step = 26.0 + 6.6 * len(name)
        if x > 4.0 and x + step > width:
            x, y = 4.0, y + 18.0
        parts.append(tag("rect", x=x, y=y + 4.0, width=10.0, height=10.0, class_=f"key s{index}"))
        parts.append(tag("text", name, x=x + 15.0, y=y + 13.5))
        x += step
    top = y + 22.0 if parts else 0.0
    parts.append(tag("g", drawing, transform=f"translate(0 {coordinate(top)})"))
    return document(parts, width, height + top, width_mm, title)


def heat_svg(chart: HeatMap, width_mm: float, title: str) -> bytes:
    """A heat map: its numbers on the colours of the page's light theme, names of columns upright."""
    values = np.asarray(chart.values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    limit = chart.limit if chart.limit is not None else (float(np.abs(finite).max()) if finite.size else 1.0)
    limit = limit or 1.0
    diverging = chart.scale == "diverging"
    palette = palettes.LIGHT if diverging else palettes.LIGHT_SEQUENTIAL
    left = 14.0 + 6.8 * max(map(len, [*chart.rows, chart.row_name]), default=0)
    top = 14.0 + 6.8 * max(map(len, chart.columns), default=0)
    side, row = 44.0, 22.0
    parts = [tag("text", chart.row_name, x=2.0, y=top - 6.0)] if chart.row_name else []
    for j, name in enumerate(chart.columns):
        x, y = left + side * (j + 0.5) + 4.0, top - 6.0
        parts.append(tag("text", name, transform=f"translate({coordinate(x)} {coordinate(y)}) rotate(-90)"))
    for i, name in enumerate(chart.rows):
        parts.append(tag("text", name, x=left - 8.0, y=top + row * i + 15.5, text_anchor="end"))
        for j in range(len(chart.columns)):
            value = float(values[i, j])
            if not np.isfinite(value):
                continue
            position = value / limit if diverging else max(value / limit, 0.0)
            ground, ink = palettes.cell_colours(position, palette)
            x, y = left + side * j, top + row * i
            edge = _INK if chart.diagonal and i == j else "#ffffff"
            parts.append(tag("rect", x=x, y=y, width=side, height=row, fill=ground, stroke=edge))
            text = show_fixed(value, chart.digits)
            parts.append(tag("text", text, x=x + side / 2, y=y + 15.5, text_anchor="middle", style=f"fill:{ink}"))
    return document(parts, left + side * len(chart.columns) + 2.0, top + row * len(chart.rows) + 2.0, width_mm, title)


def picture_svg(png: bytes, size: tuple[int, int], width_mm: float, title: str) -> bytes:
    """A picture of `size` (width, height) in pixels, inside an SVG file, its pixels untouched."""
    width, height = map(float, size)
    address = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    image = tag("image", href=address, width=width, height=height)
    return document([image], width, height, width_mm, title)
