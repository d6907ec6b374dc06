"""How long an atlas will take, said before it begins.

Legend: A attributes, R regions, L rows of wp.
"""

from __future__ import annotations

import time
from collections.abc import Collection

import torch

from gantk.atlas.moves import draw_samples
from gantk.atlas.plan import Sizes
from gantk.generators.base import Generator
from gantk.predictors.base import Predictor
from gantk.predictors.reading import coloured

TRIED = 5  # strengths in the search of one direction, about
GUESSED = 8  # regions, before anything has told them apart


def directions_of(attributes: int, count: int, systems: Collection[str]) -> int:
    """About how many directions these systems have together, by thirds of the rows, attributes and regions."""
    each = {
        "higan": attributes, "encoder": attributes, "stylespace": count * (attributes + GUESSED),
        "resefa": count * GUESSED, "sefa": 3 * count, "ganspace": 3 * count, "navigan": 3 * count,
    }  # fmt: skip
    return sum(each[name] for name in systems)


def passes_of(
    generator: Generator, attributes: int, systems: Collection[str], sizes: Sizes, random: int, quick: bool
) -> int:
    """About how many generator passes an atlas takes.

    Args:
        attributes: how many the predictor reads.
        systems: that are asked for.
        random: directions that others are compared with.
    """
    layers = generator.spec.num_layers
    jacobians = (3 if quick else 6) * int(1.5 * generator.spec.w_dim) if "resefa" in systems else 0
    products = (2 if quick else 8) * 200 if "navigan" in systems else 0
    near = 2 * sizes.held_out if sizes.others else 0
    match = TRIED * min(16, sizes.held_out)
    each = match + 5 * sizes.held_out + sizes.rows * (3 + layers) + near
    found = directions_of(attributes, sizes.components, systems) * each + random * (match + 2 * sizes.held_out)
    return sizes.num + jacobians + products + found + sizes.others


def seconds_of_pass(generator: Generator, metric: Predictor, batch: int) -> float:
    """Seconds that one sample takes, drawn and looked at; the second of two batches is timed."""
    samples = draw_samples(generator, min(batch, 4), batch_size=batch)
    seconds = 0.0
    with torch.inference_mode():
        for _ in range(2):
            began = time.monotonic()
            metric.feature_maps(coloured(samples.images()))
            seconds = time.monotonic() - began
    return seconds / len(samples)


def told(passes: int, seconds: float) -> str:
    """A sentence for whoever waits."""
    total = passes * seconds
    shown = f"{total:.0f} seconds" if total < 120 else f"{total / 60:.0f} minutes" if total < 7200 else ""
    shown = shown or f"{total / 3600:.1f} hours"
    return f"About {passes} generator passes of {seconds:.2g} s: {shown} at this pace."
