"""Figures and tables that leave a page: LaTeX, CSV, Markdown, SVG, PNG, PDF; what is cited."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantk.cli.main import run
from gantk.errors import UsageError
from gantk.reports.paper.cite import METHODS, PAPERS, citation, papers_of
from gantk.reports.paper.drawing import DRAW, SPACE, UNIT
from gantk.reports.paper.files import files_of, write_figures
from gantk.reports.paper.markup import escape_latex, to_csv, to_latex, to_markdown
from gantk.reports.paper.mosaic import GAP
from gantk.reports.paper.pdf import can_write_pdf
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
    bins_of,
)
from gantk.reports.sections import Histogram as Bars
from gantk.runs.table import TASKS

RUNS = Path(__file__).with_name("runs_v1")
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


def test_latex_escapes_every_special_letter() -> None:
    assert escape_latex("a_b & 50 % {x} #1 $2 ~ ^ \\") == (
        r"a\_b \& 50 \% \{x\} \#1 \$2 \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )
    assert escape_latex("\u22120.5 \u00b1 1\u202f000") == r"$-$0.5 $\pm$ 1\,000"


def test_latex_of_a_table_is_a_plain_tabular() -> None:
    text = to_latex(TABLE)
    assert r"\begin{tabular}{lrl}" in text and r"\toprule" not in text
    assert r"a\_b \& 50 \% & 0.33 & one, two \\" in text
    assert "{}[0] ''quoted'' & -- & yes" in text  # else the bracket would be the break's length
    assert r"See code\_x and what is $-$1" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 4 and all(line.replace(r"\&", "").count("&") == 2 for line in rows)


def test_csv_holds_values_in_full() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(TABLE))))
    assert rows[0] == ["name", "gain", "note"]
    assert float(rows[1][1]) == 1 / 3 and rows[1][2] == "one, two"
    assert rows[2] == ["x|y", "-0.25", ""] and rows[3] == ['[0] "quoted"', "", "yes"]
    heat = list(csv.reader(io.StringIO(to_csv(HEAT))))
    assert heat == [["row", "c1", "a long column"], ["r1", "0.5", "-1.0"], ["r_2", "", "0.25"]]


def test_markdown_has_one_cell_per_column() -> None:
    lines = to_markdown(TABLE).splitlines()
    assert lines[1] == "|---|---:|---|" and lines[3] == "| x \\| y | \u22120.25 | \u2013 |"
    assert all(line.replace("\\|", "").count("|") == 4 for line in lines)


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
    files = dict(files_of(SliderGrid([strip, strip], "grid")))
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


def test_names_sort_in_the_order_of_the_page(tmp_path: Path) -> None:
    sections = [BARS, Table(["a"], [[1]], "T\u00edtle!"), Table(["a"], [[2]]), Sheet([], "empty")]
    names = sorted({path.stem for path in write_figures(sections, tmp_path)})
    assert names == ["01-answer", "02-title", "03-title-2"]
    assert not list(tmp_path.glob(".*"))
    with pytest.raises(UsageError, match=r"--width 5 .* 30 to 1000"):
        write_figures(sections, tmp_path, 5)


@needs_pdf
@pytest.mark.filterwarnings("default")  # svglib's own
def test_pdf_has_embedded_letters_and_is_the_same_each_time() -> None:
    strip = SliderStrip([picture(10), picture(20)], [-0.5, 0.5], "one")
    for section in (*DRAWN, strip):
        first = dict(files_of(section, 85.0, pdf=True))[".pdf"]
        assert first.startswith(b"%PDF") and b"/FontFile2" in first
        assert first == dict(files_of(section, 85.0, pdf=True))[".pdf"]


@pytest.mark.filterwarnings("default")
def test_report_writes_the_figures_of_a_kept_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = tmp_path / "run", tmp_path / "figures"
    shutil.copytree(RUNS / "rescore", folder)
    assert run(["report", str(folder), "--figures", str(out), "--width", "85"]) == 0
    names = {path.name for path in out.iterdir()}
    assert {"01-answer.svg", "02-boundaries-by-their-gain.tex", "03-gain-of-each-row-of-wp-alone.svg"} <= names
    assert ("01-answer.pdf" in names) == can_write_pdf() != ("PDF files were left out" in capsys.readouterr().err)
    assert 'width="85.000mm"' in (out / "01-answer.svg").read_text()
    page = (folder / "rescore.html").read_text()
    assert "yang2021higan" in page and "model checksum: a53d4dab" in page and "seed: 0" in page
    assert run(["report", str(folder), "--width", "85"]) == 2


def test_what_is_cited() -> None:
    assert set(METHODS) - {task.split()[0] for task in TASKS} == set()
    assert {name for names in METHODS.values() for name in names} | {"pti"} == set(PAPERS)
    assert [paper.key for paper in papers_of("invert", {"tune": True})] == ["roich2021pti"]
    text = citation("resefa jacobian", {"seed": 3, "versions": {"gantk": "9.9"}}, "gantk a_b --x 50%")
    assert "International Conference on Machine Learning" in text and "version = {9.9}" in text
    assert r"command: gantk a\_b --x 50\%" in text and text.count("{") == text.count("}")
    version = citation("sefa")
    assert "@misc{gantk" in version and "seed" not in version
    cff = Path(__file__).parents[1].joinpath("CITATION.cff").read_text()
    from gantk import __version__

    assert f"version: {__version__}\n" in cff


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(tmp_path: Path) -> None:
    body = to_latex(TABLE) + to_latex(HEAT)
    (tmp_path / "t.tex").write_text(f"\\documentclass{{article}}\n\\begin{{document}}\n{body}\\end{{document}}\n")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
