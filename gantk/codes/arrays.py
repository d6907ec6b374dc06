"""Arrays in whatever file people keep codes and directions in, by content and not by suffix; nothing is executed.

    .npy                plain, or a pickled dictionary of arrays
    .npz                one array, or several by name
    torch.save, pickle  a tensor, or a dictionary of tensors by name (read by the allow-list reader)
    safetensors         of other programs: tensors by name
    text                numbers separated by blanks, commas or semicolons, a line each row; JSON
    folder              of such files, each one a code, or of folders with one each

Legend: N codes, L rows of wp, D the width of a code.
"""

from __future__ import annotations

import contextlib
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.checkpoints.signs import known_sign, sign_of
from gantk.errors import GantkError
from gantk.store.bounded import DAMAGED_ZIP, parse_json, read_npz
from gantk.store.inside import is_listed
from gantk.store.json_values import Json
from gantk.store.tensors import open_tensors
from gantk.store.text import decode_text

Array = npt.NDArray[Any]

SUFFIXES = (".npy", ".npz", ".pt", ".pth", ".pkl", ".pickle", ".safetensors", ".txt", ".csv", ".tsv")
CODE_NAMES = (
    "wp", "w_plus", "w+", "latent_w_plus", "ws", "w", "z", "dlatents", "dlatent", "latent", "latents", "latent_code",
    "latent_in", "code", "codes",
)  # fmt: skip
"""Keys under which programs keep codes, those of later spaces first."""
_LARGEST_TEXT = 256 << 20
_MOST_FILES = 100_000
_OUTPUT = "out"  # the folder in which NVIDIA's projector leaves its files


class LeftOut(UserWarning):
    """Something beside what is read could have been meant, and is not read."""


@dataclass(frozen=True)
class Found:
    """What a file holds: arrays by name ("" where it has none), its other entries, and of a folder the files' keys."""

    path: Path
    arrays: Mapping[str, Array]
    extra: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)

    def only(self, expected: str) -> Array:
        """The one array of a file.

        Raises:
            GantkError: it holds several, by name.
        """
        if len(self.arrays) == 1:
            return next(iter(self.arrays.values()))
        raise GantkError(
            f"{self.path} holds {len(self.arrays)} arrays ({', '.join(list(self.arrays)[:6])}) where {expected}"
        )


def read_arrays(path: str | Path) -> Found:
    """Every array of numbers in a file (or folder), by name.

    Raises:
        GantkError: the file is missing, damaged, of no kind above, or holds no numbers.
    """
    file = Path(path)
    if file.is_dir():
        return _folder(file)
    if not file.is_file():
        raise GantkError(f"The file {file} does not exist.")
    from gantk.checkpoints.unpickle import container_kind
    from gantk.store.files import open_bytes

    data = open_bytes(file)
    kind = container_kind(data)
    if kind == "npy":
        found = _npy(file)
    elif kind == "torch zip" and not _is_torch(file):
        found = Found(file, read_npz(file))
    elif kind == "safetensors":
        found = _safetensors(file)
    elif kind is not None:
        found = _pickle(file)
    else:
        found = _text(file, data)
    numbers = {name: array for name, array in found.arrays.items() if array.dtype.kind in "fiu" and array.size}
    if not numbers:
        kinds = ", ".join(_kind(array) for array in list(found.arrays.values())[:3])
        raise GantkError(f"{file} holds {kinds or 'no array'} where an array of numbers was expected.")
    return Found(file, numbers, found.extra, found.keys)


def _kind(array: npt.NDArray[Any]) -> str:
    """What an array without numbers is; a structured one is a table, such as the scores of samples."""
    if array.dtype.names:
        names = array.dtype.names
        return f"a table of {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}, as scores are,"
    return f"{array.dtype} {array.shape}"


