"""Sampling a generator: latents, styles, images and predictions, chunk by chunk to disk.

Memory does not grow with the number of samples; a chunk counts as done when its arrays are on the disk, which happens
after its images are. Images are encoded by threads while the next chunk is computed.

Legend: N samples, D the width of a code, L rows of wp, A attributes, H x W pixels.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.source import Codes, CodeSource, show_truncation
from gantk.errors import UsageError
from gantk.generators.base import Generator, Layer
from gantk.pictures.images import ImageWriter, as_saved, to_uint8
from gantk.runs.run import Ledger, Run, progress
from gantk.store.files import load_npy

IMAGES = "images"
MOST_LISTED = 200  # images that the manifest names for the page
BINS = 30

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class SynthesisPlan:
    """What to write.

    Attributes:
        latents: of z, w (before truncation) and wp (after it).
        images: how many of the first samples get an image file; None is all.
        image_form: png, jpg, webp, or npy for one uint8 array [N, H, W, C] (then always of all).
        quality: of jpg and webp.
        styles: also every layer's style vector.
        predict: also the predictor's scores.
        batch_size: samples computed at once.
        chunk: samples per chunk, a multiple of the batch size.
    """

    latents: tuple[str, ...] = ("z", "w")
    images: int | None = 0
    image_form: str = "png"
    quality: int = 95
    styles: bool = False
    predict: bool = False
    batch_size: int = 16
    chunk: int = 256

    def __post_init__(self) -> None:
        if self.chunk % self.batch_size:
            raise UsageError(f"A chunk of {self.chunk} is no multiple of the batch size {self.batch_size}.")


def chunk_size(batch_size: int, target: int) -> int:
    """The multiple of the batch size nearest to `target` from above: batches never straddle chunks."""
    return batch_size * -(-target // batch_size)


def synthesize(
    run: Run, source: CodeSource, plan: SynthesisPlan, predictor: Any = None, workers: int | None = None
) -> dict[str, Path]:
    """Write what `plan` asks for into the run directory; continue where an earlier, killed run stopped.

    Args:
        source: the codes.
        predictor: needed where the plan predicts; scores the images as they are saved, in uint8.
        workers: threads that write images.

    Returns:
        The final arrays by name; nothing for a shard, whose chunks stay for ``gantk merge``.
    """
    check_plan(source, plan, predictor)
    work = _Work(run, source, plan, predictor)
    ledger = run.ledger(work.arrays(), source.total, plan.chunk)
    missing = ledger.missing()
    total = sum(stop - start for start, stop in map(ledger.grid.bounds, missing))
    if work.writes_files:
        run.output(IMAGES, "generated images")
    with (
        torch.inference_mode(),
        run.timed("synthesis"),
        ImageWriter(work.file_form, plan.quality, workers) as writer,
        progress(total, "synthesize", unit="img" if work.renders else "code") as bar,
    ):
        commits = CommitsBehind(ledger)
        for index in missing:
            start, stop = ledger.grid.bounds(index)
            commits.add(index, *work.chunk(start, stop, writer))
            bar.update(stop - start)
        commits.flush()
    return run.assemble(ledger, work.about())


class CommitsBehind:
    """Writes each chunk's arrays once its images are written, one chunk late: meanwhile the next one is computed."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._pending: tuple[int, dict[str, Array], list[Future[Path]]] | None = None

    def add(self, index: int, arrays: dict[str, Array], images: list[Future[Path]]) -> None:
        """Take a chunk and commit the one before."""
        self.flush()
        self._pending = (index, arrays, images)

    def flush(self) -> None:
        """Commit what is left."""
        if self._pending is None:
            return
        index, arrays, images = self._pending
        for future in images:
            future.result()  # a full disk shows here
        self._ledger.write(index, arrays)
        self._pending = None


def check_plan(source: CodeSource, plan: SynthesisPlan, predictor: Any = None) -> None:
    """Say what of a plan cannot be done, before anything is written."""
    for name in plan.latents:
        if name not in source.spaces:
            known = ", ".join(source.spaces)
            raise UsageError(f"Latents {name!r} cannot be written: of these codes there are {known}.")
    if not plan.latents:
        raise UsageError(f"Give --latents with at least one of {', '.join(source.spaces)}.")
    if plan.predict and predictor is None:
        raise UsageError("Predictions need a predictor: give --predictor.")


