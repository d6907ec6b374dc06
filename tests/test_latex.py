"""Tables and entries of literature as LaTeX: what pdflatex and bibtex make of them, where a TeX is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from gantk.lse.tables import classes_latex, comparison_latex
from gantk.reports import Cell, Column, HeatMap, Picture, Table
from gantk.reports.cite import PAPERS, bibtex
from gantk.reports.export import export
from gantk.reports.latex import SIGNS, latex, latex_text
from gantk.reports.page import Page
from gantk.reports.sections import CellValue
from gantk.reports.tabular import grid_of

NASTY = " ".join(
    [
        *sorted(SIGNS),
        "a_b",
        "50 %",
        "R&D #1",
        "{x}",
        "~^\\",
        "\u00e9\u00df\u0142 \u4e2d\u6587 \U0001f600",
        "\x07",
        "[a]",
    ]
)
needs_tex = pytest.mark.skipif(
    not (shutil.which("pdflatex") and shutil.which("bibtex")),
    reason="no TeX: pdflatex and bibtex (Debian: texlive-latex-base) are not installed",
)


def tables() -> list[Table | HeatMap]:
    """An empty table, one with signs that LaTeX reads, one of 1,000 rows, and some wider than a page."""
    wide = [f"a long name of column {i}" for i in range(14)]
    names = ([f"r_{i}" for i in range(4)], [f"c_{i}" for i in range(30)])
    odd: list[list[CellValue]] = [[NASTY, -0.5], ["[0] first", None], ["*", Cell(1, "one")]]
    return [
        Table(["name", "value"], [], "Nothing"),
        Table([NASTY, Column("gain & loss", digits=2)], odd, NASTY),
        Table(["name", "value", "text"], [[f"row_{i}", i / 7, "word " * 9] for i in range(1000)], "Thousand rows"),
        Table(["rank", "name", *wide], [[i, f"n_{i}", *([i / 3] * 14)] for i in range(12)], "Wide"),
        Table(wide, [[i] * 14 for i in range(50)], "Wide and long"),
        Table(["picture", "name"], [[Picture(np.zeros((4, 4, 3), np.uint8), "black"), "x"]], "Picture"),
        HeatMap(np.arange(120.0).reshape(4, 30) - 60, *names, "Heat"),
        HeatMap(np.zeros((0, 0)), [], [], "No heat"),
    ]  # fmt: skip


def compiled(folder: Path, body: Sequence[str], *programs: str) -> str:
    """What the last run says of a document; every program must end without an error."""
    lines = [r"\documentclass{article}", r"\usepackage{longtable,graphicx}", r"\begin{document}", *body]
    (folder / "paper.tex").write_text("\n".join([*lines, r"\end{document}"]), encoding="utf-8")
    for program in programs or ("pdflatex", "pdflatex"):
        words = [program, *(["-interaction=nonstopmode", "-halt-on-error"] if program == "pdflatex" else []), "paper"]
        made = subprocess.run(words, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", timeout=120)
        said = made.stdout
        assert made.returncode == 0, said[-2000:]
    return said


@needs_tex
@pytest.mark.parametrize("caption", ["", "A caption with 50 % of a_b & \u2212\u03b1 \u2192 \u00b11"])
def test_every_table_compiles_and_stays_inside_the_page(caption: str, tmp_path: Path) -> None:
    parts = [latex(grid_of(table), caption) + r"\clearpage" for table in tables()]
    compiled(tmp_path, parts)
    said = compiled(tmp_path, [part for part in parts if "first" not in part])  # arrows are wider than letters
    assert "Overfull" not in said and "Missing character" not in said and "Float too large" not in said
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000


@needs_tex
def test_what_a_page_writes_compiles_with_its_literature(tmp_path: Path) -> None:
    page = Page("t", sections=tables(), command="train-boundary", command_line=f"gantk train-boundary {NASTY} --num 3")
    files = export(page, tmp_path, "boundary")
    assert sum(path.suffix == ".tex" for path in files) == 6  # not of the empty heat map, nor of pictures alone
    body = [r"\nocite{*}", *(rf"\input{{{path.stem}}}\clearpage" for path in files if path.suffix == ".tex")]
    body += [rf"\includegraphics{{{path.name}}}" for path in files if path.suffix == ".pdf"]
    body += [r"\bibliographystyle{plain}", r"\bibliography{boundary}"]
    compiled(tmp_path, body, "pdflatex", "bibtex", "pdflatex")


@needs_tex
def test_tables_of_scores_compile_without_packages(tmp_path: Path) -> None:
    scores = comparison_latex({NASTY: {"LSE": 0.5, "a_b": 0.625}, "c": {"LSE": 0.25}}, ("LSE", "a_b"))
    compiled(tmp_path, [scores, "", classes_latex([NASTY], {"x & y": [0.5]})])


@needs_tex
def test_every_entry_is_read_by_bibtex(tmp_path: Path) -> None:
    entries = (
        "".join(PAPERS.values())
        + bibtex("", {"arguments": {}, "seed": 3}, f"gantk x {NASTY} }}{{ 100% \\ --flag").split("\n\n")[-1]
    )
    (tmp_path / "all.bib").write_text(entries, encoding="utf-8")
    body = [r"\nocite{*}", r"\bibliographystyle{plain}", r"\bibliography{all}"]
    said = compiled(tmp_path, body, "pdflatex", "bibtex")
    assert "Warning" not in said, said
    assert "undefined" not in compiled(tmp_path, body, "pdflatex", "pdflatex")
    listed = (tmp_path / "paper.bbl").read_text(encoding="utf-8", errors="replace")
    assert listed.count(r"\bibitem") == len(PAPERS) + 1


def test_text_keeps_no_command_of_latex() -> None:
    text = latex_text(NASTY)
    left = re.sub(r"\\ensuremath\{[^{}]*\}|\\[A-Za-z]+(\{\})?|\\[&%$#_,]|-\{\}-|\{[*[]\}|~", "", text)
    assert not re.search(r"[\\{}$&#%_^~]", left), left
    assert "U+4E2D]" in text and "U+1F600]" in text and "\x07" not in text


def test_wide_tables_are_parted_and_name_their_rows_again() -> None:
    text = latex(grid_of(tables()[3]))
    parts = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    assert len(parts) > 1 and all(part.startswith("rl") for part in parts)
    assert sum(len(part) - 2 for part in parts) == 14 and text.count("n\\_3 &") == len(parts)
    assert latex(grid_of(Table(["a", "b"], [["x", 1]]))).count("\\begin{tabular}{lr}") == 1


def test_a_column_of_pictures_alone_is_left_out() -> None:
    assert grid_of(tables()[5]).names == ("name",)
