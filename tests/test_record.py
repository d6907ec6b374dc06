"""The script that records every command: nothing is left out, and a difference is found and said."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pytest

from gantk.cli.main import cli


@pytest.fixture(autouse=True)
def scripts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(root / "scripts"))


def test_every_command_has_a_case() -> None:
    from recording.running import cases

    recorded = {tuple(words[:2]) for words in cases().values()} | {tuple(words[:1]) for words in cases().values()}
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        inner = command.list_commands(context) if isinstance(command, click.Group) else []
        for words in [(name, child) for child in inner] or [(name,)]:
            assert words in recorded, f"scripts/recording/cases.txt has no case of gantk {' '.join(words)}"


def test_what_a_case_needs_runs_before_it() -> None:
    from recording.running import cases, chosen

    names = chosen(cases(), ["rescore-trained"])
    assert list(names) == ["synthesize", "train-boundary", "rescore-trained"]
    assert [name for name, kept in names.items() if kept] == ["rescore-trained"]


def test_differences_are_found_and_said(tmp_path: Path) -> None:
    from recording.differences import differences
    from recording.store import Recording, Told

    def recording(name: str, number: float, grey: int, text: str) -> Recording:
        values, pixels = np.array([1.0, number], np.float32), np.full((2, 2, 3), grey, np.uint8)
        files = {"a.npy": {"array": values}, "i.png": {"pixels": pixels}, "p.html": {"text": text}}
        Recording({"c": Told("words", {"code": 0}, files)}).save(tmp_path / name)  # type: ignore[arg-type]
        return Recording.load(tmp_path / name)

    before, after = recording("before", 2.0, 10, "one\ntwo"), recording("after", 2.5, 13, "one\nthree")
    assert list(differences(before, recording("same", 2.0, 10, "one\ntwo"))) == []
    assert list(differences(before, after)) == [
        "c: a.npy: array: max abs diff 0.5, 1 of 2 numbers differ",
        "c: i.png: pixels: grey levels 3, 12 of 12 numbers differ",
        "c: p.html: text: -two | +three",
    ]
    assert list(differences(before, after, tolerance=0.25)) == ["c: p.html: text: -two | +three"]


def test_a_page_is_told_without_times_and_versions(tmp_path: Path) -> None:
    from recording.leavings import read

    page = tmp_path / "page.html"
    table = "<table><tr><th>gain</th><th>seconds</th></tr><tr><td>0.5</td><td data-sort='{0}'>{0}</td></tr></table>"
    said = []
    for seconds in ("0.1", "7.3"):
        footer = f"<p>took</p><p>{seconds} s</p><b>torch</b><b>{seconds}.0</b><script>x = {seconds}</script>"
        page.write_text(table.format(seconds) + footer)
        said.append(read(page))
    assert said[0] == said[1]
    assert str(said[0]["text"]).splitlines()[2] == "0.5"
