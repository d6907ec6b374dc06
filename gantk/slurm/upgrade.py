"""Chains that were written before their results were typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gantk.runs.upgrade import part
from gantk.slurm.results import ChainResult, Job


def chain(manifest: Mapping[str, Any], directory: Path) -> ChainResult:
    """A chain, as it was written, submitted and asked about."""
    jobs = tuple(
        part(Job, {**entry, "queue": entry["queue"] or {}}, directory, number=entry["id"] and str(entry["id"]))
        for entry in manifest["results"]["jobs"]
    )
    return ChainResult(pipeline=str(manifest["arguments"]["pipeline"]), jobs=jobs)
