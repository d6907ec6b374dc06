"""Plots as inline SVG: lines with bands, bars with error bars, scatter, histograms.

Each plot is drawn twice, wide and narrow, and the style sheet shows the one that fits: scaling one drawing down to a
phone would scale its letters down too. No drawing is shown narrower than its frame: text has 12 pixels or more.
Colours come from the style sheet (classes `s0` to `s5`), so that a drawing follows the theme; series also differ by
dash and marker, for those who do not tell the colours apart. What a mark stands for is in its `<title>`.

Shapes: n points of a curve, B bars.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from gantk.reports.numbers import nice_ticks, show_number, tick_labels
from gantk.reports.sections import BarPlot, Histogram, LinePlot, ScatterPlot
from gantk.reports.svg import coordinate, path_of, tag
from gantk.reports.text import typeset

COLOURS = 6
_VIEW_BOX = re.compile(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"')
MOST_POINTS = 3000
"""A scatter plot draws at most this many points per group, evenly taken; the caption of the drawing says so."""


@dataclass(frozen=True)
class Frame:
    """A plotting area: the size of the drawing and the margins around the data, in pixels."""

    width: float
    height: float
    left: float = 52
    right: float = 16
    top: float = 28
    bottom: float = 44

    @property
    def x_end(self) -> float:
        return self.width - self.right

    @property
    def y_end(self) -> float:
        return self.height - self.bottom


WIDE = Frame(760, 340)
NARROW = Frame(288, 250, left=44, right=10)
PANEL = Frame(264, 176, left=40, right=10, top=24, bottom=40)


@dataclass(frozen=True)
class Axis:
    """A linear map from [low, high] to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)


def _bounds(parts: Sequence[object], pad: float = 0.04, include_zero: bool = False) -> tuple[float, float]:
    finite = np.concatenate(
        [np.asarray(part, dtype=np.float64).ravel() for part in parts if part is not None] or [np.zeros(0)]
    )
    finite = finite[np.isfinite(finite)]
    if include_zero:
        finite = np.append(finite, 0.0)
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        margin = abs(low) * 0.1 or 1.0
        return low - margin, high + margin
    margin = (high - low) * pad
    return low - margin, high + margin


def _whole(parts: Sequence[object]) -> bool:
    """Whether an axis counts something (layers, steps): such an axis gets no ticks between whole numbers."""
    values = np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in parts] or [np.zeros(0)])
    values = values[np.isfinite(values)]
    return bool(values.size) and bool((values == np.round(values)).all())


def _drawing(frame: Frame, kind: str, name: str, content: Sequence[Markup]) -> Markup:
    return tag(
        "svg",
        [tag("title", name or "plot"), *content],
        class_=f"plot {kind}",
        viewBox=f"0 0 {coordinate(frame.width)} {coordinate(frame.height)}",
        width=frame.width,
        height=frame.height,
        role="img",
        aria_label=name or "plot",
    )


def _ticks(axis: Axis, count: int, whole: bool = False) -> list[float]:
    """About `count` ticks of an axis, more where fewer than two round values are in it: one alone is no scale."""
    for more in range(max(2, count), max(2, count) + 6):
        ticks = nice_ticks(axis.low, axis.high, more, whole)
        if len(ticks) > 1:
            break
    return ticks