class _Work:
    """One chunk at a time: codes, then styles, images and scores batch by batch."""

    def __init__(self, run: Run, source: CodeSource, plan: SynthesisPlan, predictor: Any) -> None:
        self.run, self.source, self.plan = run, source, plan
        self.predictor = predictor if plan.predict else None
        self.generator = source.generator
        self.style_names = style_names(self.generator) if plan.styles else ()
        self.as_array = plan.image_form == "npy" and plan.images != 0
        self.file_form = "png" if plan.image_form == "npy" else plan.image_form
        self.imaged = source.total if plan.images is None else min(plan.images, source.total)

    @property
    def writes_files(self) -> bool:
        return self.imaged > 0 and not self.as_array

    @property
    def renders(self) -> bool:
        return self.predictor is not None or self.imaged > 0

    def arrays(self) -> list[str]:
        """Names of the arrays, in the order in which they are written."""
        names = [*self.plan.latents, *self.style_names]
        if self.as_array:
            names.append("image")
        if self.predictor is not None:
            names += [name for name, labels in score_tables(self.predictor).items() if labels]
        return names

    def about(self) -> dict[str, str]:
        """A word on each array, for the manifest."""
        psi = show_truncation(self.source.truncation)
        known = {
            "z": "z as the network takes it",
            "w": "w before truncation",
            "wp": f"wp after truncation {psi}",
            "image": "uint8 [N, H, W, C]",
            "attribute": "scores by name",
            "category": "class probabilities by name",
        }
        return {**known, **dict.fromkeys(self.style_names, "style of one layer as it is multiplied")}

    def chunk(self, start: int, stop: int, writer: ImageWriter) -> tuple[dict[str, Array], list[Future[Path]]]:
        parts: dict[str, list[Array]] = {name: [] for name in self.arrays()}
        futures: list[Future[Path]] = []
        for first in range(start, stop, self.plan.batch_size):
            last = min(first + self.plan.batch_size, stop)
            codes = self.source.batch(first, last)
            for name in self.plan.latents:
                parts[name].append(array_of(codes.space(name)))
            if self.style_names:
                styles = self.generator.styles(codes.wp)
                for name, style in zip(self.style_names, styles, strict=True):
                    parts[name].append(array_of(style))
            if self.predictor is not None or self.as_array or first < self.imaged:
                futures += self._render(codes, first, parts, writer)
        return {name: np.concatenate(found) for name, found in parts.items()}, futures

    def _render(
        self, codes: Codes, first: int, parts: dict[str, list[Array]], writer: ImageWriter
    ) -> list[Future[Path]]:
        by_code = knows_codes(self.predictor)
        image_NCHW = None
        if not by_code or self.as_array or first < self.imaged:
            image_NCHW = self.generator.synthesize(codes.wp)
        if self.predictor is not None:
            scored = predict_codes(self.predictor, codes.wp) if by_code else predict(self.predictor, image_NCHW)
            for name, score in scored.items():
                parts[name].append(score)
        if image_NCHW is None:
            return []
        count = min(len(image_NCHW), self.imaged - first)
        if not self.as_array and count < 1:
            return []
        images = to_uint8(image_NCHW)
        if self.as_array:
            parts["image"].append(images)
            return []
        paths = [self.run.directory / image_name(first + i, self.file_form) for i in range(count)]
        return writer.write(paths, images[:count])


def image_name(index: int, form: str) -> str:
    """The file of sample `index` in the run directory."""
    return f"{IMAGES}/{index:06d}.{form}"


def array_of(tensor: Tensor) -> Array:
    """A tensor as a float32 numpy array of its own memory."""
    return np.array(tensor.detach().float().cpu().numpy())


