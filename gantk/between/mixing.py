"""Style mixing (Karras et al. 2019, figure 3): some rows of wp from one code, the rest from another.

Shape legend: R codes at the left, C at the top, L rows of wp, D the width of a row.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantk.between.options import MixOptions
from gantk.between.results import MixGrid, MixResult
from gantk.codes.numbering import Seeds, parse_seeds, show_seeds
from gantk.codes.source import CodeSource, show_truncation
from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.pictures.images import to_uint8
from gantk.runs.inputs import SampleOptions
from gantk.runs.stores import Store
from gantk.runs.structure import Image
from gantk.runs.task import verb
from gantk.store.progress import progress

FOLDER = "mixed"
LEFT, TOP = "0-3", "4-8"
COARSE = 7 / 18  # rows that stylegan2-ada mixes where nothing is said: 0-6 of 18


@verb(MixOptions)
def mix(
    generator: Generator,
    left: object = None,
    top: object = None,
    *,
    options: MixOptions,
    store: Store,
) -> MixResult:
    """Render every mixture of two lists of codes: the chosen rows of wp from the top, the others from the left.

    Args:
        generator: any family with more than one row of wp.
        left, top: codes instead of seeds; see `gantk.codes.given.given_codes`.
        options: `MixOptions`, or its fields as keywords.

    Returns:
        R x C mixtures for each choice of rows; noise is the same in all of them.

    Raises:
        UsageError: rows that do not exist, seeds and codes for one side, or a network with a single row.
    """
    count = generator.spec.num_layers
    if count < 2:
        raise UsageError(f"This {generator.spec.family} has one row of wp, so nothing can be mixed: see `gantk walk`.")
    chosen = options.rows or (f"0-{max(1, round(COARSE * count)) - 1}",)
    choices = tuple(dict.fromkeys(generator.parse_rows(text) for text in chosen))
    lefts, left_names = _source(generator, left, options.left_seeds, LEFT, options, "--left")
    tops, top_names = _source(generator, top, options.top_seeds, TOP, options, "--top")
    total = lefts.total + tops.total + len(choices) * lefts.total * tops.total
    with (
        torch.inference_mode(),
        store.timed("mixing"),
        store.pictures() as pictures,
        progress(total, "mix", unit="img") as bar,
    ):
        left_RLD, top_CLD = (source.batch(0, source.total).wp for source in (lefts, tops))

        def render(wp_NLD: Tensor, prefix: str) -> tuple[Image, ...]:
            names = [f"{FOLDER}/{prefix}_{place:04d}.png" for place in range(len(wp_NLD))]
            written: list[Future[Any]] = []
            for start in range(0, len(names), options.batch_size):
                part = slice(start, start + options.batch_size)
                images = to_uint8(generator.synthesize(wp_NLD[part]))
                written += pictures.write(names[part], images)
                bar.update(len(images))
            for future in written:
                future.result()
            return tuple(store.picture(name) for name in names)

        left_images, top_images = render(left_RLD, "left"), render(top_CLD, "top")
        grids = []
        for number, rows in enumerate(choices):
            mixed_RCLD = left_RLD[:, None].repeat(1, len(top_CLD), 1, 1)
            mixed_RCLD[:, :, list(rows)] = top_CLD[None, :, list(rows)]
            images = render(mixed_RCLD.flatten(0, 1), f"grid{number}")
            grids.append(MixGrid(rows=rows, spelled=show_seeds(rows), images=images))
    return MixResult(
        left=left_names,
        top=top_names,
        left_images=left_images,
        top_images=top_images,
        left_wp=np.array(left_RLD.float().cpu().numpy()),
        top_wp=np.array(top_CLD.float().cpu().numpy()),
        grids=tuple(grids),
        truncation=show_truncation(lefts.truncation),
    )


def _source(
    generator: Generator, codes: object, seeds: Seeds | None, usual: str, options: MixOptions, side: str
) -> tuple[CodeSource, tuple[str, ...]]:
    """The codes of one side, and what each is called."""
    if codes is not None and seeds is not None:
        raise UsageError(f"{side} was given seeds, and codes too: leave one of the two out.")
    drawn = None if codes is not None else parse_seeds(usual if seeds is None else seeds)
    sample = SampleOptions(seeds=drawn, truncation=options.truncation, label=options.label)
    source = sample.source(generator, codes)
    names = (f"code {place}" if drawn is None else f"seed {drawn[place]}" for place in range(source.total))
    return source, tuple(names)
