"""The verb of the toy analysis: long, so compute and conclude."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from gantk.generators.base import Generator
from gantk.runs.stores import Store
from gantk.runs.task import verb
from toy.options import BrightnessOptions
from toy.results import BrightnessResult, Facts

CHUNK = 2


@verb(BrightnessOptions)
def brightness(generator: Generator, *, options: BrightnessOptions, store: Store) -> BrightnessResult:
    """Measure how bright samples are."""
    chunks = store.chunks(["brightness"], options.num, CHUNK)
    with torch.inference_mode():
        for index in chunks.missing():
            start, stop = chunks.grid.bounds(index)
            z_ND = generator.sample_z(stop - start, seed=options.seed, start=start)
            label = generator.sample_label(stop - start, seed=options.seed, start=start)
            image_NCHW = generator.synthesize(generator.expand(generator.map(z_ND, label)))
            chunks.write(index, {"brightness": options.gain * image_NCHW.double().mean((1, 2, 3)).numpy()})
    facts = Facts(resolution=generator.spec.resolution)
    return conclude(store.assemble(chunks, facts), facts, options, store)


def conclude(
    arrays: Mapping[str, np.ndarray], facts: Facts, options: BrightnessOptions, store: Store
) -> BrightnessResult:
    counts = np.histogram(arrays["brightness"], options.bins)[0]
    return BrightnessResult(
        brightness=arrays["brightness"], counts=tuple(int(n) for n in counts), resolution=facts.resolution
    )
