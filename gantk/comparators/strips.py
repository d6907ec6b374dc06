"""Strips of images along directions: a few samples, some steps to both sides, as files and as a page needs them.

Shape legend: N samples, K directions, T steps, L rows of wp.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantk.codes.directions import Direction
from gantk.generators.base import Generator, Truncation
from gantk.pictures.images import to_uint8
from gantk.runs.run import Run, save_image


def rounded(value: float) -> float:
    """Two significant digits: what a slider can show."""
    return float(f"{value:.2g}") if abs(value) > 1e-12 else 0.0


def symmetric_steps(scale: float, count: int) -> list[float]:
    """`count` distances from -scale to scale, both ends included, nought exactly."""
    ends = rounded(scale)
    steps = np.linspace(-ends, ends, count)
    return [float(f"{step:.6g}") if abs(step) > 1e-9 * max(ends, 1e-9) else 0.0 for step in steps]


def moved_codes(
    generator: Generator,
    direction: Direction,
    row: int,
    distance: float,
    z_ND: Tensor | None,
    wp_NLD: Tensor,
    truncation: Truncation | None,
    label: Tensor | None,
) -> Tensor:
    """wp of samples after a step along a direction of any space.

    Args:
        z_ND: needed for directions of z, which go through the mapping network again.
        wp_NLD: after `truncation`.
    """
    if direction.space == "z":
        assert z_ND is not None
        return generator.expand(generator.map(direction.apply(z_ND, distance, row=row), label), truncation)
    if direction.space == "w" and generator.spec.wp_dim != generator.spec.w_dim:
        step = torch.from_numpy(direction.vectors[row : row + 1]).to(wp_NLD) * distance
        return wp_NLD + generator.expand(step) - generator.expand(torch.zeros_like(step))  # `expand` is affine
    moved: Tensor = direction.apply(wp_NLD, distance, truncation=truncation, row=row)
    return moved


def draw_strips(
    run: Run,
    generator: Generator,
    direction: Direction,
    scales: Sequence[float],
    truncation: Truncation | None,
    seed: int,
    samples: int,
    count: int,
    folder: str = "steps",
) -> list[dict[str, Any]]:
    """Render the first samples of a seed along the first rows of a direction, each to its own scale."""
    with torch.inference_mode():
        z_ND = generator.sample_z(samples, seed=seed)
        label = generator.sample_label(samples, seed=seed)
        wp_NLD = generator.expand(generator.map(z_ND, label), truncation)
        made = []
        run.output(folder, "samples along the directions")
        for row, scale in enumerate(scales):
            distances = symmetric_steps(scale, count)
            frames: list[list[str]] = [[] for _ in range(samples)]
            for step, distance in enumerate(distances):
                moved = moved_codes(generator, direction, row, distance, z_ND, wp_NLD, truncation, label)
                for sample, picture in enumerate(to_uint8(generator.synthesize(moved))):
                    frames[sample].append(f"{folder}/{row:02d}_{sample}_{step:02d}.png")
                    save_image(run.path(frames[sample][-1]), _shown(picture))
            made.append({
                "name": direction.name, "row": row, "space": direction.space,
                "layers": direction.layers, "distances": distances, "frames": frames,
                "samples": [f"sample {sample}" for sample in range(samples)],
            })  # fmt: skip
    return made


def _shown(picture_HWC: np.ndarray) -> np.ndarray:
    return picture_HWC[..., 0] if picture_HWC.shape[-1] == 1 else picture_HWC
