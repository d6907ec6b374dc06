"""Directions by file or by name, and whether one belongs to a generator.

The kinds of files are in `gantk.codes.direction_files`.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gantk.checkpoints.addresses import file_at, is_address, parse_address
from gantk.codes.direction_files import (
    READABLE,
    SUFFIXES,
    Content,
    interpreted,
    read_content,
    write_native,
)
from gantk.codes.directions import Direction
from gantk.errors import GantkError, UsageError, suggestion
from gantk.generators.arguments import checked
from gantk.store.files import save_npy
from gantk.store.shipped import matching, shipped_files

if TYPE_CHECKING:
    from gantk.generators.base import Generator


def save_direction(path: str | os.PathLike[str], direction: Direction) -> Path:
    """Write a direction: safetensors with a JSON header, or for the original programs a plain .npy (vectors only)."""
    target = Path(path)
    if target.suffix == ".npy":
        return save_npy(target, direction.vectors.astype("float32", copy=False))
    fields = {f.name: getattr(direction, f.name) for f in dataclasses.fields(direction) if f.name != "vectors"}
    if direction.scales is None:
        del fields["scales"]
    return write_native(target, direction.vectors, fields)


@checked
def load_direction(
    name_or_path: str | os.PathLike[str],
    generator: Generator | None = None,
    force: bool = False,
    space: str | None = None,
    several: bool = False,
    fetch: bool = False,
) -> Direction:
    """Load a direction by file, or by the name of a shipped or pulled one ("time_of_day", "stylegan_bedroom/wood").

    Args:
        name_or_path: a gantk file, another program's (direction_files.py has their kinds), a name, or the https
            address of a file, with ``#sha256=HEX`` behind it where it is to be checked.
        generator: what it will be applied to: widths are compared, and its probe where the file has one. A name that
            several files bear means the one that belongs to it.
        force: take it although it was made for another generator (widths must fit all the same).
        space: the space of a bare array, which says nothing about it; otherwise it is concluded from its content.
        several: whether several directions are expected in it: codes by mistake are then not asked about.
        fetch: whether an address may be fetched, as one typed on this command line may; see addresses.py.

    Raises:
        GantkError: the file is damaged, no direction, or belongs to another generator.
        UsageError: there is no such name, or several files bear it.
    """
    path = Path(name_or_path)
    if isinstance(name_or_path, str) and is_address(name_or_path):
        path = _file_at(name_or_path, fetch)
    if path.suffix in READABLE or (path.is_file() and not is_shipped(str(name_or_path))):
        direction = _from_content(read_content(path), space, generator, several)
        if generator is None:
            return direction
        check_generator(direction, generator, force)
        from gantk.generators.probe import mismatch, probe_of

        another = force and direction.probe is not None and mismatch(direction.probe, probe_of(generator)) is not None
        return direction.replace(probe=None) if another else direction  # so that no verb refuses it again
    return _load_by_name(os.fspath(name_or_path), generator, force, space)


def _file_at(name: str, fetch: bool) -> Path:
    """The direction file of an address, which alone says nothing of a checkpoint."""
    facts = parse_address(name).facts
    if facts:
        raise UsageError(f"{', '.join(facts)} behind the address of a direction says nothing: only sha256=HEX does.")
    return file_at(name, fetch)


def is_shipped(name: str) -> bool:
    """Whether a word is a shipped direction's name, so that a file or folder of that name is `./NAME`."""
    if Path(name).name != name or Path(name).suffix:
        return False
    return bool(matching("directions", name, SUFFIXES) or matching("boundaries", name, SUFFIXES))


def _load_by_name(name: str, generator: Generator | None, force: bool, space: str | None) -> Direction:
    found = {**matching("directions", name, SUFFIXES), **matching("boundaries", name, SUFFIXES)}
    if name in found:
        found = {name: found[name]}
    if not found:
        known = [
            key.rpartition("/")[2].removesuffix("_boundary")
            for kind in ("boundaries", "directions")
            for key in shipped_files(kind, SUFFIXES)
        ]
        public = _published(name)
        if public:
            raise UsageError(
                f"The published direction {name!r} is not here yet: fetch it with `gantk models pull {public[0]}`"
                + (f" (or {', '.join(public[1:])})." if public[1:] else ".")
            )
        raise UsageError(f"There is no file and no shipped direction {name!r}.{suggestion(name, known)}")
    if generator is None or len(found) == 1:
        if len(found) > 1:
            raise UsageError(
                f"The name {name!r} stands for several directions: give one of {', '.join(sorted(found))}."
            )
        return load_direction(next(iter(found.values())), generator, force, space)
    refused = {}
    for key, path in sorted(found.items()):
        try:
            return load_direction(path, generator, force, space)
        except GantkError as error:
            refused[key] = error
    raise UsageError(
        f"None of the directions named {name!r} ({', '.join(refused)}) belongs to this generator: "
        "find one for it, or name one and force it."
    )


def _published(name: str) -> list[str]:
    """Names of the zoo's directions that `name` stands for: its own, or the last part of it."""
    from gantk.generators.zoo import entries

    wanted = name.removesuffix("_boundary")
    directions = [entry.name for entry in entries().values() if entry.kind in ("boundary", "direction")]
    if wanted in directions:
        return [wanted]
    return [full for full in directions if full.endswith("/" + wanted)]


def _from_content(content: Content, space: str | None, generator: Generator | None, several: bool) -> Direction:
    rows = None if generator is None or "wp" not in generator.spec.spaces else generator.spec.num_layers
    content = interpreted(content, space, rows, several)
    fields = dict(content.fields)
    assumed = fields.pop("space", None)
    if space is None and assumed is None:
        only_z = generator is not None and "w" not in generator.spec.spaces
        space = "wp" if content.vectors.ndim == 3 else "z" if only_z else "w"
    return Direction(vectors=content.vectors, space=space or assumed, **fields)


def check_generator(direction: Direction, generator: Generator, force: bool = False) -> None:
    """Refuse a direction of another generator.

    Raises:
        GantkError: the widths differ, or (unless forced) the probe does.
    """
    spec = generator.spec
    if direction.space not in spec.spaces:
        raise GantkError(f"{direction.title} does not apply: a {spec.family} has no {direction.space}.")
    if direction.space != "s" and direction.vectors.shape[1:] != (expected := spec.code_shape(direction.space)):
        raise GantkError(
            f"{direction.title} has the shape {direction.vectors.shape[1:]} where this generator takes {expected}: "
            "it belongs to another network."
        )
    if direction.layers and direction.space != "s" and max(direction.layers) >= spec.num_layers:
        raise GantkError(
            f"{direction.title} is for layer {max(direction.layers)}, and this generator has layers "
            f"0 to {spec.num_layers - 1}: it belongs to another network."
        )
    from gantk.generators.probe import refuse_another

    refuse_another(direction.probe, generator, f"{direction.title} was made for another generator", force)


def of_generator(direction: Direction, generator: Generator) -> Direction:
    """A direction that Python gives, unless its probe is another generator's; where it does not fit is said where it is
    applied.

    Raises:
        GantkError: the probes differ.
    """
    from gantk.generators.probe import refuse_another

    what = f"{direction.title} was made for another generator"
    refuse_another(direction.probe, generator, what, way="give direction.replace(probe=None)")
    return direction
