"""Read what torch, pickle and numpy wrote, without running anything that a file contains.

`read_pickle(path)` opens every container in which networks are published and returns plain dictionaries, lists, numbers
and strings, with `Record`s for foreign objects and `Stored` arrays and tensors that still lie in the file:

    plain pickle    NVIDIA's networks; each tensor is a nested torch stream
    torch zip       torch.save since 1.6
    torch stream    torch.save before 1.6, or with _use_new_zipfile_serialization=False
    .npy            plain arrays, and HiGAN's and InterFaceGAN's pickled dictionaries (`load_legacy_npy`)
    .npz            arrays by name

A global that is not on the list in stand_ins.py stays a name without effect, or is refused (see foreign.py). Files are
mapped, not read, so that a network that is not asked for costs nothing.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gantk.checkpoints.expansion import check_expansion
from gantk.checkpoints.foreign import inert
from gantk.checkpoints.pickle_machine import Global, PickleMachine, Source, clipped
from gantk.checkpoints.plain_tensors import read_safetensors
from gantk.checkpoints.safetensors_header import is_safetensors
from gantk.checkpoints.signs import sign_of
from gantk.checkpoints.stand_ins import ALLOWED, ARRAYS, STORAGES, StoredArray, stored
from gantk.checkpoints.stored_tensors import STORAGE_TYPES, Storage, Stored
from gantk.checkpoints.zip_members import ZIP_MAGIC, Window, ZipMembers
from gantk.errors import GantkError
from gantk.store.bounded import DAMAGED_ZIP, check_members, npy_of, possible
from gantk.store.files import open_bytes

STREAM_MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
EMPTY_ZIP = b"PK\x05\x06"
NUMPY_MAGIC = b"\x93NUMPY"
LOAD_FROM_BYTES = "torch.storage._load_from_bytes"

Kind = Literal["pickle", "torch zip", "torch stream", "npy", "npz", "safetensors"]


@dataclass(frozen=True)
class Container:
    """A file's object tree and the kind of file it was."""

    kind: Kind
    value: Any  # lists, tables, numbers, texts and stand-ins, as the file nests them; readers check what they take
    source: Source


def container_kind(data: memoryview) -> Kind | None:
    """Which container the first bytes announce, None for any other file."""
    head = bytes(data[: len(STREAM_MAGIC)])
    if head.startswith((ZIP_MAGIC, EMPTY_ZIP)):
        return "torch zip"
    if head == STREAM_MAGIC:
        return "torch stream"
    if head.startswith(NUMPY_MAGIC):
        return "npy"
    if is_safetensors(data):
        return "safetensors"
    return "pickle" if len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5 else None


def read_pickle(path: str | Path) -> Container:
    """The object tree of a checkpoint in any of the containers above.

    Raises:
        GantkError: the file cannot be opened, is none of them, is damaged, or refers to a global that is not allowed.
    """
    return decode(open_bytes(path), str(path))


def decode(data: memoryview, name: str) -> Container:
    """As `read_pickle`, from bytes; `name` is what messages call them."""
    source = Source(name, len(data))
    kind = container_kind(data)
    if kind is None:
        raise GantkError(f"{name} is no pickle, no file of torch.save and no safetensors: {sign_of(data)}")
    if kind == "torch zip":
        members = ZipMembers(data, source)
        kind = "npz" if members.are_arrays() else kind
        value = _read_npz(data, source) if kind == "npz" else _read_zip(members, source)
    elif kind == "torch stream":
        value = _read_stream(data, source, ALLOWED)
    elif kind == "npy":
        value = _read_npy(data, source)
        if isinstance(value, StoredArray) and value.shape == () and value.items:
            value = value.items[0]  # numpy.save of a dictionary
        elif isinstance(value, np.ndarray):
            value = stored(source, value)
    elif kind == "safetensors":
        value = read_safetensors(data, source)
    else:
        value = _read_plain(data, source)
    check_expansion(source, value)
    return Container(kind, value, source)


# --- plain pickles ---------------------------------------------------------------------------------------------------


def _read_plain(data: memoryview, source: Source) -> Any:
    def nested(source: Source, payload: object) -> object:
        if not isinstance(payload, memoryview) or bytes(payload[: len(STREAM_MAGIC)]) != STREAM_MAGIC:
            raise source.damaged("a nested tensor is not a torch stream")
        return _read_stream(payload, source, STORAGES)

    allowed = ALLOWED | {LOAD_FROM_BYTES: Global(LOAD_FROM_BYTES, call=nested)}
    machine = PickleMachine(data, source, allowed, otherwise=inert)
    value = machine.run()
    if machine.end != len(data):
        raise source.damaged(f"{len(data) - machine.end} bytes follow the end of the pickle")
    return value


# --- torch -----------------------------------------------------------------------------------------------------------


