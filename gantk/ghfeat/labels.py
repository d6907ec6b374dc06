"""What is known about images: numbers, classes, points and pairs, from a table or from the bundled world.

A table is a CSV with a header. A column `image` (optional) names the image of each row; a column of numbers is
something to regress; one whose name begins with `class:`, or that holds words, is something to classify; two columns
NAME_x and NAME_y are a point, in shares of the image.

Legend: N samples, T targets, P points or pairs.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, UsageError
from gantk.store.inside import regular_file

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


def read_labels(path: str | Path, names: Sequence[str]) -> Labels:
    """The table of labels of images of these names, in their order.

    Raises:
        GantkError: unreadable, ragged, or an image has no row.
        UsageError: a table without a column that could be learnt.
    """
    try:
        with open(regular_file(path), encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GantkError(f"the labels {path} cannot be read: {error}") from error
    if not rows or any(None in row or None in row.values() for row in rows):
        raise GantkError(f"the labels {path} are no table: every row needs as many cells as the header")
    if "image" in rows[0]:
        by_name = {row["image"]: row for row in rows} | {Path(row["image"]).name: row for row in rows}
        missing = [name for name in names if name not in by_name and Path(name).name not in by_name]
        if missing:
            raise GantkError(f"the labels {path} have no row for {missing[0]} (and {len(missing) - 1} more)")
        rows = [by_name.get(name) or by_name[Path(name).name] for name in names]
    elif len(rows) != len(names):
        raise GantkError(f"the labels {path} have {len(rows)} rows for {len(names)} images")
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
        raise UsageError(f"the labels {path} have no column beside the image's name")
    return Labels(numbers, classes, points, tuple(stems))


def _numbers(cells: Sequence[str]) -> Array | None:
    try:
        values = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def read_pairs(path: str | Path, names: Sequence[str]) -> Pairs:
    """Pairs of images: lines of two names (or numbers from 0) and 1 for the same thing, 0 for another.

    Raises:
        GantkError: unreadable, or a line that names no such image.
    """
    index = {name: i for i, name in enumerate(names)} | {Path(name).name: i for i, name in enumerate(names)}
    index |= {str(i): i for i in range(len(names)) if str(i) not in index}
    couples, same = [], []
    try:
        lines = regular_file(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise GantkError(f"the pairs {path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if len(words) != 3 or words[0] not in index or words[1] not in index or words[2] not in ("0", "1"):
            raise GantkError(f"line {number} of {path} is no pair of known images and 0 or 1: {line.strip()[:80]!r}")
        couples.append((index[words[0]], index[words[1]]))
        same.append(words[2] == "1")
    if not couples:
        raise GantkError(f"{path} has no pairs in it")
    return np.array(couples), np.array(same)


# --- the bundled world -----------------------------------------------------------------------------------------------

HOUSES = 2  # scenes of each house that `world` draws: what verification and retrieval look for


@dataclass(frozen=True, eq=False)
class World:
    """Scenes of the bundled world with all that is known about them; scenes 2k and 2k + 1 show the same house."""

    factors_NF: npt.NDArray[np.float32]
    nuisance_NM: npt.NDArray[np.float32]
    labels: Labels


def world(count: int, seed: int = 0) -> World:
    """Scenes in twos: the same house in the same landscape, at another time of day and season, under another sky.

    Their factors are what is regressed, their counts of trees and clouds are classes, the house's place and the horizon
    are points.
    """
    from gantk.world.renderer import FACTOR_NAMES, FACTORS, sample_scene

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
