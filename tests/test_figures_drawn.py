"""Drawings, mosaics and PDF of figures that leave a page: valid alone, native pixels, embedded letters."""

from __future__ import annotations

import io
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_gallery import bins_of

from gantk.reports.drawing import DRAW, SPACE, UNIT
from gantk.reports.export import _files as files_of
from gantk.reports.latex import latex
from gantk.reports.mosaic import GAP
from gantk.reports.pdf import can_write_pdf
from gantk.reports.sections import (
    BarPlot,
    Cell,
    Column,
    HeatMap,
    LinePlot,
    Panels,
    Picture,
    Points,
    ScatterPlot,
    Section,
    Series,
    Sheet,
    SliderGrid,
    SliderStrip,
    Table,
)
from gantk.reports.sections import Histogram as Bars
from gantk.reports.tabular import grid_of

needs_pdf = pytest.mark.skipif(not can_write_pdf(), reason="the extra `figures` is not installed")

TABLE = Table(
    ["name", Column("gain", digits=2), "note"],
    [
        ["a_b & 50 %", 1 / 3, "one, two"],
        [Cell("x|y", text="x | y"), np.float32(-0.25), None],
        ['[0] "quoted"', float("nan"), True],
    ],
    "A <table> of {all} $signs$",
    "See `code_x` and **what** is -1 \\ ~ ^.",
)
CURVES = LinePlot(
    [Series("low & high", [0, 1, 2], [0.1, 0.3, np.nan], [0, 0, 0], [1, 1, 1]), Series("<b>", [0, 1, 2], [3, 2, 1])],
    "Curves & <more>",
    x_name="step",
)
BARS = BarPlot(
    ["a label that is much longer than there is room for it in any figure", "b"], [1.0, -0.5], [0, -1], [2, 0]
)
DOTS = ScatterPlot([Points("one", [0, 1], [1, 0], ["first", "second"]), Points("two", [0.5], [0.5])], identity=True)
COUNTS = Bars([bins_of("all", np.linspace(-1, 1, 50), 5)], rule=(0.2, "threshold"))
HEAT = HeatMap(
    np.array([[0.5, -1.0], [np.nan, 0.25]]), ["r1", "r_2"], ["c1", "a long column"], "Heat", row_name="row",
    column_name="column", scale="diverging", quantity="std", diagonal=True,
)  # fmt: skip
DRAWN = [CURVES, BARS, DOTS, COUNTS, HEAT, Panels([CURVES, COUNTS, BARS], "Panels")]


def picture(value: int, side: int = 8) -> Picture:
    return Picture(np.full((side, side, 3), value, np.uint8), f"grey {value}", f"g{value}")


@pytest.mark.parametrize("section", DRAWN, ids=lambda section: type(section).__name__)
@pytest.mark.parametrize("width", [40.0, 160.0])
def test_a_drawing_is_valid_alone(section: Section, width: float) -> None:
    root = ET.fromstring(DRAW[type(section)](section, width))
    assert root.tag == f"{{{SPACE}}}svg"
    assert float(root.attrib["width"].removesuffix("mm")) == pytest.approx(width, abs=0.01)
    box = [float(part) for part in root.attrib["viewBox"].split()]
    assert box[2] * UNIT == pytest.approx(width, abs=0.01) and box[3] > 0
    nodes = list(root.iter())
    assert all(node.tag.startswith(f"{{{SPACE}}}") for node in nodes)
    assert not any("class" in node.attrib or "var(" in " ".join(node.attrib.values()) for node in nodes)
    texts = [node for node in nodes if node.tag.endswith("}text")]
    assert texts and all(float(node.attrib["font-size"]) >= 12 and node.attrib["fill"] for node in texts)


def test_marks_keep_their_colours_and_names() -> None:
    text = DRAW[LinePlot](CURVES, 160)
    assert 'stroke="#0a7a6f"' in text and 'stroke="#c4541a"' in text and 'stroke-dasharray="7 4"' in text
    assert "low &amp; high" in text and "&lt;b&gt;" in text  # the legend
    heat = DRAW[HeatMap](HEAT, 160)
    assert "\u22121.00" in heat and "nan" not in heat


def test_pictures_are_tiled_at_their_own_pixels() -> None:
    strip = SliderStrip([picture(10), picture(20), picture(30)], [-1, 0, 1], "one")
    files = dict(files_of(SliderGrid([strip, strip], "grid"), 160.0))
    sheet = np.asarray(Image.open(io.BytesIO(files[".png"])))
    assert sheet.shape == (2 * 8 + GAP, 3 * 8 + 2 * GAP, 3)
    assert (sheet[:8, 8 + GAP : 16 + GAP] == 20).all() and (sheet[:, 8 : 8 + GAP] == 255).all()
    root = ET.fromstring(files[".svg"].decode())
    assert [node.text for node in root.iter(f"{{{SPACE}}}text")] == ["one", "one", "\u22121", "0", "+1"]
    assert len(list(root.iter(f"{{{SPACE}}}image"))) == 6


def test_a_group_stays_in_its_row_and_a_legend_is_kept() -> None:
    sheet = Sheet([picture(i) for i in range(10)], "pairs", size=300, group=2, legend=[((255, 0, 0), "sky")])
    files = dict(files_of(sheet, 80.0))
    assert Image.open(io.BytesIO(files[".png"])).size == (2 * 8 + GAP, 5 * 8 + 4 * GAP)
    assert b"sky" in files[".svg"] and b"#ff0000" in files[".svg"]


@needs_pdf
@pytest.mark.filterwarnings("default")  # svglib's own
def test_pdf_has_embedded_letters_and_is_the_same_each_time() -> None:
    strip = SliderStrip([picture(10), picture(20)], [-0.5, 0.5], "one")
    for section in (*DRAWN, strip):
        first = dict(files_of(section, 85.0))[".pdf"]
        assert first.startswith(b"%PDF") and b"/FontFile2" in first
        assert first == dict(files_of(section, 85.0))[".pdf"]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(tmp_path: Path) -> None:
    body = latex(grid_of(TABLE), "All of $ & <it>") + latex(grid_of(HEAT))
    (tmp_path / "t.tex").write_text(f"\\documentclass{{article}}\n\\begin{{document}}\n{body}\\end{{document}}\n")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