class _StorageReader:
    """Resolves torch's persistent ids to storages, each key to one storage whose bytes `fetch(key)` finds."""

    def __init__(self, source: Source, fetch: Callable[[str], memoryview]) -> None:
        self.source = source
        self.fetch = fetch
        self.storages: dict[str, Storage] = {}

    def __call__(self, reference: object) -> Storage | Global:
        """('storage', torch.XStorage, key, location, numel[, view]), or a stream's ('module', class, file, source).

        The second is a network's class with its source code, which is not looked at.
        """
        if isinstance(reference, tuple) and len(reference) == 4 and reference[0] == "module":
            if isinstance(reference[1], Global):
                return reference[1]
            raise self.source.damaged("the class of a module is none")
        if not isinstance(reference, tuple) or len(reference) not in (5, 6) or reference[0] != "storage":
            raise self.source.damaged(f"{clipped(type(reference).__name__)} is no reference to a storage")
        _, kind, key, _, count = reference[:5]
        if len(reference) == 6 and reference[5] is not None:
            raise self.source.damaged("a storage is a view of another, as torch wrote before 0.4")
        type_name = kind.name.removeprefix("torch.").removeprefix("storage.") if isinstance(kind, Global) else ""
        if type_name not in STORAGE_TYPES or not isinstance(key, str):
            raise self.source.damaged("a storage has no known type or no key")
        dtype = STORAGE_TYPES[type_name]
        if type(count) is not int or not 0 <= count * dtype.itemsize <= self.source.size:
            raise self.source.damaged(f"a storage of {clipped(count)} elements cannot lie in {self.source.size} bytes")
        known = self.storages.get(key)
        if known is None:
            known = self.storages[key] = Storage(self.source, dtype, count, lambda: self.fetch(key))
        elif known.dtype is not dtype or known.count != count:
            raise self.source.damaged(f"storage {clipped(key)} is declared twice, differently")
        return known


def _read_stream(data: memoryview, source: Source, allowed: dict[str, Global]) -> Any:
    """Five pickles (magic, version, system, object, list of keys), then for every key its length and raw data."""
    where: dict[str, memoryview] = {}

    def fetch(key: str) -> memoryview:
        if key not in where:
            raise source.damaged(f"it has no data for storage {clipped(key)}")
        return where[key]

    reader = _StorageReader(source, fetch)
    position = 0
    values = []
    for part in range(5):
        if part == 3:  # the object; foreign things have a place in a file of their own, not in a nested tensor
            beside = inert if allowed is ALLOWED else None
            machine = PickleMachine(data, source, allowed, reader, position, beside)
        else:
            machine = PickleMachine(data, source, {}, None, position)
        values.append(machine.run())
        position = machine.end
    _, version, system, value, keys = values
    if version != 1001 or not isinstance(system, dict) or not system.get("little_endian", True):
        raise source.damaged("it was written by an unknown version of torch or on a big-endian machine")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise source.damaged("its list of storages is not one")
    for key in keys:
        storage = reader.storages.get(key)
        if storage is None or key in where or len(data) - position < 8:
            raise source.damaged(f"its list of storages does not fit its tensors at {clipped(key)}")
        (count,) = struct.unpack_from("<q", data, position)
        size = storage.count * storage.dtype.itemsize
        if count != storage.count or len(data) - position - 8 < size:
            raise source.damaged(f"the data of storage {clipped(key)} are missing or of another length")
        where[key] = data[position + 8 : position + 8 + size]
        position += 8 + size
    if position != len(data):
        raise source.damaged(f"{len(data) - position} bytes follow the last storage")
    if missing := sorted(reader.storages.keys() - where.keys()):
        raise source.damaged(f"it has no data for storage {clipped(missing[0])}")
    return value


def _read_zip(archive: ZipMembers, source: Source) -> Any:
    roots = [name.removesuffix("data.pkl") for name in archive.members if name.endswith("/data.pkl")]
    if not roots and archive.members:
        inside = ", ".join(clipped(name) for name in list(archive.members)[:3])
        raise GantkError(f"{source.name} is a zip archive of {inside} and no checkpoint: unpack it, and name its file")
    if len(roots) != 1:
        raise source.damaged(f"it is a zip file with {len(roots)} members named data.pkl where torch.save writes one")
    root = roots[0]
    if f"{root}constants.pkl" in archive.members:
        raise source.forbidden("TorchScript code")
    if f"{root}byteorder" in archive.members and bytes(archive.read(f"{root}byteorder")) != b"little":
        raise source.damaged("its numbers are big-endian")
    reader = _StorageReader(source, lambda key: archive.read(f"{root}data/{key}"))
    member = archive.read(f"{root}data.pkl")
    machine = PickleMachine(member, source, ALLOWED, reader, otherwise=inert)
    value = machine.run()
    if machine.end != len(member):
        raise source.damaged("bytes follow the end of its pickle")
    return value


