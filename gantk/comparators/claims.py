"""What the pages of `gantk sefa` and `gantk ganspace` say, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.runs.claims import Claim, Claims, advise, doubt, found, percent, were

if TYPE_CHECKING:
    from gantk.comparators.results import ClosedForm, GanspaceResult, SefaResult


def _next(order: str) -> Claim[ClosedForm]:
    return advise(
        lambda r: (
            f"Directions are ordered by {order}, not by meaning. `gantk atlas MODEL --directions "
            f"RUN/{r.TASK}.safetensors` measures which attributes each of them moves; `gantk manipulate MODEL "
            f"RUN/{r.TASK}.safetensors --pick 0` shows more samples."
        )
    )


def _first_eigenvalue(result: SefaResult) -> float:
    return float(result.eigenvalues[0] / result.eigenvalues.sum())


def _from_weights(result: SefaResult) -> str:
    directions = were(len(result.direction), "direction")
    return f"{directions} found in {result.direction.space}, from the weights of the chosen rows"


SEFA: Claims[SefaResult] = (
    found(
        lambda r: f"{_from_weights(r)}; the first has {percent(_first_eigenvalue(r))} of the sum of their eigenvalues.",
        lambda r: len(r.direction) > 1 and r.eigenvalues.sum() > 0,
    ),
    found(
        lambda r: f"{_from_weights(r)}.",
        lambda r: not (len(r.direction) > 1 and r.eigenvalues.sum() > 0),
    ),
    doubt(
        "Every eigenvalue is 0: a step along these directions changes no style.", lambda r: not r.eigenvalues.sum() > 0
    ),
    _next("how much a unit step changes the styles"),
)

GANSPACE: Claims[GanspaceResult] = (
    found(
        lambda r: (
            f"{were(len(r.direction), 'component')} found in {r.layer}; the first explains "
            f"{percent(float(r.explained[0]))} of the variance of the sampled codes, all of them together "
            f"{percent(float(min(r.explained.sum(), 1.0)))}."
        ),
        lambda r: len(r.direction) > 1 and bool(r.explained[0] > 0),
    ),
    found(
        lambda r: (
            f"1 component of {r.layer} explains {percent(float(r.explained[0]))} of the variance of the sampled codes."
        ),
        lambda r: len(r.direction) == 1 and bool(r.explained[0] > 0),
    ),
    found(lambda r: f"{were(len(r.direction), 'component')} found in {r.layer}.", lambda r: not r.explained[0] > 0),
    doubt(
        "The first component explains none of the variance: the sampled codes do not vary.",
        lambda r: not r.explained[0] > 0,
    ),
    _next("how much the sampled codes vary along them"),
)
