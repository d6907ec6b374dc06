"""The drill itself: a small part of it, that it finds nothing wrong, and that it would."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import forked
import pytest

pytestmark = pytest.mark.slow


def test_a_part_of_the_drill(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = str(root / "scripts" / "drill.py")
    words = ["--work", str(tmp_path), "--only", "rescore", "--kills", "4", "--times", "1", "--json"]
    words += ["--trials", "kill -9", "SIGUSR1", "damaged chunk", "shard removed"]
    done = forked.run([script, *words])
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["failures"] == [] and found["commands"] == ["rescore", "merge of rescore"]
    assert found["drill"]["kill -9"] >= 4 and found["drill"]["shard removed"] == 1

    monkeypatch.setattr(sys, "path", [str(root / "scripts"), *sys.path])
    monkeypatch.setattr(sys, "argv", [script, *words])
    import drill

    monkeypatch.setattr(os, "fork", refused)
    assert drill.main() == 0  # the second time everything is done
    out, err = capsys.readouterr()
    assert json.loads(out) == found and "kill -9" not in err


def refused(*_: object, **__: object) -> None:
    raise AssertionError("a process was started")


def test_a_difference_is_seen(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import random

    monkeypatch.syspath_prepend(str(root / "scripts"))
    from drilling.bench import Bench, Failed, contents
    from drilling.cases import Case

    out = tmp_path / "out"
    out.mkdir()
    (out / "x.npy").write_bytes(b"x")
    bench = Bench(Case(("x",)), tmp_path, contents(out), 1.0, tmp_path / "trial", random.Random(0))
    bench.compare(tmp_path)
    (out / ".left").write_bytes(b"")
    with pytest.raises(Failed, match="too many .'.left'."):
        bench.compare(tmp_path)
    (out / ".left").unlink()
    (out / "x.npy").write_bytes(b"y")
    with pytest.raises(Failed, match="different .'x.npy'."):
        bench.compare(tmp_path)