# --- numpy -----------------------------------------------------------------------------------------------------------


def _npy_header(data: memoryview, source: Source) -> tuple[tuple[int, ...], bool, np.dtype, memoryview]:
    """Shape, column order, type and what follows the header."""
    file = io.BytesIO(bytes(data[: 1 << 16]))
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except Exception as error:  # numpy parses it as Python source and raises what that raises
        raise source.damaged("the header of the .npy file is not readable") from error
    return shape, fortran, dtype, data[file.tell() :]


def npy_body(data: memoryview, source: Source) -> memoryview | None:
    """The pickle inside an .npy file of objects, None for an array of numbers."""
    _, _, dtype, body = _npy_header(data, source)
    return body if dtype.hasobject else None


def _read_npy(data: memoryview, source: Source) -> Any:
    shape, fortran, dtype, body = _npy_header(data, source)
    if dtype.hasobject:
        if dtype != np.dtype("O"):
            raise source.forbidden("an array with fields of objects")
        return PickleMachine(body, source, ARRAYS).run()
    fits = dtype.itemsize > 0 and possible(shape, dtype.itemsize)
    if not fits or math.prod(shape) * dtype.itemsize != len(body):
        raise source.damaged(f"its header announces shape {clipped(shape)} of {dtype}, and {len(body)} bytes follow")
    flat = np.frombuffer(body, dtype=dtype).copy()
    return flat.reshape(shape, order="F" if fortran else "C")


def _read_npz(data: memoryview, source: Source) -> dict[str, StoredArray]:
    """The arrays of an .npz by name; compressed ones may unfold no further than any other content of a file."""
    found = {}
    try:
        with zipfile.ZipFile(Window(data)) as archive:
            check_members(archive, source.name, len(data))
            for member in archive.infolist():
                source.spend(member.file_size)
                found[member.filename.removesuffix(".npy")] = stored(source, npy_of(archive.read(member)))
    except MemoryError as error:  # an LZMA member names the size of its dictionary itself
        raise source.damaged("its arrays ask for more memory to be unfolded than there is") from error
    except DAMAGED_ZIP as error:
        raise source.damaged(f"its arrays are not readable ({clipped(error)})") from error
    return found


def load_legacy_npy(path: str | Path) -> Any:
    """A .npy of the original programs: a numpy array, or the dictionary pickled as a 0-d object array.

    HiGAN's boundaries are `{'boundary': array, 'meta_data': {...}}`, its score files `{'score', 'name_to_idx',
    'idx_to_name'}`.

    Raises:
        GantkError: not an .npy file, damaged, an object array that is not 0-d, or a global that is not allowed.
    """
    data = open_bytes(path)
    if container_kind(data) != "npy":
        raise GantkError(f"{path} is no .npy file (it starts with {bytes(data[:8])!r})")
    source = Source(str(path), len(data))
    value = _read_npy(data, source)
    if isinstance(value, np.ndarray):
        return value
    check_expansion(source, value)
    items = value.items if isinstance(value, StoredArray) else None
    numbers = [float(item) for item in items or () if isinstance(item, int | float)]
    if isinstance(value, StoredArray) and items and len(numbers) == len(items):
        return np.array(numbers).reshape(value.shape)
    if items and all(isinstance(item, Stored) for item in items):
        return plain(items, source)
    if not isinstance(value, StoredArray) or items is None or len(items) != 1 or value.shape not in ((), (1,)):
        raise source.forbidden("an array of objects that are neither numbers nor arrays, nor one dictionary")
    return plain(items[0], source)


def is_pickled_npy(path: str | Path) -> bool:
    """Whether an .npy's header announces objects.

    Raises:
        GantkError: no .npy file, or one with a damaged header.
    """
    data = open_bytes(path)
    if container_kind(data) != "npy":
        raise GantkError(f"{path} is no readable .npy array (it starts with {bytes(data[:8])!r}).")
    return npy_body(data, Source(str(path), len(data))) is not None


def plain(value: object, source: Source) -> Any:
    """Arrays in a tree of containers as numpy arrays, bytes as bytes.

    What a file refers to several times is converted once and shared, so that the work does not grow beyond the file.
    """
    return _plain(value, source, {})


def _plain(value: object, source: Source, made: dict[int, object]) -> object:
    if id(value) in made:  # it lives as long as the tree that is walked
        return made[id(value)]
    found: object = value
    if isinstance(value, Stored):
        found = value.array()
    elif isinstance(value, dict):
        found = {key: _plain(item, source, made) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        found = type(value)(_plain(item, source, made) for item in value)
    elif isinstance(value, memoryview):
        source.spend(len(value))
        found = bytes(value)
    else:
        return value
    made[id(value)] = found
    return found