def style_names(generator: Generator) -> tuple[str, ...]:
    """One array name per style, in the order of `generator.styles`: HiGAN's ``styleII`` for row II of wp.

    HiGAN exports one style per row. Where several layers share a row, the convolution (or the only one there) bears its
    name and the others add the layer's part, such as ``style03_torgb``.
    """
    styled = [layer for layer in generator.layers if layer.style_dim and layer.row is not None]
    owner: dict[int, Layer] = {}
    for layer in sorted(styled, key=lambda layer: (layer.is_rgb, layer.index)):
        assert layer.row is not None
        owner.setdefault(layer.row, layer)
    names = []
    for layer in styled:
        assert layer.row is not None
        name = f"style{layer.row:02d}"
        if owner[layer.row] is not layer:
            name += "_" + layer.name.rpartition("/")[2]
        names.append(name if name not in names else f"{name}_{layer.index:02d}")
    return tuple(names)


# --- predictions -----------------------------------------------------------------------------------------------------


def score_tables(predictor: Any) -> dict[str, tuple[str, ...]]:
    """The columns of each score table that a predictor gives: attributes, and categories where it has them."""
    return {
        "attribute": tuple(predictor.attribute_names),
        "category": tuple(getattr(predictor, "category_names", ())),
    }


def predict(predictor: Any, image_NCHW: Any) -> dict[str, Array]:
    """Score images as a predictor sees their files, in uint8: structured arrays [N] with a field per name."""
    seen = as_saved(image_NCHW)
    tables = {}
    for name, columns in score_tables(predictor).items():
        if columns:
            score = predictor.attributes(seen) if name == "attribute" else predictor.categories(seen)
            tables[name] = structured(array_of(score), columns)
    if not tables:
        raise UsageError(f"The predictor {predictor.name} scores neither attributes nor categories: choose another.")
    return tables


def knows_codes(predictor: Any) -> bool:
    """Whether a predictor scores codes instead of images: the exact factors of a generator that knows them."""
    return hasattr(predictor, "attributes_of_codes")


def predict_codes(predictor: Any, wp_NLD: Tensor) -> dict[str, Array]:
    """Scores of codes by a predictor that knows them."""
    return {"attribute": structured(array_of(predictor.attributes_of_codes(wp_NLD)), predictor.attribute_names)}


def structured(score_NA: Array, names: tuple[str, ...]) -> Array:
    """Scores [N, A] as a structured array [N] with one float32 field per name."""
    table = np.empty(len(score_NA), dtype=[(name, np.float32) for name in names])
    for column, name in enumerate(names):
        table[name] = score_NA[:, column]
    return table


# --- results for the page --------------------------------------------------------------------------------------------


def summarize(run: Run, num: int, form: str, truncation: str) -> None:
    """Record what the page shows, from the files of the run."""
    files = sorted(name for name in run.manifest["outputs"] if name.endswith(".npy"))
    run.record("num", num)
    run.record("files", files)
    run.record("spaces", [name for name in ("z", "w", "wp") if f"{name}.npy" in files])
    run.record("truncation", truncation)
    listed = (image_name(index, form) for index in range(min(num, MOST_LISTED)))
    run.record("images", [name for name in listed if run.path(name).is_file()])
    if "attribute.npy" in files:
        run.record("attributes", score_statistics(load_npy(run.path("attribute.npy"), mmap=True)))
    if "category.npy" in files:
        run.record("categories", most_frequent(load_npy(run.path("category.npy"), mmap=True)))


def score_statistics(table: Array) -> dict[str, Any]:
    """Mean, deviation, range and histogram of every field of a structured array."""
    statistics = {}
    for name in table.dtype.names or ():
        score_N = np.asarray(table[name], dtype=np.float64)
        low, high = float(score_N.min()), float(score_N.max())
        counts, edges = np.histogram(score_N, BINS, (low, high if high > low else low + 1.0))
        statistics[name] = {
            "mean": score_N.mean(),
            "std": score_N.std(),
            "min": low,
            "max": high,
            "histogram": {"counts": counts, "edges": edges},
        }
    return statistics


def most_frequent(table: Array, rows: int = 4096) -> dict[str, int]:
    """How often each field of a structured array is the largest of its sample."""
    names = table.dtype.names or ()
    counts = np.zeros(len(names), dtype=np.int64)
    for start in range(0, len(table), rows):
        part = np.stack([table[name][start : start + rows] for name in names], axis=1)
        counts += np.bincount(part.argmax(axis=1), minlength=len(names))
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}
