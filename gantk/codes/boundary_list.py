"""Boundary lists: the text file of HiGAN that names directions, their spaces and files, read strictly.

# one entry per line; blank lines and comments are skipped
(indoor_lighting, w): boundaries/indoor_lighting_w_boundary.npy
DISABLE(wood, w): boundaries/wood_w_boundary.npy
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from gantk.checkpoints.addresses import is_address
from gantk.codes.directions import SPACES
from gantk.errors import GantkError, UsageError, suggestion
from gantk.store.files import write_atomic
from gantk.store.text import read_text

DISABLE = "DISABLE"
_FORM = "write (NAME, SPACE): PATH"


def listable(name: str) -> bool:
    """Whether a list can hold an attribute of this name: its syntax has no commas and parentheses in names."""
    return re.search(r"[,()\r\n]", name) is None


class BoundaryListWarning(UserWarning):
    """Something in a boundary list that is allowed and probably not meant."""


@dataclass(frozen=True)
class Entry:
    """One line: the attribute, the space its direction lives in, and the file.

    Attributes:
        name: what the direction moves.
        space: "z", "w", "wp" or "s".
        path: the file, relative ones joined to the list's folder.
        line: number in the list, from 1.
        spelling: the space as written, which the original's output names carry.
    """

    name: str
    space: str
    path: Path
    line: int
    spelling: str


def read_boundary_list(path: str | os.PathLike[str]) -> list[Entry]:
    """Read a boundary list.

    Raises:
        UsageError: the file is missing or not text, has no entry, or a line is malformed (its number is given).
    """
    source = Path(path)
    try:
        text = read_text(source)
    except FileNotFoundError:
        raise UsageError(f"The boundary list {source} does not exist.") from None
    except GantkError as error:
        raise UsageError(f"The boundary list cannot be read: {error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"The boundary list {source} is no text: each line is to be (NAME, SPACE): PATH.") from None
    except OSError as error:
        raise UsageError(f"The boundary list {source} cannot be read: {error.strerror}.") from error
    return parse_boundary_list(text, source.parent, str(source))


def parse_boundary_list(text: str, folder: str | os.PathLike[str] = ".", source: str = "boundary list") -> list[Entry]:
    """Parse the text of a boundary list.

    Skipped are blank lines, lines that start with ``#``, and lines that start with ``DISABLE`` in capitals, after
    blanks or not. Everything after the first ``):`` is the path, so that it may hold colons and drive letters; there
    are no comments at the end of a line, since ``#`` may occur in names of files. Paths are joined to `folder`. Where
    an entry is repeated the later path counts, at the place of the first, and a warning says so.

    Raises:
        UsageError: a malformed line, an unknown space, or no entry at all.
    """
    entries: dict[tuple[str, str], Entry] = {}
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        line = raw.strip()
        if not line or line.startswith(("#", DISABLE)):
            continue
        entry = _parse_line(line, Path(folder), f"{source}, line {number}", number)
        key = (entry.name, entry.space)
        if key in entries:
            warnings.warn(
                f"{source}, line {number}: ({entry.name}, {entry.space}) was there on line {entries[key].line}; "
                "the later path is taken.",
                BoundaryListWarning,
                stacklevel=2,
            )
        entries[key] = entry
    if not entries:
        raise UsageError(f"{source} has no entry: {_FORM}, one per line.")
    return list(entries.values())


def _parse_line(line: str, folder: Path, where: str, number: int) -> Entry:
    if not line.startswith("("):
        raise UsageError(f"{where}: {line[:60]!r} does not start with '(': {_FORM}.")
    head, mark, tail = line[1:].partition(")")
    if not mark:
        raise UsageError(f"{where}: {line[:60]!r} has no ')': {_FORM}.")
    colon = tail.lstrip()
    if not colon.startswith(":"):
        raise UsageError(f"{where}: {line[:60]!r} has no ':' after ')': {_FORM}.")
    parts = [part.strip() for part in head.split(",")]
    if len(parts) != 2:
        raise UsageError(f"{where}: {head[:60]!r} is not NAME, SPACE (a name has no comma): {_FORM}.")
    name, spelling = parts
    if not name:
        raise UsageError(f"{where}: {line[:60]!r} has no name: {_FORM}.")
    space = spelling.lower()
    if space not in SPACES:
        raise UsageError(f"{where}: {spelling!r} is no latent space.{suggestion(space, SPACES)}")
    target = colon[1:].strip()
    if not target:
        raise UsageError(f"{where}: {line[:60]!r} has no path: {_FORM}.")
    if is_address(target):
        raise UsageError(
            f"{where}: {target[:100]!r} is an address, and gantk fetches none that a file names: give it on the "
            "command line, or download it and write its path."
        )
    return Entry(name, space, _locate(target, folder), number, spelling)


def _locate(target: str, folder: Path) -> Path:
    """Join a path of either system to the folder of the list; absolute ones of either stay."""
    if PureWindowsPath(target).drive:
        return Path(target)
    path = Path(target)
    if path.is_absolute():
        return path
    joined = folder / path
    if "\\" in target and not joined.exists():  # written on Windows, read elsewhere
        return folder / PureWindowsPath(target).as_posix()
    return joined


def format_boundary_list(entries: Iterable[tuple[str, str, str]], comments: Iterable[str] = ()) -> str:
    """Return the text of a list of (name, space, path), which the original programs read too without the comments.

    Raises:
        UsageError: a name that the syntax cannot hold.
    """
    lines = [f"# {comment}" for comment in comments]
    for name, space, path in entries:
        if not name or not listable(name) or name != name.strip():
            raise UsageError(f"The name {name!r} cannot stand in a boundary list: leave out commas and parentheses.")
        lines.append(f"({name}, {space}): {path}")
    return "\n".join(lines) + "\n"


def write_boundary_list(
    path: str | os.PathLike[str], entries: Iterable[tuple[str, str, str]], comments: Iterable[str] = ()
) -> Path:
    """Write a list, see `format_boundary_list`."""
    return write_atomic(path, format_boundary_list(entries, comments))
