"""Runs of `gantk navigan` that were made before results were typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gantk.navigan.kept import read_kept
from gantk.navigan.results import (
    ApplyResult,
    Curve,
    EachEdit,
    Edited,
    Exactness,
    HessianResult,
    LogLine,
    Pair,
    SearchStep,
    Shown,
    Spectrum,
    SvdResult,
    TrainResult,
)
from gantk.runs.structure import Image
from gantk.runs.upgrade import walk
from gantk.store.files import load_npy
from gantk.store.inside import inside

TOLERANCE = 0.003  # the default, where a run did not say it


def hessian(manifest: Mapping[str, Any], directory: Path) -> HessianResult:
    """The result of a run of format 1."""
    results = manifest["results"]
    exact = None
    if "residuals" in results:
        agreement = results.get("agreement")
        exact = Exactness(
            residuals=np.asarray(results["residuals"], np.float64),
            ritz=np.asarray(results["ritz"], np.float64),
            history=tuple(
                SearchStep(products=int(n), residual=_finite(residual), angle=float(angle))
                for n, residual, angle in results["history"]
            ),
            converged=bool(results["converged"]),
            angle=float(results["angle"]),
            trace=float(results["trace"]),
            trace_error=float(results["trace_error"]),
            captured=_finite(results["captured"]),
            agreement=_finite(agreement),
            tolerance=float(manifest["arguments"].get("tolerance") or TOLERANCE),
        )
    values = np.asarray(results["eigenvalues"], np.float64)
    spectrum = Spectrum(values=values, products=int(results["products"]), exact=exact)
    return HessianResult(**_directions(results, directory), spectrum=spectrum)


def svd(manifest: Mapping[str, Any], directory: Path) -> SvdResult:
    """The result of a run of format 1."""
    results = manifest["results"]
    values = np.asarray(results["singular_values"], np.float64)
    return SvdResult(**_directions(results, directory), singular_values=values)


def train(manifest: Mapping[str, Any], directory: Path) -> TrainResult:
    """The result of a run of format 1."""
    results = manifest["results"]
    log = tuple(
        LogLine(
            step=int(line["step"]),
            cross_entropy=float(line["cross_entropy"]),
            strength_error=float(line["strength_error"]),
            accuracy=float(line["accuracy"]),
            held_out=_finite(line.get("held_out")),
        )
        for line in results["log"]
    )
    basis = Path(str(manifest["arguments"]["basis"])).name
    return TrainResult(**_directions(results, directory), basis=basis, steps=log[-1].step, log=log)


def apply(manifest: Mapping[str, Any], directory: Path) -> ApplyResult:
    """The result of a run of format 1."""
    results, arguments = manifest["results"], manifest["arguments"]
    metric = arguments.get("metric")
    edited = []
    for entry in results.get("directions") or ():
        number = int(str(entry["name"]).split()[-1])
        path = inside(directory, f"direction{number:03d}_distance.npy")
        distance = load_npy(path, mmap=True) if metric is not None else None
        edited.append(
            Edited(number=number, walk=walk(entry, directory), scale=float(entry["scale"]), distance=distance)
        )
    each = tuple(
        EachEdit(image=_image(name, directory), number=int(number), strength=float(strength))
        for name, number, strength in results.get("each") or ()
    )
    return ApplyResult(
        name=Path(str(results["file"])).stem,
        layer=str(results["layer"]),
        count=int(results["count"]),
        total=len(each) or int(arguments["num"]),
        metric=None if metric is None or each else str(metric),
        edited=tuple(edited),
        each=each,
        fps=float(results["animation"]["fps"]),
    )


def _directions(results: Mapping[str, Any], directory: Path) -> Mapping[str, Any]:  # keywords of any of the results
    """The fields that all results of directions share."""
    shown = []
    for entry in results["directions"]:
        value = entry.get("value")
        pairs = tuple(Pair(**{kind: _image(name, directory) for kind, name in pair.items()}) for pair in entry["pairs"])
        shown.append(
            Shown(
                number=int(str(entry["name"]).split()[-1]),
                walk=walk(entry, directory),
                scale=float(entry["scale"]),
                value=None if value is None else float(value),
                change=float(entry["change"]),
                change_most=float(entry["change_most"]),
                where=_image(entry["map"], directory),
                pairs=pairs,
            )
        )
    curves = tuple(
        Curve(
            number=int(curve["row"]),
            scale=float(curve["scale"]),
            strengths=np.asarray(curve["strengths"], np.float64),
            distances=np.asarray(curve["distances"], np.float64),
            reached=bool(curve["reached"]),
        )
        for curve in results["curves"]
    )
    return {
        "directions": read_kept(inside(directory, str(results["file"]))),
        "weight_length": float(results["weight_length"]),
        "metric": str(results["metric"]),
        "share": float(results["share"]),
        "curves": curves,
        "shown": tuple(shown),
        "fps": float(results["animation"]["fps"]),
    }


def _image(name: str, directory: Path) -> Image:
    return Image(str(name), None, inside(directory, str(name)))


def _finite(value: object) -> float | None:
    """A number, or None where the JSON has none (nan and inf among them)."""
    return float(value) if isinstance(value, (int, float)) and np.isfinite(value) else None
