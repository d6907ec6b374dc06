"""Result of `gantk atlas`; without torch.

Legend: A attributes, R regions, L rows of wp, M directions, G groups, Y systems.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gantk.atlas.claims import ATLAS
from gantk.atlas.results import Unrelated
from gantk.codes.directions import Direction
from gantk.codes.kept_directions import save_direction
from gantk.navigan.kept import KeptWeights
from gantk.predictors.selectivity import SELECTIVE
from gantk.runs.claims import Claims
from gantk.runs.results import Export, Result, record
from gantk.runs.structure import Image
from gantk.runs.walk import Walk
from gantk.store.files import save_json

FACTORS = 2.0  # of the strength: where sliders end

CODES = ("z", "w", "wp")
LUCK = 0.05  # that directions rank as far above random ones although they are no steadier
STEADIER, BY = 1.5, 0.035  # times as steady as random ones, and by how much, in the median; docs/atlas.md: how chosen

Array = npt.NDArray[Any]


def is_steady(heads: Sequence[Charted], charted: Sequence[Charted], random: Sequence[float]) -> bool:
    """Whether directions do the same in different samples.

    Where attributes name them: whether most of those changes are beyond the interval of their mean over samples. Where
    nothing does: whether directions of codes are steadier in feature space than random ones, beyond luck (Mann and
    Whitney's test), by half, and by a share of the change that can be seen. Channels and weights are left out there:
    they reach less of the image, and are steadier for that alone.

    Args:
        heads: the representatives of the groups.
        charted: all directions.
        random: steadiness (`across`) of random directions of codes.
    """
    from scipy.stats import mannwhitneyu

    named = [head for head in heads if head.attribute >= 0]
    if named:
        beyond = [abs(head.change_A[head.attribute]) > head.error_A[head.attribute] for head in named]
        return 2 * sum(map(bool, beyond)) >= len(named)
    counted = [part.across for part in charted if part.space in CODES]
    if not counted:
        return True
    luck = float(mannwhitneyu(counted, random, alternative="greater").pvalue)
    found, usual = float(np.median(counted)), float(np.median(random))
    return luck < LUCK and found >= STEADIER * usual and found >= usual + BY


@record
class SourceFound:
    """The directions of one system.

    Attributes:
        weights: directions of convolutions' weights.
        passes: of the generator, or what costs as much, that finding them took.
        note: why there are none; empty where there are.
    """

    system: str
    directions: tuple[Direction, ...]
    weights: tuple[KeptWeights, ...]
    passes: int
    note: str


@record
class Source:
    """A system in the result: how many directions it gave, at what cost, or why none."""

    system: str
    directions: int
    passes: int
    note: str


@record
class Charted:
    """One direction, measured on held-out samples.

    Attributes:
        name, system, space: of the direction.
        strength: at which the median perceptual change is a tenth of the distance between two samples.
        matched: whether there is one; otherwise it is the closest that was tried.
        attribute, region: that name it; -1 for none.
        selectivity: change of the attribute over the largest other.
        change_A, error_A, twice_A: of attributes in deviations at the strength, half the 95 % interval, at twice it.
        share_R, locality_R: of the squared change in each region; change per pixel inside over outside.
        effect_L: share of the main effect when one row moves alone; None where no rows were tried.
        least: rows that keep nine tenths of it.
        limit: strength at which samples leave the distribution; None where it was not measured.
        reached: whether they do so within what was tried.
        cosine, curvature, symmetry, across: how steady it is, see `gantk.atlas.results.Steadiness`.
    """

    name: str
    system: str
    space: str
    strength: float
    matched: bool
    attribute: int
    region: int
    selectivity: float
    change_A: Array
    error_A: Array
    twice_A: Array
    share_R: Array
    locality_R: Array
    effect_L: Array | None
    least: tuple[int, ...]
    limit: float | None
    reached: bool
    cosine: float
    curvature: float
    symmetry: float
    across: float

    @property
    def turn(self) -> int:
        """-1 where the attribute that names it falls along it: files and sliders are turned so that it grows."""
        return -1 if self.attribute >= 0 and self.change_A[self.attribute] < 0 else 1

    @property
    def locality(self) -> float | None:
        """In the region that names it."""
        return float(self.locality_R[self.region]) if self.region >= 0 else None


@record
class Drawn:
    """Directions that do the same.

    Attributes:
        name: made of attribute, regions and rows; `file` is the stem of its direction file.
        members: places among the directions, the representative first; `signs` turn them the same way.
        systems: that found it.
        similarity: mean of two members. chance: how often unrelated directions are joined as closely.
        heat: where the image changes, the lighter the more. heat_most: what white is, root mean square on [0, 1].
        walk: the representative on some samples; None where it was not drawn.
        beside: of members, the first sample moved as far as the representative moves it.
    """

    name: str
    file: str
    members: tuple[int, ...]
    signs: tuple[int, ...]
    systems: tuple[str, ...]
    similarity: float
    chance: float
    heat: Image
    heat_most: float
    walk: Walk | None
    beside: tuple[Image, ...]


@record
class AtlasResult(Result):
    """What one generator knows, as far as the systems find it.

    Attributes:
        sources: every system, also those that gave nothing.
        charted: M directions. groups: G, the most selective first.
        attributes, regions, rows: names of columns; a row is named by its third of the rows.
        area_R: of the pixels that each region has.
        floor_A: change of attributes that random directions stay below in 95 of 100 cases.
        random_steady: how steady random directions are, each (`across`).
        systems, overlap_YY: how much of a row's system lies in the span of a column's.
        cut, unrelated: similarity from which directions are joined, and how similar unrelated ones come out.
        similarity_MM: of the directions.
        samples: that were measured on. seer: what tells regions apart; empty where nothing does.
        reader: by whose features moved samples are near what the generator draws; empty where nothing has features.
        directions, weights: the representative of every group with its card: one of codes, or of a weight.
    """

    TASK: ClassVar[str] = "atlas"
    VERSION: ClassVar[int] = 4
    CLAIMS: ClassVar[Claims[AtlasResult]] = ATLAS
    KEPT: ClassVar[tuple[str, ...]] = ("similarity_MM",)
    sources: tuple[Source, ...]
    charted: tuple[Charted, ...]
    groups: tuple[Drawn, ...]
    attributes: tuple[str, ...]
    regions: tuple[str, ...]
    rows: tuple[str, ...]
    area_R: Array
    floor_A: Array
    random_steady: tuple[float, ...]
    systems: tuple[str, ...]
    overlap_YY: Array
    cut: float
    unrelated: Unrelated
    similarity_MM: Array
    samples: int
    seer: str
    reader: str
    directions: tuple[Direction | None, ...]
    weights: tuple[KeptWeights | None, ...]

    def head(self, group: Drawn) -> Charted:
        """The representative of a group."""
        return self.charted[group.members[0]]

    @property
    def is_steady(self) -> bool:
        """Whether some directions do the same in every sample, more than random ones do."""
        return is_steady([self.head(group) for group in self.groups], self.charted, self.random_steady)

    def found(self) -> dict[str, Drawn]:
        """Attribute -> the group that changes it most selectively, for those with a selectivity of 2 or more."""
        best: dict[str, Drawn] = {}
        if not self.is_steady:
            return best
        for group in self.groups:
            head = self.head(group)
            if head.attribute >= 0 and head.selectivity >= SELECTIVE:
                best.setdefault(self.attributes[head.attribute], group)
        return best

    def carried(self) -> dict[str, list[str]]:
        """Third of the layers -> attributes whose clearest selective direction does most there; regions, where nothing
        reads attributes."""
        chosen = self.found()
        if not self.attributes and self.is_steady:
            for group in self.groups:
                if (region := self.head(group).region) >= 0:
                    chosen.setdefault(self.regions[region], group)
        thirds: dict[str, list[str]] = {third: [] for third in self.rows}
        for name, group in chosen.items():
            effect_L = self.head(group).effect_L
            if effect_L is not None and np.isfinite(effect_L).any():
                thirds[self.rows[int(np.nanargmax(effect_L))]].append(name)
        return thirds

    def missing(self) -> tuple[str, ...]:
        """Attributes that no direction changes selectively."""
        return tuple(name for name in self.attributes if name not in self.found())

    def table(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for group in self.groups:
            head = self.head(group)
            rows.append(
                {
                    "name": group.name,
                    "file": self.file(group),
                    "systems": list(group.systems),
                    "members": [self.charted[m].name for m in group.members],
                    "attribute": self.attributes[head.attribute] if head.attribute >= 0 and self.is_steady else None,
                    "selectivity": head.selectivity,
                    "region": self.regions[head.region] if head.region >= 0 else None,
                    "locality": head.locality,
                    "rows": list(head.least),
                    "strength": head.strength,
                    "limit": head.limit,
                    "steadiness": head.cosine,
                    "chance": group.chance,
                }
            )
        return rows

    def exports(self) -> Iterator[Export]:
        yield Export("atlas.json", lambda path: save_json(path, self.table()), "the groups as a table")
        about = "a group's representative with its card"
        for direction, weights, group in zip(self.directions, self.weights, self.groups, strict=True):
            if direction is not None:
                yield Export(self.file(group), partial(save_direction, direction=direction), about)
            elif weights is not None:
                yield Export(self.file(group), weights.save, about)

    def file(self, group: Drawn) -> str:
        """Where the representative of a group is kept."""
        folder = "weights" if self.head(group).space == "weights" else "directions"
        return f"{folder}/{group.file}.safetensors"

    def command(self, group: Drawn, model: str = "MODEL", folder: str = "") -> str:
        """What moves samples along the representative of a group, typed where `folder` is that of the run."""
        verb = "navigan apply" if self.head(group).space == "weights" else "manipulate"
        return f"gantk {verb} {model} {folder}{self.file(group)}"

    def matrix(self, of: str) -> npt.NDArray[np.float64]:
        """Of every representative: change of "attributes" [G, A], its own growing, or share of "regions" [G, R]."""
        heads = [self.head(group) for group in self.groups]
        if of == "attributes":
            return np.stack([head.turn * np.asarray(head.change_A, dtype=np.float64) for head in heads])
        return np.stack([np.asarray(head.share_R, dtype=np.float64) for head in heads])

    def front(self) -> Image | None:
        """The clearest direction's first sample at the end of its slider; without one, where the first group acts."""
        walk = next((group.walk for group in self.groups if group.walk is not None), None)
        return super().front() if walk is None else walk.strips[0].images[-1]

    def emblem(self) -> npt.NDArray[np.float64] | None:
        return np.abs(self.matrix("attributes" if self.attributes else "regions"))
