"""Runs of `gantk resefa` that were made before results were typed (format 1)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gantk.codes.kept_directions import load_direction
from gantk.resefa.results import (
    CompatDirections,
    DirectionsResult,
    DrawnDirection,
    Grams,
    JacobianFacts,
    JacobianResult,
    LeadingDirections,
    RegionDirections,
    RegionPlace,
    RegionResponse,
)
from gantk.runs.structure import Image, Strip
from gantk.runs.upgrade import part
from gantk.store.files import load_npy
from gantk.store.inside import inside


def jacobian(manifest: Mapping[str, Any], directory: Path) -> JacobianResult:
    results = manifest["results"]
    leading = tuple(_leading(entry, directory) for entry in results.get("leading", []))
    return JacobianResult(
        facts=_facts(manifest, directory),
        grams=None if leading else _grams(manifest, directory),
        responses=tuple(_response(entry, directory) for entry in results.get("regions", [])),
        leading=leading,
    )


def _facts(manifest: Mapping[str, Any], directory: Path) -> JacobianFacts:
    made, results = manifest["arguments"], manifest["results"]
    asked = made["asked"]
    fixed = bool(asked["box"] or asked["mask"])
    # which classes a region had was not kept: it can be measured again only after running the command again
    places = tuple(
        RegionPlace(name=str(name), text=str(text), mask=None, classes=None)
        for name, text in zip(made["names"], made["regions"], strict=True)
    )
    return part(
        JacobianFacts,
        {**made, **results},
        directory,
        places=places,
        rows=tuple(made["layers"]),
        samples=int(made["num"]),
        weights=f"crc32:{made['weights']}",
        segmenter="" if fixed else str(made.get("segmenter") or ""),
        own_maps=made.get("label_map") is not None,
        preview=0,
    )


def _grams(manifest: Mapping[str, Any], directory: Path) -> Grams:
    arrays = {
        name: load_npy(directory / f"gram_{name}.npy") for name in ("total", "inside", "rows", "brightness", "codes")
    }
    margin = load_npy(directory / "gram_margin.npy") if "gram_margin.npy" in manifest["outputs"] else None
    return Grams(per_sample=bool(manifest["arguments"]["per_sample"]), margin=margin, **arrays)


def _images(names: list[str], directory: Path) -> tuple[Image, ...]:
    return tuple(Image(name, None, inside(directory, name)) for name in names)


def _response(entry: Mapping[str, Any], directory: Path) -> RegionResponse:
    spectra = {f"spectrum_{side}": values for side, values in entry["spectrum"].items()}
    return part(RegionResponse, {**entry, **spectra}, directory)


def _leading(entry: Mapping[str, Any], directory: Path) -> LeadingDirections:
    return part(LeadingDirections, entry, directory, direction=load_direction(inside(directory, entry["file"])))


def directions(manifest: Mapping[str, Any], directory: Path) -> DirectionsResult:
    results = manifest["results"]
    compat = tuple(
        part(CompatDirections, entry, directory, vectors=load_npy(inside(directory, entry["file"])))
        for entry in results.get("compat", [])
    )
    regions = tuple(_region(entry, directory) for entry in results.get("regions", []))
    return DirectionsResult(levels=tuple(results.get("levels", (0.02, 0.05, 0.1))), regions=regions, compat=compat)


def _region(entry: Mapping[str, Any], directory: Path) -> RegionDirections:
    folder = f"{entry['name']}_steps"
    drawn = tuple(_drawn(shown, directory) for shown in entry.get("pictures", []))
    samples = len(drawn[0].strips) if drawn else 0
    return part(
        RegionDirections,
        {"scores": (), **entry, "reached": [walk["levels"] for walk in entry.get("walks", [])]},
        directory,
        direction=load_direction(inside(directory, entry["file"])),
        alike=_nearest(np.asarray(entry["alike"], np.float64)),
        overlays=_images([f"{folder}/region_{sample}.png" for sample in range(samples)], directory),
        drawn=drawn,
    )


def _nearest(cosines_KK: np.ndarray) -> float:
    """The largest cosine between two directions, of the table of all of them."""
    return float(np.where(np.eye(len(cosines_KK), dtype=bool), 0.0, cosines_KK).max())


def _drawn(shown: Mapping[str, Any], directory: Path) -> DrawnDirection:
    values = tuple(float(value) for value in shown["distances"])
    strips = tuple(
        Strip(
            label=f"sample {sample}",
            values=values,
            images=_images(frames, directory),
            origin=values.index(0.0) if 0.0 in values else None,
        )
        for sample, frames in enumerate(shown["frames"])
    )
    return DrawnDirection(
        number=int(shown["row"]), strips=strips, heat=_images(shown["heat"], directory), limit=float(shown["limit"])
    )
