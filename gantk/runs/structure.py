"""Typed dataclasses to JSON and files, and back: strict in both directions.

Numbers, texts and small arrays stand in the JSON; larger arrays become `.npy` files, pictures image files. A field that
is missing, unknown or of another type is an error that names it. The name of a file is made from the field's place in
the result, or by the author of the result, and is checked when it is read.
"""

from __future__ import annotations

import dataclasses
import math
import os
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError, StoreError, suggestion
from gantk.store.channels import viewable
from gantk.store.files import load_npy, save_npy, write_atomic
from gantk.store.hints import type_hints
from gantk.store.inside import inside
from gantk.store.json_values import shown

NUMBERS = "biuf"  # kinds of arrays that a result holds: truth values, whole numbers, floats
INLINE = 256  # elements up to which an array stands in the JSON itself

T = TypeVar("T")
Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Image:
    """One picture of a result: pixels uint8 [H, W, C], or the file of a run that holds them.

    Attributes:
        name: the file's name inside a run, such as ``season/000_+1.0.png``.
        pixels: None where the picture is only a file.
        file: None where it was never written.
    """

    name: str
    pixels: npt.NDArray[np.uint8] | None = None
    file: Path | None = None

    @property
    def source(self) -> Path | npt.NDArray[np.uint8]:
        """What `gantk.reports.sections.Picture` takes, as it is looked at whatever its channels."""
        if self.file is not None:
            return self.file
        assert self.pixels is not None
        return viewable(self.pixels)

    def array(self) -> npt.NDArray[np.uint8]:
        """The pixels [H, W, C], read from the file where need be."""
        if self.pixels is not None:
            return self.pixels
        from gantk.pictures.images import read_image

        assert self.file is not None
        return read_image(self.file)


@dataclass(frozen=True, eq=False, kw_only=True)
class Strip:
    """One sample along one direction: a picture for each value, as a slider shows it.

    Attributes:
        label: of the sample.
        values: of the quantity, ascending.
        images: one for each value.
        quantity: what `values` are.
        origin: index of the picture that is the sample as it was drawn; None where there is none.
    """

    label: str
    values: tuple[float, ...]
    images: tuple[Image, ...]
    quantity: str = "distance"
    origin: int | None = None


class Sink:
    """Takes arrays and pictures out of a result while its JSON is made."""

    def __init__(self, directory: Path, stem: str) -> None:
        self.directory, self.stem = directory, stem
        self.names: list[str] = []

    def array(self, place: str, array: Array) -> str:
        """Write an array, unless it is a file of the directory already; return the file's name."""
        own = _file_of(array, self.directory)
        if own is not None:
            self.names.append(own)
            return own
        name = f"{self.stem}.{place}.npy"
        save_npy(self.directory / name, np.asarray(array))
        self.names.append(name)
        return name

    def image(self, image: Image) -> str:
        """Write a picture, unless it is a file of the directory already; return the file's name."""
        from gantk.pictures.images import encode

        target = self.directory / image.name
        if image.file is None or image.file.resolve() != target.resolve():
            data = (
                image.file.read_bytes()
                if image.pixels is None and image.file is not None
                else encode(image.array(), Path(image.name).suffix.lstrip(".") or "png")
            )
            write_atomic(target, data)
        self.names.append(image.name)
        return image.name


def _file_of(array: Array, directory: Path) -> str | None:
    """The name of a memory-mapped array's file, where it is the whole of a file directly in the directory."""
    if not isinstance(array, np.memmap) or array.filename is None:
        return None
    path = Path(os.fspath(array.filename)).resolve()
    if path.parent != directory.resolve() or path.suffix != ".npy":
        return None
    return path.name if load_npy(path, mmap=True).shape == array.shape else None


