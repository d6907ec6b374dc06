"""Plots and heat maps as SVG files that are valid alone: every colour and font is an attribute, text stays text.

Lengths are in units of the page kit's drawings. One unit is `UNIT` mm in a file, so that text is 8 pt (12 units) at
every width, and a narrower figure is drawn anew instead of being made smaller.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence

import numpy as np

from gantk.reports import palettes, plots
from gantk.reports.numbers import show_fixed
from gantk.reports.sections import BarPlot, HeatMap, Histogram, LinePlot, Panels, ScatterPlot
from gantk.reports.svg import coordinate

Plot = LinePlot | BarPlot | ScatterPlot | Histogram

SPACE = "http://www.w3.org/2000/svg"
UNIT = 8 / 12 * 25.4 / 72
FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
LETTER = 7.3  # the width that is kept for one letter of 12 units
INK, SOFT, GRID, AXIS, ZERO = "#15201d", "#46534f", "#dde3e1", "#5f6d69", "#bcc7c3"
SERIES = ("#0a7a6f", "#c4541a", "#3b62b5", "#977012", "#8d4089", "#5b6b67")
DASHES = {"d1": "7 4", "d2": "2 4", "d3": "9 3 2 3"}
_LINES: dict[str, dict[str, str]] = {
    "grid": {"stroke": GRID, "stroke-width": "1"},
    "axis": {"stroke": AXIS, "stroke-width": "1"},
    "zero": {"stroke": ZERO, "stroke-width": "1.4"},
    "whisker": {"stroke": INK, "stroke-width": "1.4", "fill": "none"},
    "rule": {"stroke": INK, "stroke-width": "1.4", "stroke-dasharray": "4 3"},
    "reference": {"stroke": ZERO, "stroke-width": "1.4", "stroke-dasharray": "5 4", "fill": "none"},
}
_FILLS = {"band": "0.16", "bar": "1", "dots": "0.6", "bin": "0.62", "mark": "1"}

ET.register_namespace("", SPACE)


def element(name: str, content: str = "", **attributes: object) -> ET.Element:
    """An element of SVG; underscores of names become hyphens, numbers get at most two decimals."""
    shown = {
        key.rstrip("_").replace("_", "-"): coordinate(value) if isinstance(value, float) else str(value)
        for key, value in attributes.items()
    }
    made = ET.Element(f"{{{SPACE}}}{name}", shown)
    made.text = content or None
    return made


def text_at(content: str, x: float, y: float, anchor: str = "start", **more: object) -> ET.Element:
    """A line of text whose baseline begins, has its middle or ends at a place."""
    given = {"fill": SOFT, "font_family": FONT, "font_size": "12", **more}
    return element("text", content, x=float(x), y=float(y), text_anchor=anchor, **given)


def style_of(classes: Sequence[str], only: bool = False) -> dict[str, str]:
    """The attributes that stand for the classes of a mark of a plot; `only` is a histogram's single set of bins."""
    colour = next((SERIES[int(name[1])] for name in classes if name[0] == "s" and name[1:].isdigit()), SERIES[0])
    for name in classes:
        if name in _LINES:
            return _LINES[name]
        if name == "curve":
            dash = next(({"stroke-dasharray": DASHES[part]} for part in classes if part in DASHES), {})
            return {"fill": "none", "stroke": colour, "stroke-width": "2", **dash}
        if name in _FILLS:
            edge = {"stroke": "#ffffff", "stroke-width": "1.2"} if name == "mark" else {"stroke": "none"}
            return {"fill": colour, "fill-opacity": "0.85" if only and name == "bin" else _FILLS[name], **edge}
    return {}


