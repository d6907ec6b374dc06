"""What crosses the wire: errors with a code, strict reading of JSON into dataclasses, and the header of a frame."""

from __future__ import annotations

import errno
import json
import struct
import sys
import traceback
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn, NotRequired, TypedDict, TypeVar

from gantk.errors import GantkError
from gantk.runs.structure import Source, from_plain
from gantk.store.json_values import Json, JsonTable, shown
from gantk.store.memory import is_out_of_memory
from gantk.store.own_code import culprit

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
    if culprit(error):
        return ApiError(500, f"Own code failed ({type(error).__name__}): the server's terminal says where.")
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


class Sent(Source):
    """What a page sent; it reads no files."""

    whole = False

    def __init__(self, what: str) -> None:
        super().__init__(Path(), what)

    def error(self, place: str, value: object, wanted: str) -> ApiError:
        return ApiError(400, str(super().error(place, value, wanted)))

    def unknown(self, place: str, hint: str) -> ApiError:
        return ApiError(422, f"In {self.what} the field {shown(place)} is unknown.{hint}")

    def missing(self, place: str) -> ApiError:
        return ApiError(422, f"In {self.what} the field {place!r} is missing.")

    def check(self, value: object, place: str) -> None:
        if isinstance(value, float) and not abs(value) <= 1e9:
            raise self.error(place, value, "a number of at most 1e9")
        if isinstance(value, int) and abs(value) >= 1 << 53:
            raise self.error(place, value, "a whole number below 2^53")
        if isinstance(value, str) and (len(value) > 4096 or any(map(_is_odd, value))):
            raise self.error(place, value, "a text of at most 4096 letters that can be shown")


def _is_odd(letter: str) -> bool:
    return ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000


def structure(kind: type[T], value: object, what: str = "the body") -> T:
    """JSON as a dataclass; every field by its declared type, nothing missing that has no default, nothing unknown.

    A field of type `object` is taken as it comes: what reads it next checks it.

    Raises:
        ApiError: 422 for unknown or missing fields, 400 for values of another type.
    """
    return typing.cast(T, from_plain(kind, value, Sent(what)))


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
