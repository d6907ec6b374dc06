"""The directions a command works on, from whatever names them: files, boundary lists, folders, shipped names."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gantk.codes.direction_files import READABLE, direction_files
from gantk.codes.directions import Direction, load_direction
from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator
from gantk.generators.rows import parse_layers


@dataclass(frozen=True)
class Entry:
    """One row of a direction.

    Attributes:
        name: what it moves: the name a boundary list or the direction itself gives.
        direction: where it comes from.
        row: which of the direction's K rows.
        source: what the user wrote, for messages.
    """

    name: str
    direction: Direction
    row: int = 0
    source: str = ""

    @property
    def space(self) -> str:
        """The space it is a direction of."""
        return self.direction.space

    @property
    def title(self) -> str:
        """The name, with the row where the direction has several."""
        return self.name if len(self.direction) == 1 else f"{self.name}_{self.row:02d}"

    @property
    def prefix(self) -> str:
        """HiGAN's prefix of files, `<name>_<space>`, safe as a file name."""
        stem = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in self.title)
        return f"{stem.lstrip('.') or 'direction'}_{self.space}"

    @property
    def identity(self) -> str:
        """What a run's arguments keep of it: another direction under the same name is noticed."""
        vectors = self.direction.vectors[self.row]
        return f"{self.prefix} {zlib.crc32(vectors.tobytes()):08x}"

    def alone(self) -> Direction:
        """The row as a direction of its own."""
        return self.direction.row(self.row, self.title)


def gather(
    words: Sequence[str],
    generator: Generator,
    force: bool = False,
    space: str | None = None,
    rows: str | None = None,
) -> list[Entry]:
    """Load every direction that the words name.

    Args:
        words: direction files (.safetensors, .npy), boundary lists in HiGAN's syntax, folders of direction files, or
            names of shipped or pulled directions.
        generator: what they must belong to.
        force: take directions of another generator of equal widths.
        space: the space of .npy files, which do not say it.
        rows: of files with several directions, such as "0-3"; None is the first, "all" all.

    Raises:
        UsageError: nothing is named, a name is unknown, or two entries would write the same files.
        GantkError: a file is missing, damaged or another generator's.
    """
    if not words:
        raise UsageError("No direction is named: give a file, a boundary list, a folder or a name.")
    entries: list[Entry] = []
    for word in words:
        for name, direction in _load(word, generator, force, space, rows is not None):
            chosen = (0,) if rows is None else range(len(direction)) if rows == "all" else _rows(rows, direction)
            entries += [Entry(name or direction.name, direction, row, word) for row in chosen]
    seen: dict[str, Entry] = {}
    for entry in entries:
        if entry.prefix in seen:
            raise UsageError(
                f"{entry.source} and {seen[entry.prefix].source} both name {entry.title!r} in {entry.space}: "
                "leave one of them out."
            )
        seen[entry.prefix] = entry
    return entries


def _rows(rows: str, direction: Direction) -> tuple[int, ...]:
    try:
        return parse_layers(rows, len(direction))
    except UsageError as error:
        raise UsageError(
            f"--rows {rows} does not fit {direction.name!r}, whose rows are 0 to {len(direction) - 1}: {error}"
        ) from None


def _load(
    word: str, generator: Generator, force: bool, space: str | None, several: bool
) -> Iterator[tuple[str | None, Direction]]:
    path = Path(word)
    if path.is_dir():
        files = direction_files(path)
        if not files:
            raise GantkError(f"The folder {path} holds no direction file ({', '.join(READABLE)}).")
        for file in files:
            yield None, load_direction(file, generator, force, space, several)
    elif path.suffix in READABLE or not (path.is_file() or path.suffix == ".txt"):
        yield None, load_direction(word, generator, force, space, several)
    else:
        from gantk.higan.boundary_list import read_boundary_list

        for item in read_boundary_list(path):
            yield item.name, load_direction(item.path, generator, force, item.space)
