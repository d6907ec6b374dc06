"""Run directory -> one self-contained HTML file: `render(run_dir, command)`, or a `Page` made of sections by hand.

Needs numpy, pillow and jinja2, nothing else; a page can be rebuilt anywhere from the run directory alone.
"""

from gantk.reports.page import Page as Page
from gantk.reports.render import render as render
from gantk.reports.render import render_index as render_index
from gantk.reports.sections import BarPlot as BarPlot
from gantk.reports.sections import Bins as Bins
from gantk.reports.sections import Cell as Cell
from gantk.reports.sections import Column as Column
from gantk.reports.sections import Facts as Facts
from gantk.reports.sections import Headline as Headline
from gantk.reports.sections import HeatMap as HeatMap
from gantk.reports.sections import Histogram as Histogram
from gantk.reports.sections import LinePlot as LinePlot
from gantk.reports.sections import Link as Link
from gantk.reports.sections import Links as Links
from gantk.reports.sections import Panels as Panels
from gantk.reports.sections import Picture as Picture
from gantk.reports.sections import Points as Points
from gantk.reports.sections import Prose as Prose
from gantk.reports.sections import ScatterPlot as ScatterPlot
from gantk.reports.sections import Section as Section
from gantk.reports.sections import Series as Series
from gantk.reports.sections import Sheet as Sheet
from gantk.reports.sections import SliderGrid as SliderGrid
from gantk.reports.sections import SliderStrip as SliderStrip
from gantk.reports.sections import Table as Table
