"""Python processes that begin with torch imported: forks of one process that has done nothing else.

To import torch takes a process longer than most of what a test lets it do. Arguments, folder, environment, streams,
signals and exit codes are those that `python WORDS...` would have. What only a new interpreter does needs `subprocess`:
options of the interpreter, variables that it reads at its start, closed streams, another user.
"""

from __future__ import annotations

import atexit
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing import connection, forkserver, get_context
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

HERE = Path(__file__).resolve().parent
FORKING = get_context("forkserver")
FORKING.set_forkserver_preload(["forked_preload"])


class Forked:
    """A process that was begun as `python WORDS...`: the part of `subprocess.Popen` that tests use.

    A context manager: leaving it kills the process where it still runs.

    Args:
        folder: to run in; the current one by default.
        variables: its environment; that of this process by default.

    Attributes:
        stdout: what it writes there, as a stream of text that is read while it runs.
    """

    def __init__(
        self, words: Sequence[str | Path], folder: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> None:
        self.args = [str(word) for word in words]
        with pytest.MonkeyPatch.context() as patch:  # of the process that is forked, which begins once
            patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE.parent), str(HERE)]))
            forkserver.ensure_running()
        self._said = tempfile.NamedTemporaryFile(mode="r", errors="replace")  # noqa: SIM115
        out, given = FORKING.Pipe(duplex=False)
        environment = dict(os.environ if variables is None else variables)
        words_and_place = (self.args, str(folder or Path.cwd()), environment, given, self._said.name)
        self._process = FORKING.Process(target=_become, args=words_and_place)
        self._process.start()
        given.close()
        self.stdout = open(os.dup(out.fileno()), encoding="utf-8", errors="replace")  # noqa: SIM115
        out.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, minus the number of the signal that ended it; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float = 120.0) -> int:
        """Wait for its end."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; an ended process stays as it is."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def communicate(self, timeout: float = 120.0) -> tuple[str, str]:
        """What it still writes to its two streams until its end."""
        out = self.stdout.read()
        self.wait(timeout)
        self._said.seek(0)
        return out, self._said.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.send_signal(signal.SIGKILL)
        self.wait()
        self._process.close()
        self.stdout.close()
        self._said.close()


def run(
    words: Sequence[str | Path], folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What `subprocess.run([sys.executable, *words], capture_output=True, text=True)` gives."""
    with Forked(words, folder, variables) as process:
        out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.wait(), out, err)


def _become(
    words: Sequence[str], folder: str, variables: Mapping[str, str], out: connection.Connection, err: str
) -> None:
    """In the fork: what `python WORDS...` does, and its exit code."""
    os.dup2(out.fileno(), 1)
    said = os.open(err, os.O_WRONLY | os.O_APPEND)
    os.dup2(said, 2)
    os.close(said)
    out.close()
    # new ones, as at the start of an interpreter: those at hand belong to the files that the fork was born with
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, errors="backslashreplace", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    first, *rest = words
    path = str(Path(first).resolve().parent) if first.endswith(".py") else folder
    sys.path.insert(0, path)
    try:
        if first == "-m":
            sys.argv = rest
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        elif first == "-c":
            sys.argv = ["-c", *rest[1:]]
            exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv = [first, *rest]
            runpy.run_path(first, run_name="__main__")
    except (Exception, KeyboardInterrupt) as error:
        traceback.print_exc()
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        sys.exit(1)
    finally:
        atexit._run_exitfuncs()  # which multiprocessing leaves out
