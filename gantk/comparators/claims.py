"""What the pages of `gantk sefa` and `gantk ganspace` say, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.runs.claims import Claim, Claims, advise, counted, doubt, found, percent, were

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

PER_COORDINATE = 10
"""Codes for each coordinate below which a page doubts principal components."""


def codes_of(result: GanspaceResult) -> str:
    """The codes that components were taken of, with their number where it is known."""
    num = result.direction.meta.get("num")
    return counted(num, "sampled code") if isinstance(num, int) else "sampled codes"


def _few(result: GanspaceResult) -> bool:
    num = result.direction.meta.get("num")
    return isinstance(num, int) and num < PER_COORDINATE * result.direction.vectors.shape[-1]


GANSPACE: Claims[GanspaceResult] = (
    found(
        lambda r: (
            f"{were(len(r.direction), 'component')} found in {r.layer}; the first explains "
            f"{percent(float(r.explained[0]))} of the variance of {codes_of(r)}, all of them together "
            f"{percent(float(min(r.explained.sum(), 1.0)))}."
        ),
        lambda r: len(r.direction) > 1 and bool(r.explained[0] > 0),
    ),
    found(
        lambda r: (
            f"1 component of {r.layer} explains {percent(float(r.explained[0]))} of the variance of {codes_of(r)}."
        ),
        lambda r: len(r.direction) == 1 and bool(r.explained[0] > 0),
    ),
    found(lambda r: f"{were(len(r.direction), 'component')} found in {r.layer}.", lambda r: not r.explained[0] > 0),
    doubt(
        "The first component explains none of the variance: the sampled codes do not vary.",
        lambda r: not r.explained[0] > 0,
    ),
    doubt(
        lambda r: (
            f"{codes_of(r)} of {r.direction.vectors.shape[-1]} coordinates are few: other "
            f"samples would give other components. Give at least {PER_COORDINATE} for each coordinate with `--num`."
        ),
        _few,
    ),
    _next("how much the sampled codes vary along them"),
)
