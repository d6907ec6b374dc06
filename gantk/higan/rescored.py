"""Result of `gantk rescore`: which attribute each boundary moves, how surely, and in which rows.

Shape legend: N samples, B boundaries, R random directions, L rows of wp, A attributes; P = 1 + L places of an edit: all
rows, then each row alone (P = 1 where rows were not moved alone).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gantk.codes.directions import Direction
from gantk.codes.kept_directions import save_direction
from gantk.higan.claims import RESCORE
from gantk.predictors.selectivity import selectivity
from gantk.runs.claims import Claims
from gantk.runs.results import Export, Result, record
from gantk.runs.walk import Walk
from gantk.store.files import write_atomic
from gantk.store.text import csv_bytes

Array = npt.NDArray[Any]


@record
class Gain:
    """HiGAN's score of one boundary, all rows moved or one row, in the attribute's own unit.

    Attributes:
        gain: mean of the positive part of the change.
        low, high: 95 % bootstrap interval of the gain over the samples.
        signed: mean change, with its own interval.
    """

    gain: float
    low: float
    high: float
    signed: float
    signed_low: float
    signed_high: float


@record
class Rescored:
    """What is known of one boundary.

    Attributes:
        attribute: that it is about.
        direction: as it was used.
        prefix: of its files.
        deviation: standard deviation of the attribute over the samples as drawn.
        whole: all rows moved. rows: each row alone; empty for z, and where rows were not asked for.
        random: gains of random directions of the same length on the same attribute [R].
        responses: (distance, mean change) by distance.
        scores: of the attribute [N, 1 + P]: as drawn, then at each place.
        walk: the first samples as drawn, half way and at the distance of the scores; None where none were rendered.
    """

    name: str
    space: str
    attribute: str
    direction: Direction
    prefix: str
    deviation: float
    whole: Gain
    rows: tuple[Gain, ...]
    random: npt.NDArray[np.float64]
    responses: tuple[tuple[float, float], ...]
    scores: Array
    walk: Walk | None

    def in_deviations(self, value: float) -> float | None:
        """A change in standard deviations of the attribute; None where the attribute never varies."""
        return value / self.deviation if self.deviation > 0 else None

    @property
    def standardized(self) -> float | None:
        """The gain in standard deviations: what can be compared between attributes."""
        return self.in_deviations(self.whole.gain)

    @property
    def beats_random(self) -> bool | None:
        """Whether it gains more than every random direction did; None where none was tried."""
        return None if not len(self.random) else bool(self.whole.gain > self.random.max())

    @property
    def strongest_row(self) -> int | None:
        """The row whose move alone gains most; None where no row gains anything."""
        if not self.rows or max(row.gain for row in self.rows) <= 0:
            return None
        return max(range(len(self.rows)), key=lambda row: self.rows[row].gain)


@record
class RescoreResult(Result):
    """Rescored boundaries, in the order they were given.

    Attributes:
        num: N.
        distance: how far codes were moved, in units of each boundary's space.
        predictor: what scored the images.
        attributes: all that it scores. deviations: of each over the samples as drawn [A].
        layer_names: the layer that each row of wp feeds first.
        change: mean change of every attribute at every place, in its standard deviations [B, P, A].
        attribute: scores of the samples as drawn [N], a field per attribute.
    """

    TASK: ClassVar[str] = "rescore"
    CLAIMS: ClassVar[Claims[RescoreResult]] = RESCORE
    KEPT: ClassVar[tuple[str, ...]] = ("attribute", "deviations")
    num: int
    distance: float
    predictor: str
    attributes: tuple[str, ...]
    deviations: npt.NDArray[np.float64]
    layer_names: tuple[str, ...]
    boundaries: tuple[Rescored, ...]
    change: npt.NDArray[np.float64]
    attribute: Array

    def ranked(self) -> tuple[Rescored, ...]:
        """By decreasing gain in standard deviations; attributes that never vary last."""
        return tuple(sorted(self.boundaries, key=_rank))

    @property
    def selectivity(self) -> npt.NDArray[np.float64]:
        """Of each boundary: change of its own attribute over the largest change of another, [B]."""
        return selectivity(self.change[:, 0], [self.attributes.index(each.attribute) for each in self.boundaries])

    def lines(self) -> tuple[str, ...]:
        width = max(len(each.name) for each in self.boundaries)
        lines = ["Most relevant semantics:"]
        for each in self.ranked():
            rows = sorted(range(len(each.rows)), key=lambda row: -each.rows[row].gain)[:4]
            where = f"  rows {', '.join(map(str, rows))}" if rows else ""
            deviations = "     -" if each.standardized is None else f"{each.standardized:6.3f}"
            interval = f" [{each.whole.low:.4f}, {each.whole.high:.4f}]" if self.num > 1 else ""
            gain = f"gain {each.whole.gain:.4f}{interval}"
            lines.append(f"  {each.name:<{width}}  {deviations} std  {gain}{where}")
        return tuple(lines)

    def told(self) -> list[tuple[Rescored, float]]:
        """Ranked boundaries, each with its selectivity."""
        found = dict(zip(map(id, self.boundaries), self.selectivity, strict=True))
        return [(each, float(found[id(each)])) for each in self.ranked()]

    def table(self) -> list[dict[str, object]]:
        return [
            {
                "rank": rank,
                "boundary": each.name,
                "space": each.space,
                "attribute": each.attribute,
                "gain": each.whole.gain,
                "gain_low": each.whole.low,
                "gain_high": each.whole.high,
                "signed": each.whole.signed,
                "signed_low": each.whole.signed_low,
                "signed_high": each.whole.signed_high,
                "in_std": each.standardized,
                "selectivity": selective if each.deviation > 0 else None,
                "random": float(each.random.mean()) if len(each.random) else None,
                "random_95": float(np.quantile(each.random, 0.95)) if len(each.random) else None,
                **{f"layer_{row:02d}": gain.gain for row, gain in enumerate(each.rows)},
            }
            for rank, (each, selective) in enumerate(self.told(), 1)
        ]

    def emblem(self) -> npt.NDArray[np.float64] | None:
        known = [each for each in self.boundaries if each.rows and each.deviation > 0]
        if not known:
            return np.asarray(self.change[:, 0])
        return np.array([[row.gain / each.deviation for row in each.rows] for each in known])

    def exports(self) -> Iterator[Export]:
        for each in self.boundaries:
            save = partial(save_direction, direction=each.direction)
            yield Export(f"{each.prefix}_boundary.npy", save, "as it was used")
        yield Export("rescore.csv", lambda path: write_atomic(path, as_csv(self.table())), "the ranking as a table")


def _rank(each: Rescored) -> float:
    return 1.0 if each.standardized is None else -each.standardized


def as_csv(rows: list[dict[str, object]]) -> bytes:
    """Rows as comma-separated values, with the columns of the longest."""
    head = max((list(row) for row in rows), key=len)
    return csv_bytes(head, ([_cell(row.get(name)) for name in head[: len(row)]] for row in rows))


def _cell(value: object) -> object:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else value
