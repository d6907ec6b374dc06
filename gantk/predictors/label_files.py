"""Labels of images from a table (CSV) or from two folders, for predictors from few labels.

Shape legend: N images, A attributes.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError, suggestion
from gantk.pictures.folders import SUFFIXES
from gantk.store.inside import clipped, is_listed
from gantk.store.numerals import read_float
from gantk.store.text import read_rows

MISTYPED = 0.2  # share of labels besides 0 and 1 below which they are typing errors, and not numbers
YES, NO, OPEN = ("1", "yes", "true"), ("0", "no", "false"), ("", "?", "-")


@dataclass(frozen=True, eq=False)
class LabelTable:
    """Labels by image.

    Attributes:
        files: [N], those without any label last.
        names: [A].
        label_NA: NaN where there is none.
    """

    files: tuple[Path, ...]
    names: tuple[str, ...]
    label_NA: npt.NDArray[np.float64]

    @property
    def labels(self) -> dict[str, npt.NDArray[np.float64]]:
        """By attribute, as training takes them."""
        return {name: self.label_NA[:, i] for i, name in enumerate(self.names)}

    @property
    def labelled(self) -> int:
        """How many images have a label; they come first."""
        return int((~np.isnan(self.label_NA)).any(1).sum())

    def first(self, unlabelled: int) -> LabelTable:
        """The labelled images, and as many of the others as are wanted."""
        most = self.labelled + unlabelled
        return LabelTable(self.files[:most], self.names, self.label_NA[:most])

    def fingerprint(self) -> object:
        """Names and contents of the images, and their labels."""
        from gantk.store.fingerprint import fingerprint

        files = [[file.name, fingerprint(file)] for file in self.files]
        return [list(self.names), fingerprint(np.nan_to_num(self.label_NA, nan=-1e300)), fingerprint(str(files))]


def read_labels(labels: str | Path, images: str | Path | None = None) -> LabelTable:
    """Labels from a CSV file or from a folder of two folders.

    Args:
        labels: a CSV whose first line names the columns `image,ATTRIBUTE,...`, with 1 and 0 (yes and no, true and
            false; -1 for 0 where all are 1 and -1) or numbers, and nothing (or ?) where there is no label; or a folder
            with two folders in it, such as `smile` and `no_smile`: the images of one have the attribute, those of the
            one called no_... or not_... do not.
        images: the folder of a CSV's images, by default the file's own; its other images come without a label. Beside
            two folders, a folder of images without a label: those whose names are in neither.

    Raises:
        UsageError: no such file. GantkError: a value that is none, an image that is missing or named twice.
    """
    path = Path(labels)
    if path.is_dir():
        return _from_folders(path, Path(images) if images is not None else path)
    if not path.is_file():
        raise UsageError(
            f"There are no labels {path}: give a CSV file (image,attribute,...) or a folder of two folders."
        )
    return _from_csv(path, Path(images) if images is not None else path.parent)


def _from_csv(path: Path, folder: Path) -> LabelTable:
    if not folder.is_dir():
        raise UsageError(f"The folder of images {folder} does not exist.")
    try:
        lines = read_rows(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GantkError(f"{path} is no readable CSV file ({error}).") from error
    if not lines or len(lines[0][1]) < 2:
        raise GantkError(f"The first line of {path} must name its columns: image,ATTRIBUTE,...")
    first = lines[0][1][0].strip()
    if Path(first).suffix.lower() in SUFFIXES:
        raise GantkError(
            f"The first line of {path} is {first}'s: put one above it that names columns, image,ATTRIBUTE,..."
        )
    names = tuple(name.strip() for name in lines[0][1][1:])
    if "" in names or len(set(names)) != len(names):
        raise GantkError(f"The columns of {path} are {', '.join(names)}: each needs a name of its own.")
    long = [name for name in names if clipped(name) != name]
    if long:
        raise GantkError(f"The column {long[0][:40]}... of {path} has a name of {len(long[0])} letters: shorten it.")
    there = _images(folder)
    found: dict[Path, list[float]] = {}
    for number, row in lines[1:]:
        if len(row) != len(names) + 1:
            raise GantkError(f"Line {number} of {path} has {len(row)} values where {len(names) + 1} were expected.")
        image = _image(row[0].strip(), there, f"line {number} of {path}", folder)
        if image in found:
            raise GantkError(f"Line {number} of {path} names {row[0].strip()} again.")
        found[image] = [_value(text, name, number, path) for name, text in zip(names, row[1:], strict=True)]
    labelled = [image for image, values in found.items() if not all(map(math.isnan, values))]
    if not labelled:
        raise GantkError(f"{path} has no labels below its first line.")
    others = [image for image in there.values() if image not in labelled]
    label_NA = np.full((len(labelled) + len(others), len(names)), np.nan)
    label_NA[: len(labelled)] = [found[image] for image in labelled]
    for column, name in enumerate(names):
        label_NA[:, column] = _classes(label_NA[:, column], [image.name for image in labelled], name, path)
    return LabelTable((*labelled, *others), names, label_NA)


def _classes(label_N: npt.NDArray[np.float64], images: list[str], name: str, path: Path) -> npt.NDArray[np.float64]:
    """Labels of 1 and -1 as 1 and 0; others as they are.

    Raises:
        GantkError: nearly all are 0 and 1, so that the others are typing errors and no numbers to learn.
    """
    labelled = ~np.isnan(label_N)
    values = set(label_N[labelled])
    if values == {-1.0, 1.0}:
        return np.where(label_N == -1, 0.0, label_N)
    odd = np.flatnonzero(labelled & ~np.isin(label_N, (0, 1)))
    if {0.0, 1.0} <= values and 0 < len(odd) < MISTYPED * labelled.sum():
        raise GantkError(
            f"{name} of {images[odd[0]]} in {path} is {label_N[odd[0]]:g}, and nearly all others are 0 and 1: write 1, "
            "0 or nothing."
        )
    return label_N


def _from_folders(path: Path, others: Path) -> LabelTable:
    folders = sorted(part for part in path.iterdir() if part.is_dir() and is_listed(part.name))
    without = [part for part in folders if part.name.startswith(("no_", "not_", "no-", "not-"))]
    if len(folders) != 2 or len(without) != 1:
        names = ", ".join(part.name for part in folders[:4]) or "none"
        raise GantkError(f"{path} must hold two folders, such as smile and no_smile; it has {names}.")
    (no,) = without
    (yes,) = [part for part in folders if part is not no]
    files = [_images(part) for part in (yes, no)]
    for part, images in zip((yes, no), files, strict=True):
        if not images:
            raise GantkError(f"The folder {part} has no images ({', '.join(SUFFIXES)}).")
    both = files[0].keys() & files[1].keys()
    if both:
        raise GantkError(f"The image {min(both)} is in both folders of {path}: leave it in one.")
    if not others.is_dir():
        raise UsageError(f"The folder of images {others} does not exist.")
    rest = [image for name, image in _images(others).items() if name not in files[0] and name not in files[1]]
    label_NA = np.repeat([1.0, 0.0, np.nan], [len(files[0]), len(files[1]), len(rest)])[:, None]
    return LabelTable((*files[0].values(), *files[1].values(), *rest), (yes.name,), label_NA)


def _images(folder: Path) -> dict[str, Path]:
    return {part.name: part for part in sorted(folder.iterdir()) if is_listed(part.name, SUFFIXES)}


def _image(text: str, there: dict[str, Path], where: str, folder: Path) -> Path:
    """The image of a name, with or without its suffix; a name is never a path out of the folder."""
    matches = [image for name, image in there.items() if text in (name, Path(name).stem)]
    if len(matches) != 1:
        what = "is there with several suffixes" if matches else "is not there"
        near = "" if matches else suggestion(text, there)
        raise GantkError(f"The image {text!r} of {where} {what} in {folder}.{near}")
    return matches[0]


def _value(text: str, name: str, number: int, path: Path) -> float:
    word = text.strip().lower()
    if word in OPEN:
        return math.nan
    if word in YES or word in NO:
        return float(word in YES)
    try:
        value = read_float(word)
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise GantkError(f"Line {number} of {path} says {name} is {text.strip()!r}: write 1, 0, a number, or nothing.")
    return value


def batches(files: tuple[Path, ...], side: int, size: int = 32) -> Iterator[Tensor]:
    """Images [n, 3, side, side] in [-1, 1] of files of any size, in batches.

    Raises:
        GantkError: a file is no readable image.
    """
    from gantk.pictures.opening import open_picture
    from gantk.predictors.resampling import resize

    for start in range(0, len(files), size):
        found = []
        for file in files[start : start + size]:
            image = torch.from_numpy(np.array(open_picture(file))).permute(2, 0, 1)[None].float() / 127.5 - 1
            found.append(resize(image, side, side))
        yield torch.cat(found)
