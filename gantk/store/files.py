"""Files that are either whole or absent: written to a temporary name in the same directory, flushed, then renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import itertools
import json
import math
import mmap
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from gantk.errors import GantkError, StoreError
from gantk.store.bounded import npy_header, parse_json
from gantk.store.inside import regular_file
from gantk.store.json_values import Json, JsonTable

if TYPE_CHECKING:
    import numpy as np

TEMPORARY_SUFFIX = ".gantk-tmp"
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_counter = itertools.count()


def temporary_name(path: Path) -> Path:
    """Return a hidden name beside `path` that says which process of which machine is writing it."""
    host = socket.gethostname().replace("-", "_")
    return path.with_name(f".{path.name}.{host}-{os.getpid()}-{next(_counter)}{TEMPORARY_SUFFIX}")


def make_directory(path: Path, what: str = "The output directory") -> None:
    """Make a directory and those above it, where they are not there.

    Raises:
        StoreError: a file is in the way, or the directory may not be made; the message names both.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        file = next((place for place in (path, *path.parents) if place.is_file()), None)
        why = error.strerror if file is None else f"{file} is a file"
        raise StoreError(f"{what} {path} cannot be made ({why}): give another one.") from error


@contextlib.contextmanager
def open_atomic(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open `path` for binary writing; it appears, complete and on the disk, when the block ends without an error.

    Missing parent directories are made. On any error, an interrupt included, the temporary file is removed and what
    was at `path` stays as it was.

    Raises:
        GantkError: the disk is full, or the path cannot be written; the message names it.
    """
    target = Path(path)
    temporary = temporary_name(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        _sync_directory(target.parent)
    except OSError as error:
        _remove(temporary)
        if error.filename not in (None, os.fspath(temporary), os.fspath(target), os.fspath(target.parent)):
            raise  # something else that the block read or wrote
        raise _write_error(target, error) from error
    except RuntimeError as error:
        _remove(temporary)
        if "PytorchStreamWriter" in str(error) or "inline_container" in str(error):  # torch.save, its file being full
            raise _write_error(target, OSError(errno.ENOSPC, str(error))) from error
        raise
    except BaseException:
        _remove(temporary)
        raise


def _write_error(target: Path, error: OSError) -> GantkError:
    # numpy reports a short write without an error number: "4096 requested and 1024 written"
    if error.errno in _NO_SPACE or (error.errno is None and "requested and" in str(error)):
        return StoreError(
            f"The disk is full (or a quota is reached) while writing {target}; nothing half-written was left: "
            "make room, or choose another output directory, and run the same command again."
        )
    return StoreError(f"{target} cannot be written: {error.strerror or error}.")


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    """Make the rename itself durable; some file systems cannot, which is no reason to fail."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_atomic(path: str | os.PathLike[str], data: bytes | str | Callable[[IO[bytes]], Any]) -> Path:
    """Write bytes, text (UTF-8), or whatever a callback writes to the file it is given; return the path."""
    with open_atomic(path) as file:
        if callable(data):
            data(file)
        else:
            # a path that is no UTF-8 holds characters that cannot be written; in a text they are shown as ?
            file.write(data.encode(errors="replace") if isinstance(data, str) else data)
    return Path(path)


def save_npy(path: str | os.PathLike[str], array: np.ndarray[Any, Any]) -> Path:
    """Write an array as .npy without pickle (structured arrays pass, object arrays raise ValueError)."""
    import numpy as np

    return write_atomic(path, lambda file: np.save(file, array, allow_pickle=False))


def npy_bytes(array: np.ndarray[Any, Any]) -> bytes:
    """An array as the bytes of an .npy."""
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def load_npy(path: str | os.PathLike[str], mmap: bool = False) -> np.ndarray[Any, Any]:
    """Read a .npy file; nothing in it is executed.

    Raises:
        GantkError: the file is missing, truncated, no .npy, or holds a pickle.
    """
    import numpy as np

    array: np.ndarray[Any, Any]
    try:
        with open(regular_file(path), "rb") as file:
            start = file.read(4)
            if start == b"PK\x05\x06":
                raise StoreError(f"{os.fspath(path)} is an empty .npz: it holds no array, where one was expected.")
            if start == b"PK\x03\x04":
                raise StoreError(f"{os.fspath(path)} holds several arrays (.npz) where one .npy array was expected.")
            file.seek(0)
            shape, fortran, dtype = npy_header(file)
            place, size = file.tell(), math.prod(shape) * dtype.itemsize
            if place + size > os.fstat(file.fileno()).st_size:
                raise ValueError(f"its header announces {size} bytes, and it has fewer")
            order: Literal["C", "F"] = "F" if fortran else "C"
            if mmap and size:
                array = np.memmap(path, dtype, "r", place, shape, order)
            else:
                array = np.fromfile(file, dtype, math.prod(shape)).reshape(shape, order=order)
    except FileNotFoundError:
        raise StoreError(f"The file {os.fspath(path)} does not exist.") from None
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise StoreError(f"{os.fspath(path)} is no readable .npy array ({error}).") from error
    return array


def save_json(path: str | os.PathLike[str], value: object) -> Path:
    """Write JSON; numpy scalars and arrays, paths, tuples and dataclasses are taken, NaN becomes null."""
    text = json.dumps(to_json(value), indent=2, ensure_ascii=False, allow_nan=False)
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # a path that is no UTF-8: escaped, it comes back whole
        text = json.dumps(to_json(value), indent=2, allow_nan=False)
    return write_atomic(path, text + "\n")


def load_json(path: str | os.PathLike[str]) -> Json:
    """Read a JSON file; a missing or malformed one raises a GantkError that names it."""
    try:
        found: Json = parse_json(regular_file(path).read_text(encoding="utf-8"))
        return found
    except FileNotFoundError:
        raise StoreError(f"The file {os.fspath(path)} does not exist.") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"{os.fspath(path)} is no readable JSON file ({error}).") from error


def to_json(value: object) -> Json:
    """Return `value` as what JSON can hold: the same for what a manifest was written from and read back to."""
    import dataclasses

    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_json(dataclasses.asdict(value))
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [to_json(item) for item in items]
    if hasattr(value, "tolist"):  # numpy and torch, without importing either
        return to_json(value.tolist())
    return str(value)


def to_table(values: Mapping[str, object]) -> JsonTable:
    """`to_json` of a table."""
    return {str(key): to_json(value) for key, value in values.items()}


def remove_stale(directory: Path) -> None:
    """Remove what killed processes of this machine left under temporary names in a directory and below it.

    Files still being written stay.
    """
    host = socket.gethostname().replace("-", "_")
    for folder, _, names in os.walk(directory):
        for name in names:
            if not name.endswith(TEMPORARY_SUFFIX):
                continue
            parts = name.removesuffix(TEMPORARY_SUFFIX).rpartition(".")[2].split("-")
            if len(parts) == 3 and parts[0] == host and parts[1].isdigit() and not _alive(int(parts[1])):
                _remove(Path(folder, name))


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def place_of(directory: Path) -> tuple[int, int] | None:
    """What tells a directory from another of its name; None where there is none."""
    try:
        about = directory.stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove the folders, innermost first, as far as they are there and empty."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal; GantkError when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise GantkError(f"{path} cannot be read: {error.strerror or error}.") from error


def open_bytes(path: str | Path) -> memoryview:
    """The whole file as a view; pages are read when touched. GantkError when it cannot be opened or is empty."""
    try:
        with open(regular_file(path), "rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError as error:
        raise GantkError(f"{path} is empty") from error
    except OSError as error:
        raise GantkError(f"{path} cannot be read: {error.strerror or error}") from error
