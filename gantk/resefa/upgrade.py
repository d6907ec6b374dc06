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
    Reached,
    RegionDirections,
    RegionPlace,
    RegionResponse,
    ScoreAt,
)
from gantk.runs.structure import Image, Strip
from gantk.store.files import load_npy
from gantk.store.inside import inside


def jacobian(manifest: Mapping[str, Any], directory: Path) -> JacobianResult:
    """The result of a run of `gantk resefa jacobian`."""
    results = manifest["results"]
    leading = tuple(_leading(entry, directory) for entry in results.get("leading", []))
    return JacobianResult(
        facts=_facts(manifest),
        grams=None if leading else _grams(manifest, directory),
        responses=tuple(_response(entry, directory) for entry in results.get("regions", [])),
        leading=leading,
    )


def _facts(manifest: Mapping[str, Any]) -> JacobianFacts:
    made, results = manifest["arguments"], manifest["results"]
    asked = made["asked"]
    fixed = bool(asked["box"] or asked["mask"])
    # which classes a region had was not kept: it can be measured again only after running the command again
    places = tuple(
        RegionPlace(name=str(name), text=str(text), mask=None, classes=None)
        for name, text in zip(made["names"], made["regions"], strict=True)
    )
    return JacobianFacts(
        places=places,
        space=str(made["space"]),
        part=str(made["part"]),
        rows=tuple(made["layers"]),
        dim=int(results["dim"]),
        size=int(made["size"]),
        channels=str(made["channels"]),
        decimate=bool(made["decimate"]),
        noise=str(made["noise"]),
        margin=float(made["margin"]),
        truncation=str(made["truncation"]),
        label=made.get("label"),
        samples=int(made["num"]),
        seed=int(made["seed"]),
        resolution=int(results["resolution"]),
        layer_names=tuple(results["layer_names"]),
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
    return RegionResponse(
        name=str(entry["name"]),
        text=str(entry["text"]),
        share=float(entry["share"]),
        inside=float(entry["inside"]),
        outside=float(entry["outside"]),
        rank=int(entry["rank"]),
        condition=entry["condition"],
        spectrum_inside=np.asarray(entry["spectrum"]["inside"], np.float64),
        spectrum_outside=np.asarray(entry["spectrum"]["outside"], np.float64),
        pictures=_images(entry["pictures"], directory),
    )


def _leading(entry: Mapping[str, Any], directory: Path) -> LeadingDirections:
    return LeadingDirections(
        name=str(entry["name"]),
        text=str(entry["text"]),
        share=float(entry["share"]),
        passes=int(entry["passes"]),
        direction=load_direction(inside(directory, entry["file"])),
        eigenvalues=np.asarray(entry["eigenvalues"], np.float64),
        quotients=np.asarray(entry["quotients"], np.float64),
        scales=np.asarray(entry["scales"], np.float64),
        pictures=_images(entry["pictures"], directory),
    )


def directions(manifest: Mapping[str, Any], directory: Path) -> DirectionsResult:
    """The result of a run of `gantk resefa directions`."""
    results = manifest["results"]
    compat = tuple(
        CompatDirections(
            name=str(entry["name"]),
            sample=int(entry["sample"]),
            file=str(entry["file"]),
            vectors=load_npy(inside(directory, entry["file"])),
            eigenvalues=np.asarray(entry["eigenvalues"]),
        )
        for entry in results.get("compat", [])
    )
    regions = tuple(_region(entry, directory) for entry in results.get("regions", []))
    return DirectionsResult(levels=tuple(results.get("levels", (0.02, 0.05, 0.1))), regions=regions, compat=compat)


def _region(entry: Mapping[str, Any], directory: Path) -> RegionDirections:
    name = str(entry["name"])
    folder = f"{name}_steps"
    drawn = tuple(_drawn(shown, directory) for shown in entry.get("pictures", []))
    samples = len(drawn[0].strips) if drawn else 0
    return RegionDirections(
        name=name,
        text=str(entry["text"]),
        direction=load_direction(inside(directory, entry["file"])),
        eigenvalues=np.asarray(entry["eigenvalues"], np.float64),
        quotients=np.asarray(entry["quotients"], np.float64),
        scales=np.asarray(entry["scales"], np.float64),
        condition=entry["condition"],
        alike=_nearest(np.asarray(entry["alike"], np.float64)),
        share=entry.get("share"),
        scores=tuple(ScoreAt(**score) for score in entry.get("scores", [])),
        reached=tuple(tuple(Reached(**at) for at in walk["levels"]) for walk in entry.get("walks", [])),
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