def _is_torch(path: Path) -> bool:
    """Whether a zip file is one of torch.save and not an .npz."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except DAMAGED_ZIP:
        return True  # that reader says what is wrong with it


def _npy(path: Path) -> Found:
    from gantk.checkpoints.unpickle import is_pickled_npy, load_legacy_npy

    if is_pickled_npy(path):
        return _tree(path, load_legacy_npy(path))
    from gantk.store.files import load_npy

    return Found(path, {"": load_npy(path, mmap=True)})


def _pickle(path: Path) -> Found:
    from gantk.checkpoints.unpickle import plain, read_pickle

    container = read_pickle(path)
    return _tree(path, plain(container.value, container.source))


def _tree(path: Path, value: object) -> Found:
    """An array, a list of them, or a dictionary name -> array, or name -> dictionary with a code in it."""
    if isinstance(value, np.ndarray):
        return Found(path, {"": value})
    if isinstance(value, list | tuple):
        value = {f"{index}": item for index, item in enumerate(value)}
    if not isinstance(value, Mapping):
        what = getattr(value, "class_name", type(value).__name__)
        raise GantkError(f"{path} holds a {what} where an array, or a dictionary of them, was expected.")
    arrays: dict[str, Array] = {}
    extra: dict[str, object] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):  # rosinality's projector: picture -> {"img", "latent", "noise"}
            inside = next((item[name] for name in CODE_NAMES if isinstance(item.get(name), np.ndarray)), None)
            item = inside if inside is not None else item
        if isinstance(item, np.ndarray):
            arrays[str(key)] = item
        else:
            extra[str(key)] = item
    if not arrays:  # ReStyle: picture -> the codes of its steps
        lists = {key: item for key, item in extra.items() if isinstance(item, list | tuple)}
        steps = {f"{key}_{number}": step for key, item in lists.items() for number, step in enumerate(item)}
        arrays = {key: step for key, step in steps.items() if isinstance(step, np.ndarray)}
    return Found(path, arrays, extra)


def _safetensors(path: Path) -> Found:
    with open_tensors(path, "safetensors file") as (header, file):
        form = str(header.get("format", ""))[:60]
        if form:
            raise GantkError(f"{path} is a {form} file of gantk: {WAYS.get(form, 'it is no file of codes')}.")
        return Found(path, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118


# What a gantk file is, and where it goes.
WAYS = {
    "gantk-codes": (
        "it holds styles (space s), which `gantk ghfeat edit`, `mix` and `harmonize` take; for a command that takes z, "
        "w or wp find codes with `gantk invert --space wp`"
    ),
    "gantk-direction": "it holds a direction, not codes; give it as DIRECTION",
    "gantk-checkpoint": "it holds a network, not codes; give it as MODEL",
}


def _text(path: Path, data: memoryview) -> Found:
    """Numbers as text, [rows, columns], or a row for each name; one line, or one number a line, is [D]; or JSON.

    A first line that is no row of numbers is a header, a first column of words names the rows.
    """
    if path.suffix.lower() in (".npy", ".npz"):
        raise GantkError(f"{path} is no readable {path.suffix} array: {sign_of(data)}.")
    if len(data) > _LARGEST_TEXT:
        raise GantkError(f"{path} is no array of any known kind, and too long for numbers written as text.")
    if sign := known_sign(data):
        raise GantkError(f"{path} is no array: {sign}.")
    try:
        text = decode_text(bytes(data))
    except UnicodeDecodeError as error:
        raise GantkError(
            f"{path} is no array: it is neither .npy, .npz, a file of torch.save, a pickle, safetensors nor text."
        ) from error
    if text.lstrip()[:1] in ("[", "{"):
        with contextlib.suppress(ValueError, TypeError, OverflowError, RecursionError):
            return _tree(path, _of_json(parse_json(text)))
    rows: list[Array] = []  # lists of Python's numbers take eight times as much
    names: list[str] = []
    indexed = False
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition("#")[0].strip(" ")
        if ";" in line and "." not in line:
            line = line.replace(",", ".")  # decimal commas
        words = [word.strip("\"'") for word in line.replace(",", " ").replace(";", " ").split()]
        first = not rows and not names
        if not words:
            continue
        found = _row(words[1:] if indexed else words)
        counted = found == [*range(len(words))] and len(words) > 1  # columns without names, as pandas writes them
        if first and (counted or (found is None and _row(words[1:]) is None)):
            names.append("")  # a header
            indexed = line[0] in ",;\t"  # before it a column without a name: the numbers of the rows
            continue
        if (found is None and (found := _row(words[1:])) is not None) or indexed:
            names.append(words[0])
        if not found:
            raise GantkError(f"{path}, line {number}: {line[:40]!r} is no row of numbers.")
        rows.append(np.array(found))
        if len(rows[-1]) != len(rows[0]):
            raise GantkError(
                f"{path}, line {number}: {len(rows[-1])} numbers where the lines before have {len(rows[0])}."
            )
    if not rows:
        raise GantkError(f"{path} holds no numbers.")
    array = np.array(rows)
    told = [name for name in names if name]
    if len(rows) == len(set(told)):
        return Found(path, dict(zip(told, array, strict=True)))
    return Found(path, {"": array.reshape(-1) if 1 in array.shape else array})


def _row(words: list[str]) -> list[float] | None:
    try:
        return [float(word) for word in words] or None
    except ValueError:
        return None


def _of_json(value: Json) -> object:
    """Lists of numbers as arrays, in a table, in a list of tables, or alone."""
    if isinstance(value, dict):
        return {key: _of_json(item) for key, item in value.items()}
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return [_of_json(item) for item in value]
    return np.array(value, float) if isinstance(value, list) else value


def _folder(path: Path) -> Found:
    """A folder of code files in the order of their names, 2 before 10; hidden ones are skipped.

    Without a file of its own it is the folders in it that hold the codes, as projectors leave them: each is named by
    its folder (`3/out/projected_w.npz` is 3), and by its file too where a folder has several.
    """
    files = _code_files(path)
    below = {} if files else {folder: _below(folder) for folder in _in_order(path) if folder.is_dir()}
    files += [file for found in below.values() for file in found]
    if files and not below:
        say_left_out(path, "codes", [item.name for item in _in_order(path) if item.is_dir() and _below(item)])
    if not files:
        raise GantkError(
            f"{path} is a folder without a file of codes ({', '.join(SUFFIXES)}): give a file, or a folder of them."
        )
    if len(files) > _MOST_FILES:
        raise GantkError(f"{path} is a folder of {len(files)} files of codes, and at most {_MOST_FILES} are read.")
    alone = {file for found in below.values() if len(found) == 1 for file in found}
    arrays: dict[str, Array] = {}
    keys: dict[str, str] = {}
    for file in files:
        name = file.relative_to(path).with_suffix("").as_posix()
        if file in alone:
            name = "/".join(part for part in file.relative_to(path).parent.parts if part != _OUTPUT) or file.stem
        found = read_arrays(file)
        known = sorted((k for k in found.arrays if k.lower() in CODE_NAMES), key=lambda k: CODE_NAMES.index(k.lower()))
        for key in known[:1] if known else found.arrays:  # of several, the one that a file alone gives
            told = "/".join(part for part in (name, key if not known and len(found.arrays) > 1 else "") if part)
            told += file.suffix if told in arrays else ""  # a.npy and a.pt
            arrays[told], keys[told] = found.arrays[key], key or file.stem
    return Found(path, arrays, keys=keys)


def say_left_out(folder: Path, what: str, names: Sequence[str]) -> None:
    """Say which folders in one are not read because it has files of its own; a run's are known to be its own."""
    if names and not any(folder.glob("*.run.json")):
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        text = f"{folder}: the files of {what} in it are read, and those in its folders are not ({shown})."
        warnings.warn(text, LeftOut, stacklevel=2)


def _code_files(folder: Path) -> list[Path]:
    return [item for item in _in_order(folder) if item.suffix.lower() in SUFFIXES and item.is_file()]


def _below(folder: Path) -> list[Path]:
    """The code files of a folder, or else of those in it."""
    found = _code_files(folder)
    for inner in [] if found else _in_order(folder):
        found += _code_files(inner) if inner.is_dir() else []
    return found


def _in_order(folder: Path) -> list[Path]:
    """What is in a folder, numbers in names by their size."""

    def key(item: Path) -> list[tuple[int, int, str]]:
        parts = re.split(r"([0-9]{1,18})", item.name)
        return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]

    return sorted((item for item in folder.iterdir() if is_listed(item.name)), key=key)
