"""What the yardstick says about one move, and what grouping says about many; numpy only.

Legend: A attributes, R regions, L rows of wp, P numbers of an effect vector, M moves, G groups, Y systems.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Where:
    """Where the image changes at the matched strength.

    Attributes:
        heat_HW: mean squared change per pixel, on images in [0, 1].
        share_R: of the squared change, in each region (as it is before and after, half each).
        area_R: of the pixels.
        locality_R: change per pixel inside over that outside; 1: none, nan where a region is absent.
        region: the first of those worth naming (`gantk.atlas.figures.named_regions`); -1 for none.
    """

    heat_HW: Array
    share_R: Array
    area_R: Array
    locality_R: Array
    region: int


@dataclass(frozen=True, eq=False)
class What:
    """What changes at the matched strength, in standard deviations of the samples; half the way from -t to +t.

    Attributes:
        change_A: of each attribute, positive where it grows with the strength.
        error_A: half the width of its 95 % interval.
        floor_A: 95th percentile of |change| of matched random directions; nan where none were measured.
        attribute: the one that changes most, -1 without attributes or where none is above its floor.
        selectivity: its change over the largest other one, 0 where none is above the floor.
    """

    change_A: Array
    error_A: Array
    floor_A: Array
    attribute: int
    selectivity: float


@dataclass(frozen=True, eq=False)
class Rows:
    """Which rows of wp carry the main effect.

    Attributes:
        effect_L: share of the main effect when only that row moves (its attribute's change, or without one the part of
            the change of features along the whole one); nan for rows that were not tried.
        least: rows that together keep `KEPT` of it, found by adding the strongest first.
        kept: what they keep.
    """

    effect_L: Array
    least: tuple[int, ...]
    kept: float


@dataclass(frozen=True, eq=False)
class HowFar:
    """How far samples can be moved before they leave what the generator draws.

    Attributes:
        strengths, near: tried, ascending, and the share of samples moved to either side that are near unmoved ones, as
            `gantk manipulate --realism` has it (`gantk.predictors.departure`).
        limit: strength at which that share falls below nine tenths; the farthest tried where it never does.
        reached: whether it did.
    """

    strengths: Array
    near: Array
    limit: float
    reached: bool


@dataclass(frozen=True)
class Steadiness:
    """Whether the same thing happens everywhere; in feature space.

    Attributes:
        cosine: mean cosine between the changes of different samples, in [-1, 1].
        curvature: 1 - cosine between the first half of the path to 2 t and the second; 0 is straight.
        symmetry: minus the cosine between the changes to both sides; 1: they are opposite.
        across: mean cosine between different samples' changes from -t to +t, in [-1, 1]. What any change of a sample
            does to its features, whichever side it is moved to, cancels there.
    """

    cosine: float
    curvature: float
    symmetry: float
    across: float


@dataclass(frozen=True, eq=False)
class Effect:
    """What a move does, as vectors that can be compared between moves of any kind.

    Attributes:
        plus_P, minus_P: mean change of pooled features and attributes at +t and at -t.
    """

    plus_P: npt.NDArray[np.float32]
    minus_P: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Measured:
    """One move, measured.

    Attributes:
        name, system: of the move.
        strength: t at which the median perceptual change is the level.
        distance: the median change there, over the median distance between two samples.
        matched: whether the level was met; otherwise the strength is the closest that was tried.
        twice: change of each attribute at 2 t, [A].
        passes: generator passes that measuring took.
    """

    name: str
    system: str
    strength: float
    distance: float
    matched: bool
    where: Where
    what: What
    twice: Array
    steadiness: Steadiness
    effect: Effect
    rows: Rows | None = None
    far: HowFar | None = None
    passes: int = 0


@dataclass(frozen=True, eq=False)
class Unrelated:
    """How similar moves come out that have nothing to do with each other.

    Attributes:
        mean: of |similarity|.
        line95, line99: percentiles of |similarity|.
        nearest: what the |similarity| of a move's nearest other stays below in 95 of 100 cases; the cut, unless one is
            given.
        permutations: how many.
        found, permuted: share of the pairs in each bin of |similarity|, as measured and in permutations.
        edges: of the bins.
    """

    mean: float
    line95: float
    line99: float
    nearest: float
    permutations: int
    found: Array
    permuted: Array
    edges: Array


@dataclass(frozen=True, eq=False)
class Group:
    """Moves that do the same.

    Attributes:
        name: made of attribute, regions and rows.
        members: indices of the moves, the representative first.
        signs: +1 or -1 for each member: relative to the representative.
        systems: that found it, in order of their first member.
        similarity: mean |similarity| of two members; 1 where there is one.
        chance: how often a permutation joins as many unrelated moves at this similarity; 1 where there is one.
    """

    name: str
    members: tuple[int, ...]
    signs: tuple[int, ...]
    systems: tuple[str, ...]
    similarity: float
    chance: float


@dataclass(frozen=True, eq=False)
class Groups:
    """All groups of some moves.

    Attributes:
        groups: largest selectivity of the representative first.
        similarity_MM: over both signs, signed by the better orientation.
        cut: similarity at which the tree was cut.
        unrelated: see there.
        systems: Y names.
        overlap_YY: how much of a row's system lies in the span of a column's: mean squared cosine of the principal
            angles, in [0, 1].
    """

    groups: tuple[Group, ...]
    similarity_MM: npt.NDArray[np.float32]
    cut: float
    unrelated: Unrelated
    systems: tuple[str, ...]
    overlap_YY: Array
