"""Runs of HiGAN's tasks that were made before results were typed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gantk.codes.directions import Direction
from gantk.codes.kept_directions import load_direction
from gantk.higan.boundaries import Boundary, Figures, Histograms, RowFigures, TrainBoundaryResult
from gantk.higan.gains import RescoreFacts, Subject, concluded
from gantk.higan.manipulated import Animation, ManipulateResult, Moved, grid_of, moved_name
from gantk.higan.rescored import RescoreResult
from gantk.higan.samples import ScoreSummary, SynthesizeResult
from gantk.runs.structure import Image
from gantk.runs.upgrade import part, walks
from gantk.store.files import load_npy
from gantk.store.inside import inside

OWN = ("z", "w", "wp", "image", "attribute", "category")


def synthesize(manifest: Mapping[str, Any], directory: Path) -> SynthesizeResult:
    results = manifest["results"]
    arrays = {Path(name).stem: load_npy(inside(directory, name), mmap=True) for name in results["files"]}
    summaries = {
        name: part(ScoreSummary, {**found, **found["histogram"]}, directory, missing=0)
        for name, found in results.get("attributes", {}).items()
    }
    return SynthesizeResult(
        num=int(results["num"]),
        seed=None if "codes" in manifest["arguments"] else manifest["seed"],
        seeds=None,
        truncation=str(results["truncation"]),
        predictor=results.get("predictor"),
        styles={name: array for name, array in arrays.items() if name not in OWN},
        summaries=summaries,
        classes={name: int(count) for name, count in results.get("categories", {}).items()},
        images=tuple(Image(name, None, inside(directory, name)) for name in results["images"]),
        probe=None,
        **{name: arrays.get(name) for name in OWN},
    )


def train_boundary(manifest: Mapping[str, Any], directory: Path) -> TrainBoundaryResult:
    results, arguments = manifest["results"], manifest["arguments"]
    stem = str(arguments["save_name"]).removesuffix(".npy")
    log_name = str(arguments["logfile_name"] or f"{stem}.log")
    log = inside(directory, log_name)
    tied = {note.split(" ")[3] for note in results["notes"] if note.startswith("Both ends of ")}
    return TrainBoundaryResult(
        space=str(results["space"]),
        boundaries=tuple(_boundary(entry, tied, results["settings"], directory) for entry in results["attributes"]),
        cosines=np.asarray(results["cosine"]["values"], np.float64),
        compat=bool(results["settings"]["compat"]),
        log=tuple(log.read_text(encoding="utf-8").splitlines()[1:]) if log.is_file() else (),
        log_name=log_name,
        ends=None,
    )


def _boundary(entry: Mapping[str, Any], tied: set[str], settings: Mapping[str, Any], directory: Path) -> Boundary:
    path, projections = str(entry["path"]), entry["projection_histogram"]
    scores = entry["score_histogram"]
    return part(
        Boundary,
        {**entry, "score_counts": scores["counts"], "score_edges": scores["edges"]},
        directory,
        direction=load_direction(inside(directory, path)),
        file=path.removesuffix(".safetensors"),
        figures=part(Figures, entry, directory),
        tied=entry["name"] in tied,
        refit=bool(settings["refit"]),
        projections=part(Histograms, projections, directory) if projections else None,
        rows=tuple(part(RowFigures, {**row, "row": row["index"]}, directory) for row in entry.get("layers", ())),
    )


def rescore(manifest: Mapping[str, Any], directory: Path) -> RescoreResult:
    """The result of a run of format 1, concluded again from its arrays."""
    results, arguments = manifest["results"], manifest["arguments"]
    facts = RescoreFacts(
        predictor=str(results["predictor"]),
        layer_names=tuple(results["layer_names"]),
        spaces=tuple(results["spaces"]),
        subjects=tuple(
            Subject(
                name=str(entry["name"]),
                direction=_used(directory, entry["prefix"], entry["name"], entry["space"]),
                attribute=str(results["attributes"][entry["column"]]),
                prefix=str(entry["prefix"]),
                spread=None,
            )
            for entry in results["entries"]
        ),
    )
    arrays = {name: load_npy(inside(directory, f"{name}.npy"), mmap=True) for name in manifest["arrays"]}
    distances = tuple(float(distance) for distance in arguments["distances"])
    return concluded(arrays, facts, distances, [None] * len(facts.subjects))


def _used(directory: Path, prefix: str, name: str, space: str) -> Direction:
    """A direction as a run of HiGAN's tasks kept it."""
    return Direction(name, "direction", space, load_npy(inside(directory, f"{prefix}_boundary.npy")))


def manipulate(manifest: Mapping[str, Any], directory: Path) -> ManipulateResult:
    results = manifest["results"]
    arrays = {Path(name).stem: load_npy(inside(directory, name), mmap=True) for name in results["files"]}
    how = results["animation"]
    animation = Animation(
        formats=tuple(how["formats"]), fps=float(how["fps"]), once=bool(how["once"]), grid=grid_of(how["grid"])
    )
    prefix = "manipulate_"
    return ManipulateResult(
        num=int(manifest["arguments"]["num"]),
        truncation=str(results["truncation"]),
        conditions=tuple(results["conditions"]),
        unmoved={name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)},
        moved=tuple(_moved(entry, arrays, directory) for entry in results["directions"]),
        animation=animation if animation.formats else None,
    )


def _moved(entry: Mapping[str, Any], arrays: Mapping[str, Any], directory: Path) -> Moved:
    walk = walks([entry], directory)[0]
    if walk.strips and (walk.strips[0].quantity != "distance" or 0.0 not in walk.strips[0].values):
        walk = dataclasses.replace(  # the nearest to zero was noted, which is not the sample as drawn
            walk, strips=tuple(dataclasses.replace(strip, origin=None) for strip in walk.strips)
        )
    prefix = str(entry["prefix"])
    own = prefix.rpartition("_")[2]
    return Moved(
        departures=(),
        direction=_used(directory, prefix, str(entry["name"]), own),
        prefix=prefix,
        distances=tuple(float(distance) for distance in entry["distances"]),
        walk=walk,
        codes=arrays.get(moved_name(prefix, str(entry["space"]))),
    )