def to_plain(value: object, sink: Sink, place: str = "") -> Any:
    """A value of a result as JSON; arrays and pictures go to the sink.

    Raises:
        ValueError: a number is not finite: a result says None where it has none.
    """
    if isinstance(value, Image):
        return sink.image(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: to_plain(getattr(value, f.name), sink, f"{place}.{f.name}".lstrip("."))
            for f in dataclasses.fields(value)
        }
    if isinstance(value, np.ndarray):
        if value.size <= INLINE and value.dtype.kind in NUMBERS and _file_of(value, sink.directory) is None:
            return {"dtype": value.dtype.str, "shape": list(value.shape), "data": _numbers(value)}
        return {"file": sink.array(place, value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(part, sink, f"{place}.{_safe(str(key))}") for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(part, sink, f"{place}.{index}") for index, part in enumerate(value)]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{place} is {value}: a result says None where it has no number")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{place} is a {type(value).__name__}, which no result can hold")


def _safe(key: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in key)[:80]


def _numbers(array: Array) -> list[Any]:
    """The elements of an array, flat; those that are not finite as text, which JSON has no number for."""
    flat: list[Any] = array.ravel().tolist()
    return [part if not isinstance(part, float) or math.isfinite(part) else repr(part) for part in flat]


class Source:
    """Where a result's files are read from, and what is said of a part that is not as declared.

    Attributes:
        what: is read, for messages.
        whole: whether a field that has a default must be there all the same.
    """

    whole = True

    def __init__(self, directory: Path, what: str) -> None:
        self.directory, self.what = directory, what

    def path(self, name: object, place: str) -> Path:
        if not isinstance(name, str):
            raise self.error(place, name, "the name of a file")
        return inside(self.directory, name)

    def error(self, place: str, value: object, wanted: str) -> GantkError:
        return StoreError(f"In {self.what} {place or 'the whole'} is {shown(value)}, and {wanted} is expected.")

    def unknown(self, place: str, hint: str) -> GantkError:
        return StoreError(f"{self.what} has an unknown field {place}.{hint}")

    def missing(self, place: str) -> GantkError:
        return StoreError(f"{self.what} lacks the field {place}.")

    def check(self, value: object, place: str) -> None:
        """Refuse a number or a text that is of the right type and all the same no value here."""


# `kind` is whatever an annotation may be: a class, a union, a Literal, a generic alias; Python has no type of those
def from_plain(kind: Any, plain: object, source: Source, place: str = "") -> Any:
    """A value of a type from its JSON.

    Raises:
        GantkError: something is missing, unknown or of another type; the sentence says what and where.
    """
    if kind in (Any, object):
        return plain
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is Union:
        return _one_of(typing.get_args(kind), plain, source, place)
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return from_plain(typing.get_args(kind)[0], plain, source, place)
    if origin is Literal:
        if plain not in typing.get_args(kind):
            raise source.error(place, plain, "one of " + ", ".join(map(repr, typing.get_args(kind))))
        return plain
    if kind is Image:
        return Image(str(plain), None, source.path(plain, place))
    if origin is np.ndarray or kind is np.ndarray:
        return _array(kind, plain, source, place)
    if dataclasses.is_dataclass(kind):
        return _record(kind, plain, source, place)
    if typing.is_typeddict(kind):
        return _entries(type_hints(kind), plain, source, place)
    if origin is list:
        return list(_tuple((*typing.get_args(kind), ...), plain, source, place))
    if origin is tuple:
        return _tuple(typing.get_args(kind), plain, source, place)
    if origin in (dict, Mapping) or origin is typing.get_origin(Mapping[str, int]):
        if not isinstance(plain, dict):
            raise source.error(place, plain, "a table")
        part = typing.get_args(kind)[1]
        return {key: from_plain(part, value, source, f"{place}.{key}") for key, value in plain.items()}
    return _scalar(kind, plain, source, place)


def _one_of(kinds: tuple[Any, ...], plain: object, source: Source, place: str) -> Any:
    if plain is None and type(None) in kinds:
        return None
    wanted = [kind for kind in kinds if kind is not type(None)]
    for kind in wanted[:-1]:
        try:
            return from_plain(kind, plain, source, place)
        except GantkError:
            continue
    return from_plain(wanted[-1], plain, source, place)


