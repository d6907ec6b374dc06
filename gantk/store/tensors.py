"""safetensors that are read as numpy arrays (artifacts of gantk, and arrays of other programs), and gantk's headers."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from gantk.errors import StoreError
from gantk.store.bounded import parse_json
from gantk.store.files import to_table
from gantk.store.inside import regular_file
from gantk.store.json_values import JsonTable

if TYPE_CHECKING:
    from safetensors import safe_open

HEADER_KEY = "gantk"


def header_of(form: str, version: int, fields: Mapping[str, object]) -> dict[str, str]:
    """What the metadata of an artifact say: its format and fields as JSON, the same text for the same fields."""
    content = {"format": form, "version": version, **to_table(fields)}
    return {HEADER_KEY: json.dumps(content, sort_keys=True, allow_nan=False)}


def names_format(path: str | os.PathLike[str], form: str) -> bool:
    """Whether the first bytes of a file name a format of gantk's, whole or damaged; False where it cannot be read.

    Raises:
        GantkError: it is no regular file.
    """
    try:
        with open(regular_file(path), "rb") as file:
            return form.encode() in file.read(1 << 20)
    except OSError:
        return False


@contextlib.contextmanager
def open_tensors(path: str | os.PathLike[str], what: str) -> Iterator[tuple[JsonTable, safe_open]]:
    """The header that gantk wrote into a file ({} where another program wrote it), and the open file.

    Args:
        what: such a file is, for the message.

    Raises:
        StoreError: no safetensors, damaged, or an array of a type that numpy has not (inside the block too).
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(os.fspath(regular_file(path)), framework="numpy") as file:
            header = parse_json((file.metadata() or {}).get(HEADER_KEY, "{}"))
            if not isinstance(header, dict):
                raise ValueError("its gantk header is no table")
            yield header, file
    except (SafetensorError, OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"{os.fspath(path)} is no readable {what} ({error}).") from error
