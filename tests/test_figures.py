"""Figures and tables of pages as files: whole, valid, escaped, as the page reads."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from report_gallery import gallery, scene

from gantk.errors import UsageError
from gantk.reports import Cell, HeatMap, LinePlot, Page, Picture, Series, SliderStrip, Table
from gantk.reports.cite import bibtex
from gantk.reports.drawing import SERIES
from gantk.reports.export import export, read_width
from gantk.reports.latex import latex
from gantk.reports.pdf import can_write_pdf
from gantk.reports.tabular import grid_of, markdown
from gantk.store.text import csv_bytes

SVG = "{http://www.w3.org/2000/svg}"


def test_everything_on_a_page_becomes_files(tmp_path: Path) -> None:
    paths = export(gallery(8), tmp_path / "paper", "gallery", 84)
    assert len(paths) == len(set(paths)) and all(path.is_file() for path in paths)
    assert {path.suffix for path in paths} == {".png", ".svg", ".tex", ".csv", ".md", ".bib"} | (
        {".pdf"} if can_write_pdf() else set()
    )
    for path in paths:
        if path.suffix == ".svg":
            root = ElementTree.fromstring(path.read_bytes())
            assert root.tag == SVG + "svg" and root.get("width") == "84.000mm", path.name
            assert "var(" not in path.read_text(), path.name


def test_a_strip_keeps_its_pixels(tmp_path: Path) -> None:
    frames = [scene(seed, size=32) for seed in range(3)]
    strip = SliderStrip([Picture(frame, f"frame {i}") for i, frame in enumerate(frames)], [-1, 0, 1], "Season")
    (_, png, *_) = export(Page("p", sections=[strip]), tmp_path, "run")
    assert png.name == "run-01-season.png"
    sheet = np.asarray(Image.open(png))
    assert sheet.shape == (32, 3 * 32 + 2 * 2, 3)
    for place, frame in enumerate(frames):
        assert np.array_equal(sheet[:, place * 34 : place * 34 + 32], frame)


def test_texts_of_a_plot_stay_texts(tmp_path: Path) -> None:
    plot = LinePlot([Series("a & b", [0, 1], [0, 1]), Series("<c>", [0, 1], [1, 0])], "Curves", x_name="row")
    (_, path, *_) = export(Page("p", sections=[plot]), tmp_path, "run", 180)
    root = ElementTree.fromstring(path.read_bytes())
    texts = {element.text for element in root.iter(SVG + "text")}
    assert {"a & b", "<c>", "row"} <= texts and root.get("width") == "180.000mm"


def test_tables_say_in_every_format_what_the_page_says() -> None:
    grid = grid_of(Table(["name_1", "gain", "wide"], [["50% & _x", -0.12345, True], ["[a|b]", None, Cell(2, "two")]]))
    assert grid.align == "lrl"
    text = latex(grid, "Gain & more")
    assert r"name\_1 & gain & wide \tab" in text and r"50\% \& \_x & \ensuremath{-}0.123 & yes \tab" in text
    assert r"{[}a\ensuremath{|}b] & -- & two \tab" in text and r"\caption{Gain \& more}" in text
    rows = list(csv.reader(csv_bytes(grid.names, grid.plain).decode().splitlines()))
    assert rows == [["name_1", "gain", "wide"], ["50% & _x", "-0.12345", "yes"], ["[a|b]", "", "2"]]
    assert markdown(grid).splitlines()[1] == "| --- | ---: | --- |" and "[a\\|b]" in markdown(grid)


def test_a_heat_map_without_a_number_stays_blank() -> None:
    grid = grid_of(HeatMap(np.array([[1.0, np.nan]]), ["r"], ["a", "b"]))
    assert grid.rows == (("r", "1.00", ""),) and grid.plain == (("r", "1.0", ""),)


def test_series_have_the_colours_of_the_page() -> None:
    import gantk.reports

    style = (Path(gantk.reports.__file__).parent / "templates" / "style.css.j2").read_text()
    light = re.search(r"--s0: #0a.*", style)
    assert light is not None and tuple(re.findall(r"#[0-9a-f]{6}", light[0])) == SERIES


@pytest.mark.parametrize(("text", "width"), [("84", 84), ("84 mm", 84), ("2in", 50.8), ("180mm", 180)])
def test_widths(text: str, width: float) -> None:
    assert read_width(text) == pytest.approx(width)


@pytest.mark.parametrize("text", ["", "wide", "0", "nan", "9mm", "100in"])
def test_bad_widths_are_named(text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"width {text} is no width")):
        read_width(text)


def test_report_writes_the_figures_of_a_run(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from gantk.cli.main import cli
    from gantk.reports.render import page_for

    run = tmp_path / "run"
    shutil.copytree(Path(__file__).parent / "runs_v1" / "ganspace", run)
    result = CliRunner().invoke(cli, ["report", str(run), "--figures", str(tmp_path / "paper"), "--width", "2in"])
    assert result.exit_code == 0, result.output
    made = sorted(path.name for path in (tmp_path / "paper").iterdir())
    assert made and all(name.startswith(("ganspace-", "ganspace.bib")) for name in made)
    assert made == sorted(path.name for path in export(page_for(run, "ganspace"), tmp_path / "again", "ganspace", 50.8))
    for name in made:
        assert (tmp_path / "paper" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert 'H{\\"a}rk{\\"o}nen' in (tmp_path / "paper" / "ganspace.bib").read_text()


def test_what_to_cite() -> None:
    made = bibtex(
        "lse-train",
        {"versions": {"gantk": "9.8"}, "arguments": {}, "seed": 7, "identity": {"the generator": "6c27"}},
        "gantk lse train a_b --num 3",
    )
    assert "Linear Semantics" in made and "note = {version 9.8, gantk lse" in made
    assert "gantk lse train a\\_b -{}-num 3, seed 7, model 6c27}" in made and made.count("{") - made.count(
        "\\{"
    ) == made.count("}")
    assert "Semantic Hierarchy" in bibtex("rescore") and "@inproceedings" not in bibtex("quality")


def test_further_papers_are_cited_where_they_were_used() -> None:
    assert "roich2022pivotal" in bibtex("invert", {"arguments": {"tune": True}})
    assert "roich2022pivotal" not in bibtex("invert", {"arguments": {"tune": False}})
    assert "shen2020interpreting" in bibtex("train-boundary") and "shen2020interpreting" not in bibtex("rescore")


def test_the_citation_file_has_the_version() -> None:
    import gantk

    text = Path(__file__).parents[1].joinpath("CITATION.cff").read_text()
    assert f"version: {gantk.__version__}\n" in text
