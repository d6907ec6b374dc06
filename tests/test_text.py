"""Tables and texts as editors and spreadsheets save them, in every reader of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantk.cli.settings import read_config
from gantk.codes.boundary_list import read_boundary_list
from gantk.errors import GantkError
from gantk.ghfeat.labels import label_table, pair_list
from gantk.higan.scores import read_scores
from gantk.predictors.label_files import read_labels
from gantk.store.text import csv_bytes, read_rows

SAVED = {
    "utf-8": lambda text: text.encode(),
    "a mark": lambda text: text.encode("utf-8-sig"),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16 big-endian": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "decimal commas": lambda text: text.replace(",", ";").replace(".5", ",5").encode("utf-8-sig"),
    "Excel's sign": lambda text: b"sep=;\r\n" + text.replace(",", ";").replace("\n", "\r\n").encode(),
    "Excel's tab": lambda text: b"\xef\xbb\xbfsep=\t\n" + text.replace(",", "\t").encode(),
    "tabs": lambda text: text.replace(",", "\t").encode(),
    "quoted": lambda text: "\n".join(
        ",".join(f'"{cell}"' for cell in line.split(",")) for line in text.splitlines()
    ).encode(),
    "empty lines": lambda text: text.replace("\n", "\n\n").encode(),
}


@pytest.mark.parametrize("how", SAVED)
def test_every_reader_of_tables_takes(how: str, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    (tmp_path / "labels.csv").write_bytes(SAVED[how]("image,smile,age\na.png,1,0.5\nb.png,0,1.5\nc.png,1,2\n"))
    labels = read_labels(tmp_path / "labels.csv")
    assert labels.names == ("smile", "age")
    np.testing.assert_array_equal(labels.label_NA, [[1, 0.5], [0, 1.5], [1, 2]])
    (tmp_path / "scores.csv").write_bytes(SAVED[how]("smile,age\n0.5,0\n1,1.5\n"))
    columns = read_scores(tmp_path / "scores.csv").columns
    np.testing.assert_array_equal(columns["smile"], [0.5, 1])
    np.testing.assert_array_equal(columns["age"], [0, 1.5])
    table = label_table(tmp_path / "labels.csv").of(["a.png", "c.png"])
    np.testing.assert_array_equal(table.numbers["age"], [0.5, 2])


def test_lines_are_counted_from_the_one_that_says_the_sign(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\nsep=,\nname,x\na,1\n")
    assert read_rows(tmp_path / "t.csv") == [(3, ["name", "x"]), (4, ["a", "1"])]


def test_a_column_name_too_long_for_files_is_said(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text(f"image,{'n' * 200}\na.png,1\n")
    with pytest.raises(GantkError, match=r"n{40}\.\.\. of .* has a name of 200 letters: shorten it"):
        read_labels(tmp_path / "labels.csv")


def test_a_table_names_files_that_are_no_utf_8() -> None:
    rows = [["\udce9.png", None, 0.5], ["a, b.png", 1, "x"]]
    assert csv_bytes(["image", "smile", "age"], rows) == b'image,smile,age\n?.png,,0.5\n"a, b.png",1,x\n'


def test_a_comma_inside_quotes_is_no_column(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('name,x\n"a, b",1\n')
    assert read_rows(tmp_path / "t.csv") == [(1, ["name", "x"]), (2, ["a, b", "1"])]


@pytest.mark.parametrize("letter", ["\u2028", "\x0b", "\x85"])
def test_a_line_ends_where_spreadsheets_end_it(letter: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(f'name,x\r\na{letter}b,1\r"c\nd",2\n'.encode())
    assert read_rows(tmp_path / "t.csv") == [(1, ["name", "x"]), (2, [f"a{letter}b", "1"]), (4, ["c\nd", "2"])]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_lists_and_settings_with_a_mark(encoding: str, tmp_path: Path) -> None:
    def write(name: str, text: str) -> Path:
        (tmp_path / name).write_bytes(text.encode(encoding))
        return tmp_path / name

    assert pair_list(write("pairs.txt", "a.png b.png 1\r\n")).lines == (("a.png", "b.png", True),)
    assert read_config(str(write("s.toml", "[synthesize]\nnum = 3\n"))) == {"synthesize": {"num": 3}}
    (entry,) = read_boundary_list(write("list.txt", "(age, w): age.npy\r\n"))
    assert entry.name == "age"
