"""The watch over a case: what it may open, start and send (nothing outside its folder), its seconds and its memory."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import NoReturn

SECONDS = 5.0
MEMORY = 512 << 20
_STARTS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.startfile", "subprocess.Popen", "pty.spawn")
_SENDS = ("socket.", "urllib.", "http.client", "ftplib.", "smtplib.", "webbrowser.open")
_CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate")
_MAKERS = ("dataclasses.py", "collections/__init__.py", "typing.py", "namedtuple", "enum.py")


class TooLong(BaseException):
    """Raised by the alarm; no reader catches it."""


class Canary:
    """Notes every event of the interpreter that no reader may cause, and refuses it.

    Args:
        folder: the only place where files may be made, changed or removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = os.path.realpath(folder)
        self.seen: list[str] = []
        self.active = False
        self._known = {name.partition(".")[0] for name in (*sys.modules, *sys.stdlib_module_names)}
        self._trusted = (sys.prefix, sys.base_prefix, str(Path(__file__).resolve().parents[2]), "<frozen", "<template>")
        sys.addaudithook(self._hook)

    def know(self) -> None:
        """Take what is imported by now for known: after the first case of every kind."""
        self._known |= {name.partition(".")[0] for name in sys.modules}

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.active:
            return
        wrong = self._wrong(event, arguments)
        if wrong:
            self.seen.append(f"{event}: {wrong}"[:300])
            raise PermissionError(f"the canary refuses {event} {wrong}"[:300])

    def _wrong(self, event: str, arguments: tuple[object, ...]) -> str:
        if event == "open":
            path, mode, flags = (*arguments, None, None, None)[:3]
            writes = isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
            writes = writes or (isinstance(mode, str) and bool(set(mode) & set("wax+")))
            return str(path) if writes and not self._inside(path) else ""
        if event in _CHANGES:
            return next((str(path) for path in arguments[:2] if isinstance(path, str) and not self._inside(path)), "")
        if event.startswith(_STARTS) or event.startswith(_SENDS) or event == "pickle.find_class":
            return ("socket.gethostname" not in event and repr(arguments)[:200]) or ""
        if event == "import":
            root = str(arguments[0]).partition(".")[0]
            return "" if root in self._known or root == "gantk" else str(arguments[0])
        if event == "exec":
            return self._foreign(arguments[0])
        return ""

    def _foreign(self, code: object) -> str:
        """Where code that is about to run came from, unless an installed module or the standard library made it."""
        if not isinstance(code, CodeType) or code.co_filename.startswith(self._trusted):
            return ""
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            if frame.f_code.co_filename.endswith(_MAKERS):
                return ""
            frame = frame.f_back
        return code.co_filename

    def _inside(self, path: object) -> bool:
        if isinstance(path, int) or path is None:
            return True
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False
        real = os.path.realpath(os.fsdecode(path))
        return real == os.devnull or real.startswith(self.folder)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        self.active = True
        try:
            yield
        finally:
            self.active = False


def limit_memory() -> Callable[[], None]:
    """Let this process grow by `MEMORY` bytes of addresses at most; returns what lifts the limit."""
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextlib.contextmanager
def in_time(seconds: float = SECONDS) -> Iterator[None]:
    """`TooLong` after so many seconds of CPU, or ten times as many by the clock (something waits)."""
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 10 * seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextlib.contextmanager
def alarms() -> Iterator[None]:
    """Handlers of both alarms; those before come back."""

    def stop(*_: object) -> NoReturn:
        raise TooLong(f"more than {SECONDS:g} s")

    before = {number: signal.signal(number, stop) for number in (signal.SIGVTALRM, signal.SIGALRM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
