"""Runs of `gantk ghfeat` and `gantk invert` that were made before results were typed (format 1)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gantk.generators.probed import read_probe
from gantk.ghfeat.codes import read_codes
from gantk.ghfeat.figures import Figures, Pair
from gantk.ghfeat.picture_results import EditResult, Exchanged, HarmonizeResult, MixResult, Moved
from gantk.ghfeat.probe_results import EvaluateResult
from gantk.ghfeat.results import CODES, ENCODER, ExtractResult, InvertResult, TrainResult, Validation
from gantk.runs.upgrade import part, walk
from gantk.store.files import load_npy
from gantk.store.inside import inside
from gantk.store.json_values import items, whole


def train(manifest: Mapping[str, Any], directory: Path) -> TrainResult:
    results, final = manifest["results"], manifest["results"]["final"]
    return part(
        TrainResult,
        results,
        directory,
        file=np.frombuffer(inside(directory, ENCODER).read_bytes(), np.uint8),
        parameters=int(results["encoder"]["parameters"]),
        images=int(manifest["arguments"]["images"]),
        validations=tuple(
            Validation(images=int(point["images"]), figures=_figures(point, directory))
            for point in results["validations"]
        ),
        final=_figures(final, directory),
        mean_code_mse=float(final["mean_code_mse"]),
        held_out=int(final["images"]),
        pairs=tuple(_pair(number, a, b, directory) for number, (a, b) in enumerate(results["pairs"])),
    )


def extract(manifest: Mapping[str, Any], directory: Path) -> ExtractResult:
    results, arguments = manifest["results"], manifest["arguments"]
    codes, names = inside(directory, CODES), tuple(map(str, results["names"]))
    header, arrays = read_codes(codes)
    figures, wp = inside(directory, "figures.npy"), inside(directory, "wp.npy")
    return part(
        ExtractResult,
        {**arguments, **results},
        directory,
        styles=load_npy(inside(directory, "styles.npy"), mmap=True),
        widths=tuple(arrays[key].shape[1] for key in sorted(arrays)),
        rows=tuple(whole(row, "a row") for row in items(header["rows"], "rows")),
        probe=read_probe(header["probe"], str(codes)),
        figures=load_npy(figures, mmap=True) if figures.is_file() else None,
        pairs=tuple(_pair(names[int(number)], a, b, directory) for number, a, b in results["pairs"]),
        wp=load_npy(wp, mmap=True) if results.get("off_manifold") is not None else None,
    )


def invert(manifest: Mapping[str, Any], directory: Path) -> InvertResult:
    results, arguments = manifest["results"], manifest["arguments"]
    space, codes = str(arguments["space"]), inside(directory, CODES)
    header, arrays = read_codes(codes) if space == "s" else ({}, {})
    packed = load_npy(inside(directory, "codes.npy"), mmap=True)
    shape = packed.shape[1:] if space == "s" else load_npy(inside(directory, f"{space}.npy"), mmap=True).shape[1:]
    return part(
        InvertResult,
        {**arguments, **results},
        directory,
        packed=packed,
        shape=tuple(shape),
        widths=tuple(arrays[key].shape[1] for key in sorted(arrays)),
        rows=tuple(whole(row, "a row") for row in items(header.get("rows", []), "rows")),
        probe=read_probe(header["probe"], str(codes)) if header.get("probe") else None,
        losses=load_npy(inside(directory, "losses.npy"), mmap=True),
    )


def mix(manifest: Mapping[str, Any], directory: Path) -> MixResult:
    results = manifest["results"]
    return part(
        MixResult,
        results,
        directory,
        content=_subject(results["content"], directory),
        style=_subject(results["style"], directory),
    )


def edit(manifest: Mapping[str, Any], directory: Path) -> EditResult:
    results = manifest["results"]
    if "cells" in results:
        return _exchanged(results, str(manifest["arguments"]["way"]), directory)
    entry = {"attributes": (), **results, "scores": results.get("curves")}
    moved = part(Moved, entry, directory, walk=walk(results["directions"][0], directory))
    pairs = tuple(_pair(name, a, b, directory) for name, a, b in results["pairs"])
    return EditResult(pairs=pairs, mse=float(results["mse"]), moved=moved, exchanged=None)


def _exchanged(results: Mapping[str, Any], way: str, directory: Path) -> EditResult:
    cells, changes = results["cells"], results["changes"]
    own = {"where": results["where"], "way": way, "coded": cells["reconstruction"], "share": changes["reach"]}
    exchanged = part(Exchanged, {**changes, **cells, **own}, directory)
    return EditResult(pairs=_subject(cells, directory), mse=None, moved=None, exchanged=exchanged)


def harmonize(manifest: Mapping[str, Any], directory: Path) -> HarmonizeResult:
    results, cells = manifest["results"], manifest["results"]["cells"]
    columns = zip(*(cells[name] for name in ("names", "original", "pasted", "harmonized")), strict=True)
    images = [dict(zip(("name", "original", "pasted", "harmonized"), each, strict=True)) for each in columns]
    return part(HarmonizeResult, {**results, "images": images}, directory)


def evaluate(manifest: Mapping[str, Any], directory: Path) -> EvaluateResult:
    results = manifest["results"]
    probes, made = results["probes"], results["reconstruction"]
    named = probes.get("classification")
    named = None if named is None else {**named, "chance": probes.get("chance")}
    return part(
        EvaluateResult,
        {**results, "probes": {"verification": (), **probes, "classification": named}},
        directory,
        count=int(manifest["arguments"]["num"]),
        exact=results["known"] == "exact",
        reconstruction=_figures(made, directory),
        mean_code_mse=float(made["mean_code_mse"]),
    )


# --- parts -----------------------------------------------------------------------------------------------------------


def _figures(plain: Mapping[str, Any], directory: Path) -> Figures:
    return part(Figures, {"recovery": {}, **plain}, directory)


def _pair(name: object, original: str, reconstruction: str, directory: Path) -> Pair:
    return part(Pair, {"name": name, "original": original, "reconstruction": reconstruction}, directory)


def _subject(plain: Mapping[str, Any], directory: Path) -> tuple[Pair, ...]:
    rows = zip(plain["names"], plain["original"], plain["reconstruction"], strict=True)
    return tuple(_pair(name, a, b, directory) for name, a, b in rows)