def _axes(
    frame: Frame,
    x_axis: Axis,
    y_axis: Axis,
    x_name: str,
    y_name: str,
    whole: bool = False,
    counts: bool = False,
) -> list[Markup]:
    """Grid, ticks with numbers, and names: the y name stands above its axis, where it is read without turning the
    head.

    Args:
        whole, counts: no tick of the x axis, of the y axis, lies between whole numbers.
    """
    parts: list[Markup] = []
    y_ticks = _ticks(y_axis, int((frame.y_end - frame.top) // 52), counts)
    for value, text in zip(y_ticks, tick_labels(y_ticks), strict=True):
        y = y_axis(value)
        parts.append(tag("line", x1=frame.left, x2=frame.x_end, y1=y, y2=y, class_="zero" if value == 0 else "grid"))
        parts.append(tag("text", text, x=frame.left - 8.0, y=y + 4.0, class_="tick", text_anchor="end"))
    x_ticks = _ticks(x_axis, int((frame.x_end - frame.left) // 58), whole)
    for value, text in zip(x_ticks, tick_labels(x_ticks), strict=True):
        x = x_axis(value)
        parts.append(tag("line", x1=x, x2=x, y1=frame.y_end, y2=frame.y_end + 5.0, class_="axis"))
        parts.append(tag("text", text, x=x, y=frame.y_end + 18.0, class_="tick", text_anchor="middle"))
    parts.append(tag("line", x1=frame.left, x2=frame.x_end, y1=frame.y_end, y2=frame.y_end, class_="axis"))
    if x_name:
        parts.append(
            tag("text", typeset(x_name), x=frame.x_end, y=frame.height - 6.0, class_="name", text_anchor="end")
        )
    if y_name:
        parts.append(tag("text", typeset(y_name), x=2.0, y=14.0, class_="name"))
    return parts


def _marker(index: int, x: float, y: float, note: str) -> Markup:
    """Circle, square, diamond, triangle, in turn."""
    title = tag("title", note) if note else ""
    style = f"mark s{index % COLOURS}"
    shape = index % 4
    if shape == 0:
        return tag("circle", title, cx=x, cy=y, r=3.6, class_=style)
    if shape == 1:
        return tag("rect", title, x=x - 3.2, y=y - 3.2, width=6.4, height=6.4, class_=style)
    corners = [(0, -4.6), (4.6, 0), (0, 4.6), (-4.6, 0)] if shape == 2 else [(0, -4.4), (4.2, 3.4), (-4.2, 3.4)]
    return tag("path", title, d=path_of((x + dx, y + dy) for dx, dy in corners) + "Z", class_=style)


def _line(plot: LinePlot, frame: Frame, kind: str) -> Markup:
    x_low, x_high = _bounds([series.x for series in plot.series], pad=0.02)
    y_low, y_high = plot.y_range or _bounds([part for s in plot.series for part in (s.y, s.low, s.high)], pad=0.08)
    x_axis = Axis(x_low, x_high, frame.left, frame.x_end)
    y_axis = Axis(y_low, y_high, frame.y_end, frame.top)
    whole = _whole([series.x for series in plot.series])
    parts = _axes(frame, x_axis, y_axis, plot.x_name, plot.y_name, whole)
    for index, series in enumerate(plot.series):
        x, y = np.asarray(series.x, dtype=float), np.asarray(series.y, dtype=float)
        if series.low is not None and series.high is not None:
            low, high = np.asarray(series.low, dtype=float), np.asarray(series.high, dtype=float)
            good = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
            outline = [(x_axis(a), y_axis(b)) for a, b in zip(x[good], high[good], strict=True)]
            outline += [(x_axis(a), y_axis(b)) for a, b in zip(x[good][::-1], low[good][::-1], strict=True)]
            if outline:
                parts.append(tag("path", d=path_of(outline) + "Z", class_=f"band s{index % COLOURS}"))
    for index, series in enumerate(plot.series):
        x, y = np.asarray(series.x, dtype=float), np.asarray(series.y, dtype=float)
        run: list[tuple[float, float]] = []
        runs = [run]
        for a, b in zip(x, y, strict=True):
            if np.isfinite(a) and np.isfinite(b):
                run.append((x_axis(a), y_axis(b)))
            elif run:
                run = []
                runs.append(run)
        for points in runs:
            if len(points) > 1:
                parts.append(tag("path", d=path_of(points), class_=f"curve s{index % COLOURS} d{index % 4}"))
        if plot.markers and len(x) <= 60:
            for place, (a, b) in enumerate(zip(x, y, strict=True)):
                if np.isfinite(a) and np.isfinite(b):
                    note = f"{series.name}: {show_number(b, 4)} at {show_number(a, 4)}"
                    if series.low is not None and series.high is not None:
                        note += f" [{show_number(series.low[place], 4)}, {show_number(series.high[place], 4)}]"
                    parts.append(_marker(index, x_axis(a), y_axis(b), note))
    return _drawing(frame, kind, plot.title or plot.y_name, parts)


def _bars(plot: BarPlot, frame: Frame, kind: str) -> Markup:
    """Row by row: on a narrow page the label stands above its bar, otherwise left of it."""
    above = kind != "wide"
    row = 38.0 if above else 26.0
    longest = max((len(label) for label in plot.labels), default=4)
    left = 8.0 if above else min(240.0, 14.0 + 7.2 * longest)
    most = 44 if above else 32
    frame = Frame(frame.width, 8 + row * len(plot.values) + 44, left, 64, 8, 44)
    ends = [part for part in (plot.values, plot.low, plot.high) if part is not None]
    x_low, x_high = _bounds(ends, pad=0.0, include_zero=True)
    margin = (x_high - x_low) * 0.02
    axis = Axis(x_low - (margin if x_low < 0 else 0), x_high + margin, left, frame.x_end)
    parts: list[Markup] = []
    ticks = nice_ticks(axis.low, axis.high, max(2, int((frame.x_end - left) // 64)))
    for value, text in zip(ticks, tick_labels(ticks), strict=True):
        x = axis(value)
        parts.append(tag("line", x1=x, x2=x, y1=frame.top, y2=frame.y_end, class_="zero" if value == 0 else "grid"))
        parts.append(tag("text", text, x=x, y=frame.y_end + 16.0, class_="tick", text_anchor="middle"))
    for index, (label, value) in enumerate(zip(plot.labels, plot.values, strict=True)):
        top = frame.top + row * index + (15 if above else 0)
        y = top + (row - (15 if above else 0)) / 2
        shown = label if len(label) <= most else label[: most - 1] + "\u2026"
        place = {"x": left, "y": top - 2.0} if above else {"x": left - 8.0, "y": y + 4.0}
        anchor = "start" if above else "end"
        parts.append(tag("text", [tag("title", label), shown], class_="label", text_anchor=anchor, **place))
        if not np.isfinite(value):
            continue
        note, right = f"{label}: {show_number(value, plot.digits)}", max(axis(value), axis(0))
        start, end = sorted((axis(0.0), axis(float(value))))
        bar = [
            tag(
                "rect",
                x=start,
                y=y - 6.0,
                width=max(end - start, 0.5),
                height=12,
                class_="bar " + ("s0" if value >= 0 else "s1"),
            )
        ]
        if (
            plot.low is not None
            and plot.high is not None
            and np.isfinite(plot.low[index])
            and np.isfinite(plot.high[index])
        ):
            low, high = axis(float(plot.low[index])), axis(float(plot.high[index]))
            note += f" [{show_number(plot.low[index], plot.digits)}, {show_number(plot.high[index], plot.digits)}]"
            bar.append(tag("path", d=f"M{coordinate(low)} {coordinate(y)}H{coordinate(high)}", class_="whisker"))
            for x in (low, high):
                bar.append(tag("path", d=f"M{coordinate(x)} {coordinate(y - 4)}v8", class_="whisker"))
            right = max(right, high)
        parts.append(tag("g", [tag("title", note), *bar]))
        parts.append(tag("text", show_number(value, plot.digits), x=right + 7.0, y=y + 4.0, class_="tick"))
    if plot.quantity:
        parts.append(
            tag("text", typeset(plot.quantity), x=frame.x_end, y=frame.height - 6.0, class_="name", text_anchor="end")
        )
    return _drawing(frame, kind, plot.title or plot.quantity, parts)


def _scatter(plot: ScatterPlot, frame: Frame, kind: str) -> Markup:
    x_low, x_high = _bounds([group.x for group in plot.groups])
    y_low, y_high = _bounds([group.y for group in plot.groups])
    if plot.identity:
        x_low = y_low = min(x_low, y_low)
        x_high = y_high = max(x_high, y_high)
    x_axis = Axis(x_low, x_high, frame.left, frame.x_end)
    y_axis = Axis(y_low, y_high, frame.y_end, frame.top)
    parts = _axes(frame, x_axis, y_axis, plot.x_name, plot.y_name)
    if plot.identity:
        ends = [(x_axis(x_low), y_axis(y_low)), (x_axis(x_high), y_axis(y_high))]
        parts.append(tag("path", d=path_of(ends), class_="reference"))
    for index, group in enumerate(plot.groups):
        count = len(group.x)
        chosen = (
            np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).astype(int))
            if count
            else np.zeros(0, dtype=int)
        )
        dots = []
        for place in chosen:
            x, y = float(group.x[place]), float(group.y[place])
            if not (np.isfinite(x) and np.isfinite(y)):
                continue
            if group.notes:
                dots.append(_marker(index, x_axis(x), y_axis(y), group.notes[place]))
            else:
                dots.append(tag("circle", cx=x_axis(x), cy=y_axis(y), r=2))
        if dots:
            parts.append(tag("g", dots, class_=f"dots s{index % COLOURS}"))
    return _drawing(frame, kind, plot.title or plot.y_name, parts)


def _histogram(plot: Histogram, frame: Frame, kind: str) -> Markup:
    x_low, x_high = _bounds([bins.edges for bins in plot.series], pad=0.0)
    if plot.rule is not None and np.isfinite(plot.rule[0]):
        x_low, x_high = min(x_low, plot.rule[0]), max(x_high, plot.rule[0])
    _, y_high = _bounds([bins.counts for bins in plot.series], include_zero=True, pad=0.05)
    x_axis = Axis(x_low, x_high, frame.left, frame.x_end)
    y_axis = Axis(0.0, y_high, frame.y_end, frame.top)
    counts = _whole([bins.counts for bins in plot.series])
    parts = _axes(frame, x_axis, y_axis, plot.x_name, plot.y_name, counts=counts)
    for index, bins in enumerate(plot.series):
        marks = []
        for count, start, end in zip(bins.counts, bins.edges, list(bins.edges)[1:], strict=False):
            if not count > 0:
                continue
            x, y = x_axis(float(start)), y_axis(float(count))
            width = max(x_axis(float(end)) - x - (0.8 if len(plot.series) == 1 else 0), 0.4)
            before = f"{bins.name}: " if bins.name else ""
            height = show_number(count, 0 if float(count).is_integer() else 3)
            note = f"{before}{height} in [{show_number(start)}, {show_number(end)})"
            marks.append(tag("rect", tag("title", note), x=x, y=y, width=width, height=frame.y_end - y))
        if marks:
            parts.append(tag("g", marks, class_=f"bin s{index % COLOURS}"))
    if plot.rule is not None and np.isfinite(plot.rule[0]):
        x = x_axis(plot.rule[0])
        parts.append(tag("line", x1=x, x2=x, y1=frame.top - 6.0, y2=frame.y_end, class_="rule"))
        right = x > frame.width * 0.7
        anchor, shift = ("end", -5.0) if right else ("start", 5.0)
        begins = x - 7.0 * len(plot.rule[1]) if right else x
        under = 16.0 if begins < 7.0 * len(plot.y_name) else 0.0  # not on the axis's name
        y = frame.top - 2.0 + under
        parts.append(tag("text", plot.rule[1], x=x + shift, y=y, class_="name", text_anchor=anchor))
    return _drawing(frame, kind, plot.title or plot.x_name, parts)


_DRAW: dict[type, Callable[..., Markup]] = {
    LinePlot: _line,
    BarPlot: _bars,
    ScatterPlot: _scatter,
    Histogram: _histogram,
}


def draw(plot: LinePlot | BarPlot | ScatterPlot | Histogram, panel: bool = False) -> Markup:
    """The plot as SVG: one drawing for a panel, a wide and a narrow one otherwise."""
    function = _DRAW[type(plot)]
    if panel:
        return function(plot, PANEL, "panel")
    return function(plot, WIDE, "wide") + function(plot, NARROW, "narrow")


def draw_in(plot: LinePlot | BarPlot | ScatterPlot | Histogram, frame: Frame, kind: str) -> Markup:
    """The plot in a frame of one's own; bars take the height that they need. `kind` is "wide", "narrow" or "panel"."""
    return _DRAW[type(plot)](plot, frame, kind)


def legend_of(plot: LinePlot | BarPlot | ScatterPlot | Histogram) -> list[tuple[int, str]]:
    """(colour index, name) per series; nothing where there is one series and so nothing to tell apart."""
    if isinstance(plot, LinePlot):
        names = [series.name for series in plot.series]
    elif isinstance(plot, Histogram):
        names = [bins.name for bins in plot.series]
    elif isinstance(plot, ScatterPlot):
        names = [group.name for group in plot.groups]
    else:
        return []
    return [(index % COLOURS, name) for index, name in enumerate(names)] if len(names) > 1 else []
