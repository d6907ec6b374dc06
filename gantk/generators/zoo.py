"""Public networks and directions by name: family, addresses, size and sha256 where known, licence, settings.

The facts are in zoo.toml, one table per set of files; gantk/checkpoints/pull.py fetches them.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOADABLE = "generator"  # the kind that `load_generator` takes by name


@dataclass(frozen=True)
class PublicFile:
    """One file of an entry.

    Attributes:
        path: where it belongs below the entry's folder, with slashes.
        urls: its addresses, the best first.
        size: in bytes, where known.
        sha256: in hexadecimal, where known: all 64 digits, or those it begins with.
    """

    path: str
    urls: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Entry:
    """What is known of a name.

    Attributes:
        name: of the zoo, such as "stylegan_bedroom" or "stylegan_bedroom/wood".
        title: the set it belongs to, and whose it is.
        kind: generator, encoder, boundary, direction, deformations, predictor, archive or folder.
        family: of the network it is, or is for; None for a predictor.
        resolution: of the canvas, where known.
        page: where its authors offer it.
        licence: of the file, as its authors state it; None is not known here.
        folder: below the user's folder.
        files: one or more; the first one is the network. A shared folder that only a browser opens has none.
        settings: what its authors use it with (truncation, layers, fused_scale, ...).
        note: one sentence, or empty.
    """

    name: str
    title: str
    kind: str
    family: str | None
    resolution: int | None
    page: str
    licence: str | None
    folder: str
    files: tuple[PublicFile, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def size(self) -> int | None:
        """Bytes of all files, where all are known."""
        sizes = [file.size for file in self.files]
        return sum(size for size in sizes if size) if sizes and None not in sizes else None


@functools.cache
def entries() -> Mapping[str, Entry]:
    """Every entry by its name, in the order of the file."""
    table = tomllib.loads(Path(__file__).with_name("zoo.toml").read_text(encoding="utf-8"))
    return {
        row["name"]: _entry({**shared, **row, "settings": {**shared.get("settings", {}), **row.get("settings", {})}})
        for shared in table["set"]
        for row in shared["entries"]
    }


def _entry(facts: Mapping[str, Any]) -> Entry:
    words = {key: facts[key] for key in ("name", "file", "share", "drive") if key in facts}
    files = []
    for file in facts["files"]:
        known = {**file, **({key: facts[key] for key in ("size", "sha256") if key in facts})}
        urls = file["url"] if isinstance(file["url"], list) else [file["url"]]
        files.append(
            PublicFile(
                file["path"].format(**words),
                tuple(url.format(**words) for url in urls),
                known.get("size"),
                known.get("sha256"),
            )
        )
    return Entry(
        name=facts["name"],
        title=facts["title"],
        kind=facts["kind"],
        family=facts.get("family"),
        resolution=facts.get("resolution"),
        page=facts["page"],
        licence=facts.get("licence"),
        folder=facts["folder"],
        files=tuple(files),
        settings=facts["settings"],
        note=facts.get("note", ""),
    )
