"""What an atlas is made of, before and after measuring: how much of everything, held-out samples, moves, facts.

Legend: N samples, A attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gantk.atlas.found import SourceFound
from gantk.atlas.moves import Move, Samples, draw_samples, moves_of, weight_moves
from gantk.atlas.options import AtlasOptions
from gantk.codes.given import GivenCodes
from gantk.generators.base import Generator, Truncation
from gantk.runs.options import LARGEST_SEED
from gantk.runs.results import record

COMPARED = 12
HELD_OUT = 1_000_003  # added to the seed: codes that no direction was found on


@dataclass(frozen=True)
class Sizes:
    """How much is done; see `AtlasOptions`."""

    num: int
    components: int
    held_out: int
    random: int
    shown: int
    rows: int
    others: int


def sizes_of(options: AtlasOptions) -> Sizes:
    """What was asked for, or the defaults of a quick or a whole atlas."""
    quick = options.quick
    usual = Sizes(300, 1, 8, 6, 12, 2, 64) if quick else Sizes(2000, 2, 24, 24, 24, 6, 256)
    asked = {name: getattr(options, name) for name in ("num", "components", "held_out", "random", "shown")}
    chosen = {name: value for name, value in asked.items() if value is not None}
    return Sizes(**{**vars(usual), **chosen})


def compared(options: AtlasOptions, attributes: int) -> int:
    """How many random directions are measured: more where nothing but them says what is steady."""
    few = options.random is None and not attributes
    return max(sizes_of(options).random, COMPARED) if few else sizes_of(options).random


@record
class Floor:
    """What random directions change of each attribute [A], and how steady they are, each (`Steadiness.across`)."""

    floor_A: npt.NDArray[np.float64]
    steady: tuple[float, ...]


@record
class AtlasFacts:
    """What concluding needs to know beside the arrays; see `AtlasResult`."""

    sources: tuple[SourceFound, ...]
    attributes: tuple[str, ...]
    regions: tuple[str, ...]
    floor: Floor
    samples: int
    seer: str
    reader: str


def held_out(
    generator: Generator, options: AtlasOptions, truncation: Truncation | None, num: int, start: int = 0,
    listed: GivenCodes | None = None,
) -> Samples:  # fmt: skip
    seed = (options.seed + HELD_OUT) % LARGEST_SEED
    return draw_samples(generator, num, seed, truncation, batch_size=options.batch_size, start=start, listed=listed)


def moves_in(generator: Generator, sources: Sequence[SourceFound]) -> Iterator[Move]:
    """Every direction of every source as a move with a name of its own."""
    taken: dict[str, int] = {}
    for source in sources:
        every: list[Move] = [
            move for direction in source.directions for move in moves_of(generator, direction, source.system)
        ]
        for part in source.weights:
            live = part.live()
            deltas = [live.delta(index).to(generator.device, generator.dtype) for index in range(len(live))]
            every += weight_moves(generator, part.layer, deltas, source.system, f"{source.system} {part.layer}")
        for move in every:
            taken[move.name] = taken.get(move.name, 0) + 1
            yield move if taken[move.name] == 1 else replace(move, name=f"{move.name} ({taken[move.name]})")  # type: ignore[type-var]
