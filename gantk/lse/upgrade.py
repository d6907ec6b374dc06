"""Runs of `gantk lse` that were made before results were typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gantk.lse.evaluated import EvaluateResult, Judged, OnRenders, ScoredHead
from gantk.lse.image_results import EditResult, SampleResult, Spread, Target
from gantk.lse.metrics import Intervals, Scores, scores
from gantk.lse.results import FewshotResult, Fit, ShotRow, ShotScores, Training, TrainResult
from gantk.predictors.head_info import LearnedHead, Weight, info_of
from gantk.runs.structure import Image, Strip
from gantk.store.bounded import parse_json
from gantk.store.files import load_npy
from gantk.store.inside import inside

EPS = (0.5, 3.0)  # the shrinkages that version 0.1.0 tried


def train(manifest: Mapping[str, Any], directory: Path) -> TrainResult:
    """The result of a run of format 1."""
    told = manifest["results"]
    entries = told["heads"]
    trainings = []
    for entry in entries:
        curve = entry["curve"]
        miou = tuple(map(float, curve["paper_miou"]))
        shares = entry["contributions"]
        trainings.append(
            Training(
                name=str(entry["name"]),
                passes=int(entry["passes"]),
                scores=_partial(entry, len(told["class_names"])),
                curve_passes=tuple(map(int, curve["passes"]))[: len(miou)],
                curve_miou=miou,
                losses=np.array(entry["losses"], np.float64).reshape(-1, 2),
                contributions=None if shares is None else tuple(map(float, shares)),
            )
        )
    return TrainResult(
        heads=tuple(_head(directory, str(entry["file"])) for entry in entries),
        trainings=tuple(trainings),
        taps=_texts(told["taps"]),
        teacher=str(told["teacher"]),
        class_names=_texts(told["class_names"]),
        class_colours=_colours(told["class_colours"]),
        class_share=np.array(told["class_share"], np.float64),
        empty_classes=_texts(told["empty_classes"]),
        sheet=_images(told.get("sheet", ()), directory),
        sheet_columns=_texts(told.get("sheet_columns", ())),
        z=load_npy(directory / "z.npy", mmap=True),
        labels=load_npy(directory / "labels.npy", mmap=True),
    )


def fewshot(manifest: Mapping[str, Any], directory: Path) -> FewshotResult:
    """The result of a run of format 1."""
    told = manifest["results"]
    fits = []
    for name, fit in told["fits"].items():
        left_out = fit.get("left_out")
        shots, repeat = name.removeprefix("n").split("-r")
        fits.append(
            Fit(
                name=name,
                shots=int(shots),
                repeat=int(repeat),
                eps=float(fit["eps"]),
                steps=int(fit["steps"]),
                left_out=None if left_out is None else np.array(left_out, np.float64),
                eps_tried=EPS,
            )
        )
    full = told.get("full")
    return FewshotResult(
        heads=tuple(_head(directory, f"heads/{fit.name}.safetensors") for fit in fits),
        fits=tuple(fits),
        shots=tuple(_shot_row(row) for row in told["shots"]),
        full=None if full is None else _scores(full),
        teacher=str(told["teacher"]),
        judge=str(told["judge"]),
        class_names=_texts(told["class_names"]),
        class_colours=_colours(told["class_colours"]),
        shot_images=_images(told["shot_images"], directory),
        sheet=_images(told.get("sheet", ()), directory),
        sheet_columns=_texts(told.get("sheet_columns", ())),
    )


def evaluate(manifest: Mapping[str, Any], directory: Path) -> EvaluateResult:
    """The result of a run of format 1."""
    told = manifest["results"]
    rows, teachers = [], {}
    for row in told["scores"]:
        shares = row["contributions"]
        teachers[row["model"]] = str(row["teacher"])
        rows.append(
            ScoredHead(
                model=str(row["model"]),
                head=str(row["head"]),
                kind=str(row["kind"]),
                scores=_scores(row),
                intervals=Intervals(**{key: _pair(ends) for key, ends in row["intervals"].items()}),
                relative=float(row["relative"]),
                parameters=int(row["parameters"]),
                taps=_texts(row["taps"]),
                contributions=None if shares is None else tuple(map(float, shares)),
            )
        )
    generators = tuple(
        Judged(
            model=str(one["model"]),
            teacher=teachers[one["model"]],
            class_names=_texts(one["class_names"]),
            class_colours=_colours(one["class_colours"]),
            columns=_texts(one["columns"]),
            sheet=_images(one["files"], directory),
        )
        for one in told["sheets"]
    )
    renders = tuple(OnRenders(**{**one, "num": int(one["num"])}) for one in told.get("teachers", ()))
    return EvaluateResult(
        num=int(manifest["arguments"]["num"]), scores=tuple(rows), generators=generators, renders=renders
    )


def sample(manifest: Mapping[str, Any], directory: Path) -> SampleResult:
    """The result of a run of format 1."""
    told = manifest["results"]
    counts = load_npy(directory / "counts.npy")
    targets = []
    for row in told["targets"]:
        codes, labels, pixels = map(float, row["diversity"])
        targets.append(
            Target(
                name=str(row["name"]),
                wanted=_images([row["target"]], directory)[0],
                samples=_images(row["samples"], directory),
                miou=tuple(_number(value) for value in row["miou"]),
                accuracy=tuple(map(float, row["accuracy"])),
                spread=Spread(codes=codes, labels=labels, pixels=pixels),
                start=tuple(map(int, row["start"])),
            )
        )
    curve = told["curve"]
    first = told["class_names"][0] not in ("other", "background", "bg")
    return SampleResult(
        targets=tuple(targets),
        scores=scores(counts.reshape(-1, *counts.shape[2:]), with_first=first),
        spread=Spread(**{key: float(value) for key, value in told["diversity"].items()}),
        curve=np.array([curve["mean"], curve["low"], curve["high"]], np.float64),
        judge=str(told["judge"]),
        class_names=_texts(told["class_names"]),
        class_colours=_colours(told["class_colours"]),
        wp=load_npy(directory / "wp.npy", mmap=True),
    )


def edit(manifest: Mapping[str, Any], directory: Path) -> EditResult:
    """The result of a run of format 1."""
    import zipfile

    from gantk.pictures.label_maps import read_label_map

    told, given = manifest["results"], manifest["arguments"].get("code") is not None
    files = [
        told["pictures"][name] for name in ("before", "stroke", "after", "labels before", "labels after", "change")
    ]
    pictures = _images(files, directory)
    with zipfile.ZipFile(directory / "session.zip") as archive:
        source = str(parse_json(archive.read("session.json"))["generator"])
        pixels = _decoded(archive.read("image.png"))
    followed = told.get("followed")
    strip = Strip(
        label="the edit",
        values=tuple(map(float, told["values"])),
        images=_images(told["frames"], directory),
        quantity="share of the edit",
        origin=0,
    )
    return EditResult(
        before=pictures[0],
        stroke=pictures[1],
        after=pictures[2],
        labels_before=pictures[3],
        labels_after=pictures[4],
        change=pictures[5],
        strip=strip,
        losses=tuple(map(float, told["losses"])),
        followed=None if followed is None else _pair(followed),
        changed=float(told["changed"]),
        moved=np.array(told["moved"], np.float64),
        class_names=_texts(told["class_names"]),
        class_colours=_colours(told["class_colours"]),
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
    from gantk.pictures.opening import open_values

    array: np.ndarray[Any, np.dtype[np.uint8]] = np.asarray(open_values(data, name="image.png"))
    return array[..., None] if array.ndim == 2 else array


def _head(directory: Path, name: str) -> LearnedHead:
    """A head's file, without torch."""
    from safetensors import safe_open

    path = inside(directory, name)
    with safe_open(path, framework="numpy") as file:
        info = info_of(parse_json(file.metadata()["gantk"]), path)
        names = file.keys()
        return LearnedHead(info, tuple(Weight(name, file.get_tensor(name).astype(np.float32)) for name in names))


