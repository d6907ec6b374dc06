"""Boundary search (HiGAN, section 3.1): for each score, the direction in latent space that carries it.

Each score is trained and tested on a split of its two tails, tested on the samples between, trained again on resampled
splits to see how far the direction can be trusted, and at last on both parts of the split. Codes with several rows per
sample get one boundary per row, as the original has it, or one for all.

Legend: N samples, L rows of a code (1 for z and w), D the width of a row, A scores, V chosen rows of L.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.codes.projection import project
from gantk.errors import GantkError, UsageError
from gantk.higan.evaluation import Accuracy, accuracy, correlation, pairwise_cosines
from gantk.higan.pool import Pool
from gantk.higan.regression import Regressions
from gantk.higan.selection import Indices, Selection, Split, check_ratio, generator_for, select, split
from gantk.higan.solvers import DEFAULT_SOLVER, Fit, check_solver, fit_tails
from gantk.predictors.linear_probe import area


@dataclass(frozen=True)
class Settings:
    """How boundaries are searched; the defaults of the original but for the solver.

    Attributes:
        solver: see `gantk.higan.solvers`.
        chosen: samples of each tail, a share up to 1 or a count above it.
        split_ratio: share of them for training.
        invalid_value: scores that mean "none".
        labels: scores are 0 and 1, and all samples are used.
        seed: of the splits.
        compat: the original's order of ties and its random numbers: `np.random.seed(seed)`, then one split after
            another for each row of each score.
        C: of the solver; None is its default or its own choice.
        resamples: further splits for the stability figure.
        refit: end with a fit on training and validation samples together. Off for parity.
        middle: test on the samples between the tails.
        device: for newton and ridge.
    """

    solver: str = DEFAULT_SOLVER
    chosen: float = 2000
    split_ratio: float = 0.7
    invalid_value: float | None = None
    labels: bool = False
    seed: int = 0
    compat: bool = False
    C: float | None = None
    resamples: int = 5
    refit: bool = True
    middle: bool = True
    device: str = "cpu"


@dataclass(frozen=True, eq=False)
class RowResult:
    """The boundary of one row of the codes.

    Attributes:
        row: which; 0 for z and w.
        fit: the boundary that is the result.
        train, val: accuracy of the boundary trained on the training part.
        remaining: of the same on the samples between the tails; None where they were not tested, or there are none.
        auc: area under its ROC curve on held-out samples, tails and middle, divided at the middle score.
        correlation: of its distances with the scores, on the same samples.
        stability: mean cosine between boundaries of resampled splits, and the smallest; None without resamples.
        distance_std: standard deviation of all samples' distances.
        val_distance: signed distances of the validation samples, positives then negatives.
        val_after: validation accuracy once conditions were projected away.
    """

    row: int
    fit: Fit
    train: Accuracy
    val: Accuracy
    remaining: Accuracy | None = None
    auc: float = float("nan")
    correlation: float = float("nan")
    stability: float | None = None
    stability_low: float | None = None
    distance_std: float = float("nan")
    val_distance: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    val_after: Accuracy | None = None


@dataclass(frozen=True, eq=False)
class BoundaryResult:
    """The boundary of one score.

    Attributes:
        name: of the score.
        solver: that found it.
        rows: one result for each chosen row; a single one where a boundary is shared.
        num_layers: L of the codes; 1 for z and w.
        layers: the rows it is for; None is all.
        shared: one boundary for all chosen rows.
        num_train, num_val, num_remaining: samples.
        threshold: what divides the remaining ones.
        tied: whether the tails meet in one score, so that chance put samples apart.
        conditions: names of what was projected away.
        seconds: spent on it.
    """

    name: str
    solver: str
    rows: tuple[RowResult, ...]
    num_layers: int
    layers: tuple[int, ...] | None
    shared: bool
    num_train: int
    num_val: int
    num_remaining: int
    threshold: float
    tied: bool
    conditions: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def vectors(self) -> npt.NDArray[np.float32]:
        """[1, D] for z, w and shared boundaries; else [1, L, D] with zeros in rows that were not chosen."""
        if self.num_layers == 1 or self.shared:
            return self.rows[0].fit.normal_D[None]
        result = np.zeros((1, self.num_layers, len(self.rows[0].fit.normal_D)), dtype=np.float32)
        for part in self.rows:
            result[0, part.row] = part.fit.normal_D
        return result

    @property
    def intercept(self) -> float | tuple[float, ...]:
        """One number, or one for each row of the codes."""
        if self.num_layers == 1 or self.shared:
            return self.rows[0].fit.intercept
        known = {part.row: part.fit.intercept for part in self.rows}
        return tuple(known.get(row, 0.0) for row in range(self.num_layers))

    def mean(self, value: Callable[[RowResult], float | None]) -> float | None:
        """Return the mean of a figure over rows; None where no row has it."""
        found = [number for part in self.rows if (number := value(part)) is not None and np.isfinite(number)]
        return float(np.mean(found)) if found else None


def train_boundaries(
    codes: npt.NDArray[Any],
    scores: Mapping[str, npt.NDArray[Any]],
    settings: Settings | None = None,
    layers: Sequence[int] | None = None,
    shared: bool = False,
    conditions: Mapping[str, npt.NDArray[Any] | None] | None = None,
    report: Callable[[str], None] | None = None,
) -> list[BoundaryResult]:
    """Find the boundary of every score.

    Args:
        codes: [N, D] or [N, L, D]; may be memory-mapped, and is never read as a whole but in passes.
        scores: name -> [N].
        settings: how.
        layers: rows to train; None is all.
        shared: one boundary for all chosen rows, trained on their mean, instead of one per row.
        conditions: what is projected away from every boundary (but from itself): name -> [1, D] or [1, L, D], or None
            for the boundary of that name in `scores`.
        report: called with a line for each step of the work.

    Returns:
        One result per score, in their order.

    Raises:
        UsageError: an option or a shape makes no sense.
        GantkError: lengths differ, scores are not finite or of one class, or codes are not finite.
    """
    settings = settings or Settings()
    check_solver(settings.solver)
    check_ratio(settings.split_ratio)
    pool = Pool(codes, layers, shared)
    if not scores:
        raise UsageError("There is no score to train a boundary on.")
    for name, score_N in scores.items():
        if len(score_N) != len(pool):
            raise GantkError(
                f"The score {name!r} has {len(score_N)} values and there are {len(pool)} latent codes: "
                "they must come from the same synthesis."
            )
    say = report or (lambda line: None)
    selections = {
        name: select(score_N, settings.chosen, settings.invalid_value, settings.labels, settings.compat, name)
        for name, score_N in scores.items()
    }
    trainer = _Trainer(pool, scores, selections, settings, say)
    results = [trainer.train(name) for name in scores]
    results = trainer.test_on_pool(results)
    return _conditioned(results, dict(conditions or {}), trainer)


@dataclass(frozen=True, eq=False)
class _Tails:
    """The chosen samples of a score, one row of their codes; `place` [N] is where each of all samples is among them."""

    name: str
    row: int
    x_ND: npt.NDArray[Any]
    is_positive: npt.NDArray[np.bool_]
    place: Indices


class _Trainer:
    """What the boundaries of one call share."""

    def __init__(
        self,
        pool: Pool,
        scores: Mapping[str, npt.NDArray[Any]],
        selections: Mapping[str, Selection],
        settings: Settings,
        say: Callable[[str], None],
    ) -> None:
        self.pool, self.scores, self.selections, self.settings, self.say = pool, scores, selections, settings, say
        self.random = np.random.RandomState(settings.seed) if settings.compat else None
        self.splits: dict[tuple[str, int], Split] = {}
        self.tested: dict[tuple[str, int], Fit] = {}  # the boundary of the training part alone
        self.regressions: Regressions | None = None
        if settings.solver == "ridge":
            valid = {name: np.concatenate([s.positive, s.remaining, s.negative]) for name, s in selections.items()}
            self.regressions = Regressions(
                pool, scores, valid, settings.split_ratio, settings.seed, settings.C, settings.device
            )

    def split(self, name: str, resample: int = 0) -> Split:
        if self.regressions is not None:
            return self.regressions.split(self.selections[name], name, resample)
        random = self.random or generator_for(self.settings.seed, name, resample)
        return split(self.selections[name], self.settings.split_ratio, random, name)

    def train(self, name: str) -> BoundaryResult:
        began = time.process_time()
        selection, settings = self.selections[name], self.settings
        chosen, is_positive = selection.tails()
        place = np.full(len(self.pool), -1, dtype=np.int64)
        place[chosen] = np.arange(len(chosen))
        parts, divided = [], None
        for row in self.pool.rows:
            divided = self.split(name)  # afresh for each row when compatible; otherwise the same each time
            tails = _Tails(name, row, self.pool.gather(chosen, row), is_positive, place)
            train, val = place[divided.train], place[divided.val]
            fit = self._fit(tails, 0, train, val)
            self.splits[name, row], self.tested[name, row] = divided, fit
            distance_N = fit.distance(tails.x_ND)
            part = RowResult(
                row,
                fit,
                accuracy(distance_N[train], is_positive[train]),
                accuracy(distance_N[val], is_positive[val]),
                val_distance=distance_N[val],
                auc=area(distance_N[val], is_positive[val]),
            )
            part = self._resampled(part, tails)
            if settings.refit and len(val):
                whole = np.arange(len(chosen))
                part = replace(part, fit=self._fit(tails, -1, whole, whole[:0], fit.C))
            parts.append(part)
            self._say(name, part)
        assert divided is not None
        return BoundaryResult(
            name,
            settings.solver,
            tuple(parts),
            self.pool.num_layers,
            self.pool.layers,
            self.pool.shared,
            len(divided.train),
            len(divided.val),
            len(selection.remaining),
            selection.threshold,
            selection.tied,
            seconds=time.process_time() - began,
        )

    def _fit(self, tails: _Tails, resample: int, train: Indices, val: Indices, chosen_C: float | None = None) -> Fit:
        """Fit on the `train` rows of the chosen samples; resample -1 is the fit on everything."""
        x_ND, is_positive, settings = tails.x_ND, tails.is_positive, self.settings
        if self.regressions is not None:
            return self.regressions.fit(tails.name, tails.row, resample, x_ND[train], is_positive[train])
        C = settings.C if settings.solver != "logistic" or chosen_C is None else chosen_C
        held_out = (x_ND[val], is_positive[val])
        return fit_tails(settings.solver, x_ND[train], is_positive[train], held_out, C, settings.device)

    def _resampled(self, part: RowResult, tails: _Tails) -> RowResult:
        normals = [part.fit.normal_D]
        random = self.random
        self.random = None  # resampling must not move the original's sequence of random numbers
        for resample in range(1, self.settings.resamples + 1):
            divided = self.split(tails.name, resample)
            train, val = tails.place[divided.train], tails.place[divided.val]
            normals.append(self._fit(tails, resample, train, val, part.fit.C).normal_D)
        self.random = random
        if len(normals) == 1 or self.settings.split_ratio == 1:
            return part
        cosines = pairwise_cosines(np.stack(normals))
        return replace(part, stability=float(cosines.mean()), stability_low=float(cosines.min()))

    def _say(self, name: str, part: RowResult) -> None:
        row = f", row {part.row}" if self.pool.num_layers > 1 and not self.pool.shared else ""
        val = part.val
        self.say(
            f"{name}{row}: validation {val.overall:.6f} (positive {val.correct_positive}/{val.num_positive}, "
            f"negative {val.correct_negative}/{val.num_negative})"
            + (f", stability {part.stability:.3f}" if part.stability is not None else "")
            + ("" if part.fit.converged else ", NOT CONVERGED")
        )

    def test_on_pool(self, results: list[BoundaryResult]) -> list[BoundaryResult]:
        """Add what needs the distances of all samples: one pass over the codes for each row."""
        if not self.settings.middle:
            return results
        parts = {result.name: list(result.rows) for result in results}
        for index, row in enumerate(self.pool.rows):
            names = [result.name for result in results]
            normals_DA = np.stack([self.tested[name, row].normal_D for name in names], axis=1)
            for block, distance_NB in self.pool.distances(normals_DA, row):
                for column, name in enumerate(names[block]):
                    distance_N = distance_NB[:, column].astype(np.float64) + self.tested[name, row].intercept
                    parts[name][index] = self._tested(parts[name][index], name, row, distance_N)
        return [replace(result, rows=tuple(parts[result.name])) for result in results]

    def _tested(self, part: RowResult, name: str, row: int, distance_N: npt.NDArray[np.float64]) -> RowResult:
        selection, score_N = self.selections[name], np.asarray(self.scores[name]).reshape(-1)
        part = replace(part, distance_std=float(distance_N.std()))
        middle = selection.remaining
        if self.regressions is not None:
            middle = middle[self.regressions.held_out(name)[middle]]
        if not len(middle):
            return part
        remaining = accuracy(distance_N[middle], score_N[middle] > selection.threshold)
        held = np.concatenate([middle, self.splits[name, row].val])
        above = score_N[held] > selection.threshold
        return replace(
            part,
            remaining=remaining,
            auc=area(distance_N[held], above),
            correlation=correlation(distance_N[held], score_N[held]),
        )


def _conditioned(
    results: list[BoundaryResult], conditions: dict[str, npt.NDArray[Any] | None], trainer: _Trainer
) -> list[BoundaryResult]:
    """Project the conditions away from every boundary; the hyperplane then divides the chosen samples in the middle."""
    if not conditions:
        return results
    own = {result.name: result.vectors for result in results}
    for name, vectors in conditions.items():
        if vectors is None and name not in own:
            raise UsageError(f"The condition {name!r} is neither a file nor one of the scores.")
    final = []
    for result in results:
        away = {
            name: np.asarray(own[name] if vectors is None else vectors, dtype=np.float64)[0]
            for name, vectors in conditions.items()
            if name != result.name
        }
        if not away:
            final.append(result)
            continue
        parts = []
        selection = trainer.selections[result.name]
        chosen, is_positive = selection.tails()
        for part in result.rows:
            of_row = [vector[part.row] if vector.ndim == 2 else vector for vector in away.values()]
            normal_D = project(part.fit.normal_D, of_row).astype(np.float32)
            x_ND = trainer.pool.gather(chosen, part.row)
            divided = trainer.splits[result.name, part.row]
            in_train = np.isin(chosen, divided.train)
            fit = replace(part.fit, normal_D=normal_D).halfway(x_ND[in_train], is_positive[in_train])
            after = accuracy(fit.distance(x_ND[~in_train]), is_positive[~in_train])
            parts.append(replace(part, fit=fit, val_after=after))
        final.append(replace(result, rows=tuple(parts), conditions=tuple(away)))
    return final
