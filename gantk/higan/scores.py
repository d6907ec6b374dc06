"""Score files: what predictors and people wrote about each sample, as named columns.

Read are .npy (plain, structured, and HiGAN's pickled dictionaries through the allow-list reader), .npz and .csv.

Legend: N samples, A scores.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, UsageError, suggestion
from gantk.store.bounded import read_npz
from gantk.store.inside import clipped, regular_file
from gantk.store.text import read_rows

SUFFIXES = (".npy", ".npz", ".csv", ".tsv")
Column = npt.NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Scores:
    """Named columns of N numbers each.

    Attributes:
        columns: name -> [N].
        named: whether the file has the names; otherwise they were made from its name.
        source: the file.
    """

    columns: Mapping[str, Column]
    named: bool
    source: str

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def choose(self, names: Iterable[str]) -> dict[str, Column]:
        """Return the columns asked for, in that order; all where none is. A file of one unnamed column takes any name.

        Raises:
            UsageError: there is no such score (near matches are offered), or its name is too long for files.
        """
        wanted = list(dict.fromkeys(names)) or list(self.columns)
        for name in wanted:
            if clipped(name) != name:  # files are called after it
                raise UsageError(f"The score {name[:40]}... has a name of {len(name)} letters: shorten it.")
        if not self.named and len(self.columns) == 1 and len(wanted) == 1:
            return {wanted[0]: next(iter(self.columns.values()))}
        for name in wanted:
            if name not in self.columns:
                raise UsageError(f"There is no score {name!r} in {self.source}.{suggestion(name, self.columns)}")
        return {name: self.columns[name] for name in wanted}

    def check_length(self, count: int, latents: str) -> None:
        """Refuse scores of another number of samples.

        Raises:
            GantkError: the lengths differ.
        """
        if len(self) != count:
            raise GantkError(
                f"There are {len(self)} scores in {self.source} and {count} latent codes in {latents}: "
                "they must come from the same synthesis."
            )


def read_scores(path: str | os.PathLike[str], names: Iterable[str] = ()) -> Scores:
    """Read a score file; nothing in it is executed.

    Args:
        names: the columns that are wanted; of a .csv only those are parsed. Without any, columns that hold no number
            at all, such as one of file names, are left out.

    Raises:
        UsageError: the kind of file is not known.
        GantkError: it is missing, damaged, or holds something that is no column of numbers.
    """
    source = Path(path)
    if source.suffix.lower() not in SUFFIXES:
        raise UsageError(f"The score file {source} is none of {', '.join(SUFFIXES)}.")
    if not regular_file(source).is_file():
        raise GantkError(f"The score file {source} does not exist.")
    if source.suffix.lower() in (".csv", ".tsv"):
        return _read_csv(source, frozenset(names))
    if source.suffix.lower() == ".npz":
        return from_content(read_npz(source), source.stem, str(source))
    from gantk.checkpoints.unpickle import load_legacy_npy

    return from_content(load_legacy_npy(source), source.stem, str(source))


def from_content(content: object, stem: str, source: str) -> Scores:
    """Make named columns of an array [N], [N, 1] or [N, A], a structured array [N], or HiGAN's dictionary."""
    if isinstance(content, Mapping):
        columns = _from_dictionary(content, source)
        named = True
    else:
        array = np.asarray(content)
        named = array.dtype.names is not None
        columns = _from_array(array, stem, source)
    if not columns or not len(next(iter(columns.values()))):
        raise GantkError(f"{source} holds no scores.")
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise GantkError(f"{source} holds scores of different lengths: {sorted(lengths)}.")
    return Scores(columns, named, source)