def _plain_drawing(plot: Plot, frame: plots.Frame, kind: str) -> tuple[list[ET.Element], float]:
    """The content of a plot with attributes instead of classes, and its height."""
    root = ET.fromstring(str(plots.draw_in(plot, frame, kind)))
    only = sum("bin" in (node.get("class") or "").split() for node in root) == 1
    for node in root.iter():
        node.tag = f"{{{SPACE}}}{node.tag}"
        classes = (node.attrib.pop("class", "") or "").split()
        if node.tag.endswith("}text"):
            size = "13" if "label" in classes else "12"
            node.attrib.update({"fill": INK if "label" in classes else SOFT, "font-family": FONT, "font-size": size})
            for title in node.findall("title"):  # the whole of a shortened label; a file has no tooltips
                node.text = title.tail
                node.remove(title)
        elif classes:
            node.attrib.update(style_of(classes, only))
    content = [node for node in root if not node.tag.endswith("title")]
    for node in content:
        for inner in list(node.iter()):
            for title in [part for part in inner if part.tag in ("title", f"{{{SPACE}}}title")]:
                inner.remove(title)
    return content, float(root.attrib["height"])


def _shift(content: Sequence[ET.Element], x: float, y: float) -> ET.Element:
    group = element("g", transform=f"translate({x:.2f},{y:.2f})")
    group.extend(content)
    return group


def legend_at(items: Sequence[tuple[str, str]], width: float) -> tuple[list[ET.Element], float]:
    """Names beside squares of their colours, in as many lines as they need, and the height of them."""
    made: list[ET.Element] = []
    x, y = 2.0, 0.0
    for colour, name in items:
        needs = 18 + LETTER * len(name) + 16
        if x > 2 and x + needs > width:
            x, y = 2.0, y + 18
        made.append(
            element("rect", x=x, y=y + 3, width=10.0, height=10.0, fill=colour, stroke=ZERO, stroke_width="0.5")
        )
        made.append(text_at(name, x + 16, y + 12))
        x += needs
    return made, (y + 24 if items else 0.0)


def _coloured(items: Sequence[tuple[int, str]]) -> list[tuple[str, str]]:
    return [(SERIES[index], name) for index, name in items]


def document(content: Sequence[ET.Element], width: float, height: float, title: str) -> str:
    """A whole file of `width` units."""
    root = element(
        "svg", width=f"{width * UNIT:.3f}mm", height=f"{height * UNIT:.3f}mm", viewBox=f"0 0 {width:.2f} {height:.2f}",
        role="img",
    )  # fmt: skip
    root.append(element("title", title or "figure"))
    root.append(element("rect", width=float(width), height=float(height), fill="#ffffff"))
    root.extend(content)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def draw_plot(plot: Plot, width_mm: float) -> str:
    """A plot with its legend, `width_mm` wide."""
    width = width_mm / UNIT
    legend, top = legend_at(_coloured(plots.legend_of(plot)), width)
    frame = plots.Frame(width, min(max(width * 0.45, 190.0), 360.0))
    content, height = _plain_drawing(plot, frame, "wide" if width >= 480 else "narrow")
    return document([*legend, _shift(content, 0, top)], width, top + height, plot.title)


