"""HiGAN's boundary lists, read strictly."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gantk.codes.boundary_list import (
    BoundaryListWarning,
    format_boundary_list,
    parse_boundary_list,
    read_boundary_list,
    write_boundary_list,
)
from gantk.errors import UsageError


def test_what_the_original_reads() -> None:
    text = "(indoor_lighting, w): boundaries/a.npy\nDISABLE(wood, w): b.npy\n( glossy ,WP):  c d.npy \n"
    first, second = parse_boundary_list(text, "lists")
    assert (first.name, first.space, first.path, first.line) == (
        "indoor_lighting",
        "w",
        Path("lists/boundaries/a.npy"),
        1,
    )
    assert (second.name, second.space, second.spelling, second.line) == ("glossy", "wp", "WP", 3)
    assert second.path == Path("lists/c d.npy")


def test_comments_blank_lines_and_disabled_ones_are_skipped() -> None:
    text = (
        "\n# a comment: with (colons)\n   \n  DISABLE(a, z): p\nDISABLED by hand\nDISABLE\n\t(b, z): p # q.npy\r\n\r\n"
    )
    (entry,) = parse_boundary_list(text)
    assert entry.name == "b" and entry.line == 7
    assert entry.path == Path("p # q.npy")


@pytest.mark.parametrize(
    "target", ["C:/models/a.npy", r"C:\models\a.npy", "/abs/a.npy", "rel/a:b.npy", "~/a.npy", r"\\host\share\a.npy"]
)
def test_paths_of_either_system(target: str) -> None:
    (entry,) = parse_boundary_list(f"(a, w): {target}", "/lists")
    absolute = target.startswith(("/", "C:", "\\\\"))
    assert entry.path == (Path(target) if absolute else Path("/lists") / target)


def test_backslashes_below_the_list(tmp_path: Path) -> None:
    (entry,) = parse_boundary_list(r"(a, w): sub\a.npy", tmp_path)
    assert entry.path == tmp_path / "sub" / "a.npy"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a, z: p", "does not start with '('"),
        ("[a, z]: p", "does not start with '('"),
        ("disable(a, z): p", "does not start with '('"),
        ("(a, z: p", "no ')'"),
        ("(a, z) p", "no ':'"),
        ("(a, z)", "no ':'"),
        ("(a): p", "not NAME, SPACE"),
        ("(a, b, z): p", "not NAME, SPACE"),
        ("(, z): p", "has no name"),
        ("(a, q): p", "'q' is no latent space"),
        ("(a, z):", "has no path"),
    ],
)
def test_malformed_lines_are_named(line: str, reason: str) -> None:
    with pytest.raises(UsageError, match=r"list\.txt, line 3: ") as caught:
        parse_boundary_list(f"(ok, z): p\n\n{line}\n", source="list.txt")
    assert reason in str(caught.value)


def test_space_with_a_near_match() -> None:
    with pytest.raises(UsageError, match="Did you mean 'wp'"):
        parse_boundary_list("(a, w+p): x")


def test_repeated_entries() -> None:
    text = "(a, w): 1.npy\n(b, w): 2.npy\n(a, W): 3.npy\n(a, z): 4.npy"
    with pytest.warns(BoundaryListWarning, match="line 3: .* was there on line 1"):
        entries = parse_boundary_list(text)
    assert [(e.name, e.space, e.path.name) for e in entries] == [
        ("a", "w", "3.npy"),
        ("b", "w", "2.npy"),
        ("a", "z", "4.npy"),
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\nDISABLE(a, z): p\n"])
def test_empty_lists(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"list\.txt has no entry"):
        read_boundary_list(path)


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.txt does not exist"):
        read_boundary_list(tmp_path / "nowhere.txt")
    with pytest.raises(UsageError, match="cannot be read"):
        read_boundary_list(tmp_path)
    (tmp_path / "x.txt").write_bytes(b"\x93NUMPY\xff\xfe")
    with pytest.raises(UsageError, match="is no text"):
        read_boundary_list(tmp_path / "x.txt")


def test_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes("\ufeff(ä, z): p\r\n".encode())
    assert read_boundary_list(tmp_path / "x.txt")[0].name == "ä"


NAMES = st.text(st.sampled_from(string.ascii_letters + string.digits + "_-.: äß"), min_size=1).filter(
    lambda name: name == name.strip()
)
PATHS = st.text(st.sampled_from(string.ascii_letters + "_-.:() #/"), min_size=1).filter(
    lambda path: path == path.strip()
)


@given(st.lists(st.tuples(NAMES, st.sampled_from(["z", "w", "wp", "s"]), PATHS), min_size=1, unique_by=lambda e: e[:2]))
def test_what_is_written_is_read(entries: list[tuple[str, str, str]]) -> None:
    read = parse_boundary_list(format_boundary_list(entries, ["made by a test"]), "/x")
    assert [(entry.name, entry.space) for entry in read] == [entry[:2] for entry in entries]
    assert [entry.line for entry in read] == list(range(2, len(entries) + 2))
    for entry, (_, _, path) in zip(read, entries, strict=True):
        assert entry.path in (Path("/x") / path, Path(path))


@given(st.text(alphabet="()[],: \nzwpaDISABLE#\\/.", max_size=60))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BoundaryListWarning)
        try:
            entries = parse_boundary_list(text)
        except UsageError as error:
            assert "line " in str(error) or "has no entry" in str(error)
        else:
            assert entries and all(entry.name and entry.space in ("z", "w", "wp", "s") for entry in entries)


def test_names_that_the_syntax_cannot_hold(tmp_path: Path) -> None:
    for name in ("a,b", "", " a", "a)b", "a\nb"):
        with pytest.raises(UsageError, match="cannot stand in a boundary list"):
            write_boundary_list(tmp_path / "l.txt", [(name, "w", "p")])
    assert not (tmp_path / "l.txt").exists()
