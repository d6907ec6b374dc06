"""JSON, .npy headers and zips that others wrote, read under limits: of depth, of members, of bytes that unfold.

Sizes come from headers before anything is decoded. Who needs to read a larger archive sets GANTK_MAX_UNFOLDED, in
bytes.
"""

from __future__ import annotations

import contextlib
import io
import json
import lzma
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from gantk.errors import GantkError, UsageError
from gantk.store.inside import regular_file
from gantk.store.json_values import Json

if TYPE_CHECKING:
    import numpy as np

DEEPEST = 64  # of lists and tables in each other; a result of gantk has less than ten
MOST_MEMBERS = 1_000_000
UNFOLDED = 64 << 20  # bytes that any archive may unfold to; a larger file `TIMES` its own size
TIMES = 200
VARIABLE = "GANTK_MAX_UNFOLDED"
DAMAGED_ZIP = (
    OSError, ValueError, EOFError, KeyError, IndexError, RuntimeError, NotImplementedError, OverflowError, struct.error,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What reading a damaged zip raises."""
DAMAGED_HEADER = (
    ValueError, TypeError, KeyError, EOFError, SyntaxError, RecursionError, MemoryError, OverflowError, struct.error,
    tokenize.TokenError,
)  # fmt: skip
"""What numpy raises for the header of a .npy file, which it parses as Python."""


# Any: as of `json.loads`; what a text holds is for its reader to ask
def parse_json(text: str | bytes) -> Any:
    """JSON text of lists and tables at most `DEEPEST` deep, and of finite numbers.

    Raises:
        ValueError: it is no JSON, deeper, or a number in it is NaN, infinite or larger than a float.
    """
    try:
        found: Json = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        raise ValueError("its lists and tables are nested too deeply") from None
    refuse_depth(found)
    return found


def _finite(text: str) -> float:
    """A number of JSON; Python's own reader also takes NaN, Infinity and 1e999, which no result may hold."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no finite number")
    return number


def refuse_depth(tree: Json) -> None:
    """Refuse lists and tables that are nested more than `DEEPEST` deep, which would end the functions that walk them.

    Raises:
        ValueError: they are.
    """
    level = [tree] if isinstance(tree, (dict, list)) else []
    for _ in range(DEEPEST + 1):
        if not level:
            return
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [part for parts in inner for part in parts if isinstance(part, (dict, list))]
    raise ValueError(f"its lists and tables are nested more than {DEEPEST} deep")


@contextlib.contextmanager
def open_zip(path: str | os.PathLike[str], what: str = "zip file") -> Iterator[zipfile.ZipFile]:
    """A zip whose members are few enough and unfold to no more than is allowed; what is damaged in it is a sentence.

    Raises:
        GantkError: no zip, damaged (inside the block too), or too large; the message names it.
    """
    try:
        with zipfile.ZipFile(regular_file(path)) as archive:
            check_unfolded(archive, path, os.stat(path).st_size)
            yield archive
    except FileNotFoundError:
        raise GantkError(f"The file {os.fspath(path)} does not exist.") from None
    except MemoryError as error:  # an LZMA member names the size of its dictionary itself
        raise GantkError(f"{os.fspath(path)} asks for more memory to be unfolded than there is.") from error
    except DAMAGED_ZIP as error:
        raise GantkError(f"{os.fspath(path)} is no readable {what} ({_short(error)}).") from error


def check_unfolded(archive: zipfile.ZipFile, name: object, size: int) -> None:
    """Refuse an archive by its directory; zipfile gives no more bytes of a member than that says.

    Args:
        size: bytes of the archive itself.

    Raises:
        GantkError: too many members, or they unfold to more than `UNFOLDED` and more than `TIMES` the size.
    """
    check_members(archive, name, size)
    refuse_unfolded(name, size, sum(member.file_size for member in archive.infolist()))


def check_members(archive: zipfile.ZipFile, name: object, size: int) -> None:
    """Refuse an archive of too many members, or with one that claims more bytes than the archive has."""
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise GantkError(f"{name} has {len(members)} members, and at most {MOST_MEMBERS} are read: unpack it yourself.")
    for member in members:
        if member.compress_size > size:
            raise GantkError(f"{name} is damaged: a member of {member.compress_size} bytes cannot lie in {size}.")


def refuse_unfolded(name: object, size: int, unfolded: int) -> None:
    """Refuse what unfolds to too many bytes; see `check_unfolded`."""
    most = _most(size)
    if unfolded > most:
        raise GantkError(
            f"{name} unfolds from {size} to {unfolded} bytes, and at most {most} are read: unpack it yourself, or set "
            f"{VARIABLE} to the bytes that it may take."
        )


def _most(size: int) -> int:
    text = os.environ.get(VARIABLE, "")
    if not text:
        return max(UNFOLDED, TIMES * size)
    if not text.isdecimal():
        raise UsageError(f"{VARIABLE} is {text!r}: give a whole number of bytes.")
    return int(text)


def read_npz(path: str | os.PathLike[str]) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of an .npz by name, without pickle; members that are no arrays are left out.

    Raises:
        GantkError: no .npz, damaged, too large, or an array of objects.
    """
    found = {}
    with open_zip(path, ".npz") as archive:
        for member in archive.infolist():
            if member.filename.endswith(".npy"):
                found[member.filename.removesuffix(".npy")] = npy_of(archive.read(member))
    return found


def npy_of(data: bytes) -> np.ndarray[Any, Any]:
    """The array in the bytes of a .npy file; its size is checked before it is made.

    Raises:
        ValueError: no .npy, objects, or more or fewer bytes than its header announces.
    """
    import numpy as np

    file = io.BytesIO(data)
    shape, fortran, dtype = npy_header(file)
    body = data[file.tell() :]
    if math.prod(shape) * dtype.itemsize != len(body):
        raise ValueError(f"it announces {str(dtype)[:40]} of shape {str(shape)[:60]}, and {len(body)} bytes follow")
    array: np.ndarray[Any, Any] = np.frombuffer(body, dtype).copy().reshape(shape, order="F" if fortran else "C")
    return array


def npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, column order and type of a .npy file that has no objects; `file` is left at the first number.

    Raises:
        ValueError: no such header.
    """
    from numpy.lib import format as npy

    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
        sides = tuple(int(side) for side in shape)
    except DAMAGED_HEADER as error:
        raise ValueError(f"its header is not readable: {_short(error)}") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    if dtype.itemsize == 0 or not possible(sides, dtype.itemsize):
        raise ValueError(f"its header announces {str(dtype)[:40]} of shape {str(shape)[:60]}")
    return sides, fortran, dtype


def possible(sides: tuple[int, ...], itemsize: int) -> bool:
    """Whether numpy can make an array of a shape, of which a side of 0 does not excuse the others."""
    if len(sides) > 32 or any(isinstance(side, bool) or side < 0 for side in sides):
        return False
    return math.prod(max(side, 1) for side in sides) * itemsize < 1 << 62


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:199] + "…"
