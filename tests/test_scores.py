"""Score files of every kind, and what is said about the ones that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gantk.errors import GantkError, UsageError
from gantk.higan.scores import read_scores


def test_plain_columns_take_any_name(tmp_path: Path) -> None:
    for array in (np.arange(5.0), np.arange(5.0)[:, None], np.arange(5)):
        np.save(tmp_path / "wood.npy", array)
        scores = read_scores(tmp_path / "wood.npy")
        assert list(scores.columns) == ["wood"] and not scores.named and len(scores) == 5
        assert list(scores.choose(["glossy"])) == ["glossy"]
        np.testing.assert_array_equal(scores.choose([])["wood"], np.arange(5))


def test_plain_tables_are_numbered(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.arange(6.0).reshape(3, 2))
    scores = read_scores(tmp_path / "s.npy")
    assert list(scores.columns) == ["s_0", "s_1"]
    np.testing.assert_array_equal(scores.columns["s_1"], [1, 3, 5])


def test_structured_arrays(tmp_path: Path) -> None:
    table = np.zeros(4, dtype=[("wood", "f4"), ("open_area", "f8")])
    table["wood"] = [1, 2, 3, 4]
    np.save(tmp_path / "attribute.npy", table)
    scores = read_scores(tmp_path / "attribute.npy")
    assert scores.named and list(scores.columns) == ["wood", "open_area"]
    np.testing.assert_array_equal(scores.choose(["wood"])["wood"], [1, 2, 3, 4])
    with pytest.raises(UsageError, match="no score 'wod' in .* Did you mean 'wood'"):
        scores.choose(["wod"])


def test_pickled_dictionaries_of_the_original(tmp_path: Path) -> None:
    content = np.empty((), dtype=object)
    content[()] = {
        "score": np.arange(6, dtype=np.float32).reshape(3, 2),
        "name_to_idx": {"b": 1, "a": 0},
        "idx_to_name": {0: "a", 1: "b"},
        "extra": np.array([7.0, 8, 9]),
    }
    np.save(tmp_path / "attribute.npy", content, allow_pickle=True)
    scores = read_scores(tmp_path / "attribute.npy")
    assert list(scores.columns) == ["a", "b", "extra"]
    np.testing.assert_array_equal(scores.columns["b"], [1, 3, 5])


def test_a_key_of_its_own_beats_a_column(tmp_path: Path) -> None:
    content = np.empty((), dtype=object)
    content[()] = {"score": np.zeros((3, 1)), "name_to_idx": {"a": 0}, "a": np.ones(3)}
    np.save(tmp_path / "s.npy", content, allow_pickle=True)
    np.testing.assert_array_equal(read_scores(tmp_path / "s.npy").columns["a"], np.ones(3))


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", a=np.arange(3.0), t=np.zeros((3, 2)))
    assert list(read_scores(tmp_path / "s.npz").columns) == ["a", "t_0", "t_1"]
    np.savez(tmp_path / "bad.npz", a=np.arange(3.0), b=np.arange(4.0))
    with pytest.raises(GantkError, match=r"different lengths: \[3, 4\]"):
        read_scores(tmp_path / "bad.npz")


def test_a_name_too_long_for_files_is_said(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("n" * 200 + ",b\n1,2\n2,3\n")
    scores = read_scores(tmp_path / "s.csv")
    with pytest.raises(UsageError, match=r"The score n{40}\.\.\. has a name of 200 letters: shorten it"):
        scores.choose(())
    assert list(scores.choose(["b"])) == ["b"]


@pytest.mark.parametrize(
    ("text", "names", "last"),
    [
        ("wood,glossy\n1,2\n3,4\n", ["wood", "glossy"], [3, 4]),
        ("\ufeffwood , glossy\r\n1, 2\r\n\r\n3, 4\r\n", ["wood", "glossy"], [3, 4]),
        ("1\n0\n1\n", ["s"], [1]),
        ("1,2\n3,4", ["s_0", "s_1"], [3, 4]),
        ('"a, b"\n1e-3\n', ["a, b"], [0.001]),
        ("a\n1\nnan\n", ["a"], [np.nan]),
    ],
)
def test_csv(tmp_path: Path, text: str, names: list[str], last: list[float]) -> None:
    (tmp_path / "s.csv").write_bytes(text.encode())
    scores = read_scores(tmp_path / "s.csv")
    assert list(scores.columns) == names
    np.testing.assert_array_equal([scores.columns[name][-1] for name in names], last)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (",smile\n0,0.5\n1,2\n", {"smile": [0.5, 2]}),  # pandas writes the numbers of the rows
        ("smile,age,\n1,2,\n3,4,\n", {"smile": [1, 3], "age": [2, 4]}),  # a comma too many
        ("smile\n40.5%\n7 %\n", {"smile": [40.5, 7]}),
        ("smile,old\nTrue,false\nFALSE,true\n", {"smile": [1, 0], "old": [0, 1]}),
        ("id\tsmile\na\t1\nb\t2\n", {"smile": [1, 2]}),
        ('"big, wide smile","age"\n1,2\n', {"big, wide smile": [1], "age": [2]}),
    ],
)
def test_tables_as_programs_write_them(tmp_path: Path, text: str, columns: dict[str, list[float]]) -> None:
    for name in ("s.csv", "s.tsv"):
        (tmp_path / name).write_text(text)
        found = read_scores(tmp_path / name).columns
        assert {name: list(column) for name, column in found.items()} == columns
    (tmp_path / "s.csv").write_text("smile,\n1,2\n")  # a column of numbers that nobody named
    with pytest.raises(GantkError, match="row 1: the column name '' is empty"):
        read_scores(tmp_path / "s.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n\n3,x\n", r"s\.csv, row 4: 'x' in column 'b' is no number"),
        ("a,b\n1,\n", r"row 2: '' in column 'b'"),
        ("a,b\n1,2\n3\n", r"row 3: 1 cells where 2 are expected"),
        ("a,a\n1,2\n", r"row 1: the column name 'a' is empty or repeated"),
        ("a,\n1,2\n", r"row 1: the column name '' is empty or repeated"),
        ("", "holds no scores"),
        ("a,b\n", "no scores below its header"),
    ],
)
def test_csv_errors_name_the_row(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(GantkError, match=message):
        read_scores(tmp_path / "s.csv")


def test_files_that_are_no_scores(tmp_path: Path) -> None:
    with pytest.raises(GantkError, match=r"nowhere\.npy does not exist"):
        read_scores(tmp_path / "nowhere.npy")
    with pytest.raises(UsageError, match="none of .npy, .npz, .csv"):
        read_scores(tmp_path / "s.txt")
    for name, array, message in (
        ("text.npy", np.array(["a"]), "scores are numbers"),
        ("cube.npy", np.zeros((2, 2, 2)), r"\(2, 2, 2\)"),
        ("empty.npy", np.zeros(0), "holds no scores"),
    ):
        np.save(tmp_path / name, array)
        with pytest.raises(GantkError, match=message):
            read_scores(tmp_path / name)
    for name in ("cut.npy", "cut.npz", "cut.csv"):
        (tmp_path / name).write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr'\xff")
        with pytest.raises(GantkError, match=name.replace(".", r"\.")):
            read_scores(tmp_path / name)


def test_other_number_of_samples(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.arange(3.0))
    scores = read_scores(tmp_path / "s.npy")
    scores.check_length(3, "w.npy")
    with pytest.raises(GantkError, match=r"There are 3 scores in .* and 4 latent codes in w\.npy"):
        scores.check_length(4, "w.npy")


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    import os

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    content = np.empty((), dtype=object)
    content[()] = {"score": Evil()}
    np.save(tmp_path / "s.npy", content, allow_pickle=True)
    with pytest.raises(GantkError):
        read_scores(tmp_path / "s.npy")
    assert not (tmp_path / "ran").exists()
