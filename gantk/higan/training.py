"""The verb of `gantk train-boundary`: from codes and scores to boundaries with figures.

Shape legend: N samples, B boundaries, D the width of a code, L rows of wp.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.codes.directions import Direction
from gantk.codes.given import GivenCodes, numbers_of
from gantk.errors import UsageError
from gantk.generators.arguments import described
from gantk.generators.base import Generator
from gantk.higan.boundaries import Boundary, Figures, Histograms, RowFigures, TrainBoundaryResult
from gantk.higan.boundary import BoundaryResult, RowResult, Settings, train_boundaries
from gantk.higan.boundary_inputs import check_conditions, read_rows
from gantk.higan.cards import file_base
from gantk.higan.ends import ends_of, present
from gantk.higan.histograms import histogram
from gantk.higan.options import TrainBoundaryOptions
from gantk.higan.scores import Scores, from_content
from gantk.runs.stores import Store
from gantk.runs.task import verb
from gantk.store.command_line import command_line, typed
from gantk.store.progress import progress

BINS = 40


@verb(TrainBoundaryOptions)
def train_boundary(
    samples: object,
    scores: object = None,
    conditions: object = (),
    generator: Generator | None = None,
    *,
    options: TrainBoundaryOptions,
    store: Store,
) -> TrainBoundaryResult:
    """Find, for each score, the direction in latent space that carries it (HiGAN, section 3.1).

    Args:
        samples: a result with codes, such as that of `gantk.sample`, or the codes: `GivenCodes`, or wp as an array.
        scores: which of the samples' own scores (a name or several; None is all), or the scores of the codes: an array
            [N] or [N, A], or name -> [N].
        conditions: what is projected out of the boundaries: names of scores, and directions.
        generator: whose codes they are, noted in the boundaries; known where the samples know it.
        options: `TrainBoundaryOptions`, or its fields as keywords.

    Returns:
        One boundary for each score.

    Raises:
        UsageError: an option, a name or a shape makes no sense.
        GantkError: lengths differ, scores are not finite or of one class, or codes are not finite.
    """
    from gantk.generators.probe import probe_of

    codes = _codes(samples)
    if generator is not None:
        codes.check(generator)
    found, names = _scores(samples, scores, options)
    found.check_length(len(codes), codes.source)
    away = [conditions] if isinstance(conditions, (str, Direction)) or hasattr(conditions, "direction") else conditions
    if not isinstance(away, (list, tuple)):
        raise UsageError(f"The conditions are {described(away)}: give names of scores and directions, as a list.")
    if names:  # a condition that is a score needs its boundary too
        names = [*names, *(name for name in away if isinstance(name, str))]
    columns = found.choose(names)
    rows, settings = read_rows(options.rows, codes.array), settings_of(options)
    shared = codes.array.ndim == 3 and not options.per_layer
    shape = codes.shape[-1:] if shared else codes.shape[1:]
    projected = check_conditions(away, columns, shape, "w" if shared else codes.space)
    prefixed = found.named or bool(options.score_name) or len(columns) > 1
    files = {name: file_base(name if prefixed else None, options.save_name) for name in columns}
    if len(set(files.values())) < len(files):
        raise UsageError("Two scores have names that give the same file name: use --score-name for one at a time.")
    log: list[str] = []
    count = 1 if shared or codes.array.ndim < 3 else len(rows or range(codes.array.shape[1]))
    with store.timed("training"), progress(len(columns) * count, "train-boundary", unit="fit") as bar:

        def report(line: str) -> None:
            log.append(line)
            bar.update(1)

        trained = train_boundaries(codes.array, columns, settings, rows, shared, projected, report)
    probe = codes.probe if generator is None else probe_of(generator)
    boundaries = tuple(
        boundary_of(each, codes.space, settings, columns[each.name], files[each.name], probe) for each in trained
    )
    return TrainBoundaryResult(
        space=codes.space,
        boundaries=boundaries,
        cosines=cosines_of(trained),
        compat=settings.compat,
        log=tuple(log),
        log_name=options.logfile_name or f"{file_base(None, options.save_name)}.log",
        ends=ends_of(boundaries, codes, present(codes.images or getattr(samples, "images", ())), columns),
    )


def _codes(samples: object) -> GivenCodes:
    carried = samples if isinstance(samples, GivenCodes) else getattr(samples, "codes", samples)
    if isinstance(carried, GivenCodes):
        return carried
    array = numbers_of(carried)
    if array.ndim < 3:
        raise UsageError(
            f"Codes of the shape {array.shape} may be of z or of w: say which with gantk.GivenCodes(codes, 'w')."
        )
    return GivenCodes(array, "wp")


def _scores(samples: object, scores: object, options: TrainBoundaryOptions) -> tuple[Scores, list[str]]:
    """The scores, and the names of those that are wanted; none is all."""
    wanted = list(options.score_name)
    if isinstance(scores, Scores):
        return scores, wanted
    named = [scores] if isinstance(scores, str) else scores
    if named is None or (isinstance(named, (list, tuple)) and all(isinstance(name, str) for name in named)):
        own = getattr(samples, "scores", None)
        if not isinstance(own, Mapping):
            raise UsageError("These codes have no scores of their own: give the scores, as an array or by name.")
        return Scores(own, True, "the samples"), [*(named or ()), *wanted]
    return from_content(scores, "score", "the scores"), wanted


def settings_of(options: TrainBoundaryOptions) -> Settings:
    """How boundaries are searched."""
    from gantk.generators.devices import resolve_device

    return Settings(
        solver=options.solver,
        chosen=options.chosen,
        split_ratio=options.split_ratio,
        invalid_value=options.invalid_value,
        labels=options.labels,
        seed=options.seed,
        compat=options.compat,
        C=options.regularization,
        resamples=options.resamples,
        refit=options.solver != "svc" if options.refit is None else options.refit,
        middle=options.verbose_test,
        device=resolve_device(options.device) if options.solver in ("newton", "ridge") else "cpu",
    )


def boundary_of(
    found: BoundaryResult,
    space: str,
    settings: Settings,
    score_N: npt.NDArray[Any],
    file: str,
    probe: Mapping[str, Any] | None,
) -> Boundary:
    """A boundary as it is kept, shown and exported."""
    finite = np.asarray(score_N, dtype=np.float64)
    counts, edges = histogram(finite[np.isfinite(finite)], BINS)
    first = found.rows[0]
    figures = figures_of(found)
    return Boundary(
        name=found.name,
        direction=direction_of(found, figures, space, settings, probe),
        file=file,
        solver=found.solver,
        C=first.fit.C,
        num_train=found.num_train,
        num_val=found.num_val,
        num_remaining=found.num_remaining,
        figures=figures,
        stability_low=first.stability_low,
        converged=all(part.fit.converged for part in found.rows),
        tied=bool(found.tied),
        refit=settings.refit,
        threshold=float(found.threshold) if math.isfinite(found.threshold) else None,
        conditions=found.conditions,
        seconds=round(found.seconds, 3),
        score_counts=counts,
        score_edges=edges,
        projections=_projections(first),
        rows=tuple(
            RowFigures(
                row=part.row,
                accuracy_val=known(part.val.overall),
                auc=known(part.auc),
                stability=known(part.stability),
            )
            for part in (found.rows if len(found.rows) > 1 else ())
        ),
    )


def known(value: float | None) -> float | None:
    """A number, or None where it is none."""
    return float(value) if value is not None and math.isfinite(value) else None


def figures_of(found: BoundaryResult) -> Figures:
    """The figures by which a boundary is judged, means over its rows."""
    return Figures(
        accuracy_train=found.mean(lambda part: part.train.overall),
        accuracy_val=found.mean(lambda part: part.val.overall),
        accuracy_val_positive=found.mean(lambda part: part.val.positive),
        accuracy_val_negative=found.mean(lambda part: part.val.negative),
        accuracy_remaining=found.mean(lambda part: part.remaining.overall if part.remaining else None),
        accuracy_val_conditional=found.mean(lambda part: part.val_after.overall if part.val_after else None),
        auc=found.mean(lambda part: part.auc),
        correlation=found.mean(lambda part: part.correlation),
        stability=found.mean(lambda part: part.stability),
    )


def direction_of(
    found: BoundaryResult, figures: Figures, space: str, settings: Settings, probe: Mapping[str, Any] | None = None
) -> Direction:
    """A boundary as an artifact. A shared boundary of wp is a w-direction, which moves any row.

    Its scale is three standard deviations of the samples' distances, as far as samples go; 3, as the original's, where
    that is not known.
    """
    deviation = found.mean(lambda part: part.distance_std)
    meta = {
        "command": typed() if command_line.get() is not None else None,
        "seed": settings.seed,
        "solver": found.solver,
        "C": [part.fit.C for part in found.rows] if len(found.rows) > 1 else found.rows[0].fit.C,
        "num_train": found.num_train,
        "num_val": found.num_val,
        "refit": settings.refit,
        "conditions": list(found.conditions),
        **vars(figures),
    }
    return Direction(
        found.name,
        "boundary",
        "w" if space == "wp" and found.shared else space,
        found.vectors,
        found.intercept,
        found.layers,
        float(f"{3 * deviation:.2g}") if deviation else 3.0,
        probe,
        {key: value for key, value in meta.items() if value is not None},
    )


def _projections(part: RowResult) -> Histograms | None:
    """Where the held-out samples of each class lie along the normal."""
    if not len(part.val_distance):
        return None
    positives = part.val.num_positive
    edges = np.histogram_bin_edges(part.val_distance, BINS)
    return Histograms(
        edges=edges,
        positive=np.histogram(part.val_distance[:positives], edges)[0],
        negative=np.histogram(part.val_distance[positives:], edges)[0],
    )


def cosines_of(results: Sequence[BoundaryResult]) -> npt.NDArray[np.float64]:
    """Cosines [B, B] between boundaries; of those with several rows the mean over rows."""
    vectors = np.stack([result.vectors[0].astype(np.float64) for result in results])
    vectors = vectors.reshape(len(results), -1, vectors.shape[-1])
    table = np.einsum("ild,jld->ijl", vectors, vectors)
    rows = np.maximum((np.abs(vectors).max(axis=2) > 0).all(axis=0).sum(), 1)
    return np.asarray(table.sum(axis=2) / rows)