def _shot_row(row: Mapping[str, Any]) -> ShotRow:
    told = None
    if row.get("paper_miou") is not None:
        share = row["of_full"]
        told = ShotScores(
            paper_miou=float(row["paper_miou"]),
            deviation=float(row["deviation"]),
            each=tuple(map(float, row["each"])),
            intervals=tuple(_pair(ends) for ends in row["intervals"]),
            dataset_miou=float(row["dataset_miou"]),
            classes=np.array(row["classes"], np.float64),
            of_full=None if share is None else float(share),
        )
    return ShotRow(
        shots=int(row["shots"]),
        heads=tuple(Path(name).stem for name in row["files"]),
        eps=tuple(map(float, row["eps"])),
        seconds=float(row["seconds"]),
        scores=told,
    )


def _scores(row: Mapping[str, Any]) -> Scores:
    paper_K, dataset_K, confusion_KK = (
        np.array(row[key], np.float64) for key in ("paper_classes", "dataset_classes", "confusion")
    )
    paper, dataset, accuracy = (float(row[key]) for key in ("paper_miou", "dataset_miou", "accuracy"))
    return Scores(paper_K, dataset_K, paper, dataset, accuracy, confusion_KK)


def _partial(entry: Mapping[str, Any], classes: int) -> Scores | None:
    """The scores of a training, which kept less: what it did not keep is empty."""
    if entry["paper_miou"] is None:
        return None
    paper, dataset, accuracy = (float(entry[key]) for key in ("paper_miou", "dataset_miou", "accuracy"))
    paper_K, dataset_K = np.array(entry["classes"], np.float64), np.full(classes, -1.0)
    return Scores(paper_K, dataset_K, paper, dataset, accuracy, np.zeros((classes, classes)))


def _images(names: Sequence[Any], directory: Path) -> tuple[Image, ...]:
    return tuple(Image(str(name), None, inside(directory, name)) for name in names)


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def _colours(values: Sequence[Any]) -> tuple[tuple[int, int, int], ...]:
    return tuple((int(r), int(g), int(b)) for r, g, b in values)


def _pair(values: Sequence[Any]) -> tuple[float, float]:
    low, high = values
    return float(low), float(high)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and np.isfinite(value) else None
