"""Where the weight files of public networks lie: folders of predictors, and packages that bring them."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import torch

from gantk.errors import GantkError
from gantk.store.inside import regular_file
from gantk.store.shipped import home

FOLDER_VARIABLE = "GANTK_PREDICTORS"


def folders() -> list[Path]:
    """$GANTK_PREDICTORS, ./predictors, gantk's folder and torch's cache, in this order."""
    named = os.environ.get(FOLDER_VARIABLE)
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    return [*([Path(named)] if named else []), Path("predictors"), home() / "predictors", cache]


def find_file(*names: str) -> Path | None:
    """The first file of one of the names in the folders of predictors."""
    files = (folder / name for folder in folders() for name in names)
    return next((file for file in files if regular_file(file).is_file()), None)


def require_file(network: str, source: str, *names: str) -> Path:
    """As `find_file`; GantkError, with what `network` needs it and its `source`, where it is in none of the folders."""
    if (found := find_file(*names)) is not None:
        return found
    raise GantkError(
        f"{network} needs {names[0]} ({source}), which is in none of {', '.join(map(str, folders()))}: put it there, "
        f"or set {FOLDER_VARIABLE} to the folder that has it."
    )


def packaged_file(package: str, path: str) -> Path | None:
    """A file of an installed package, which is not imported."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return None
    file = Path(found.origin).parent / path
    return file if file.is_file() else None
