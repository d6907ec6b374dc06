"""What `gantk models list` and `info` print of networks that have a name."""

from __future__ import annotations

from pathlib import Path
from typing import NotRequired, TypedDict

import click

from gantk.errors import UsageError, suggestion
from gantk.store.json_values import table, text, whole

COLUMNS = ("name", "state", "kind", "family", "resolution", "size", "licence")


class Row(TypedDict):
    """A network that has a name."""

    name: str
    state: str
    kind: str
    family: str | None
    resolution: int | None
    size: int | None
    licence: str | None
    aliases: NotRequired[list[str]]
    page: NotRequired[str]


def rows() -> list[Row]:
    """One row per name: what is bundled, then the zoo (pulled or available) in its order."""
    from gantk.checkpoints.names import ALIASES, bundled
    from gantk.checkpoints.native import read_header
    from gantk.checkpoints.pull import is_pulled, pulled_size
    from gantk.generators.zoo import entries

    found: list[Row] = []
    for name, path in bundled().items():
        header = read_header(path) if path is not None else {}
        size = table(header.get("config", {}), "config").get("resolution")
        found.append(
            {
                "name": name,
                "state": "bundled",
                "kind": "generator",
                "family": text(header.get("family", name), "family"),
                "resolution": None if size is None else whole(size, "resolution"),
                "size": path.stat().st_size if path is not None else None,
                "licence": "MIT",
                "aliases": sorted(alias for alias, meant in ALIASES.items() if meant == name),
            }
        )
    for entry in entries().values():
        state = "pulled" if is_pulled(entry) else "available" if entry.files else "by hand"
        found.append(
            {
                "name": entry.name,
                "state": state,
                "kind": entry.kind,
                "family": entry.family,
                "resolution": entry.resolution,
                "size": pulled_size(entry),
                "licence": entry.licence,
                "page": entry.page,
            }
        )
    return found


def only_family(found: list[Row], family: str) -> list[Row]:
    """The rows of a family.

    Raises:
        UsageError: no row is of it.
    """
    known = {row["family"] for row in found if row["family"]}
    if family not in known:
        raise UsageError(f"No name in the list is of the family {family!r}.{suggestion(family, known)}")
    return [row for row in found if row["family"] == family]


def show(found: list[Row]) -> None:
    """Print rows as a table; a column that says the same everywhere as the one word "generator" is left out."""
    columns = [name for name in COLUMNS if name != "kind" or any(row["kind"] != "generator" for row in found)]
    table = [columns, *([_cell(row, name) for name in columns] for row in found)]
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    for line in table:
        click.echo("  ".join(f"{word:<{width}}" for word, width in zip(line, widths, strict=True)).rstrip())


def _cell(row: Row, column: str) -> str:
    if column == "name" and row.get("aliases"):
        return f"{row['name']} ({', '.join(row['aliases'])})"
    if column == "size" and row["size"] is not None:
        return readable_size(row["size"])
    value = {**row}[column]
    return "-" if value is None else str(value)


def readable_size(size: int) -> str:
    """Bytes as kB, MB or GB with three digits or so."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}" if size < 100 * factor else f"{size / factor:.0f} {unit}"
    return f"{size} B"


def show_card(name: str) -> bool:
    """Print what the zoo knows of a name; True when there is no network to look at, so that nothing is left to say."""
    from gantk.checkpoints.names import bundled
    from gantk.checkpoints.pull import is_pulled, places, pulled_size
    from gantk.generators.zoo import LOADABLE, entries

    entry = entries().get(name)
    if entry is None or Path(name).exists() or name in bundled():
        return False
    size = pulled_size(entry)
    facts = {
        "name": entry.name,
        "what": entry.title,
        "kind": entry.kind,
        "family": entry.family or "-",
        "resolution": f"{entry.resolution} x {entry.resolution}" if entry.resolution else "-",
        "licence": entry.licence or "not known here; see the page",
        "page": entry.page,
        "size": f"{size:,} bytes" if size else "not known before it is pulled",
        "settings": ", ".join(f"{key} {value}" for key, value in entry.settings.items()) or "-",
        "note": entry.note or "-",
    }
    for key, value in facts.items():
        click.echo(f"{key:<11} {value}")
    for file, path in zip(entry.files, places(entry), strict=True):
        for url in file.urls:
            click.echo(f"{'address':<11} {url}")
        click.echo(f"{'sha256':<11} {file.sha256 or 'not known; recorded at the first pull'}")
        click.echo(f"{'place':<11} {path}{'' if path.is_file() else ' (not there)'}")
    if not is_pulled(entry) and entry.files:
        click.echo(f"{'to get it':<11} gantk models pull {name}")
    return entry.kind != LOADABLE or not is_pulled(entry)
