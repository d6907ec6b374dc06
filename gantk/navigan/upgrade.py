"""Runs of `gantk navigan` that were made before results were typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gantk.navigan.kept import read_kept
from gantk.navigan.results import (
    ApplyResult,
    Curve,
    EachEdit,
    Edited,
    Exactness,
    HessianResult,
    LogLine,
    SearchStep,
    Shown,
    Spectrum,
    SvdResult,
    TrainResult,
)
from gantk.runs.upgrade import part, walk
from gantk.store.files import load_npy
from gantk.store.inside import inside

TOLERANCE = 0.003  # the default, where a run did not say it
HELD_OUT_BATCHES = 4  # that version 0.1.0 looked at


def hessian(manifest: Mapping[str, Any], directory: Path) -> HessianResult:
    results = manifest["results"]
    exact = None
    if "residuals" in results:
        names = ("products", "residual", "angle")
        steps = [dict(zip(names, step, strict=True)) for step in results["history"]]
        history = tuple(part(SearchStep, step, directory) for step in steps)
        tolerance = float(manifest["arguments"].get("tolerance") or TOLERANCE)
        exact = part(Exactness, results, directory, history=history, tolerance=tolerance)
    spectrum = part(Spectrum, {**results, "values": results["eigenvalues"]}, directory, exact=exact)
    num = int(manifest["arguments"]["num"])
    return part(HessianResult, results, directory, **_directions(results, directory), spectrum=spectrum, num=num)


def svd(manifest: Mapping[str, Any], directory: Path) -> SvdResult:
    results = manifest["results"]
    return part(SvdResult, results, directory, **_directions(results, directory))


def train(manifest: Mapping[str, Any], directory: Path) -> TrainResult:
    results = manifest["results"]
    log = tuple(part(LogLine, line, directory) for line in results["log"])
    arguments = manifest["arguments"]
    told = {"basis": Path(str(arguments["basis"])).name, "steps": log[-1].step}
    told["held_out_edits"] = HELD_OUT_BATCHES * int(arguments["batch"])
    return part(TrainResult, {**results, **told}, directory, **_directions(results, directory), log=log)


def apply(manifest: Mapping[str, Any], directory: Path) -> ApplyResult:
    results, arguments = manifest["results"], manifest["arguments"]
    metric = arguments.get("metric")
    edited = []
    for entry in results.get("directions") or ():
        number = _number(entry)
        path = inside(directory, f"direction{number:03d}_distance.npy")
        distance = load_npy(path, mmap=True) if metric is not None else None
        edited.append(part(Edited, entry, directory, number=number, walk=walk(entry, directory), distance=distance))
    names = ("image", "number", "strength")
    rows = [dict(zip(names, row, strict=True)) for row in results.get("each") or ()]
    each = tuple(part(EachEdit, row, directory) for row in rows)
    return part(
        ApplyResult,
        results,
        directory,
        name=Path(str(results["file"])).stem,
        total=len(each) or int(arguments["num"]),
        metric=None if metric is None or each else str(metric),
        edited=tuple(edited),
        each=each,
        fps=float(results["animation"]["fps"]),
    )


def _number(entry: Mapping[str, Any]) -> int:
    return int(str(entry["name"]).split()[-1])


def _directions(results: Mapping[str, Any], directory: Path) -> dict[str, object]:
    """The fields that all results of directions share, as far as they had another form."""
    return {
        "directions": read_kept(inside(directory, str(results["file"]))),
        "curves": tuple(part(Curve, {**curve, "number": curve["row"]}, directory) for curve in results["curves"]),
        "shown": tuple(
            part(
                Shown,
                {**entry, "where": entry["map"]},
                directory,
                number=_number(entry),
                walk=walk(entry, directory),
            )
            for entry in results["directions"]
        ),
        "fps": float(results["animation"]["fps"]),
    }
