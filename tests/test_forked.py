"""A forked process is what a started one is: words, folder, environment, streams, exit codes, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from forked import Forked, run

SEEN = """
import json, os, sys
sys.stdout.reconfigure(errors="replace")
print(json.dumps([sys.argv, os.getcwd(), sorted(os.environ.items()), __name__, sys.path[0],
                  *(s.encoding.lower() for s in (sys.stdout, sys.stderr))]))
print("said", file=sys.stderr)
"""


@pytest.mark.parametrize("way", ["script", "module", "line"])
def test_a_fork_sees_what_a_new_interpreter_sees(way: str, tmp_path: Path) -> None:
    (tmp_path / "seen.py").write_text(SEEN)
    place = tmp_path / "here"
    place.mkdir()
    (place / "seen.py").write_text(SEEN)
    first = {"script": [str(tmp_path / "seen.py")], "module": ["-m", "seen"], "line": ["-c", SEEN]}[way]
    variables = {**os.environ, "GANTK_TEST": "ä", "LC_CTYPE": "C.UTF-8"}
    variables.pop("HOME", None)
    words = [*first, "a b", "-c"]
    started = subprocess.run(
        [sys.executable, *words], cwd=place, env=variables, capture_output=True, encoding="utf-8", check=True
    )
    forked = run(words, place, variables)
    assert forked.stdout.replace(str(place), "") == started.stdout.replace(str(place), "")
    assert (forked.stderr, forked.returncode) == (started.stderr, 0)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('so')", 1, "so\n"),
        ("import sys; sys.exit()", 0, ""),
        ("import atexit; atexit.register(print, 'at the end')", 0, ""),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import os; os.kill(os.getpid(), 9)", -9, ""),
        ("import os; os._exit(7)", 7, ""),
    ],
)
def test_a_fork_ends_as_a_new_interpreter_ends(line: str, code: int, said: str) -> None:
    started = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=False)
    forked = run(["-c", line])
    assert forked.returncode == started.returncode == code
    assert forked.stderr.endswith(said) and started.stderr.endswith(said)
    assert forked.stdout == started.stdout


def test_a_fork_takes_signals_and_has_torch() -> None:
    line = "import sys; print('torch' in sys.modules, flush=True)\nimport time; time.sleep(600)"
    with Forked(["-c", line]) as process:
        assert process.stdout.readline() == "True\n" and process.returncode is None
        process.send_signal(signal.SIGINT)
        assert process.wait() == -signal.SIGINT
        assert "KeyboardInterrupt" in process.communicate()[1]
    with Forked(["-c", line]) as left:
        pid = left.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
