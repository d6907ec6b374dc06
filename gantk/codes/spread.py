"""How far samples lie apart along a direction: what makes a distance of one direction comparable with another's.

Legend: N samples, L rows of wp.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gantk.codes.directions import Direction
    from gantk.generators.base import Generator, Truncation

SAMPLES = 256  # give the deviation to 4 % (one standard error)


def unit_of(direction: Direction, compensated: bool = True) -> str:
    """What a distance along a direction counts in.

    Args:
        compensated: whether a w-direction inside wp is scaled by psi on truncated rows, so that it counts as in w.
    """
    if direction.space == "w":
        return "w before truncation" if compensated else "w after truncation"
    return {"wp": "wp after truncation", "s": "the styles"}.get(direction.space, direction.space)


def spread_of(
    generator: Generator,
    direction: Direction,
    pick: int = 0,
    truncation: Truncation | None = None,
    rows: Sequence[int] | None = None,
    compensated: bool = True,
) -> float | None:
    """Standard deviation of drawn samples along a direction, in the unit in which its distances count.

    Args:
        pick: which of the K directions.
        truncation: of the samples; matters for directions of wp alone.
        rows: of wp that move; their mean deviation is taken. None is all.
        compensated: as for `unit_of`; where a w-direction is not, truncated rows have another deviation than the rest.

    Returns:
        None for styles, for spaces that the generator does not have, where samples do not differ, and where rows of wp
        have several deviations.
    """
    import torch

    space, vector = direction.space, torch.from_numpy(np.array(direction.vectors[pick], dtype=np.float64))
    if space == "s" or space not in generator.spec.spaces:
        return None
    if space == "w" and truncation is not None and not compensated:
        return None
    with torch.inference_mode():
        codes = generator.sample_z(SAMPLES)
        if space != "z":
            codes = generator.map(codes, generator.sample_label(SAMPLES))
        if space == "wp":
            codes = generator.expand(codes, truncation)
        codes = codes.double().cpu()
    if codes.ndim == 2:
        codes, vector = codes[:, None], vector.reshape(1, -1)
    elif rows is not None:
        codes, vector = codes[:, list(rows)], vector[list(rows)]
    length_L = (vector**2).sum(dim=-1)
    moved = length_L > 0
    if not bool(moved.any()):
        return None
    deviation_L = (codes * vector).sum(dim=-1).std(dim=0, correction=0)[moved] / length_L[moved]
    found = float(deviation_L.mean())
    return found if found > 0 else None
