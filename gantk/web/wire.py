"""What crosses the wire: errors with a code, strict reading of JSON into dataclasses, and the header of a frame."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import struct
import sys
import traceback
import types
import typing
from collections.abc import Mapping
from typing import NoReturn, NotRequired, TypedDict, TypeVar

from gantk.errors import GantkError
from gantk.store.hints import type_hints
from gantk.store.json_values import Json, JsonTable
from gantk.store.memory import is_out_of_memory

T = TypeVar("T")

# version, format, flags, pane, sequence number, width, height, milliseconds, first layer that was computed
HEADER = struct.Struct("<BBBBIHHHH")
VERSION, JPEG, PNG = 1, 1, 2
FINAL, JOB = 1, 2  # flags
MOST_DEPTH = 12

CODES = {
    400: "bad_value",
    401: "token",
    403: "origin",
    404: "not_found",
    405: "method",
    409: "stale",
    411: "length",
    413: "too_large",
    415: "type",
    422: "fields",
    429: "too_many",
    500: "defect",
    503: "busy",
    507: "memory",
}


class ErrorBody(TypedDict):
    """A refusal as the page reads it; `state` is the project's, where an event came too late."""

    code: str
    message: str
    hint: str
    state: NotRequired[Mapping[str, object]]


class ApiError(GantkError):
    """A refusal with an HTTP status; the message is the sentence that the page shows."""

    def __init__(self, status: int, message: str, hint: str = "", state: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.status, self.hint, self.state = status, hint, state

    def body(self) -> ErrorBody:
        found: ErrorBody = {"code": CODES[self.status], "message": str(self), "hint": self.hint}
        if self.state is not None:
            found["state"] = self.state
        return found


def as_api_error(error: BaseException) -> ApiError:
    """Any exception as what the page may be told."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, GantkError):
        full = "disk is full" in str(error)
        return ApiError(507 if full else 400, str(error))
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ApiError(507, "The disk is full; nothing is lost: make room, and do it again.")
    if is_out_of_memory(error):
        return ApiError(507, "There is not enough memory for this, even with every cache emptied: show fewer samples.")
    return ApiError(500, f"This is a defect of gantk ({type(error).__name__}): please report it.")


def report(error: BaseException) -> None:
    """A defect: what a developer needs, on the server's stderr; the page gets a sentence."""
    traceback.print_exception(error, file=sys.stderr)


def frame(
    form: int, flags: int, pane: int, seq: int, size: tuple[int, int], milliseconds: float, first: int, data: bytes
) -> bytes:
    """A picture behind its 16 bytes."""
    width, height = size
    spent = min(65535, max(0, round(milliseconds)))
    return HEADER.pack(VERSION, form, flags, pane, seq & 0xFFFFFFFF, width, height, spent, first) + data


def parse_json(data: bytes | str) -> Json:
    """JSON without NaN, without repeated keys and not nested beyond reason.

    Raises:
        ApiError: 400 for anything else.
    """
    try:
        value: Json = json.loads(data, parse_constant=_no_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"The body is no JSON that can be read ({_first(error)}).") from None
    if _depth(value) > MOST_DEPTH:
        raise ApiError(400, f"The body is nested deeper than {MOST_DEPTH} levels.")
    return value


def structure(kind: type[T], value: object, where: str = "the body") -> T:
    """JSON as a dataclass; every field by its declared type, nothing missing, nothing unknown.

    A field of type `object` is taken as it comes: what reads it next checks it.

    Raises:
        ApiError: 422 for unknown or missing fields, 400 for values of another type.
    """
    return typing.cast(T, _structure(kind, value, where))


def _structure(kind: object, value: object, where: str) -> object:
    if kind is object:
        return value
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, value, where)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        tried = [part for part in arguments if part is not type(None)]
        for part in tried[:-1]:
            try:
                return _structure(part, value, where)
            except ApiError:
                continue
        return _structure(tried[-1], value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ApiError(400, f"{where} must be a list, not {_show(value)}.")
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_structure(arguments[0], item, f"{where}[{place}]") for place, item in enumerate(value))
        if len(value) != len(arguments):
            raise ApiError(400, f"{where} must have {len(arguments)} items, not {len(value)}.")
        return tuple(_structure(part, item, where) for part, item in zip(arguments, value, strict=True))
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if abs(value) > 1e9 or not math.isfinite(value):
            raise ApiError(400, f"{where} is {_show(value)}, and numbers go to 1e9.")
        return float(value)
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= 1 << 53:
            raise ApiError(400, f"{where} is {_show(value)}, and whole numbers go to 2^53.")
        return value
    if kind is bool and isinstance(value, bool):
        return value
    if kind is str and isinstance(value, str):
        if len(value) > 4096 or any(ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in value):
            raise ApiError(400, f"{where} is too long a text, or has characters that cannot be shown.")
        return value
    names: dict[object, str] = {float: "a number", int: "a whole number", str: "text", bool: "true or false"}
    raise ApiError(400, f"{where} must be {names.get(kind, kind)}, not {_show(value)}.")


def _dataclass(kind: type, value: object, where: str) -> object:
    if not isinstance(value, dict):
        raise ApiError(400, f"{where} must be an object, not {_show(value)}.")
    hints = type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(value) - set(fields))
    if unknown:
        raise ApiError(422, f"{where} has the unknown field {unknown[0][:40]!r}; it takes {', '.join(fields)}.")
    missing = [
        name
        for name, field in fields.items()
        if name not in value
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]  # fmt: skip
    if missing:
        raise ApiError(422, f"{where} lacks the field {missing[0]!r}.")
    found = {name: _structure(hints[name], item, f"{where}.{name}") for name, item in value.items()}
    return kind(**found)


def _show(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _first(error: BaseException) -> str:
    return str(error).splitlines()[0][:80] if str(error) else type(error).__name__


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number here")


def _once(pairs: list[tuple[str, Json]]) -> JsonTable:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _depth(value: Json) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0
