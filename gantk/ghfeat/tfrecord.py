"""TFRecord files of NVIDIA's dataset tool, read without TensorFlow.

A record is its length (uint64), a masked CRC32C of the length, the payload and a masked CRC32C of the payload, all
little-endian. The payload is a protobuf `Example` with the features `shape` (int64 [3]: channels, height, width) and
`data` (height * width * channels bytes in that order).

Shape legend: C channels, H x W pixels.
"""

from __future__ import annotations

import functools
import mmap
import operator
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError
from gantk.store.inside import regular_file

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, reflected
_MASK = 0xA282EAD8
_LANES = 512  # pieces of a payload whose sums are computed side by side
LARGEST = 1 << 30


class TFRecords:
    """The images of one file by number; the file is walked once for the places of its records.

    Raises:
        GantkError: the file cannot be read, or a record is damaged (its number is given, counted from 0).
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            with regular_file(self.path).open("rb") as file:
                self.size = self.path.stat().st_size
                self._data: mmap.mmap | bytes = (
                    mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self.size else b""
                )
        except OSError as error:
            raise GantkError(f"{path} cannot be read: {error.strerror}") from error
        self._places = list(self._walk())
        if not self._places:
            raise GantkError(f"{path} holds no record")

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Image `index`, uint8 [H, W, C]."""
        start, length = self._places[index]
        payload = self._data[start : start + length]
        if masked(crc32c(payload)) != struct.unpack_from("<I", self._data, start + length)[0]:
            raise self._damaged(index, "its checksum is wrong")
        try:
            return decode_example(payload)
        except (ValueError, IndexError, KeyError, struct.error) as error:
            raise self._damaged(index, str(error) or "it is no image") from error

    def _walk(self) -> Iterator[tuple[int, int]]:
        place, index = 0, 0
        while place < self.size:
            head = self._data[place : place + 12]
            if len(head) < 12:
                raise self._damaged(index, "it ends too early")
            length, checksum = struct.unpack("<QI", head)
            if masked(crc32c(head[:8])) != checksum:
                raise self._damaged(index, "the checksum of its length is wrong")
            if length > LARGEST or place + 16 + length > self.size:
                raise self._damaged(index, "it ends too early")
            yield place + 12, length
            place, index = place + 16 + length, index + 1

    def _damaged(self, index: int, why: str) -> GantkError:
        return GantkError(f"record {index} of {self.path} is damaged: {why}")


# --- protobuf --------------------------------------------------------------------------------------------------------


def decode_example(payload: bytes) -> npt.NDArray[np.uint8]:
    """The image [H, W, C] of an `Example`; ValueError where it has none."""
    features: dict[str, list[int | bytes]] = {}
    for number, examples in _fields(payload):
        for inner, entry in _fields(examples) if number == 1 else ():
            if inner == 1:
                parts = dict(_fields(entry))
                features[_bytes(parts[1]).decode("utf-8", "replace")] = _values(parts.get(2, memoryview(b"")))
    if "shape" not in features or "data" not in features:
        raise ValueError(f"it has {', '.join(sorted(features)) or 'no features'} and not shape and data")
    shape, data = features["shape"], features["data"]
    if len(shape) != 3 or len(data) != 1 or not isinstance(data[0], bytes):
        raise ValueError("its shape or data is no image")
    channels, height, width = (side if isinstance(side, int) else 0 for side in shape)
    if channels not in (1, 3) or channels * height * width != len(data[0]):
        raise ValueError(f"its shape {shape} does not fit its {len(data[0])} bytes")
    image_CHW = np.frombuffer(data[0], np.uint8).reshape(channels, height, width)
    return np.ascontiguousarray(image_CHW.transpose(1, 2, 0))


def _bytes(field: int | memoryview) -> bytes:
    if isinstance(field, int):
        raise ValueError("it is no Example")
    return bytes(field)


def _values(feature: int | memoryview) -> list[int | bytes]:
    """The bytes or integers of a Feature."""
    values: list[int | bytes] = []
    for kind, items in _fields(feature):
        for number, item in _fields(items):
            if number != 1 or kind not in (1, 3):
                continue
            if kind == 1:
                values.append(_bytes(item))
            elif isinstance(item, int):
                values.append(item)
            else:  # packed
                place = 0
                while place < len(item):
                    value, place = _varint(item, place)
                    values.append(value)
    return values


def _fields(data: object) -> Iterator[tuple[int, int | memoryview]]:
    """Numbered fields of a message: integers, or bytes."""
    if not isinstance(data, bytes | memoryview):
        raise ValueError("it is no Example")
    view, place = memoryview(data), 0
    while place < len(view):
        key, place = _varint(view, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(view, place)
            yield key >> 3, value
            continue
        if kind == 2:
            length, place = _varint(view, place)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("it is no Example")
        if place + length > len(view):
            raise ValueError("it is no Example")
        yield key >> 3, view[place : place + length]
        place += length


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
        if shift > 63:
            raise ValueError("it is no Example")


# --- CRC32C ----------------------------------------------------------------------------------------------------------


def masked(checksum: int) -> int:
    """A checksum as TFRecord files store it."""
    return (((checksum >> 15) | (checksum << 17)) + _MASK) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """CRC32C. Long data is cut into equal lanes that are summed side by side and then joined.

    To join them takes what so many further bytes make of a sum. That is linear over bits, so that 32 lanes of zeros,
    each of which starts at one bit, tell it.
    """
    length = len(data) // _LANES
    if length < 8:
        return _crc(data, 0xFFFFFFFF) ^ 0xFFFFFFFF
    table = _table()
    lanes = np.zeros((length, _LANES + 32), np.uint8)
    lanes[:, :_LANES] = np.frombuffer(data, np.uint8, length * _LANES).reshape(_LANES, length).T
    state = np.zeros(_LANES + 32, np.uint32)
    state[0], state[_LANES:] = 0xFFFFFFFF, np.uint32(1) << np.arange(32, dtype=np.uint32)
    for column in lanes:
        state = table[(state ^ column) & 0xFF] ^ (state >> np.uint32(8))
    joined, *others = state[:_LANES].tolist()
    moved = state[_LANES:].tolist()
    for lane in others:
        joined = functools.reduce(operator.xor, (of for bit, of in enumerate(moved) if joined >> bit & 1), lane)
    return _crc(data[length * _LANES :], joined) ^ 0xFFFFFFFF


@functools.lru_cache
def _table() -> npt.NDArray[np.uint32]:
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, (values >> np.uint32(1)) ^ np.uint32(_POLYNOMIAL), values >> np.uint32(1))
    return values.astype(np.uint32)


@functools.lru_cache
def _plain_table() -> list[int]:
    return _table().tolist()


def _crc(data: bytes, state: int) -> int:
    table = _plain_table()
    for byte in data:
        state = table[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state
