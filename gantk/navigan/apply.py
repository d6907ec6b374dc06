"""Edited pictures of many samples: every sample along every direction, chunk by chunk to disk.

Shape legend: N samples, T steps, D directions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.navigan.directions import WeightDirections, render
from gantk.navigan.metrics import Metric, squared
from gantk.navigan.target import Target
from gantk.pictures.images import ImageWriter, to_uint8
from gantk.runs.run import Run, progress
from gantk.store.files import load_npy

IMAGES = "images"
MOST_SHOWN = 8  # samples on the page
Codes = Callable[[int, int], Tensor]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Edit:
    """One direction and the strengths to render it at."""

    row: int
    strengths: list[float]

    @property
    def array(self) -> str:
        """Name of the array of distances [N, T]."""
        return f"direction{self.row:03d}_distance"

    def image(self, sample: int, step: int, form: str) -> str:
        """The picture of one step."""
        return f"{IMAGES}/direction{self.row:03d}_{sample:05d}_{step:03d}.{form}"


def apply_edits(
    run: Run,
    target: Target,
    codes: Codes,
    total: int,
    directions: WeightDirections,
    edits: Sequence[Edit],
    metric: Metric | None,
    *,
    batch: int = 16,
    form: str = "png",
    quality: int = 95,
    workers: int | None = None,
) -> None:
    """Render every sample at every strength of every direction; continue where an earlier run stopped.

    Leaves `images/direction<row>_<sample>_<step>` and, for each direction, the distance [N, T] of every step from the
    sample as it was (zeros without a metric).
    """
    ledger = run.ledger([edit.array for edit in edits], total, batch)
    missing = ledger.missing()
    steps = sum(len(edit.strengths) for edit in edits)
    count = sum(stop - start for start, stop in map(ledger.grid.bounds, missing)) * steps
    run.output(IMAGES, "one picture per sample and step")
    with (
        torch.inference_mode(),
        run.timed("editing"),
        ImageWriter(form, quality, workers) as writer,
        progress(count, "edit", unit="img") as bar,
    ):
        for index in missing:
            start, stop = ledger.grid.bounds(index)
            prefix = target.prefix(codes(start, stop))
            before = None if metric is None else metric.embed(target.images(prefix))
            arrays: dict[str, Array] = {}
            futures: list[Future[Path]] = []
            for edit in edits:
                delta = directions.delta(edit.row).to(target.weight)
                distance_NT = np.zeros((stop - start, len(edit.strengths)), dtype=np.float32)
                for step, strength in enumerate(edit.strengths):
                    image_NCHW = target.moved(prefix, delta, strength)
                    if metric is not None and before is not None:
                        distance_NT[:, step] = squared(metric.embed(image_NCHW), before).float().cpu().numpy()
                    paths = [run.path(edit.image(sample, step, form)) for sample in range(start, stop)]
                    futures += writer.write(paths, to_uint8(image_NCHW))
                    bar.update(stop - start)
                arrays[edit.array] = distance_NT
            for future in futures:
                future.result()
            ledger.write(index, arrays)
    run.assemble(ledger)


def apply_each(
    run: Run,
    target: Target,
    codes: Codes,
    directions: WeightDirections,
    table_N2: Array,
    *,
    batch: int = 16,
    form: str = "png",
    quality: int = 95,
) -> list[str]:
    """One picture per sample, each with a direction and a strength of its own; returns their files."""
    run.output(IMAGES, "one picture per sample")
    names = [f"{IMAGES}/each_{sample:05d}.{form}" for sample in range(len(table_N2))]
    with torch.inference_mode(), ImageWriter(form, quality) as writer:
        for start in range(0, len(table_N2), batch):
            part = table_N2[start : start + batch]
            prefix = target.prefix(codes(start, start + len(part)))
            index_N = torch.from_numpy(part[:, 0].astype(np.int64))
            image_NCHW = render(target, prefix, directions, index_N, torch.from_numpy(part[:, 1].astype(np.float32)))
            paths = [run.path(name) for name in names[start : start + len(part)]]
            for future in writer.write(paths, to_uint8(image_NCHW)):
                future.result()
    return names


def read_each(path: str | Path, count: int) -> Array:
    """Directions and strengths [N, 2] of `--each`.

    Raises:
        GantkError: another shape, or numbers that are not finite.
        UsageError: a direction that does not exist.
    """
    table: Array = load_npy(path)
    if table.ndim != 2 or table.shape[1] != 2 or table.dtype.kind not in "fiu" or not np.isfinite(table).all():
        raise GantkError(
            f"{path} holds {table.dtype} {table.shape}, where [N, 2], a direction and a strength, was expected."
        )
    wrong = [value for value in table[:, 0] if value != int(value) or not 0 <= value < count]
    if wrong:
        raise UsageError(f"{path} asks for direction {wrong[0]:g}; there are directions 0 to {count - 1}.")
    return table


def describe(edit: Edit, total: int, form: str) -> dict[str, Any]:
    """One edit as the page reads it."""
    shown = range(min(total, MOST_SHOWN))
    strengths = edit.strengths
    return {
        "name": f"direction {edit.row}",
        "row": None,
        "space": "the weight",
        "quantity": "strength",
        "distances": strengths,
        "frames": [[edit.image(n, t, form) for t in range(len(strengths))] for n in shown],
        "samples": [f"sample {n}" for n in shown],
        "start": min(range(len(strengths)), key=lambda step: abs(strengths[step])),
        "scale": max(abs(value) for value in strengths),
    }
