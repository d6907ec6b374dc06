"""Run directory -> one self-contained HTML file: `render(run_dir, command)`, or a `Page` made of sections by hand.

Needs numpy, pillow and jinja2, nothing else; a page can be rebuilt anywhere from the run directory alone.
"""

from __future__ import annotations

from gantk.reports.page import Page
from gantk.reports.render import render, render_all, render_index
from gantk.reports.sections import (
    BarPlot,
    Bins,
    Cell,
    Column,
    Facts,
    Headline,
    HeatMap,
    Histogram,
    LinePlot,
    Link,
    Links,
    Panels,
    Picture,
    Points,
    Prose,
    ScatterPlot,
    Section,
    Series,
    Sheet,
    SliderGrid,
    SliderStrip,
    Table,
    bins_of,
)

__all__ = [
    "BarPlot",
    "Bins",
    "Cell",
    "Column",
    "Facts",
    "Headline",
    "HeatMap",
    "Histogram",
    "LinePlot",
    "Link",
    "Links",
    "Page",
    "Panels",
    "Picture",
    "Points",
    "Prose",
    "ScatterPlot",
    "Section",
    "Series",
    "Sheet",
    "SliderGrid",
    "SliderStrip",
    "Table",
    "bins_of",
    "render",
    "render_all",
    "render_index",
]
