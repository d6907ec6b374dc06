"""The directions of a task, from whatever names them (files, boundary lists, folders, shipped names) or is them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gantk.checkpoints.addresses import is_address
from gantk.codes.arrays import say_left_out
from gantk.codes.direction_files import READABLE, direction_files
from gantk.codes.directions import Direction
from gantk.codes.kept_directions import is_shipped, load_direction, of_generator
from gantk.errors import GantkError, UsageError
from gantk.generators.arguments import described
from gantk.generators.base import Generator
from gantk.generators.rows import parse_layers
from gantk.store.inside import LONGEST_STEM, clipped, is_listed, regular_file
from gantk.store.text import decode_text


@dataclass(frozen=True)
class Entry:
    """One direction of a file.

    Attributes:
        name: what it moves: the name a boundary list or the direction itself gives.
        direction: where it comes from.
        number: which of the file's K directions.
        source: what the user wrote, for messages.
    """

    name: str
    direction: Direction
    number: int = 0
    source: str = ""

    @property
    def space(self) -> str:
        """The space it is a direction of."""
        return self.direction.space

    @property
    def title(self) -> str:
        """The name, with the number where the file has several directions."""
        return self.name if len(self.direction) == 1 else f"{self.name}_{self.number:02d}"

    @property
    def prefix(self) -> str:
        """HiGAN's prefix of files, `<name>_<space>`, safe as a file name."""
        stem = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in self.title)
        return f"{clipped(stem.lstrip('.'), LONGEST_STEM) or 'direction'}_{self.space}"

    def fingerprint(self) -> object:
        """What moves codes, under the name it has here."""
        return [self.title, self.alone().fingerprint()]

    def alone(self) -> Direction:
        """As a direction of its own."""
        return self.direction.pick(self.number, self.title)


def gather(
    words: Sequence[str],
    generator: Generator,
    force: bool = False,
    space: str | None = None,
    pick: str | None = None,
) -> list[Entry]:
    """Load every direction that the words name.

    Args:
        words: direction files (.safetensors, .npy), boundary lists in HiGAN's syntax, folders of direction files,
            names of shipped or pulled directions, or https addresses of direction files.
        generator: what they must belong to.
        force: take directions of another generator of equal widths.
        space: the space of .npy files, which do not say it.
        pick: of files with several directions, such as "0-3"; None is the first, "all" all.

    Raises:
        UsageError: nothing is named, a name is unknown, or two entries would write the same files.
        GantkError: a file is missing, damaged or another generator's.
    """
    if not words:
        raise UsageError("No direction is named: give a file, a boundary list, a folder or a name.")
    entries: list[Entry] = []
    for word in words:
        for name, direction in _load(word, generator, force, space, pick is not None):
            chosen = (0,) if pick is None else range(len(direction)) if pick == "all" else _picked(pick, direction)
            entries += [Entry(name or direction.name, direction, number, word) for number in chosen]
    return distinct(entries)


def entries_of(directions: object, generator: Generator | None = None) -> list[Entry]:
    """The entries of whatever Python gives: entries, directions, results that carry one, or several of these.

    Every direction of a `Direction` with several counts.

    Args:
        generator: whose they must be; entries were compared with it when they were read.

    Raises:
        UsageError: there is none, one is no direction, or two would write the same files.
        GantkError: one is another generator's.
    """
    if not isinstance(directions, (list, tuple)) and not _is_one(directions) and isinstance(directions, Iterable):
        directions = list(directions)
    found = directions if isinstance(directions, (list, tuple)) else [directions]
    entries = [entry for one in found for entry in _entries(one, generator)]
    if not entries:
        raise UsageError("No direction is given: give a Direction, a result that carries one, or several.")
    return distinct(entries)


def _is_one(value: object) -> bool:
    carries = ("directions", "direction", "shape")  # an array is no list of directions, though it can be walked through
    return isinstance(value, (Entry, Direction, str)) or any(hasattr(value, name) for name in carries)


def _entries(value: object, generator: Generator | None) -> list[Entry]:
    if isinstance(value, Entry):
        return [value]
    several = getattr(value, "directions", None)  # of a result with one for each attribute
    if isinstance(several, tuple):
        return [entry for each in several for entry in _entries(each, generator)]
    carried = value if isinstance(value, Direction) else getattr(value, "direction", None)
    if isinstance(carried, Direction):
        if generator is not None:
            of_generator(carried, generator)
        return [Entry(carried.name, carried, number, carried.name) for number in range(len(carried))]
    raise UsageError(
        f"{described(value)} is no direction: give a Direction (gantk.load_direction reads files), or a result that "
        "carries one."
    )


def distinct(entries: list[Entry]) -> list[Entry]:
    """The same entries.

    Raises:
        UsageError: two would write the same files.
    """
    seen: dict[str, Entry] = {}
    for entry in entries:
        if entry.prefix in seen:
            raise UsageError(
                f"{entry.source} and {seen[entry.prefix].source} both name {entry.title!r} in {entry.space}: "
                "leave one of them out."
            )
        seen[entry.prefix] = entry
    return entries


def _picked(pick: str, direction: Direction) -> tuple[int, ...]:
    try:
        return parse_layers(pick, len(direction))
    except UsageError as error:
        raise UsageError(
            f"--pick {pick} does not fit {direction.name!r}, whose directions are 0 to {len(direction) - 1}: {error}"
        ) from None


def _is_numbers(path: Path) -> bool:
    """Whether a text file begins with numbers, behind comments perhaps, or is JSON, which no boundary list is."""
    if not regular_file(path).is_file():  # a pipe would be waited for
        return False
    with path.open("rb") as file:
        head = re.sub(r"(?m)^\s*#.*", "", decode_text(file.read(2000), "ignore"))
    return re.match(r"\s*\{|[\s\[]*[-+]?[0-9.]+[eE0-9+-]*[\s,;\]]", head) is not None


def _load(
    word: str, generator: Generator, force: bool, space: str | None, several: bool
) -> Iterator[tuple[str | None, Direction]]:
    if not word.strip():
        raise UsageError("A direction without a name is given: give a file, a boundary list, a folder or a name.")
    path = Path(word)
    if is_address(word):
        yield None, load_direction(word, generator, force, space, several)
    elif path.is_dir() and not is_shipped(word):
        files = direction_files(path)
        if not files:
            raise GantkError(f"The folder {path} holds no direction file ({', '.join(READABLE)}).")
        inner = [item for item in sorted(path.iterdir()) if item.is_dir() and is_listed(item.name)]
        say_left_out(path, "directions", [item.name for item in inner if direction_files(item)])
        for file in files:
            yield None, load_direction(file, generator, force, space, several)
    elif path.suffix in READABLE or not (path.is_file() or path.suffix == ".txt") or _is_numbers(path):
        yield None, load_direction(word, generator, force, space, several)
    else:
        from gantk.codes.boundary_list import read_boundary_list

        for item in read_boundary_list(path):
            yield item.name, load_direction(item.path, generator, force, item.space)
