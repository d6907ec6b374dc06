"""Samples by the number under which people know them: NVIDIA's, one RandomState for each seed.

gantk's own sample i of a seed is another code; see `gantk.store.seeding`. Without torch.

Legend: N samples, D the width of a code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gantk.errors import UsageError

LARGEST = 2**32 - 1  # what RandomState takes
MOST = 1_000_000

Seeds = str | int | Sequence[int]


def parse_seeds(seeds: Seeds) -> tuple[int, ...]:
    """The seeds of a list such as ``0-31,85``, in its order; repeated ones stay.

    Raises:
        UsageError: the text is no such list, or a seed is larger than 2**32 - 1.
    """
    if isinstance(seeds, int):
        seeds = str(seeds)
    if not isinstance(seeds, str):
        seeds = ",".join(str(int(seed)) for seed in seeds)
    found: list[int] = []
    for part in seeds.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,24})\s*(?:-\s*([0-9]{1,24})\s*)?", part)
        if match is None:
            raise UsageError(f"The seeds {seeds!r} are not understood: write 0-31,85 (numbers and ranges).")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(f"The seeds {part.strip()} run backwards: write {last}-{first}.")
        if last > LARGEST:
            raise UsageError(f"The seed {last} is too large for NVIDIA's numbering: give at most {LARGEST}.")
        if len(found) + last - first >= MOST:
            raise UsageError(f"The seeds {seeds!r} are more than {MOST}: give fewer.")
        found += range(first, last + 1)
    return tuple(found)


def show_seeds(seeds: Sequence[int]) -> str:
    """Seeds as `parse_seeds` reads them, neighbours joined to ranges."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][1] + 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def numbered_z(seeds: Sequence[int], dim: int) -> npt.NDArray[np.float32]:
    """z [N, D] of seeds as stylegan2-ada and stylegan3 draw it: RandomState(seed).randn(1, D) for each."""
    z_ND = np.empty((len(seeds), dim), np.float32)
    for row, seed in enumerate(seeds):
        z_ND[row] = np.random.RandomState(seed).randn(1, dim)[0]
    return z_ND
