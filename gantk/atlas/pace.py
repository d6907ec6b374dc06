"""How long an atlas will take, said before it begins.

Legend: A attributes, R regions, L rows of wp.
"""

from __future__ import annotations

import time

import torch

from gantk.atlas.moves import draw_samples
from gantk.generators.base import Generator
from gantk.predictors.base import Predictor
from gantk.predictors.reading import coloured

TRIED = 5  # strengths in the search of one direction, about
GUESSED = 8  # regions, before anything has told them apart


def directions_of(attributes: int, count: int) -> int:
    """About how many directions all sources have together."""
    named = attributes * (2 + count)  # boundaries in codes and in an encoder's styles, and channels
    return named + count * (3 * 3 + 2 * GUESSED)  # three sources by thirds, two by regions


def passes_of(
    generator: Generator, attributes: int, count: int, num: int, measured: int, rows: int, others: int, quick: bool
) -> int:
    """About how many generator passes an atlas takes.

    Args:
        count: directions for each third, region or attribute.
        num, measured, rows, others: samples that are scored, measured on, moved row by row, compared with.
    """
    layers = generator.spec.num_layers
    finding = num + (3 if quick else 6) * int(1.5 * generator.spec.w_dim) + (2 if quick else 8) * 200
    each = TRIED * min(16, measured) + 5 * measured + rows * (3 + layers) + (2 * measured if others else 0)
    return finding + directions_of(attributes, count) * each + others


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
