"""Names of files inside a run directory: what is read from data never becomes a path elsewhere."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from gantk.errors import GantkError

LONGEST = 255


def inside(directory: Path, name: str) -> Path:
    """The path of a file inside a directory, from a name that stands in a file.

    Raises:
        GantkError: the name is absolute, leads out of the directory (a link does too), or is no name.
    """
    pure = PurePosixPath(name)
    odd = not name or any(ord(letter) < 32 or ord(letter) == 127 for letter in name) or "\\" in name
    if odd or pure.is_absolute() or ".." in pure.parts or any(len(part.encode()) > LONGEST for part in pure.parts):
        raise GantkError(f"{name!r} is no name of a file inside {directory}.")
    path = directory.joinpath(*pure.parts)
    if path.exists() and not path.resolve().is_relative_to(directory.resolve()):
        raise GantkError(f"{name!r} is a link that leads out of {directory}.")
    return path
