"""What a page is made from: the manifest `<command>.run.json` of a run directory and the files it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gantk.errors import GantkError, suggestion
from gantk.reports.numbers import read_number
from gantk.reports.sections import Picture
from gantk.runs.manifest import MANIFEST_SUFFIX, Manifest, file_stem, read_manifest
from gantk.store.inside import inside
from gantk.store.json_values import JsonTable

_SHARD = re.compile(r"\.\d+-of-\d+$")


@dataclass(frozen=True)
class RunRecord:
    """One command's run, read only."""

    directory: Path
    command: str
    manifest: Manifest

    @classmethod
    def read(cls, directory: Path | str, command: str) -> RunRecord:
        directory = Path(directory)
        command = file_stem(command)
        path = directory / (command + MANIFEST_SUFFIX)
        if not path.is_file():
            present = commands_of(directory)
            raise GantkError(
                f"There is no run of {command!r} in {directory} ({path.name} is missing); give a directory a "
                "command wrote." + suggestion(command, present)
            )
        return cls(directory, command, read_manifest(path))

    @property
    def results(self) -> JsonTable:
        return self.manifest["results"]

    @property
    def outputs(self) -> list[str]:
        """Files and folders the command left, as it named them."""
        return list(self.manifest["outputs"])

    @property
    def arguments(self) -> JsonTable:
        return self.manifest["arguments"]

    @property
    def command_line(self) -> str:
        """The command as typed, quoted for a shell."""
        return self.manifest.get("argv") or ""

    def path(self, name: object) -> Path | None:
        """The file `name` (relative, "/" between folders) if it is inside the run directory and exists, else None."""
        try:
            path = inside(self.directory, name)
        except GantkError:
            return None
        return path if path.is_file() else None

    def picture(self, name: object, alt: str, label: str = "", saved_as: str = "") -> Picture | None:
        path = self.path(name)
        return Picture(path, alt, label, saved_as) if path is not None else None

    def settings(self) -> list[tuple[str, object]]:
        """Arguments that were given a value, for a list of facts."""
        hidden = {"config", "debug", "output_dir", "force"}
        items = [(key.replace("_", " "), value) for key, value in self.arguments.items() if key not in hidden]
        shown: dict[str, object] = {
            key: value for key, value in items if value is not False and value not in (None, "", [], {})
        }
        used = (("seed", self.manifest.get("seed")), ("device", self.manifest.get("device")))
        return [*shown.items(), *((key, value) for key, value in used if key not in shown and value is not None)]


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def records(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list of objects; anything else in it is left out."""
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else []


def numbers(value: object) -> np.ndarray:
    """A list of numbers as float64 `[n]`; what is no number becomes nan. No list: an empty array."""
    if not isinstance(value, (list, tuple, np.ndarray)):
        return np.zeros(0)
    return np.array([np.nan if (number := read_number(part)) is None else number for part in value])


def matrix(value: object, rows: int, columns: int) -> np.ndarray | None:
    """A list of lists as float64 `[rows, columns]`, or None where it has another shape."""
    if not isinstance(value, list) or len(value) != rows:
        return None
    parts = [numbers(row) for row in value]
    return np.stack(parts) if parts and all(part.shape == (columns,) for part in parts) else None


def commands_of(directory: Path) -> list[str]:
    """The commands that left a manifest in `directory`, in alphabetical order; shards count once they are merged."""
    names = (
        path.name.removesuffix(MANIFEST_SUFFIX) for path in directory.glob("*" + MANIFEST_SUFFIX) if path.is_file()
    )
    return sorted(name for name in names if not _SHARD.search(name))


def records_below(directory: Path) -> Iterator[RunRecord]:
    """Every run in `directory` and in its sub-directories, one level down: the shape a tour leaves."""
    folders: Sequence[Path] = [
        directory,
        *sorted(path for path in directory.iterdir() if path.is_dir() and not path.name.startswith(".")),
    ]
    for folder in folders:
        for command in commands_of(folder):
            yield RunRecord.read(folder, command)