def _from_array(array: npt.NDArray[Any], stem: str, source: str) -> dict[str, Column]:
    if array.dtype.names is not None:
        if array.ndim != 1:
            raise GantkError(
                f"{source} is a structured array of shape {array.shape}: one record per sample is expected."
            )
        columns: dict[str, Column] = {}
        for name in array.dtype.names:
            columns.update(_from_array(array[name], name, source))
        return columns
    if array.dtype.kind not in "biuf":
        raise GantkError(f"{source} holds {array.dtype} where scores are numbers.")
    if array.ndim == 2 and not len(array):  # the shape may name any number of columns
        raise GantkError(f"{source} holds no scores: its shape is {array.shape}.")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 1:
        return {stem: array}
    if array.ndim == 2:
        return {f"{stem}_{index}": array[:, index] for index in range(array.shape[1])}
    raise GantkError(f"Scores of shape {array.shape} ({source}) are not of [N], [N, 1] or [N, A].")


def _from_dictionary(content: Mapping[Any, Any], source: str) -> dict[str, Column]:
    """HiGAN's {'score', 'name_to_idx', 'idx_to_name'}, or arrays by name; a key of its own beats a column."""
    columns: dict[str, Column] = {}
    table, places = content.get("score"), content.get("name_to_idx")
    if table is not None and isinstance(places, Mapping):
        score_NA = np.asarray(table)
        for name, index in sorted(places.items(), key=lambda item: int(item[1])):
            if score_NA.ndim != 2 or not 0 <= int(index) < score_NA.shape[1]:
                raise GantkError(
                    f"{source} says that {name!r} is column {index} of a score array of shape {score_NA.shape}."
                )
            columns.update(_from_array(score_NA[:, int(index)], str(name), source))
    for key, value in content.items():
        if isinstance(value, np.ndarray) and not (key == "score" and columns):
            columns.update(_from_array(value, str(key), source))
    return columns


def _read_csv(source: Path, wanted: frozenset[str]) -> Scores:
    """One row per sample; names in a first row that is not all numbers; unnamed counts of rows are left out."""
    try:
        rows = [(line, [cell.strip() for cell in row]) for line, row in read_rows(source)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise GantkError(f"{source} is no readable .csv file ({error}).") from error
    if not rows:
        raise GantkError(f"{source} holds no scores.")
    named = any(_number(cell) is None for cell in rows[0][1])
    if named:
        header = rows.pop(0)[1]
        unnamed = [index for index, name in enumerate(header) if not name and all(len(row) > index for _, row in rows)]
        for index in reversed(unnamed):  # the numbers of rows, as pandas writes them, or what follows a last comma
            cells = [row[index] for _, row in rows]
            if not any(cells) or cells == [str(number) for number in range(len(cells))]:
                del header[index]
                rows = [(line, row[:index] + row[index + 1 :]) for line, row in rows]
        repeated = {name for name in header if header.count(name) > 1 or not name}
        if repeated:
            raise GantkError(f"{source}, row 1: the column name {sorted(repeated)[0]!r} is empty or repeated.")
    else:
        width = len(rows[0][1])
        header = [source.stem] if width == 1 else [f"{source.stem}_{index}" for index in range(width)]
    for line, row in rows:
        if len(row) != len(header):
            raise GantkError(f"{source}, row {line}: {len(row)} cells where {len(header)} are expected.")
    if not rows:
        raise GantkError(f"{source} holds no scores below its header.")
    columns: dict[str, Column] = {}
    for index, name in enumerate(header):
        asked = name in wanted or not wanted & set(header)
        numbers = [_number(row[index]) for _, row in rows] if asked else [None]
        words = any(row[index] for _, row in rows) and all(number is None for number in numbers)
        if not asked or (words and len(header) > 1 and name not in wanted):
            continue  # not asked for, or text
        for (line, row), number in zip(rows, numbers, strict=True):
            if number is None:
                raise GantkError(f"{source}, row {line}: {row[index]!r} in column {name!r} is no number.")
        columns[name] = np.array(numbers, dtype=np.float64)
    if not columns:
        raise GantkError(f"{source} holds no column of numbers: its columns are {', '.join(header[:8])}.")
    return Scores(columns, named, str(source))


def _number(cell: str) -> float | None:
    """A number, a percentage as its number, true and false as 1 and 0."""
    if cell.lower() in ("true", "false"):
        return float(cell.lower() == "true")
    try:
        return float(cell.removesuffix("%"))
    except ValueError:
        return None
