"""Tensors that still lie in a file: strided views of a storage, sparse ones, and how torch's pickles spell them.

Nothing is copied until `tensor()` or `array()` is called; those check shape, stride and offset against the data that is
really there, and count what they allocate against the size of the file.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from gantk.checkpoints.pickle_machine import Global, Source, StandIn, clipped
from gantk.errors import GantkError

STORAGE_TYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
    "QInt8Storage": torch.int8,
    "QUInt8Storage": torch.uint8,
    "QInt32Storage": torch.int32,
    "UntypedStorage": torch.uint8,
}
# Of tensors that say their type themselves: `_rebuild_tensor_v3`.
_LATER_TYPES = {
    f"torch.{name}": dtype
    for name in ("float8_e4m3fn", "float8_e5m2", "uint16", "uint32", "uint64")
    if isinstance(dtype := getattr(torch, name, None), torch.dtype)
}
_FILLED = 1 << 20  # bytes that a sparse tensor may take when it is filled out, or four times its file
MOST_DIMENSIONS = 16


def checked_shape(source: Source, shape: object) -> tuple[int, ...]:
    """A shape as a tuple of non-negative integers."""
    sizes = tuple(shape) if isinstance(shape, list | tuple) else (None,)
    if len(sizes) > MOST_DIMENSIONS or not all(type(size) is int and 0 <= size < 1 << 48 for size in sizes):
        raise source.damaged(f"{clipped(shape)} is no shape")
    return sizes


class Stored(StandIn, ABC):
    """An array or tensor that still lies in the file."""

    shape: tuple[int, ...]

    def array(self) -> np.ndarray:
        """A copy as a numpy array; numpy has no floats of 8 bits and no bfloat16, which become float32."""
        tensor = self.tensor()
        known = tensor.dtype in (torch.float16, torch.float32, torch.float64) or not tensor.is_floating_point()
        return (tensor if known else tensor.float()).numpy()

    @abstractmethod
    def tensor(self) -> Tensor:
        """A copy as a contiguous CPU tensor."""


class Storage(StandIn):
    """Typed memory behind tensors; `fetch` gives its bytes (later than the pickle: in a stream the data follow it)."""

    def __init__(self, source: Source, dtype: torch.dtype, count: int, fetch: Callable[[], memoryview]) -> None:
        self.source = source
        self.dtype = dtype
        self.count = count
        self.fetch = fetch

    def elements(self, start: int, stop: int) -> Tensor:
        """A copy of the elements start .. stop - 1."""
        if stop <= start:
            return torch.empty(0, dtype=self.dtype)
        raw = self.fetch()
        width = self.dtype.itemsize
        if len(raw) != self.count * width:
            raise self.source.damaged(f"a storage of {self.count} elements has {len(raw)} bytes of data")
        copied = bytearray(raw[start * width : stop * width])  # aligned, writable, and no longer tied to the file
        if self.dtype is torch.bool:
            return torch.frombuffer(copied, dtype=torch.uint8) != 0
        return torch.frombuffer(copied, dtype=self.dtype)


class StoredTensor(Stored):
    """A strided view of a storage."""

    def __init__(
        self, storage: Storage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], negative: bool = False
    ) -> None:
        self.storage, self.offset, self.shape, self.stride = storage, offset, shape, stride
        self.negative = negative  # a view that torch would negate when it is read

    def tensor(self) -> Tensor:
        source = self.storage.source
        if 0 in self.shape:
            return torch.empty(self.shape, dtype=self.storage.dtype)
        reach = self.offset + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True)) + 1
        if reach > self.storage.count:
            raise source.damaged(
                f"a tensor of shape {clipped(self.shape)} reaches element {reach} of a storage of {self.storage.count}"
            )
        # An expanded view (stride 0) is a large tensor over little data; a sparse one copies more than it keeps.
        source.spend(max(math.prod(self.shape), reach - self.offset) * self.storage.dtype.itemsize)
        flat = self.storage.elements(self.offset, reach)
        found = torch.as_strided(flat, self.shape, self.stride).contiguous()
        return -found if self.negative else found


class SparseTensor(Stored):
    """A sparse tensor of any layout, filled out when it is asked for."""

    def __init__(self, source: Source, layout: str, parts: tuple[StoredTensor, ...], shape: tuple[int, ...]) -> None:
        self.source, self.layout, self.parts, self.shape = source, layout, parts, shape

    def tensor(self) -> Tensor:
        size = math.prod(self.shape) * self.parts[-1].storage.dtype.itemsize
        if size > 4 * self.source.size + _FILLED:
            raise GantkError(
                f"{self.source.name} holds a sparse tensor of {list(self.shape)}, which takes {size} bytes when it is "
                "filled out: save its to_dense() instead."
            )
        self.source.spend(size)
        parts = [part.tensor() for part in self.parts]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch says that some layouts are new
                return self._filled(parts).contiguous()
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            raise self.source.damaged(f"a sparse tensor makes no sense ({clipped(error)})") from error

    def _filled(self, parts: list[Tensor]) -> Tensor:
        if len(parts) == 2:
            return torch.sparse_coo_tensor(parts[0], parts[1], self.shape, check_invariants=True).to_dense()
        layout = getattr(torch, self.layout.removeprefix("torch."))
        return torch.sparse_compressed_tensor(
            parts[0], parts[1], parts[2], self.shape, layout=layout, check_invariants=True
        ).to_dense()


def rebuild_tensor(
    source: Source, storage: object, offset: object, shape: object, stride: object, *more: object
) -> StoredTensor:
    """torch._utils._rebuild_tensor(_v2): gradient flags and hooks are not data and are dropped."""
    shape, stride = checked_shape(source, shape), checked_shape(source, stride)
    if not isinstance(storage, Storage) or type(offset) is not int or offset < 0 or len(shape) != len(stride):
        raise source.damaged("a tensor's storage, offset or strides make no sense")
    negative = len(more) == 3 and isinstance(more[2], dict) and more[2].get("neg") is True
    if negative and storage.dtype is torch.bool:
        raise source.damaged("a tensor of true and false is negated")
    return StoredTensor(storage, offset, shape, stride, negative)


def _rebuild_later(
    source: Source, storage: object, offset: object, shape: object, stride: object, *more: object
) -> StoredTensor:
    """torch._utils._rebuild_tensor_v3: bytes, and what type they are of."""
    dtype = _LATER_TYPES.get(more[2].name) if len(more) > 2 and isinstance(more[2], Global) else None
    if dtype is None or not isinstance(storage, Storage):
        raise source.damaged("a tensor has no type that is known")
    typed = Storage(source, dtype, storage.count * storage.dtype.itemsize // dtype.itemsize, storage.fetch)
    return rebuild_tensor(source, typed, offset, shape, stride)


def _rebuild_sparse(source: Source, layout: object, data: object) -> SparseTensor:
    """torch._utils._rebuild_sparse_tensor: (indices, values, shape, ...), or two of indices where it is compressed."""
    count = {"torch.sparse_coo": 2}.get(str(layout), 3)
    told = data if isinstance(data, tuple) and len(data) > count else (None,) * (count + 1)
    parts = tuple(part for part in told[:count] if isinstance(part, StoredTensor))
    if str(layout) not in _SPARSE or len(parts) != count:
        raise source.damaged("a sparse tensor is made of something else than indices and values")
    return SparseTensor(source, str(layout), parts, checked_shape(source, told[count]))


_SPARSE = frozenset(f"torch.sparse_{name}" for name in ("coo", "csr", "csc", "bsr", "bsc"))


def _parameter(source: Source, data: object, *_: object) -> object:
    return data


def _from_type(source: Source, function: object, kind: object, arguments: object, state: object = None) -> object:
    """torch._tensor._rebuild_from_type_v2: a tensor of a subclass, or one that carries attributes; both are dropped."""
    if not isinstance(function, Global) or not function.name.startswith("torch._utils._rebuild") or not function.call:
        raise source.damaged("a tensor is rebuilt by something that rebuilds none")
    return function.call(source, *(arguments if isinstance(arguments, tuple) else ()))


TORCH = [
    Global("torch._utils._rebuild_tensor", call=rebuild_tensor),
    Global("torch._utils._rebuild_tensor_v2", call=rebuild_tensor),
    Global("torch._utils._rebuild_tensor_v3", call=_rebuild_later),
    Global("torch._utils._rebuild_sparse_tensor", call=_rebuild_sparse),
    Global("torch.serialization._get_layout", call=lambda source, name: name),
    Global("torch._utils._rebuild_parameter", call=_parameter),
    Global("torch._utils._rebuild_parameter_with_state", call=_parameter),
    Global("torch._tensor._rebuild_from_type_v2", call=_from_type),
]
