"""What takes the place of the objects in foreign pickles, and the list of globals a pickle may refer to.

Nothing here imports, calls or even looks at what a file brings along (NVIDIA's pickles carry Python source that their
own loader executes). Arrays and tensors stay views of the file until `array()` or `tensor()` is called; those check
shape, stride and offset against the data that is really there and count what they allocate against the size of the
file.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantk.checkpoints.pickle_machine import Global, Source, StandIn, checked_key, clipped
from gantk.checkpoints.stored_tensors import STORAGE_TYPES, TORCH, Stored, checked_shape


class Record(StandIn):
    """An object of a class that gantk does not import: the class's name and the state the file gives it."""

    # Any: what a file says of a foreign object; each reader checks what it takes from it
    def __init__(self, class_name: str, state: dict[str, Any] | None = None) -> None:
        self.class_name = class_name
        self.state = state or {}

    def build(self, source: Source, state: object) -> None:
        if not isinstance(state, dict):
            raise source.damaged(f"the state of a {clipped(self.class_name)} is a {type(state).__name__}")
        self.state = state


class OrderedItems(dict[Any, Any], StandIn):
    """collections.OrderedDict; the attribute that state dicts carry (`_metadata`) is dropped."""

    def build(self, source: Source, state: object) -> None:
        pass


class Attributes(dict[Any, Any], StandIn):
    """EasyDict or argparse.Namespace: a dictionary whose state holds the same entries once more, or the only ones."""

    def build(self, source: Source, state: object) -> None:
        if not isinstance(state, dict):
            raise source.damaged(f"the attributes of an object are a {type(state).__name__}")
        source.spend(len(state))
        self.update(state)


# --- numpy -----------------------------------------------------------------------------------------------------------

_TYPE_CODE = re.compile(r"[fiubcSUMmV][0-9]{1,9}|O[0-9]{0,9}")
_NUMBERS = "fiub"


class DType(StandIn):
    """numpy.dtype: of numbers, or of text, dates and fields, which stand beside a network and are none of its weights;
    or the object type, which only old .npy dictionaries may hold.
    """

    def __init__(self, source: Source, code: object, *_: object) -> None:
        if not isinstance(code, str) or not _TYPE_CODE.fullmatch(code):
            raise source.forbidden(f"a numpy array of type {clipped(code)}")
        self.is_object = code[0] == "O"
        try:
            self.dtype = np.dtype("O" if self.is_object else code)
        except (TypeError, ValueError, OverflowError) as error:
            raise source.forbidden(f"a numpy array of type {clipped(code)}") from error

    def build(self, source: Source, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) >= 5 and state[1] in ("<", ">", "|", "=")):
            raise source.damaged("a numpy type has a state that is not one of a number")
        if not self.is_object:
            self.dtype = self.dtype.newbyteorder(state[1])


