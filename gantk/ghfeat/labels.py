"""What is known about images: numbers, classes, points and pairs, from a table or from the bundled world.

A table is a CSV with a header. A column `image` (optional) names the image of each row; a column of numbers is
something to regress; one whose name begins with `class:`, or that holds words, is something to classify; two columns
NAME_x and NAME_y are a point, in shares of the image.

Legend: N samples, T targets, P points or pairs.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, UsageError
from gantk.generators.arguments import described
from gantk.store.fingerprint import fingerprint
from gantk.store.memory import require
from gantk.store.text import read_rows, read_text

Array = npt.NDArray[np.float64]
Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]  # [P, 2] and whether they are of the same thing


@dataclass(frozen=True, eq=False)
class Labels:
    """Targets by name, each [N]; points [N, P, 2] with their names; pairs."""

    numbers: dict[str, Array] = field(default_factory=dict)
    classes: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    points: Array | None = None
    point_names: tuple[str, ...] = ()
    pairs: Pairs | None = None

    @property
    def matrix(self) -> Array:
        """[N, T]."""
        return np.stack(list(self.numbers.values()), 1)


@dataclass(frozen=True)
class LabelTable:
    """Rows of a table of labels, each column -> cell; and its file, for messages."""

    rows: tuple[dict[str, str], ...]
    source: str = "the labels"

    def fingerprint(self) -> object:
        """The cells, wherever they were read from."""
        return fingerprint([dict(row) for row in self.rows])

    def of(self, names: Sequence[str]) -> Labels:
        """The labels of images of these names, in their order.

        Raises:
            GantkError: an image has no row. UsageError: there is no column that could be learnt.
        """
        rows: list[dict[str, str]] = list(self.rows)
        if "image" in rows[0]:
            by_name = {row["image"]: row for row in rows} | {Path(row["image"]).name: row for row in rows}
            missing = [name for name in names if name not in by_name and Path(name).name not in by_name]
            if missing:
                more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
                raise GantkError(f"{self.source} has no row for {missing[0]}{more}: give every image a row.")
            rows = [by_name.get(name) or by_name[Path(name).name] for name in names]
        elif len(rows) != len(names):
            raise GantkError(
                f"{self.source} has {len(rows)} rows for {len(names)} images: give a row for each, or a column image."
            )
        return _labels_of(rows, self.source)


def _labels_of(rows: Sequence[dict[str, str]], source: str) -> Labels:
    numbers: dict[str, Array] = {}
    classes: dict[str, npt.NDArray[np.int64]] = {}
    for column in rows[0]:
        if column == "image":
            continue
        cells = [row[column].strip() for row in rows]
        values = None if column.startswith("class:") else _numbers(cells)
        if values is not None:
            numbers[column] = values
        else:
            known = sorted(set(cells))
            classes[column.removeprefix("class:")] = np.array([known.index(cell) for cell in cells])
    stems = [name.removesuffix("_x") for name in numbers if name.endswith("_x") and name[:-1] + "y" in numbers]
    points = None
    if stems:
        points = np.stack([np.stack([numbers.pop(f"{s}_x"), numbers.pop(f"{s}_y")], 1) for s in stems], 1)
    if not numbers and not classes and points is None:
        raise UsageError(f"{source} has no column beside the image's name: give something that could be learnt.")
    return Labels(numbers, classes, points, tuple(stems))


def label_table(labels: object) -> LabelTable:
    """A table of labels, from its file or from Python.

    Args:
        labels: a CSV file, a `LabelTable`, or column -> a value for each image.

    Raises:
        GantkError: unreadable or ragged. UsageError: something else.
    """
    if isinstance(labels, LabelTable):
        return labels
    if isinstance(labels, Mapping):
        columns = {str(name): [str(cell) for cell in values] for name, values in labels.items()}
        if not columns or len({len(cells) for cells in columns.values()}) != 1:
            raise UsageError("Labels are columns of equal lengths: give a value for each image.")
        rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
        return _whole(rows, "the labels")
    if not isinstance(labels, (str, os.PathLike)):
        raise UsageError(f"The labels are {described(labels)}: give a CSV file, or columns by name.")
    try:
        header, *below = [[cell.strip() for cell in cells] for _, cells in read_rows(labels)] or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GantkError(f"the labels {labels} cannot be read: {error}") from error
    short = any(len(cells) != len(header) for cells in below)
    return _whole([] if short else [dict(zip(header, cells, strict=True)) for cells in below], f"the table {labels}")


def _whole(rows: Sequence[dict[str, str]], source: str) -> LabelTable:
    if not rows:
        raise GantkError(f"{source} is no table: every row needs as many cells as the header")
    return LabelTable(tuple(rows), source)


def _numbers(cells: Sequence[str]) -> Array | None:
    try:
        values = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


@dataclass(frozen=True)
class PairList:
    """Pairs of images: two names (or numbers from 0), and whether they show the same thing."""

    lines: tuple[tuple[str, str, bool], ...]
    source: str = "the pairs"

    def fingerprint(self) -> object:
        """The pairs, wherever they were read from."""
        return [list(line) for line in self.lines]

    def of(self, names: Sequence[str]) -> Pairs:
        """The pairs among images of these names.

        Raises:
            GantkError: a line names no such image.
        """
        index = {name: i for i, name in enumerate(names)} | {Path(name).name: i for i, name in enumerate(names)}
        index |= {str(i): i for i in range(len(names)) if str(i) not in index}
        for number, line in enumerate(self.lines, 1):
            for name in line[:2]:
                if name not in index:
                    raise GantkError(f"pair {number} of {self.source} names no known image: {name[:80]!r}")
        couples = [(index[a], index[b]) for a, b, _ in self.lines]
        return np.array(couples), np.array([same for *_, same in self.lines])


def pair_list(pairs: object) -> PairList:
    """Pairs from their file, lines of two images and 1 for the same thing or 0 for another; or from Python.

    Args:
        pairs: a file, a `PairList`, or tuples (image, image, same).

    Raises:
        GantkError: unreadable, or a line that is no pair. UsageError: something else.
    """
    if isinstance(pairs, PairList):
        return pairs
    if isinstance(pairs, (list, tuple)):
        if not pairs or any(len(each) != 3 for each in pairs):
            raise UsageError("Pairs are tuples of two images and whether they show the same thing: give some.")
        return PairList(tuple((str(a), str(b), bool(same)) for a, b, same in pairs))
    if not isinstance(pairs, (str, os.PathLike)):
        raise UsageError(f"The pairs are {described(pairs)}: give a file, or tuples of two images and a truth.")
    try:
        lines = read_text(pairs).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise GantkError(f"the pairs {pairs} cannot be read: {error}") from error
    found = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if len(words) != 3 or words[2] not in ("0", "1"):
            raise GantkError(f"line {number} of {pairs} is no pair of images and 0 or 1: {line.strip()[:80]!r}")
        found.append((words[0], words[1], words[2] == "1"))
    if not found:
        raise GantkError(f"{pairs} has no pairs in it")
    return PairList(tuple(found), os.fspath(pairs))


# --- the bundled world -----------------------------------------------------------------------------------------------

HOUSES = 2  # scenes of each house that `world` draws: what verification looks for


@dataclass(frozen=True, eq=False)
class World:
    """Scenes of the bundled world with all that is known about them; scenes 2k and 2k + 1 show the same house."""

    factors_NF: npt.NDArray[np.float32]
    nuisance_NM: npt.NDArray[np.float32]
    labels: Labels


def world(count: int, seed: int = 0) -> World:
    """Scenes in pairs: the same house in the same landscape, at another time of day and season, under another sky.

    Their factors are what is regressed, their counts of trees and clouds are classes, the house's place and the horizon
    are points.
    """
    from gantk.world.renderer import FACTOR_NAMES, FACTORS, sample_scene

    require(8 * count * len(FACTOR_NAMES), f"The factors of {count} scenes", "give a smaller --num")
    factors, nuisance = (part.numpy() for part in sample_scene(count, seed))
    kept = [FACTOR_NAMES.index(f.name) for f in FACTORS if f.group == "layout" or f.name == "material"]
    factors[1::2, kept] = factors[: count - count % 2 : 2, kept]
    numbers = {name: factors[:, i].astype(np.float64) for i, name in enumerate(FACTOR_NAMES)}
    classes = {f.name: numbers[f.name].astype(np.int64) for f in FACTORS if f.is_count}
    house_x, horizon = 0.26 + 0.48 * numbers["house_x"], 0.48 + 0.27 * numbers["horizon"]
    height = 0.22 + 0.20 * numbers["house_size"]
    base = horizon + 0.07
    points = np.stack(
        [np.stack([house_x, base], 1), np.stack([house_x, base - height], 1)], 1
    )  # doorstep and ridge, as the renderer places them
    pairs = _pairs_of_houses(count, seed)
    return World(factors, nuisance, Labels(numbers, classes, points, ("doorstep", "ridge"), pairs))


def _pairs_of_houses(count: int, seed: int) -> Pairs:
    """Every house with itself, and as many different houses."""
    houses = count // HOUSES
    same = np.stack([2 * np.arange(houses), 2 * np.arange(houses) + 1], 1)
    random = np.random.Generator(np.random.Philox(key=[seed, 1]))
    shift = random.integers(1, max(houses, 2), houses)
    other = np.stack([same[:, 0], 2 * ((np.arange(houses) + shift) % max(houses, 1)) + 1], 1)
    return np.concatenate([same, other]), np.repeat([True, False], houses)
