"""Runs of `gantk lse` that were made before results were typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gantk.lse.evaluated import EvaluateResult, Judged, OnRenders, ScoredHead
from gantk.lse.image_results import EditResult, SampleResult, Target
from gantk.lse.metrics import ABSENT, Scores, scores
from gantk.lse.results import FewshotResult, Fit, ShotRow, ShotScores, Training, TrainResult
from gantk.pictures.label_maps import read_label_map
from gantk.pictures.opening import open_values
from gantk.predictors.head_info import LearnedHead, Weight, info_of
from gantk.runs.structure import Image, Strip
from gantk.runs.upgrade import part
from gantk.store.bounded import open_zip, parse_json
from gantk.store.files import load_npy
from gantk.store.inside import inside
from gantk.store.tensors import open_tensors

EPS = (0.5, 3.0)  # the shrinkages that version 0.1.0 tried


def train(manifest: Mapping[str, Any], directory: Path) -> TrainResult:
    told = manifest["results"]
    entries = told["heads"]
    trainings = []
    for entry in entries:
        curve = entry["curve"]
        shaped = {"curve_passes": curve["passes"][: len(curve["paper_miou"])], "curve_miou": curve["paper_miou"]}
        losses = np.array(entry["losses"], np.float64).reshape(-1, 2)
        scored = _partial(entry, len(told["class_names"]), directory)
        trainings.append(part(Training, {**entry, **shaped}, directory, scores=scored, intervals=None, losses=losses))
    return part(
        TrainResult,
        {"sheet": (), "sheet_columns": (), **told},
        directory,
        heads=tuple(_head(directory, str(entry["file"])) for entry in entries),
        trainings=tuple(trainings),
        held_out=int(manifest["arguments"]["held_out"]),
        z=load_npy(directory / "z.npy", mmap=True),
        labels=load_npy(directory / "labels.npy", mmap=True),
    )


def fewshot(manifest: Mapping[str, Any], directory: Path) -> FewshotResult:
    told = manifest["results"]
    fits = []
    for name, fit in told["fits"].items():
        shots, repeat = name.removeprefix("n").split("-r")
        numbers = {"name": name, "shots": shots, "repeat": repeat}
        fits.append(part(Fit, {**fit, **numbers}, directory, eps_tried=EPS))
    full = told.get("full")
    return part(
        FewshotResult,
        {"sheet": (), "sheet_columns": (), **told},
        directory,
        heads=tuple(_head(directory, f"heads/{fit.name}.safetensors") for fit in fits),
        fits=tuple(fits),
        shots=tuple(_shot_row(row, directory) for row in told["shots"]),
        full=None if full is None else _scores(full, directory),
        num_eval=int(manifest["arguments"]["num_eval"]),
    )


def evaluate(manifest: Mapping[str, Any], directory: Path) -> EvaluateResult:
    told = manifest["results"]
    teachers = {row["model"]: row["teacher"] for row in told["scores"]}
    rows = tuple(part(ScoredHead, row, directory, scores=_scores(row, directory)) for row in told["scores"])
    generators = tuple(
        part(Judged, {**one, "teacher": teachers[one["model"]], "sheet": one["files"]}, directory)
        for one in told["sheets"]
    )
    renders = tuple(part(OnRenders, one, directory) for one in told.get("teachers", ()))
    return EvaluateResult(num=int(manifest["arguments"]["num"]), scores=rows, generators=generators, renders=renders)


def sample(manifest: Mapping[str, Any], directory: Path) -> SampleResult:
    told = manifest["results"]
    counts = load_npy(directory / "counts.npy")
    targets = []
    for row in told["targets"]:
        spread = dict(zip(("codes", "labels", "pixels"), row["diversity"], strict=True))
        targets.append(part(Target, {**row, "wanted": row["target"], "spread": spread}, directory))
    curve = told["curve"]
    first = told["class_names"][0] not in ("other", "background", "bg")
    return part(
        SampleResult,
        {**told, "spread": told["diversity"]},
        directory,
        targets=tuple(targets),
        scores=scores(counts.reshape(-1, *counts.shape[2:]), with_first=first),
        curve=np.array([curve["mean"], curve["low"], curve["high"]], np.float64),
        wp=load_npy(directory / "wp.npy", mmap=True),
    )


def edit(manifest: Mapping[str, Any], directory: Path) -> EditResult:
    told, given = manifest["results"], manifest["arguments"].get("code") is not None
    with open_zip(directory / "session.zip", "session") as archive:
        source = str(parse_json(archive.read("session.json"))["generator"])
        pixels = _decoded(archive.read("image.png"))
    frames = {"values": told["values"], "images": told["frames"]}
    return part(
        EditResult,
        {**told, **{name.replace(" ", "_"): file for name, file in told["pictures"].items()}},
        directory,
        strip=part(Strip, frames, directory, label="the edit", quantity="share of the edit", origin=0),
        wp=load_npy(directory / "wp.npy"),
        image=Image("image.png", pixels),
        label=read_label_map(directory / "label.png", len(told["class_names"])),
        seed=None if given else int(manifest["arguments"]["seed"]),
        index=None if given else int(manifest["arguments"]["index"]),
        source=source,
        session=None,
        replayed=None,
    )


def _decoded(data: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    array: np.ndarray[Any, np.dtype[np.uint8]] = np.asarray(open_values(data, name="image.png"))
    return array[..., None] if array.ndim == 2 else array


def _head(directory: Path, name: str) -> LearnedHead:
    """A head's file, without torch."""
    path = inside(directory, name)
    with open_tensors(path, "head") as (header, file):
        info = info_of(header, path)
        names = file.keys()
        return LearnedHead(info, tuple(Weight(name, file.get_tensor(name).astype(np.float32)) for name in names))


def _shot_row(row: Mapping[str, Any], directory: Path) -> ShotRow:
    heads = tuple(Path(name).stem for name in row["files"])
    told = None if row.get("paper_miou") is None else part(ShotScores, row, directory)
    return part(ShotRow, row, directory, heads=heads, scores=told)


def _scores(row: Mapping[str, Any], directory: Path) -> Scores:
    named = {"paper_K": row["paper_classes"], "dataset_K": row["dataset_classes"], "confusion_KK": row["confusion"]}
    return part(Scores, {**row, **named}, directory)


def _partial(entry: Mapping[str, Any], classes: int, directory: Path) -> Scores | None:
    """The scores of a training, which kept less: what it did not keep is empty."""
    if entry["paper_miou"] is None:
        return None
    empty = {"dataset_K": np.full(classes, ABSENT), "confusion_KK": np.zeros((classes, classes))}
    return part(Scores, {**entry, "paper_K": entry["classes"]}, directory, **empty)
