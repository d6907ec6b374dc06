"""What the pages of NaviGAN's tasks say, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.runs.claims import Claim, Claims, advise, counted, doubt, found, percent, were

if TYPE_CHECKING:
    from gantk.navigan.results import ApplyResult, HessianResult, SvdResult, TrainResult, WeightResult

STEADY = 0.7
"""Agreement of the directions of two halves of the samples below which others would give other directions."""


def _unreached(result: WeightResult) -> int:
    return sum(not curve.reached for curve in result.curves)


UNMEASURED: Claim[WeightResult] = doubt(
    "No metric was given, so that recommended strengths were not measured: give one with --metric.",
    lambda r: r.metric is None,
)
MEASURED: Claims[WeightResult] = (
    doubt(
        lambda r: (
            f"{counted(_unreached(r), 'direction')} never moved the pictures as far as was asked, whatever the "
            "strength: their recommended strength is the strongest that was tried."
        ),
        lambda r: _unreached(r) > 0,
    ),
    UNMEASURED,
)


def _use(result: WeightResult) -> str:
    return (
        f"`gantk navigan apply MODEL RUN/{result.FILE}` renders samples along them; `gantk navigan export "
        f"RUN/{result.FILE} edited.pt --pick 0 --strength 1` writes edited weights."
    )


SHARED: Claims[WeightResult] = (*MEASURED, advise(_use))


# --- hessian ---------------------------------------------------------------------------------------------------------


def _captured(result: HessianResult) -> float | None:
    return None if result.spectrum.exact is None else result.spectrum.exact.captured


def _agreement(result: HessianResult) -> float:
    """Of the two halves of the samples; 1 where it is not known."""
    agreement = None if result.spectrum.exact is None else result.spectrum.exact.agreement
    return 1.0 if agreement is None else agreement


def _vectors(result: HessianResult) -> str:
    count = len(result)
    found = f"{counted(count, 'eigenvector')} of {result.directions.layer} {'was' if count == 1 else 'were'} found"
    return f"{found} from {counted(result.num, 'sample')}"


HESSIAN: Claims[HessianResult] = (
    found(
        lambda r: (
            f"{_vectors(r)}, with {percent(_captured(r) or 0.0)} of the Hessian's trace; "
            f"{counted(r.spectrum.products, 'product')} with the Hessian were taken."
        ),
        lambda r: _captured(r) is not None,
    ),
    found(
        lambda r: f"{_vectors(r)}; {counted(r.spectrum.products, 'product')} with the Hessian were taken.",
        lambda r: _captured(r) is None,
    ),
    doubt(
        "The search stopped before all residuals were small: the last directions are mixtures. Give more "
        "--max-products.",
        lambda r: r.spectrum.exact is not None and not r.spectrum.exact.converged,
    ),
    doubt(
        lambda r: (
            f"The two halves of the samples share only {percent(_agreement(r))} of their leading directions: other "
            "samples would give other ones. Give more with --num."
        ),
        lambda r: _agreement(r) < STEADY,
    ),
    *SHARED,
)


# --- svd -------------------------------------------------------------------------------------------------------------

SVD: Claims[SvdResult] = (
    found(
        lambda r: (
            f"{counted(len(r), 'singular direction')} of {r.directions.layer} {'was' if len(r) == 1 else 'were'} "
            "found; the largest singular value is "
            f"{float(r.singular_values[0]):.3g}."
        )
    ),
    doubt(
        "Singular vectors are found from the weight alone and no picture is looked at: on the bundled "
        "generator they moved factors less than random directions at the same perceptual distance (docs/truth.md)."
    ),
    *SHARED,
)


# --- train -----------------------------------------------------------------------------------------------------------


def _named(result: TrainResult) -> str:
    low, high = (percent(end) for end in result.interval)
    return (
        f"{counted(len(result), 'direction')} of {result.directions.layer} were learned in "
        f"{counted(result.steps, 'step')}: a network names the right one of {len(result)} in "
        f"{percent(result.held_out)} (95 % interval {low} to {high}) of {counted(result.held_out_edits, 'edit')} that "
        f"training never saw; chance is {percent(1 / len(result))}."
    )


def _chance(result: TrainResult) -> bool:
    """Whether the network may name directions by chance alone."""
    return len(result) > 1 and result.interval[0] <= 1 / len(result)


TRAIN: Claims[TrainResult] = (
    found(_named, lambda r: len(r) > 1),
    found(
        lambda r: f"1 direction of {r.directions.layer} was learned in {counted(r.steps, 'step')}.",
        lambda r: len(r) == 1,
    ),
    doubt(
        "The interval of that share does not lie above chance, so that the directions may not be told apart at all: "
        "take more `--steps` before using them (the paper takes 100\u202f000).",
        _chance,
    ),
    *MEASURED,
    advise(_use, lambda r: not _chance(r)),
)


# --- apply -----------------------------------------------------------------------------------------------------------

APPLY: Claims[ApplyResult] = (
    found(
        lambda r: f"{were(r.total, 'sample')} moved, each along its own direction of {r.layer}.",
        lambda r: bool(r.each),
    ),
    found(
        lambda r: f"{were(r.total, 'sample')} moved along {counted(len(r.edited), 'direction')} of {r.layer}.",
        lambda r: not r.each,
    ),
    advise(
        "The same command with `--metric demo` measures how far each picture moves from the sample as it was.",
        lambda r: r.metric is None,
    ),
    advise(
        "`gantk navigan export DIRECTIONS edited.safetensors --as generator --model MODEL --pick 0` writes a generator "
        "whose weights have an edit in them.",
        lambda r: not r.each,
    ),
)
