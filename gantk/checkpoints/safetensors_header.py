"""What the first bytes of a safetensors file say, known without torch."""

from __future__ import annotations

import struct
from typing import Any

from gantk.store.bounded import parse_json
from gantk.store.tensors import HEADER_KEY

LONGEST_HEADER = 16 << 20


def is_safetensors(data: memoryview) -> bool:
    """Whether bytes start like a safetensors file: an 8-byte length and a JSON object."""
    if len(data) < 10:
        return False
    (length,) = struct.unpack_from("<Q", data)
    return 2 <= length <= len(data) - 8 and data[8] == 0x7B


# Any: what JSON holds
def split(data: memoryview) -> tuple[dict[str, Any], memoryview]:
    """The table at the start of a safetensors file, and the bytes that it describes.

    Raises:
        ValueError: there is no such table.
    """
    if not is_safetensors(data):
        raise ValueError("it is no safetensors file")
    (length,) = struct.unpack_from("<Q", data)
    if length > LONGEST_HEADER:
        raise ValueError(f"its header claims {length} bytes")
    try:
        header: dict[str, Any] = parse_json(bytes(data[8 : 8 + length]))  # a table, as it begins with a brace
    except ValueError as error:
        raise ValueError("its header is no JSON") from error
    return header, data[8 + length :]


# Any: as above
def metadata_of(data: memoryview) -> dict[str, Any]:
    """What a safetensors file says beside its tensors.

    Raises:
        ValueError: as `split` does.
    """
    found = split(data)[0].get("__metadata__")
    return found if isinstance(found, dict) else {}


def is_native(data: memoryview) -> bool:
    """Whether bytes are a safetensors file with a gantk header, of whatever kind."""
    try:
        return HEADER_KEY in metadata_of(data)
    except ValueError:
        return False
