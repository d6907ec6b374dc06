"""Walks: a few samples rendered at several steps along a direction, the same for every system that finds directions.

Shape legend: N samples, K directions, T steps, L rows of wp.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantk.codes.directions import Direction
from gantk.codes.given import GivenCodes
from gantk.codes.spread import spread_of, unit_of
from gantk.generators.base import Generator, Truncation
from gantk.generators.rows import LayerList
from gantk.pictures.images import to_uint8
from gantk.runs.stores import Store
from gantk.runs.walk import Walk
from gantk.store.chunks import parts
from gantk.store.progress import progress


def rounded(value: float) -> float:
    """Two significant digits: what a slider can show."""
    return float(f"{value:.2g}") if abs(value) > 1e-12 else 0.0


def symmetric_steps(scale: float, count: int) -> list[float]:
    """`count` distances from -scale to scale, both ends included, zero exactly."""
    ends = rounded(scale)
    steps = np.linspace(-ends, ends, count)
    return [float(f"{step:.6g}") if abs(step) > 1e-9 * max(ends, 1e-9) else 0.0 for step in steps]


def moved_codes(
    generator: Generator,
    direction: Direction,
    pick: int,
    distance: float | Tensor,
    z_ND: Tensor | None,
    wp_NLD: Tensor,
    truncation: Truncation | None,
    label: Tensor | None,
    layers: LayerList = None,
) -> Any:
    """wp of samples after a step along a direction of z, w or wp; styles after one of s.

    Args:
        distance: of all samples, or of each [N].
        z_ND: needed for directions of z, which go through the mapping network again.
        wp_NLD: after `truncation`.
        layers: the rows of wp that move; None are the direction's own.
    """
    if direction.space == "z":
        assert z_ND is not None
        return generator.expand(generator.map(direction.apply(z_ND, distance, pick=pick), label), truncation)
    if direction.space == "s":
        styles: tuple[Tensor, ...] = direction.apply(generator.styles(wp_NLD), distance, pick=pick)
        return styles
    if direction.space == "w" and generator.spec.wp_dim != generator.spec.w_dim and layers is None:
        far = distance.reshape(-1, 1) if isinstance(distance, Tensor) else distance
        step = torch.from_numpy(direction.vectors[pick : pick + 1]).to(wp_NLD) * far
        return wp_NLD + generator.expand(step) - generator.expand(torch.zeros_like(step))  # `expand` is affine
    moved: Tensor = direction.apply(wp_NLD, distance, layers, truncation, pick=pick)
    return moved


def draw_walks(
    store: Store,
    generator: Generator,
    direction: Direction,
    scales: Sequence[float],
    truncation: Truncation | None,
    seed: int,
    samples: int,
    count: int,
    folder: str = "steps",
    codes: GivenCodes | None = None,
    batch: int = 16,
) -> tuple[Walk, ...]:
    """Render the first samples of a seed along the first directions of a file, each from -scale to scale.

    Args:
        scales: one for each direction that is drawn.
        samples: N. count: T.
        codes: z to draw instead of those of the seed, with their names.
        batch: images at once.
    """
    walks = []
    titles = [f"sample {sample}" for sample in range(samples)]
    if codes is not None:
        samples, titles = len(codes), list(codes.names or (f"code {sample}" for sample in range(len(codes))))
    compensated = generator.spec.wp_dim == generator.spec.w_dim  # see `moved_codes`
    written: list[Future[Any]] = []
    with (
        torch.inference_mode(),
        store.pictures() as pictures,
        progress(samples * count * len(scales), "draw", unit="img") as bar,
    ):
        if codes is not None:
            z_ND = torch.from_numpy(np.array(codes.array)).to(generator.device, generator.dtype)
        else:
            z_ND = generator.sample_z(samples, seed=seed)
        label = generator.sample_label(samples, seed=seed)
        wp_NLD = generator.expand(generator.map(z_ND, label), truncation)
        for number, scale in enumerate(scales):
            distances = symmetric_steps(scale, count)
            names = [
                [f"{folder}/{number:02d}_{sample}_{step:02d}.png" for step in range(count)] for sample in range(samples)
            ]
            for step, distance in enumerate(distances):
                moved = moved_codes(generator, direction, number, distance, z_ND, wp_NLD, truncation, label)
                for first, last in parts(0, samples, batch):
                    some = tuple(s[first:last] for s in moved) if isinstance(moved, tuple) else moved[first:last]
                    images = to_uint8(generator.synthesize(some))
                    written += pictures.write([line[step] for line in names[first:last]], images)
                    bar.update(last - first)
            for future in written:  # a full disk shows here
                future.result()
            written.clear()
            strips = tuple(store.strip(title, distances, line) for title, line in zip(titles, names, strict=True))
            walks.append(
                Walk(
                    name=direction.name,
                    number=number,
                    space=direction.space,
                    rows=direction.layers,
                    strips=strips,
                    unit=unit_of(direction, compensated),
                    spread=spread_of(generator, direction, number, truncation, direction.layers, compensated),
                )
            )
    return tuple(walks)
