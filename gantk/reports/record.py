"""What a page is made from: the manifest `<command>.run.json` of a run directory and the files it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gantk.errors import GantkError, suggestion
from gantk.runs.manifest import MANIFEST_SUFFIX, Manifest, file_stem, read_manifest
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
    def arguments(self) -> JsonTable:
        return self.manifest["arguments"]

    @property
    def command_line(self) -> str:
        """The command as typed, quoted for a shell."""
        return self.manifest.get("argv") or ""

    def settings(self) -> list[tuple[str, object]]:
        """Arguments that were given a value, for a list of facts."""
        hidden = {"config", "settings", "debug", "output_dir", "force"}
        items = [(key.replace("_", " "), value) for key, value in self.arguments.items() if key not in hidden]
        shown: dict[str, object] = {
            key: value for key, value in items if value is not False and value not in (None, "", [], {})
        }
        used = (("seed", self.manifest.get("seed")), ("device", self.manifest.get("device")))
        return [*shown.items(), *((key, value) for key, value in used if key not in shown and value is not None)]


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
