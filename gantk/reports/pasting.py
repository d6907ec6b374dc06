"""Commands of a page with the model that the run was about, so that they can be pasted."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

from gantk.reports.record import mapping
from gantk.reports.sections import CellValue, Facts, Prose, Section, Table

_NAME = re.compile(r"[\w-]+")  # of a bundled or published model; the path of a file is not the same in every directory
_COMMAND = re.compile(r"(\bgantk [a-z -]*)\bMODEL\b")


def with_model(sections: Sequence[Section], manifest: Mapping[str, object]) -> list[Section]:
    """The sections with the model's name in place of MODEL in commands, where the run names a model by a name."""
    model = mapping(manifest.get("arguments")).get("model")
    if not isinstance(model, str) or not _NAME.fullmatch(model):
        return list(sections)
    return [_named(section, rf"\g<1>{model}") for section in sections]


def _named(section: Section, name: str) -> Section:
    if isinstance(section, Prose):
        return dataclasses.replace(section, text=_COMMAND.sub(name, section.text))
    if isinstance(section, Facts):
        items = [(key, _COMMAND.sub(name, value) if isinstance(value, str) else value) for key, value in section.items]
        return dataclasses.replace(section, items=items)
    if isinstance(section, Table):
        rows: list[list[CellValue]] = [
            [_COMMAND.sub(name, cell) if isinstance(cell, str) else cell for cell in row] for row in section.rows
        ]
        return dataclasses.replace(section, rows=rows)
    return section
