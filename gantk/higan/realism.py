"""How far edits may go: samples drawn anew and moved, compared with unedited ones by their features.

Legend: N samples, T steps, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.codes.source import CodeSource
from gantk.errors import UsageError
from gantk.generators.labels import class_of_fresh
from gantk.higan.moving import Edit
from gantk.predictors.base import Predictor
from gantk.predictors.departure import LEAST, Departure, departures
from gantk.runs.options import LARGEST_SEED
from gantk.store.channels import colours
from gantk.store.chunks import parts
from gantk.store.memory import require
from gantk.store.progress import progress

# the images of all steps of the samples [start, stop) of a source, samples first
Render = Callable[[CodeSource, Edit, int, int], Iterator[Tensor]]


def check_number(num: int, absolute: bool) -> None:
    """Refuse what cannot be measured.

    Raises:
        UsageError: too few samples, or distances from the boundary, which are other steps for every sample.
    """
    if 0 < num < LEAST:
        raise UsageError(f"--realism {num} is too few samples to compare: give at least {LEAST}, better 200, or 0.")
    require(16 * num**2, f"--realism {num}: the distances between so many samples", "give a smaller --realism")
    if num and absolute:
        raise UsageError("--realism measures steps from where samples are, so it does not go with --absolute.")


def measured(
    source: CodeSource,
    edits: Sequence[Edit],
    reader: Predictor,
    render: Render,
    num: int,
    batch: int,
    label: object,
) -> tuple[tuple[Departure, ...], ...]:
    """Departures of every edit, step by step.

    Args:
        source: whose generator, seed and truncation are used; other codes are drawn, of the next two seeds.
        reader: whose features are compared.
        num: N.
        label: of the source's samples.
    """
    same = class_of_fresh(label, source.generator.spec)
    moving, other = (
        CodeSource(source.generator, num, (source.seed + extra) % LARGEST_SEED, source.truncation, label=same)
        for extra in (1, 2)
    )

    def unedited(drawn: CodeSource) -> npt.NDArray[np.float32]:
        found = []
        for start, stop in parts(0, num, batch):
            found.append(_features(reader, source.generator.synthesize(drawn.batch(start, stop).wp)))
            bar.update(stop - start)
        return np.concatenate(found)

    found = []
    with torch.inference_mode(), progress(num * (2 + len(edits)), "realism", unit="sample") as bar:
        before, reference = unedited(moving), unedited(other)
        for edit in edits:
            moved = []
            for start, stop in parts(0, num, batch):
                seen = np.concatenate([_features(reader, image) for image in render(moving, edit, start, stop)])
                moved.append(seen.reshape(stop - start, len(edit.distances), -1))
                bar.update(stop - start)
            after = np.concatenate(moved)
            steps = [(distance, after[:, i]) for i, distance in enumerate(edit.distances)]
            found.append(departures(before, reference, steps, source.seed))
    return tuple(found)


def _features(reader: Predictor, image_NCHW: Tensor) -> npt.NDArray[np.float32]:
    result: npt.NDArray[np.float32] = reader.features(colours(image_NCHW).to(reader.device)).float().cpu().numpy()
    return result
