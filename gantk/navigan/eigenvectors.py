"""The verb `hessian`: leading eigenvectors of the perceptual distance's Hessian in one convolution's weights.

Shape legend: K eigenvectors, P numbers of the weight, O/I channels, X x Y the kernel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gantk.errors import GantkError, UsageError
from gantk.navigan.bases import VectorBasis
from gantk.navigan.curvature import Curvature
from gantk.navigan.directions import WeightDirections
from gantk.navigan.kept import keep
from gantk.navigan.measuring import Measuring, curves_of, shown_of, with_scales
from gantk.navigan.metrics import Metric, metric_for
from gantk.navigan.options import SHOWN, HessianOptions
from gantk.navigan.released import power_iteration
from gantk.navigan.results import Exactness, HessianResult, SearchStep, Spectrum
from gantk.navigan.search import Found, SearchPlan, end, follow, search
from gantk.navigan.subject import Subject, subject, without_gradients
from gantk.predictors.base import Predictor
from gantk.runs.exchange import Exchange
from gantk.runs.options import at_most
from gantk.runs.results import record
from gantk.runs.stores import Store
from gantk.runs.task import verb
from gantk.store.files import to_table
from gantk.store.progress import progress

FOLDER = "hessian"
ARRAYS = ("eigenvectors", "hessian_curves", "hessian_reached", "hessian_changes")


@record
class HessianFacts:
    """What the result has to know beside the arrays.

    Attributes:
        shape: of the weight; `weight_length`, its norm.
        identity: of the weight, compared as a whole.
        metric: its name.
        total: N.
        show: how many directions have pictures.
    """

    layer: str
    shape: tuple[int, ...]
    weight_length: float
    identity: Mapping[str, Any]
    metric: str
    total: int
    show: int
    spectrum: Spectrum


@record
class Searched:
    """What the search leaves for the rest of the work, and for all shards: vectors [K, P] of length one, and facts."""

    vectors: npt.NDArray[np.float32]
    facts: HessianFacts


@verb(HessianOptions, within=True)
@without_gradients
def hessian(
    generator: nn.Module,
    conv: str | int,
    metric: Metric | Predictor | str | None = None,
    codes: object = None,
    *,
    options: HessianOptions,
    store: Store,
) -> HessianResult:
    """Find the weight directions that change pictures most, to second order (Cherepkov et al. 2021, section 3.2).

    Args:
        generator: any family, or any network whose forward pass takes `codes` and returns images in [-1, 1].
        conv: the convolution: name or index of `generator.layers`, released:3 in NaviGAN's numbering, or a module's.
        metric: a `Metric`, a predictor, or pixels; None is the default of the generator.
        codes: None draws; else `gantk.GivenCodes`, an array, or a result with codes; of a module its inputs [N, ...].
        options: `HessianOptions`, or its fields as keywords.

    Returns:
        K unit directions by decreasing eigenvalue, with recommended strengths.

    Raises:
        UsageError: no such convolution, or more eigenvectors than the weight has numbers.
        GantkError: no metric, one that is not finite, or a shard that waited in vain for another.
    """
    about = subject(generator, conv, codes, options)
    if options.k > about.target.size:
        raise UsageError(
            f"{options.k} eigenvectors were asked for, and the weight of {about.target.layer} has {about.target.size} "
            "numbers: choose -k up to that."
        )
    if options.compat and not store.whole:
        raise UsageError("--compat cannot be divided into shards: leave --shard out.")
    show = at_most("--shown", options.shown, options.k, "directions", SHOWN)
    options.forms()
    judge = metric_for(generator, metric, options, nearest=options.compat)
    assert judge is not None
    exchange = store.exchange()
    searched = _searched(about, judge, options, show, store, exchange)
    directions = _directions(searched.vectors, searched.facts, options)
    chunks = store.chunks(ARRAYS, options.k, 1)
    missing = chunks.missing()
    if missing:
        few = store.fewer(options.batch_size)
        measuring = Measuring(about, judge, directions, options.share, show, FOLDER, 1.0, few)
        with store.timed("strengths and pictures"), store.pictures() as pictures:
            for number in progress(missing, "strengths", unit="direction"):
                found = measuring.one(number, pictures)
                vector = searched.vectors[number : number + 1].reshape(1, *searched.facts.shape)
                named = {f"hessian_{name}": array for name, array in found.items()}
                chunks.write(number, {"eigenvectors": vector, **named})
    arrays = store.assemble(chunks, searched.facts)
    return conclude(arrays, searched.facts, options, store)


def conclude(
    arrays: Mapping[str, npt.NDArray[Any]], facts: HessianFacts, options: HessianOptions, store: Store
) -> HessianResult:
    store.exchange().clear()
    vectors = arrays["eigenvectors"]
    measured = {name.removeprefix("hessian_"): array for name, array in arrays.items()}
    curves = curves_of(measured)
    kept = keep(with_scales(_directions(vectors, facts, options), curves), vectors)
    scales = [curve.scale for curve in curves[: facts.show]]
    return HessianResult(
        directions=kept,
        weight_length=facts.weight_length,
        metric=facts.metric,
        share=options.share,
        curves=curves,
        shown=shown_of(store, measured, options, FOLDER, scales, facts.total, facts.spectrum.values),
        fps=options.fps,
        spectrum=facts.spectrum,
        num=facts.total,
    )


def _directions(vectors: npt.NDArray[Any], facts: HessianFacts, options: HessianOptions) -> WeightDirections:
    basis = VectorBasis(torch.from_numpy(np.array(vectors, np.float32)).view(-1, *facts.shape))
    exact = facts.spectrum.exact
    meta = {
        "metric": facts.metric,
        "num": facts.total,
        "seed": options.seed,
        "eigenvalues": facts.spectrum.values.tolist(),
        **({"estimator": "released"} if exact is None else {"residuals": exact.residuals.tolist()}),
    }
    return WeightDirections(
        f"eigenvectors of {facts.layer}", "hessian", facts.layer, basis, identity=facts.identity, meta=meta
    )


# --- the search ------------------------------------------------------------------------------------------------------


def _searched(
    about: Subject, metric: Metric, options: HessianOptions, show: int, store: Store, exchange: Exchange
) -> Searched:
    """What the search finds: made by the first shard with the help of the others, read by them."""
    size = options.batch_size
    curvature = Curvature(about.target, metric, about.codes, about.total, size, at_once=store.fewer(size))

    def make() -> Searched:
        with store.timed("search"):
            if exchange.shard.index > 0:
                follow(exchange, curvature, options.patience)
                raise _Followed
            vectors, spectrum = (
                _released(exchange, curvature, options) if options.compat else _exact(exchange, curvature, options)
            )
        facts = HessianFacts(
            layer=about.target.layer,
            shape=about.target.shape,
            weight_length=about.weight_length,
            identity=to_table(about.target.identity()),
            metric=metric.name,
            total=about.total,
            show=show,
            spectrum=spectrum,
        )
        return Searched(vectors=vectors.detach().float().cpu().numpy(), facts=facts)

    try:
        searched = store.part("search", Searched, make)
    except _Followed:
        searched = store.part("search", Searched, _absent)
    if exchange.shard.index == 0:
        end(exchange)
    return searched


class _Followed(Exception):
    """A shard has helped to the end of the search; what was found is with the first."""


def _absent() -> Searched:
    raise GantkError("The search ended and what it found is not there: run the shards again, shard 0 first.")


def _exact(exchange: Exchange, curvature: Curvature, options: HessianOptions) -> tuple[Tensor, Spectrum]:
    width = options.block or (8 if curvature.target.weight.device.type == "cuda" else 2)
    plan = SearchPlan(options.k, width, options.tolerance, options.max_products, options.seed, options.patience)
    found = search(exchange, curvature, plan)
    return found.pairs.vectors, spectrum_of(found, plan)


def spectrum_of(found: Found, plan: SearchPlan) -> Spectrum:
    """What a result keeps of a search."""
    pairs = found.pairs
    history = tuple(
        SearchStep(
            products=step.products,
            residual=float(step.residual) if math.isfinite(step.residual) else None,
            angle=float(step.angle),
        )
        for step in pairs.history
    )
    exact = Exactness(
        residuals=_numbers(pairs.residuals),
        ritz=_numbers(pairs.ritz[: 3 * plan.k]),
        history=history,
        converged=bool(pairs.converged),
        angle=float(pairs.angle),
        trace=float(found.trace),
        trace_error=float(found.trace_error),
        captured=float(pairs.values.sum()) / found.trace if found.trace > 0 else None,
        agreement=float(found.agreement) if math.isfinite(found.agreement) else None,
        tolerance=plan.tolerance,
    )
    return Spectrum(values=_numbers(pairs.values), products=int(pairs.products), exact=exact)


def _released(exchange: Exchange, curvature: Curvature, options: HessianOptions) -> tuple[Tensor, Spectrum]:
    """The released estimator, a vector at a time; those that were found are kept for a continued run."""
    known: list[Tensor] = []
    while len(known) < options.k and exchange.has(f"vector.{len(known):04d}"):
        known.append(torch.from_numpy(exchange.read(f"vector.{len(known):04d}")).to(curvature.target.weight))
    with progress(options.k - len(known), "eigenvectors", unit="vector") as bar:

        def remember(index: int, vector: Tensor) -> None:
            exchange.write(f"vector.{index:04d}", vector.detach().cpu().numpy())
            bar.update(1)

        vectors, norms = power_iteration(
            curvature, options.k, seed=options.seed, steps=options.max_iter, epsilon=options.epsilon, known=known,
            keep=remember,
        )  # fmt: skip
    return vectors, Spectrum(values=_numbers(norms), products=options.k * options.max_iter, exact=None)


def _numbers(values: Tensor) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = values.detach().cpu().numpy().astype(np.float64)
    return found