def _scalar(kind: type, plain: object, source: Source, place: str) -> Any:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    if kind is float and isinstance(plain, int) and not isinstance(plain, bool):
        try:
            plain = float(plain)
        except OverflowError:
            raise source.error(place, plain, "a number") from None
    if type(plain) is not kind:
        raise source.error(place, plain, names.get(kind, f"a {getattr(kind, '__name__', kind)}"))
    source.check(plain, place)
    return plain


def _tuple(parts: tuple[Any, ...], plain: object, source: Source, place: str) -> tuple[Any, ...]:
    if not isinstance(plain, list):
        raise source.error(place, plain, "a list")
    if len(parts) == 2 and parts[1] is Ellipsis:
        return tuple(from_plain(parts[0], value, source, f"{place}.{i}") for i, value in enumerate(plain))
    if len(plain) != len(parts):
        raise source.error(place, plain, f"a list of {len(parts)}")
    pairs = enumerate(zip(parts, plain, strict=True))
    return tuple(from_plain(part, value, source, f"{place}.{i}") for i, (part, value) in pairs)


# Any: an annotation, see `from_plain`
def _array(kind: Any, plain: object, source: Source, place: str) -> Array:
    if isinstance(plain, dict) and plain.keys() == {"file"}:
        array = load_npy(source.path(plain["file"], place), mmap=True)
        if not _is_of_numbers(array.dtype, kind):
            raise source.error(place, plain["file"], "a file of numbers")
        return array
    if not (isinstance(plain, dict) and plain.keys() == {"dtype", "shape", "data"}):
        raise source.error(place, plain, "an array")
    try:
        dtype = np.dtype(plain["dtype"])
        if dtype.kind not in NUMBERS:
            raise TypeError
        data = [float(part) if isinstance(part, str) else part for part in plain["data"]]
        return np.array(data, dtype=dtype).reshape([int(size) for size in plain["shape"]])
    except (TypeError, ValueError, OverflowError):
        raise source.error(place, plain, "an array") from None


# Any: an annotation, see `from_plain`
def _is_of_numbers(dtype: np.dtype[Any], kind: Any) -> bool:
    """Whether an array's type is one of numbers; where any is declared, of fields of them, as scores have."""
    if dtype.names is None:
        return dtype.kind in NUMBERS
    scalar = typing.get_args(typing.get_args(kind)[-1])
    return scalar == (Any,) and all(dtype[name].kind in NUMBERS for name in dtype.names)


# Any: a dataclass, of which Python has no type either
def _record(kind: Any, plain: object, source: Source, place: str) -> Any:
    hints = type_hints(kind)
    unset = dataclasses.MISSING
    optional = {f.name for f in dataclasses.fields(kind) if (f.default, f.default_factory) != (unset, unset)}
    hints = {f.name: hints[f.name] for f in dataclasses.fields(kind)}
    return kind(**_entries(hints, plain, source, place, set() if source.whole else optional))


# Any: annotations, see `from_plain`
def _entries(
    hints: Mapping[str, Any], plain: object, source: Source, place: str, optional: Collection[str] = ()
) -> dict[str, object]:
    """The entries of a table, each of the type that is declared for its name: no more, and but for `optional` no less
    of them."""
    if not isinstance(plain, dict):
        raise source.error(place, plain, "a table")
    for name in plain:
        if name not in hints:
            raise source.unknown(_dotted(place, name), suggestion(name, hints))
    for name in hints:
        if name not in plain and name not in optional:
            raise source.missing(_dotted(place, name))
    return {name: from_plain(hints[name], plain[name], source, _dotted(place, name)) for name in hints if name in plain}


def _dotted(place: str, name: str) -> str:
    return f"{place}.{name}".lstrip(".")


def images_of(value: object) -> Iterator[Image]:
    """Every picture in a value, in order."""
    if isinstance(value, Image):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for f in dataclasses.fields(value):
            yield from images_of(getattr(value, f.name))
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from images_of(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from images_of(part)
