"""Runs of `gantk sefa` and `gantk ganspace` that were made before results were typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gantk.codes.directions import Direction
from gantk.codes.kept_directions import load_direction
from gantk.comparators.results import GanspaceResult, SefaResult
from gantk.runs.upgrade import walks


def sefa(manifest: Mapping[str, Any], directory: Path) -> SefaResult:
    """The result of a run of format 1."""
    results = manifest["results"]
    return SefaResult(
        direction=_direction("sefa", directory),
        walks=walks(results["directions"], directory),
        eigenvalues=np.asarray(results["eigenvalues"], np.float64),
    )


def ganspace(manifest: Mapping[str, Any], directory: Path) -> GanspaceResult:
    """The result of a run of format 1."""
    results = manifest["results"]
    return GanspaceResult(
        direction=_direction("ganspace", directory),
        walks=walks(results["directions"], directory),
        deviations=np.asarray(results["deviations"], np.float64),
        explained=np.asarray(results["explained"], np.float64),
        layer=str(manifest["arguments"]["layer"]),
    )


def _direction(name: str, directory: Path) -> Direction:
    return load_direction(directory / f"{name}.safetensors")
