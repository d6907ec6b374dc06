"""Result of `gantk train-boundary`: boundaries, how well each divides, and how far it can be trusted.

Shape legend: B boundaries, D the width of a code.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from gantk.codes.directions import Direction
from gantk.codes.kept_directions import save_direction
from gantk.errors import UsageError, suggestion
from gantk.higan.claims import LIST, TRAIN_BOUNDARY
from gantk.runs.claims import Claims
from gantk.runs.results import Export, Result, record
from gantk.runs.structure import Image
from gantk.store.files import write_atomic


@record
class Figures:
    """By what a boundary is judged, means over its rows; None where there is nothing to count.

    Attributes:
        accuracy_train, accuracy_val: share of the samples of the two ends on the right side, in training and held out.
        accuracy_val_positive, accuracy_val_negative: of either end alone, held out.
        accuracy_remaining: of the samples between the ends, divided at the middle score.
        accuracy_val_conditional: as `accuracy_val`, once conditions were projected away.
        auc: area under the ROC curve on held-out samples.
        correlation: of the signed distances with the scores.
        stability: mean cosine between boundaries of resampled splits.
    """

    accuracy_train: float | None
    accuracy_val: float | None
    accuracy_val_positive: float | None
    accuracy_val_negative: float | None
    accuracy_remaining: float | None
    accuracy_val_conditional: float | None
    auc: float | None
    correlation: float | None
    stability: float | None


@record
class RowFigures:
    """The boundary of one row of wp."""

    row: int
    accuracy_val: float | None
    auc: float | None
    stability: float | None


@record
class Histograms:
    """Signed distances of the held-out samples to the boundary, counted by class."""

    edges: npt.NDArray[np.float64]
    positive: npt.NDArray[np.int64]
    negative: npt.NDArray[np.int64]


@record
class Boundary:
    """The boundary of one score.

    Attributes:
        direction: its normal, with the intercept, the scale and the probe of the generator.
        file: the stem of its files.
        solver, C: that found it, and the inverse strength of the regularisation.
        num_train, num_val, num_remaining: samples.
        stability_low: the smallest cosine between boundaries of resampled splits, of the first row.
        converged: whether the solver says that it arrived, for every row.
        tied: whether the two ends meet in one score, so that chance put samples apart.
        refit: whether the last fit was on training and held-out samples together.
        threshold: the score that divides the remaining samples; None where scores are labels.
        conditions: names of what was projected away.
        seconds: of computation.
        score_counts, score_edges: how the scores are distributed.
        projections: where held-out samples lie; None where none were held out.
        rows: of a boundary with one normal for each row of wp.
    """

    name: str
    direction: Direction
    file: str
    solver: str
    C: float
    num_train: int
    num_val: int
    num_remaining: int
    figures: Figures
    stability_low: float | None
    converged: bool
    tied: bool
    refit: bool
    threshold: float | None
    conditions: tuple[str, ...]
    seconds: float
    score_counts: npt.NDArray[np.int64]
    score_edges: npt.NDArray[np.float64]
    projections: Histograms | None
    rows: tuple[RowFigures, ...]

    @property
    def intercepts(self) -> tuple[float, ...]:
        """Signed distance of the origin, for each row that has a boundary."""
        found, rows = self.direction.intercept, self.direction.layers
        if isinstance(found, tuple):
            return found if rows is None else tuple(found[row] for row in rows)
        return (0.0 if found is None else found,)


@record
class End:
    """A sample at one end of a boundary.

    Attributes:
        sample: its number among the codes.
        score: in the attribute's own unit; None where it has none.
    """

    sample: int
    score: float | None
    image: Image


@record
class Ends:
    """Of the samples that have a picture, those that lie lowest and highest along one boundary.

    Attributes:
        boundary: its name.
        pictured: how many samples have a picture.
        low, high: in ascending order along the boundary.
    """

    boundary: str
    pictured: int
    low: tuple[End, ...]
    high: tuple[End, ...]


@record
class TrainBoundaryResult(Result):
    """Boundaries of one run, in the order of the scores.

    Attributes:
        space: of the codes.
        boundaries: one for each score.
        cosines: between them [B, B]; of those with several rows the mean over rows.
        compat: whether the split was drawn as the original draws it.
        log: a line for each fit.
        log_name: the file of these lines.
        ends: pictures of the samples that the most stable boundary tells apart; None where no sample has a picture.
    """

    TASK: ClassVar[str] = "train-boundary"
    CLAIMS: ClassVar[Claims[TrainBoundaryResult]] = TRAIN_BOUNDARY
    space: str
    boundaries: tuple[Boundary, ...]
    cosines: npt.NDArray[np.float64]
    compat: bool
    log: tuple[str, ...]
    log_name: str
    ends: Ends | None

    def __iter__(self) -> Iterator[Boundary]:
        return iter(self.boundaries)

    def __len__(self) -> int:
        return len(self.boundaries)

    def __getitem__(self, name: str | int) -> Boundary:
        """A boundary by the name of its score, or by its place.

        Raises:
            UsageError: there is none of that name.
        """
        if isinstance(name, int):
            return self.boundaries[name]
        names = [each.name for each in self.boundaries]
        if name not in names:
            raise UsageError(f"There is no boundary of {name!r}.{suggestion(name, names)}")
        return self.boundaries[names.index(name)]

    @property
    def directions(self) -> tuple[Direction, ...]:
        """All of them, as directions."""
        return tuple(each.direction for each in self.boundaries)

    @property
    def direction(self) -> Direction:
        """The direction, where there is one.

        Raises:
            UsageError: there are several.
        """
        if len(self.boundaries) != 1:
            names = ", ".join(each.name for each in self.boundaries)
            raise UsageError(f"There are {len(self.boundaries)} boundaries: take one of {names} by its name.")
        return self.boundaries[0].direction

    def lines(self) -> tuple[str, ...]:
        return self.log

    def table(self) -> list[dict[str, object]]:
        kept = ("accuracy_train", "accuracy_val", "accuracy_remaining", "auc", "correlation", "stability")
        return [
            {
                "boundary": each.name,
                "space": each.direction.space,
                "solver": each.solver,
                **{name: getattr(each.figures, name) for name in kept},
                "train": each.num_train,
                "held_out": each.num_val,
            }
            for each in self.boundaries
        ]

    def emblem(self) -> npt.NDArray[np.float64] | None:
        return np.asarray(self.cosines) if len(self.boundaries) > 1 else None

    def exports(self) -> Iterator[Export]:
        from gantk.higan.cards import card_of, update_list

        for each in self.boundaries:
            for suffix, about in ((".safetensors", "boundary"), (".npy", "the same for the original programs")):
                save = partial(save_direction, direction=each.direction)
                yield Export(f"{each.file}{suffix}", save, f"{each.name}: {about}")
            yield Export(f"{each.file}.md", partial(write_atomic, data=card_of(each)), f"{each.name}: its card")
        about = "list of the boundaries, for rescore and manipulate"
        yield Export(LIST, partial(update_list, boundaries=self.boundaries), about)
        text = "\n".join([str(self.boundaries[0].direction.meta.get("command", "")), *self.log]) + "\n"
        yield Export(self.log_name, partial(write_atomic, data=text), "log")