class StoredArray(Stored):
    """numpy.ndarray. An object array keeps its list of items in `items` and has no numbers."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.shape = (0,)
        self.dtype = np.dtype(np.float32)
        self.order = "C"
        self.data: memoryview = memoryview(b"")
        self.items: list[object] | None = None

    def build(self, source: Source, state: object) -> None:
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise source.damaged("an array has a state that is not one")
        shape, dtype, fortran, data = state[-4:]
        self.fill(source, shape, dtype, "F" if fortran else "C", data)

    def fill(self, source: Source, shape: object, dtype: object, order: str, data: object) -> None:
        self.shape = checked_shape(source, shape)
        if not isinstance(dtype, DType):
            raise source.damaged(f"the type of an array is {clipped(dtype)}")
        count = math.prod(self.shape)
        if dtype.is_object:
            if not isinstance(data, list) or len(data) != count:
                raise source.damaged(f"an object array of shape {clipped(self.shape)} has other items than that")
            self.items = data
            return
        self.dtype, self.order = dtype.dtype, order
        if isinstance(data, str):  # written by Python 2
            source.spend(len(data))
            data = memoryview(data.encode("latin-1"))
        if not isinstance(data, memoryview) or len(data) != count * self.dtype.itemsize:
            size = f"{len(data)} bytes" if isinstance(data, memoryview) else type(data).__name__
            raise source.damaged(f"an array of shape {clipped(self.shape)} and type {self.dtype} has {size} of data")
        self.data = data

    def array(self) -> np.ndarray:
        if self.items is not None:
            raise self.source.forbidden("a numpy array of objects")
        self.source.spend(len(self.data))
        flat = np.frombuffer(self.data, dtype=self.dtype).astype(self.dtype.newbyteorder("="), copy=True)
        return np.ascontiguousarray(flat.reshape(self.shape, order=self.order)).reshape(self.shape)  # type: ignore[call-overload]

    def tensor(self) -> Tensor:
        if self.items is None and self.dtype.kind not in _NUMBERS:
            raise self.source.forbidden(f"a numpy array of type {self.dtype} among weights")
        return torch.from_numpy(self.array())


def stored(source: Source, array: np.ndarray) -> StoredArray:
    """An array that was read already, as one that lies in the file."""
    made = StoredArray(source)
    made.shape, made.dtype, made.data = array.shape, array.dtype, memoryview(array.tobytes())
    return made


def _reconstruct(source: Source, kind: object, *_: object) -> StoredArray:
    if not isinstance(kind, Global) or kind.name not in _ARRAY_CLASSES:
        raise source.damaged("it makes an array of something that is none")
    return StoredArray(source)


_ARRAY_CLASSES = (
    "numpy.ndarray", "numpy.memmap", "numpy.core.memmap.memmap", "numpy._core.memmap.memmap", "numpy.matrix",
    "numpy.matrixlib.defmatrix.matrix",
)  # fmt: skip


def _from_buffer(source: Source, data: object, dtype: object, shape: object, order: object = "C") -> StoredArray:
    array = StoredArray(source)
    array.fill(source, shape, dtype, "F" if order == "F" else "C", data)
    return array


def _scalar(source: Source, dtype: object, data: object = None) -> object:
    """A numpy scalar, as the Python number of the same value."""
    if isinstance(dtype, DType) and dtype.is_object:
        raise source.forbidden("a numpy scalar of type object")
    array = StoredArray(source)
    array.fill(source, (), dtype, "C", data)
    return array.array().item()


# --- containers and others -------------------------------------------------------------------------------------------


def _listed(source: Source, items: object) -> list[Any]:
    """The items of a container that a file makes from a list; what each is, its user checks."""
    if not isinstance(items, list | tuple | set):
        raise source.damaged(f"a container is made from a {type(items).__name__}")
    source.spend(len(items))
    return list(items)


def _ordered(source: Source, pairs: object = ()) -> OrderedItems:
    pairs = _listed(source, pairs)
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise source.damaged("an ordered dictionary is made of something that is no pair")
    return OrderedItems((checked_key(source, key), value) for key, value in pairs)


def _set(source: Source, items: object = ()) -> set[object]:
    return {checked_key(source, item) for item in _listed(source, items)}


def _size(source: Source, items: object = ()) -> tuple[object, ...]:
    return tuple(_listed(source, items))


def _bytes(source: Source, data: object = "") -> memoryview:
    if not isinstance(data, str | memoryview):
        raise source.damaged(f"bytes are made from a {type(data).__name__}")
    source.spend(len(data))
    return memoryview(bytes(data) if isinstance(data, memoryview) else data.encode("latin-1"))


def _encode(source: Source, text: object, encoding: object) -> memoryview:
    """_codecs.encode, by which protocol 2 spells bytes; latin-1 is the only encoding that does."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise source.forbidden(f"the text encoding {clipped(encoding)}")
    return _bytes(source, text)


def _persistent_object(source: Source, meta: object, *_: object) -> Record:
    """NVIDIA's pickled classes. The original executes meta['module_src']; here it is not even looked at."""
    if not isinstance(meta, dict) or not isinstance(meta.get("state"), dict):
        raise source.damaged("an object of NVIDIA's persistence module has no state")
    return Record(clipped(meta.get("class_name", "?")), meta["state"])


def _record(name: str) -> Global:
    return Global(name, new=lambda source, *_: Record(name))


def _attributes(name: str) -> Global:
    return Global(name, call=lambda source: Attributes(), new=lambda source: Attributes())


STORAGES = {
    name: Global(name) for kind in STORAGE_TYPES for name in (f"torch.{kind}", f"torch.storage.{kind}")
}  # the untyped one is in the second place
_SETS = [Global(f"{module}.set", call=_set) for module in ("builtins", "__builtin__")]
_BYTES = [Global(f"{module}.bytes", call=_bytes) for module in ("builtins", "__builtin__")]
_NUMPY = [
    entry
    for core in ("numpy.core", "numpy._core")
    for entry in (
        Global(f"{core}.multiarray._reconstruct", call=_reconstruct),
        Global(f"{core}.multiarray.scalar", call=_scalar),
        Global(f"{core}.numeric._frombuffer", call=_from_buffer),
    )
] + [*map(Global, _ARRAY_CLASSES), Global("numpy.dtype", call=DType)]
_OTHERS = [
    Global("torch.Size", call=_size),
    Global("collections.OrderedDict", call=_ordered, new=lambda source: OrderedItems()),
    Global("collections.defaultdict", call=lambda source, *_: OrderedItems()),
    Global("_codecs.encode", call=_encode),
    Global("torch_utils.persistence._reconstruct_persistent_obj", call=_persistent_object),
    *[_attributes(name) for name in ("dnnlib.util.EasyDict", "dnnlib.EasyDict", "config.EasyDict")],
    *[_attributes(name) for name in ("easydict.EasyDict", "argparse.Namespace")],
    *[_record(name) for name in ("dnnlib.tflib.network.Network", "tfutil.Network", "network.Network")],
]
ALLOWED = {entry.name: entry for entry in (*_NUMPY, *TORCH, *_OTHERS, *_SETS, *_BYTES)} | STORAGES
"""Every global a checkpoint may refer to (`torch.storage._load_from_bytes` is added by the reader of containers)."""

ARRAYS = {entry.name: entry for entry in (*_NUMPY, *_BYTES)} | {
    name: ALLOWED[name] for name in ("_codecs.encode", "collections.OrderedDict")
}
"""What a pickled .npy file of the original programs may refer to."""
