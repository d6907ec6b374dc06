"""Runs of `gantk sefa` and `gantk ganspace` that were made before results were typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from gantk.codes.kept_directions import load_direction
from gantk.comparators.results import GanspaceResult, SefaResult
from gantk.runs.upgrade import part, walks

R = TypeVar("R", SefaResult, GanspaceResult)


def sefa(manifest: Mapping[str, Any], directory: Path) -> SefaResult:
    return _upgraded(SefaResult, manifest, directory)


def ganspace(manifest: Mapping[str, Any], directory: Path) -> GanspaceResult:
    return _upgraded(GanspaceResult, manifest, directory)


def _upgraded(kind: type[R], manifest: Mapping[str, Any], directory: Path) -> R:
    results = manifest["results"]
    return part(
        kind,
        {**manifest["arguments"], **results},
        directory,
        direction=load_direction(directory / f"{kind.TASK}.safetensors"),
        walks=walks(results["directions"], directory),
    )
