"""Which rows of wp carry a boundary, by rescoring it row by row; and which convolutions stand for a third of the rows.

Legend: N samples, L rows of wp, A attributes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from gantk.atlas.moves import DirectionMove, Samples, moves_of
from gantk.codes.directions import Direction
from gantk.generators.base import Generator
from gantk.predictors.base import Predictor
from gantk.predictors.reading import attributes_at

KEPT = 0.9  # of what single rows change together
SPREADS = 2.0  # standard deviations of the codes that a boundary is rescored at


def thirds(rows: int) -> dict[str, tuple[int, ...]]:
    """Rows of wp by thirds; with fewer than three all in one."""
    if rows < 3:
        return {"all": tuple(range(rows))}
    cuts = [round(rows * part / 3) for part in range(4)]
    names = ("coarse", "middle", "fine")
    return {name: tuple(range(cuts[i], cuts[i + 1])) for i, name in enumerate(names)}


def middle_convolutions(generator: Generator) -> list[str]:
    """Of each third of the rows the convolution in its middle, by name; none where a family has no such weights."""
    found = []
    for rows in thirds(generator.spec.num_layers).values():
        inside = [
            layer
            for layer in generator.layers
            if layer.row in rows
            and not layer.is_rgb
            and layer.weight is not None
            and generator.get_parameter(layer.weight).ndim == 4
        ]
        if inside:
            found.append(inside[len(inside) // 2].name)
    return found


def rows_by_rescoring(
    generator: Generator, boundaries: Sequence[Direction], predictor: Predictor, samples: Samples
) -> tuple[list[tuple[int, ...]], int]:
    """The rows that carry each boundary's own attribute, and the generator passes that this took.

    Half of the samples are moved to each side by two standard deviations of the codes, on each row of wp alone; the
    strongest rows are kept until nine tenths of the sum of what single rows change is reached (HiGAN, section 3.2).

    Args:
        boundaries: of w, each named as its attribute.
        samples: that no direction is measured on.
    """
    names = tuple(predictor.attribute_names)
    base_NA = _read(samples, predictor, samples.wp_NLD)
    sign_N = np.where(np.arange(len(samples)) % 2 == 0, 1.0, -1.0)
    chosen, passes = [], len(samples)
    for boundary in boundaries:
        move = next(moves_of(generator, boundary, "higan"))
        column = names.index(boundary.name)
        change_L = np.zeros(generator.spec.num_layers)
        for row in move.rows:
            moved_NA = _read(samples, predictor, _moved(move, samples, sign_N, row))
            change_L[row] = float(sign_N @ (moved_NA[:, column] - base_NA[:, column])) / len(samples)
            passes += len(samples)
        chosen.append(strongest(change_L))
    return chosen, passes


def strongest(change_L: npt.NDArray[np.float64]) -> tuple[int, ...]:
    """The rows with the largest changes that together reach `KEPT` of the sum of those that are above nought."""
    size_L = np.maximum(change_L, 0)
    if not size_L.any():
        return tuple(range(len(change_L)))
    order = np.argsort(-size_L, kind="stable")
    count = int(np.searchsorted(np.cumsum(size_L[order]), KEPT * size_L.sum() * (1 - 1e-9))) + 1
    return tuple(sorted(int(row) for row in order[:count]))


def _moved(move: DirectionMove, samples: Samples, sign_N: npt.NDArray[np.float64], row: int) -> torch.Tensor:
    strength_N = torch.from_numpy(SPREADS * move.unit * sign_N).to(samples.wp_NLD)
    with torch.no_grad():
        found = move.codes(samples, strength_N, (row,))
    assert isinstance(found, torch.Tensor)  # a boundary of w moves wp
    return found


def _read(samples: Samples, predictor: Predictor, wp_NLD: torch.Tensor) -> npt.NDArray[np.float32]:
    return attributes_at(samples.generator, predictor, wp_NLD, samples.batch_size)
