"""What the first bytes of a safetensors file say, known without torch."""

from __future__ import annotations

import struct

from gantk.store.bounded import parse_json

LONGEST_HEADER = 16 << 20


def is_safetensors(data: memoryview) -> bool:
    """Whether bytes start like a safetensors file: an 8-byte length and a JSON object."""
    if len(data) < 10:
        return False
    (length,) = struct.unpack_from("<Q", data)
    return 2 <= length <= len(data) - 8 and data[8] == 0x7B


def is_native(data: memoryview) -> bool:
    """Whether bytes are a safetensors file with a gantk header, of whatever kind."""
    if not is_safetensors(data):
        return False
    (length,) = struct.unpack_from("<Q", data)
    if length > LONGEST_HEADER:
        return False
    try:
        return "gantk" in (parse_json(bytes(data[8 : 8 + length])).get("__metadata__") or {})
    except (ValueError, AttributeError, TypeError, RecursionError):
        return False
