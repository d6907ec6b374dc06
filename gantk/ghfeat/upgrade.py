"""Runs of `gantk ghfeat` and `gantk invert` that were made before results were typed (format 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gantk.generators.probed import read_probe
from gantk.ghfeat.codes import read_codes
from gantk.ghfeat.figures import Figures, Pair
from gantk.ghfeat.picture_results import EditResult, Exchanged, Grid, HarmonizeResult, Harmony, MixResult, Moved
from gantk.ghfeat.probe_results import EvaluateResult, FeatureInfo, Probes, Table, Verified
from gantk.ghfeat.results import CODES, ENCODER, Course, ExtractResult, InvertResult, Point, TrainResult, Validation
from gantk.runs.structure import Image
from gantk.runs.upgrade import walk
from gantk.store.files import load_npy
from gantk.store.inside import inside
from gantk.store.json_values import items, whole

LOSSES = ("style", "pixel", "perceptual", "adversarial", "judge_real", "judge_fake", "r1")


def train(manifest: Mapping[str, Any], directory: Path) -> TrainResult:
    """The result of a training of format 1."""
    results, final = manifest["results"], manifest["results"]["final"]
    return TrainResult(
        file=np.frombuffer(inside(directory, ENCODER).read_bytes(), np.uint8),
        parameters=int(results["encoder"]["parameters"]),
        images=int(manifest["arguments"]["images"]),
        reached=int(results["reached"]),
        skipped=int(results["skipped"]),
        curve=tuple(
            Point(
                images=int(point["images"]),
                rate=float(point["rate"]),
                **{name: None if point.get(name) is None else float(point[name]) for name in LOSSES},
            )
            for point in results["curve"]
        ),
        validations=tuple(
            Validation(images=int(point["images"]), figures=_figures(point)) for point in results["validations"]
        ),
        final=_figures(final),
        mean_code_mse=float(final["mean_code_mse"]),
        held_out=int(final["images"]),
        pairs=tuple(_pair(f"{number}", a, b, directory) for number, (a, b) in enumerate(results["pairs"])),
    )


def extract(manifest: Mapping[str, Any], directory: Path) -> ExtractResult:
    """The result of an extraction of format 1."""
    results, arguments = manifest["results"], manifest["arguments"]
    codes, names = inside(directory, CODES), tuple(map(str, results["names"]))
    header, arrays = read_codes(codes)
    figures, wp = inside(directory, "figures.npy"), inside(directory, "wp.npy")
    off = results.get("off_manifold")
    return ExtractResult(
        names=names,
        kept=np.asarray(results["kept"], np.int64),
        styles=load_npy(inside(directory, "styles.npy"), mmap=True),
        widths=tuple(arrays[key].shape[1] for key in sorted(arrays)),
        rows=tuple(whole(row, "a row") for row in items(header["rows"], "rows")),
        probe=read_probe(header["probe"], str(codes)),
        encoder=str(arguments["encoder"]),
        encoder_sha256=str(arguments["encoder_sha256"]),
        refine=int(arguments["refine"]),
        figures=load_npy(figures, mmap=True) if figures.is_file() else None,
        pairs=tuple(_pair(names[int(number)], a, b, directory) for number, a, b in results["pairs"]),
        tiled=bool(arguments["tiled"]),
        wp=load_npy(wp, mmap=True) if off is not None else None,
        off_manifold=None if off is None else np.asarray(off, np.float32),
    )


def invert(manifest: Mapping[str, Any], directory: Path) -> InvertResult:
    """The result of an inversion of format 1."""
    results, arguments = manifest["results"], manifest["arguments"]
    space, codes = str(arguments["space"]), inside(directory, CODES)
    header, arrays = read_codes(codes) if space == "s" else ({}, {})
    packed = load_npy(inside(directory, "codes.npy"), mmap=True)
    shape = packed.shape[1:] if space == "s" else load_npy(inside(directory, f"{space}.npy"), mmap=True).shape[1:]
    return InvertResult(
        names=tuple(map(str, results["names"])),
        kept=np.asarray(results["kept"], np.int64),
        space=space,
        packed=packed,
        shape=tuple(shape),
        widths=tuple(arrays[key].shape[1] for key in sorted(arrays)),
        rows=tuple(whole(row, "a row") for row in items(header.get("rows", []), "rows")),
        probe=read_probe(header["probe"], str(codes)) if header.get("probe") else None,
        encoder=str(arguments["encoder"]),
        steps=int(arguments["steps"]),
        losses=load_npy(inside(directory, "losses.npy"), mmap=True),
        kept_steps=tuple(map(int, results["kept_steps"])),
        sequences=tuple(
            Course(
                name=str(entry["name"]),
                original=_image(entry["original"], directory),
                frames=_images(entry["frames"], directory),
            )
            for entry in results["sequences"]
        ),
    )


def mix(manifest: Mapping[str, Any], directory: Path) -> MixResult:
    """The result of mixtures of format 1."""
    results = manifest["results"]
    return MixResult(
        content=_subject(results["content"], directory),
        style=_subject(results["style"], directory),
        grids=tuple(
            Grid(
                title=str(grid["title"]),
                rows=tuple(map(int, grid["rows"])),
                cells=tuple(_images(cells, directory) for cells in grid["cells"]),
            )
            for grid in results["grids"]
        ),
    )


def edit(manifest: Mapping[str, Any], directory: Path) -> EditResult:
    """The result of an edit of format 1."""
    results = manifest["results"]
    if "cells" in results:
        return _exchanged(results, str(manifest["arguments"]["way"]), directory)
    curves = results.get("curves")
    moved = Moved(
        walk=walk(results["directions"][0], directory),
        attributes=tuple(map(str, results.get("attributes", ()))),
        scores=None if curves is None else np.asarray(curves, np.float64),
    )
    pairs = tuple(_pair(str(name), a, b, directory) for name, a, b in results["pairs"])
    return EditResult(pairs=pairs, mse=float(results["mse"]), moved=moved, exchanged=None)


def _exchanged(results: Mapping[str, Any], way: str, directory: Path) -> EditResult:
    cells, changes = results["cells"], results["changes"]
    shown = {name: _images(cells[name], directory) for name in ("reference", "edited", "change", "reach")}
    coded = _images(cells["reconstruction"], directory)
    exchanged = Exchanged(
        where=str(results["where"]),
        way=way,
        coded=coded,
        **shown,
        inside=float(changes["inside"]),
        outside=float(changes["outside"]),
        beyond_reach=float(changes["beyond_reach"]),
        share=float(changes["reach"]),
    )
    pairs = _subject(cells, directory)
    return EditResult(pairs=pairs, mse=None, moved=None, exchanged=exchanged)


def harmonize(manifest: Mapping[str, Any], directory: Path) -> HarmonizeResult:
    """The result of a harmonisation of format 1."""
    results, cells = manifest["results"], manifest["results"]["cells"]
    columns = [_images(cells[name], directory) for name in ("original", "pasted", "harmonized")]
    return HarmonizeResult(
        images=tuple(
            Harmony(name=str(name), original=a, pasted=b, harmonized=c)
            for name, a, b, c in zip(cells["names"], *columns, strict=True)
        ),
        outside=float(results["outside"]),
        against_paste=float(results["against_paste"]),
    )


def evaluate(manifest: Mapping[str, Any], directory: Path) -> EvaluateResult:
    """The result of an evaluation of format 1."""
    results = manifest["results"]
    probes, made = results["probes"], results["reconstruction"]
    retrieval = probes.get("retrieval")
    found = Probes(
        features=tuple(
            FeatureInfo(name=str(f["name"]), kind=str(f["kind"]), width=int(f["width"])) for f in probes["features"]
        ),
        regression=_table(probes.get("regression")),
        classification=_table(probes.get("classification"), probes.get("chance")),
        retrieval=_table(retrieval, None if retrieval is None else retrieval["chance"]),
        landmarks=_table(probes.get("landmarks")),
        verification=tuple(
            Verified(
                name=str(entry["name"]),
                accuracy=float(entry["accuracy"]),
                deviation=float(entry["deviation"]),
                area=_finite(entry["area"]),
            )
            for entry in probes.get("verification", ())
        ),
    )
    return EvaluateResult(
        count=int(manifest["arguments"]["num"]),
        exact=results["known"] == "exact",
        reconstruction=_figures(made),
        mean_code_mse=float(made["mean_code_mse"]),
        probes=found,
        neighbours=tuple(_images(row, directory) for row in results["neighbours"]),
    )


# --- parts -----------------------------------------------------------------------------------------------------------


def _figures(plain: Mapping[str, Any]) -> Figures:
    return Figures(
        mse=float(plain["mse"]),
        psnr=float(plain["psnr"]),
        ssim=float(plain["ssim"]),
        perceptual=None if plain.get("perceptual") is None else float(plain["perceptual"]),
        recovery={str(name): float(value) for name, value in plain.get("recovery", {}).items()},
    )


def _table(plain: Mapping[str, Any] | None, chance: Sequence[float] | None = None) -> Table | None:
    if plain is None:
        return None
    return Table(
        columns=tuple(map(str, plain["columns"])),
        values=_numbers(plain["values"]),
        deviations=_numbers(plain["deviations"]) if "deviations" in plain else None,
        chance=None if chance is None else tuple(map(float, chance)),
    )


def _numbers(rows: Sequence[Sequence[Any]]) -> np.ndarray:
    return np.array([[np.nan if _finite(x) is None else float(x) for x in row] for row in rows], np.float64)


def _finite(value: float | None) -> float | None:
    number = float("nan") if value is None else float(value)
    return number if np.isfinite(number) else None


def _image(name: object, directory: Path) -> Image:
    return Image(str(name), None, inside(directory, str(name)))


def _images(names: Sequence[object], directory: Path) -> tuple[Image, ...]:
    return tuple(_image(name, directory) for name in names)


def _pair(name: str, original: str, reconstruction: str, directory: Path) -> Pair:
    return Pair(name=name, original=_image(original, directory), reconstruction=_image(reconstruction, directory))


def _subject(plain: Mapping[str, Any], directory: Path) -> tuple[Pair, ...]:
    rows = zip(plain["names"], plain["original"], plain["reconstruction"], strict=True)
    return tuple(_pair(str(name), a, b, directory) for name, a, b in rows)
