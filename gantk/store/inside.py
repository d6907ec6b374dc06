"""Names that data gives to files: checked once, where they are made, so that no run can reach outside its directory.

A manifest, a header, a list or an archive names files. Such a name is made a `RunName`, which cannot be absolute, climb
or name a device; `inside` joins it to a directory and follows no link that leaves it. `regular_file` is what a reader
asks before it opens anything: a FIFO, a socket or a device would block or never end.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from pathlib import Path, PurePath

from gantk.errors import GantkError

LONGEST_PART = 180  # bytes; file systems take 255, and temporary names and suffixes are added
LONGEST_NAME = 1000
LONGEST_STEM = 120  # of what others called something, to which files add words of their own
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$)(\.|$)", re.IGNORECASE)
_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a directory"),
)


class RunName(str):
    """A relative name, "/" between folders, that stays below the directory it is joined to.

    Raises:
        GantkError: it is empty, absolute, climbs with "..", is too long, names a device, or has control characters.
    """

    def __new__(cls, name: object) -> RunName:
        if isinstance(name, RunName):
            return name
        wrong = _fault(name) if isinstance(name, str) else "is no text"
        if wrong:
            raise GantkError(
                f"{str(name)[:80]!r} is no name of a file in a run: it {wrong}, and names stay below the run's "
                "directory; do not trust this run."
            )
        return super().__new__(cls, name)

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders and the file."""
        return tuple(self.split("/"))


def _fault(name: str) -> str:
    """What is wrong with a name, as the rest of a sentence; "" where nothing is."""
    if not name:
        return "is empty"
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name):
        return "has control characters"
    if len(name) > LONGEST_NAME or any(len(part.encode()) > LONGEST_PART for part in name.split("/")):
        return f"is longer than {LONGEST_PART} bytes"
    if name.startswith("/") or "\\" in name or re.match(r"[A-Za-z]:", name):
        return "is absolute or of another system"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "has an empty, '.' or '..' part"
    if any(_DEVICES.match(part) for part in name.split("/")):
        return "names a device"
    return ""


def inside(directory: str | os.PathLike[str], name: object) -> Path:
    """The path of `name` below `directory`, whether it exists or not.

    Links inside the directory are followed as long as they stay inside.

    Raises:
        GantkError: the name is none (see `RunName`), a link leaves the directory, or what is there is neither a file
            nor a directory.
    """
    folder, checked = Path(directory), RunName(name)
    path = folder
    for part in checked.parts:
        path = path / part
        try:
            mode = path.lstat().st_mode
        except OSError:  # not there yet
            break
        if stat.S_ISLNK(mode):
            _refuse_leaving(path, folder)
            try:
                mode = path.stat().st_mode
            except OSError:  # a link to what is not there
                break
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise GantkError(f"{path} is {_kind(mode)}, where a file was expected: remove it.")
    return folder.joinpath(*checked.parts)


def _refuse_leaving(link: Path, folder: Path) -> None:
    try:
        leaves = not link.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a ring of links
        leaves = True
    if leaves:
        raise GantkError(
            f"{link} is a link that leaves {folder}, which gantk does not follow: put the file itself there."
        )


def regular_file(path: str | os.PathLike[str]) -> Path:
    """`path`, unless it is something that must not be opened as a file; what is absent is for the reader to say.

    Raises:
        GantkError: a named pipe, a socket, a device or a directory, or a file of the kernel, which may never end.
    """
    try:
        about = os.stat(path)
        kernels = not about.st_size and os.path.realpath(path).startswith(("/proc/", "/sys/"))
    except (OSError, ValueError):
        return Path(path)
    if kernels or not stat.S_ISREG(about.st_mode):
        kind = "a file of the kernel" if kernels else _kind(about.st_mode)
        raise GantkError(f"{os.fspath(path)} is {kind}, where a file was expected: give a regular file.")
    return Path(path)


def _kind(mode: int) -> str:
    return next((words for test, words in _KINDS if test(mode)), "no regular file")


def is_listed(name: str | PurePath, suffixes: tuple[str, ...] = ()) -> bool:
    """Whether a file or folder below one that was given counts: it has one of the suffixes, and no part is hidden.

    Systems leave `.DS_Store`, `._photo.png` and `__MACOSX/` beside what people copy; nobody means these.
    """
    path = PurePath(name)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts if part not in (".", ".."))
    return not hidden and (not suffixes or path.suffix.lower() in suffixes)


def clipped(stem: str, longest: int = LONGEST_STEM) -> str:
    """A stem of file names made of what others called something: its beginning, where a file system takes no more."""
    data = os.fsencode(stem)
    return stem if len(data) <= longest else data[:longest].decode("utf-8", "ignore")
