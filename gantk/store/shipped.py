"""Boundaries, directions and settings that come with gantk or were pulled: found by name.

In a wheel they are folders inside the package, in a source checkout folders beside it; what `gantk models pull` fetched
is in the user's folder, which comes first.
"""

from __future__ import annotations

import os
from pathlib import Path

from gantk.errors import UsageError, suggestion

KINDS = ("boundaries", "directions", "configs")


def home() -> Path:
    """Return the user's folder for fetched files: $GANTK_HOME, or ``gantk`` in the cache folder."""
    if "GANTK_HOME" in os.environ:
        return Path(os.environ["GANTK_HOME"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gantk"


def folders(kind: str) -> list[Path]:
    """Return the existing folders of a kind, the user's first."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind of shipped file {kind!r}")
    package = Path(__file__).resolve().parent.parent
    places = [home() / kind, package / kind]
    if (package.parent / "pyproject.toml").is_file():  # a source checkout
        places.append(package.parent / kind)
    return [place for place in places if place.is_dir()]


def shipped_files(kind: str, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return every file of a kind by its name: the path below the kind's folder without the suffix, with slashes."""
    found: dict[str, Path] = {}
    for folder in folders(kind):
        for path in sorted(folder.rglob("*")):
            if path.suffix in suffixes and path.is_file():
                found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
    return found


def matching(kind: str, name: str, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return the files whose name is `name` or ends with ``/name``; names from outside never become paths."""
    files = shipped_files(kind, suffixes)
    wanted = name.removesuffix("_boundary")
    return {
        key: path
        for key, path in files.items()
        if key.removesuffix("_boundary") == wanted or key.removesuffix("_boundary").endswith("/" + wanted)
    }


def find_shipped(kind: str, name: str, suffixes: tuple[str, ...]) -> Path:
    """Return the one file of a kind with a name.

    Raises:
        UsageError: there is none (near matches are offered), or several (they are listed).
    """
    typed = name
    for suffix in suffixes:
        name = name.removesuffix(suffix)
    found = matching(kind, name, suffixes)
    if name in found:
        return found[name]
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise UsageError(f"The name {name!r} stands for several {kind}: give one of {', '.join(sorted(found))}.")
    known = shipped_files(kind, suffixes)
    short = [key.rpartition("/")[2] for key in known]
    raise UsageError(f"There is no file {typed!r}, nor one of that name among the {kind}.{suggestion(name, short)}")
