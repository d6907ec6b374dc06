"""Command lines run in forks of this process, which has torch loaded already: a start costs milliseconds."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (minus a signal's number), what it said, its seconds and those of CPU time."""

    code: int
    said: str
    seconds: float
    cpu: float


class Running:
    """A `gantk` command line in a child process.

    Args:
        words: after `gantk`.
        folder: to run in; what it prints goes to a file beside it, since it may be on a full disk.
        limit: the largest file it may write, in bytes.
        before, after: called in the child around the command.
    """

    def __init__(
        self,
        words: Sequence[str],
        folder: Path,
        limit: int | None = None,
        before: Callable[[], None] | None = None,
        after: Callable[[], None] | None = None,
    ) -> None:
        self.log = folder.parent / f"said-{time.monotonic_ns()}.txt"
        self.began = time.monotonic()
        self.process = os.fork()
        if self.process == 0:
            code = 99
            try:
                if before is not None:
                    before()
                code = _child(words, folder, self.log, limit)
                if after is not None:
                    after()
            finally:
                os._exit(code)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; an ended process stays as it is."""
        os.kill(self.process, number)  # not yet waited for: its number is still its own

    def alive(self) -> bool:
        """Whether it has not ended; does not collect its exit code."""
        return os.waitid(os.P_PID, self.process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def wait(self) -> Ended:
        """Wait for its end."""
        _, status, usage = os.wait4(self.process, 0)
        seconds = time.monotonic() - self.began
        said = self.log.read_text(errors="replace") if self.log.exists() else ""
        self.log.unlink(missing_ok=True)
        return Ended(os.waitstatus_to_exitcode(status), said, seconds, usage.ru_utime + usage.ru_stime)


def _child(words: Sequence[str], folder: Path, log: Path, limit: int | None) -> int:
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(folder)
    # A shell's background job ignores Ctrl-C, and what it starts inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    from gantk.cli.main import run

    code = run(words)
    return code