def draw_panels(section: Panels, width_mm: float) -> str:
    """Small plots side by side, as many as the width takes, with the legend that they share above them."""
    width, gap = width_mm / UNIT, 16.0
    legends = [plots.legend_of(part) for part in section.sections]
    shared = legends[0] if legends and all(legend == legends[0] for legend in legends) else []
    made, top = legend_at(_coloured(shared), width)
    across = max(1, min(len(section.sections), int((width + gap) // (200 + gap))))
    each = (width - gap * (across - 1)) / across
    frame = plots.Frame(each, max(each * 0.66, 150.0), left=40, right=10, top=24, bottom=40)
    height = tallest = 0.0
    for place, (part, own) in enumerate(zip(section.sections, legends, strict=True)):
        if place % across == 0:
            top, tallest = top + tallest, 0.0
        content, high = _plain_drawing(part, frame, "panel")
        names, below = ([], 0.0) if shared else legend_at(_coloured(own), each)
        inner = [text_at(part.title, 2, 14, fill=INK, font_weight="bold"), _shift(content, 0, 20)]
        made.append(_shift([*inner, _shift(names, 0, 24 + high)], (place % across) * (each + gap), top))
        tallest = max(tallest, high + below + 36)
        height = top + tallest
    return document(made, width, height, section.title)


def draw_heat_map(chart: HeatMap, width_mm: float) -> str:
    """A heat map in the page's light colours. Numbers too wide for their cells are left out: the tables hold them."""
    values = np.asarray(chart.values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    limit = (chart.limit if chart.limit is not None else float(np.abs(finite).max()) if finite.size else 1.0) or 1.0
    diverging = chart.scale == "diverging"
    palette = palettes.LIGHT if diverging else palettes.LIGHT_SEQUENTIAL
    width, count = width_mm / UNIT, max(len(chart.columns), 1)
    left = min(12 + LETTER * max((len(name) for name in (*chart.rows, chart.row_name)), default=0), width * 0.4)
    side, high = (width - left) / count, 24.0
    longest = max((len(name) for name in chart.columns), default=0)
    upright = LETTER * longest > side - 4
    top = (20.0 if chart.column_name else 4.0) + (LETTER * longest + 10 if upright else 20)
    made = [text_at(chart.column_name, left, 13)] if chart.column_name else []
    if chart.row_name:
        made.append(text_at(chart.row_name, 0, top - 6))
    for j, name in enumerate(chart.columns):
        x = left + side * (j + 0.5)
        turned = {"transform": f"rotate(-90 {x + 4:.2f} {top - 5:.2f})"} if upright else {}
        made.append(text_at(name, x + (4 if upright else 0), top - 5, "start" if upright else "middle", **turned))
    for i, name in enumerate(chart.rows):
        y, most = top + high * i, int((left - 8) // LETTER)
        made.append(text_at(name if len(name) <= most else name[: most - 1] + "\u2026", 0, y + 16, fill=INK))
        for j in range(len(chart.columns)):
            if not np.isfinite(values[i, j]):
                continue
            grey = chart.grey is not None and bool(chart.grey[i, j])
            position = 0.0 if grey else float(values[i, j]) / limit
            back, ink = palettes.cell_colours(round(position if diverging else max(position, 0.0), 2), palette)
            edge = {"stroke": INK, "stroke_width": "2"} if chart.diagonal and i == j else {}
            x = left + side * j
            made.append(element("rect", x=x + 1, y=y + 1, width=side - 2, height=high - 2, fill=back, **edge))
            shown = show_fixed(float(values[i, j]), chart.digits)
            if LETTER * len(shown) <= side:
                made.append(text_at(shown, x + side / 2, y + 16, "middle", fill=AXIS if grey else ink))
    height = top + high * len(chart.rows) + 12
    stops = (-1.0, -0.5, 0.0, 0.5, 1.0) if diverging else (0.0, 0.25, 0.5, 0.75, 1.0)
    words = [show_fixed(stop * limit, chart.digits) for stop in stops]
    step = LETTER * max(map(len, words)) + 10
    named = LETTER * len(chart.quantity) + 10 if chart.quantity else 0.0
    if chart.quantity:
        made.append(text_at(chart.quantity, 0, height + 14))
    if named + step * len(stops) > width:
        named, height = 0.0, height + 22
    for place, (stop, word) in enumerate(zip(stops, words, strict=True)):
        back, ink = palettes.cell_colours(stop, palette)
        x = named + step * place
        made.append(element("rect", x=x, y=height, width=step, height=20.0, fill=back))
        made.append(text_at(word, x + step / 2, height + 14, "middle", fill=ink))
    return document(made, width, height + 24, chart.title)


DRAW: dict[type, Callable[..., str]] = {
    LinePlot: draw_plot,
    BarPlot: draw_plot,
    ScatterPlot: draw_plot,
    Histogram: draw_plot,
    Panels: draw_panels,
    HeatMap: draw_heat_map,
}
