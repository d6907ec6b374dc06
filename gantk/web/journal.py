"""An append-only file of events: one JSON line each, on the disk before it is answered.

A line torn by a kill or a full disk is dropped when the journal is read, and overwritten by the next event.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path

from gantk.errors import GantkError
from gantk.web.terms import EVENTS, OWN_EVENTS, Event
from gantk.web.wire import ApiError, structure


class Journal:
    """The events of one project; `length` is how much of the file is whole."""

    def __init__(self, path: Path) -> None:
        self.path, self.length = path, 0

    def read(self) -> Iterator[Event]:
        """Every whole event, in order.

        Raises:
            GantkError: the file cannot be read, or a line before the last is damaged.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise GantkError(f"The journal {self.path} cannot be read: {error.strerror}.") from error
        self.length = 0
        lines = data.split(b"\n")
        for number, line in enumerate(lines[:-1]):  # what follows the last line end is torn
            try:
                yield _event(line)
            except (ValueError, ApiError) as error:
                if number == len(lines) - 2:
                    return
                raise GantkError(f"Line {number + 1} of {self.path} is damaged: {error}.") from error
            self.length += len(line) + 1

    def append(self, event: Event) -> None:
        """Write one event and wait until it is on the disk.

        Raises:
            GantkError: the disk is full or the file cannot be written; the journal is as it was.
        """
        line = json.dumps(dataclasses.asdict(event), separators=(",", ":"), allow_nan=False).encode() + b"\n"
        new = not self.path.exists()
        try:
            with open(self.path, "ab" if new else "r+b") as file:
                file.truncate(self.length)
                file.seek(self.length)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise GantkError(
                f"The disk is full or the journal cannot be written ({error.strerror}); nothing is lost: make room, "
                "and do it again."
            ) from error
        self.length += len(line)


def _event(line: bytes) -> Event:
    value = json.loads(line)
    kinds = {**EVENTS, **OWN_EVENTS}
    if not isinstance(value, dict) or value.get("type") not in kinds:
        raise ValueError("an unknown event")
    found: Event = structure(kinds[value["type"]], value, "the event")
    return found
