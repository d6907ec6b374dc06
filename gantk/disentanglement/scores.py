"""All scores of a set of codes against known factors, in one call.

Legend: N samples, D coordinates, F factors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gantk.codes.given import numbers_of
from gantk.disentanglement.dci import dci
from gantk.disentanglement.gaps import information_gap, predictability_gap, vote
from gantk.disentanglement.results import DisentanglementResult
from gantk.errors import GantkError, UsageError
from gantk.generators.arguments import described

LEAST = 40  # samples


def measure(
    codes: object,
    factors: npt.ArrayLike,
    names: Sequence[str] | None = None,
    *,
    regressor: str = "lasso",
    bins: int = 20,
    seed: int = 0,
) -> DisentanglementResult:
    """Score codes [N, D] against the factors [N, F] that made them.

    Args:
        codes: an array, `gantk.GivenCodes`, or a result with codes.
        names: of the factors.
        regressor: of DCI, see `gantk.disentanglement.dci.dci`.
        bins: that continuous values are put in for MIG and the FactorVAE score.
        seed: of DCI's held-out samples and of the votes.

    Raises:
        GantkError: lengths differ, too few samples, or values that are not finite.
        UsageError: an unknown regressor, less than two bins, or another number of names.
    """
    codes_ND = numbers_of(getattr(codes, "codes", codes)).astype(np.float64)
    try:
        factors_NF = np.asarray(factors, np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"factors is {described(factors)}: give an array of numbers [N, F].") from error
    if codes_ND.ndim != 2 or factors_NF.ndim != 2 or len(codes_ND) != len(factors_NF) or 0 in codes_ND.shape:
        raise GantkError(
            f"Codes of shape {codes_ND.shape} and factors of shape {factors_NF.shape} do not fit: "
            "expected [N, D] and [N, F] of the same samples."
        )
    if len(codes_ND) < LEAST:
        raise GantkError(f"{len(codes_ND)} samples are too few to score codes with: give at least {LEAST}.")
    if not np.isfinite(codes_ND).all() or not np.isfinite(factors_NF).all():
        raise GantkError("Some codes or factors are not finite numbers: leave those samples out.")
    if not (np.ptp(factors_NF, axis=0) > 0).any():
        raise GantkError("No factor varies over the samples, so there is nothing to tell: give other samples.")
    if bins < 2:
        raise UsageError(f"{bins} bins cannot tell values apart: give at least 2.")
    names = [f"factor_{j}" for j in range(factors_NF.shape[1])] if names is None else names
    if len(names) != factors_NF.shape[1]:
        raise UsageError(f"{len(names)} names were given for {factors_NF.shape[1]} factors: give one for each.")
    mig_F = information_gap(codes_ND, factors_NF, bins)
    sap_F = predictability_gap(codes_ND, factors_NF)
    score, chance = vote(codes_ND, factors_NF, bins, seed)
    return DisentanglementResult(
        dci=dci(codes_ND, factors_NF, regressor, seed),
        mig=float(np.nanmean(mig_F)),
        mig_F=mig_F,
        factor_vae=score,
        factor_vae_chance=chance,
        sap=float(sap_F.mean()),
        sap_F=sap_F,
        factor_names=tuple(names),
        samples=len(codes_ND),
        dims=codes_ND.shape[1],
    )
