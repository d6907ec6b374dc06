"""Scores by the lead of the best coordinate over the next, and by a vote.

MIG   (I(c_1; v) - I(c_2; v)) / H(v), the mean over factors v, c_1 and c_2 the two coordinates that tell most of v; both
      sides in bins (Chen et al., NeurIPS 2018, section 4.1).
SAP   R2(c_1; v) - R2(c_2; v), the mean over factors, R2 of the best line through one coordinate (Kumar et al., ICLR
      2018, section 3).
FactorVAE   Many small groups of samples are drawn that share one factor. In each the coordinate with the least variance
      (over its variance in all samples) casts a vote; the score is the accuracy of the classifier that takes a
      coordinate to the factor it voted for most often (Kim and Mnih, ICML 2018, section 4).

Legend: N samples, D coordinates, F factors, B bins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.disentanglement.dci import standardized
from gantk.disentanglement.results import equal_bins

GROUP, VOTES = 64, 800  # samples that share a factor, and groups in training and in test
DEAD = 0.05  # of the median coordinate's deviation: below it a coordinate has no vote, as the authors drop it

Array = npt.NDArray[Any]


def mutual_information(a_N: npt.NDArray[np.int64], b_N: npt.NDArray[np.int64]) -> float:
    """Of two sequences of bins, in nats; with `a` twice it is the entropy."""
    joint = np.zeros((int(a_N.max()) + 1, int(b_N.max()) + 1))
    np.add.at(joint, (a_N, b_N), 1.0)
    joint /= joint.sum()
    outer = joint.sum(1)[:, None] * joint.sum(0)[None]
    some = joint > 0
    return float((joint[some] * np.log(joint[some] / outer[some])).sum())


def information_gap(codes_ND: Array, factors_NF: Array, bins: int = 20) -> Array:
    """MIG of every factor [F]; nan for a factor that never varies."""
    code_bins = [equal_bins(column, bins) for column in codes_ND.T]
    gaps = []
    for column in factors_NF.T:
        factor = equal_bins(column, bins)
        entropy = mutual_information(factor, factor)
        told = sorted((mutual_information(code, factor) for code in code_bins), reverse=True)
        gaps.append((told[0] - (told[1] if len(told) > 1 else 0.0)) / entropy if entropy > 0 else np.nan)
    return np.array(gaps)


def predictability_gap(codes_ND: Array, factors_NF: Array) -> Array:
    """SAP of every factor [F]."""
    x, y = standardized(codes_ND), standardized(factors_NF)
    r2_DF = np.square(x.T @ y / len(x))
    best = np.sort(r2_DF, axis=0)[::-1]
    found: Array = best[0] - (best[1] if len(best) > 1 else 0.0)
    return found


def vote(codes_ND: Array, factors_NF: Array, bins: int = 20, seed: int = 0) -> tuple[float, float]:
    """The FactorVAE score, and the share of the most frequent factor among the tested groups.

    Samples share a factor where they share its bin, so that continuous factors are held to 1 / bins of their range.
    """
    random = np.random.Generator(np.random.Philox(key=[seed, 2]))
    variance_D = codes_ND.var(0)
    deviation_D = np.sqrt(variance_D)
    alive = np.flatnonzero(deviation_D > DEAD * max(float(np.median(deviation_D)), 1e-300))
    if not len(alive):
        return 1 / factors_NF.shape[1], 1 / factors_NF.shape[1]
    members = []
    for column in factors_NF.T:
        bin_N = equal_bins(column, bins)
        members.append([rows for part in np.unique(bin_N) if len(rows := np.flatnonzero(bin_N == part)) > 1])
    varying = [factor for factor, parts in enumerate(members) if len(parts) > 1]
    ballots = np.zeros((2, codes_ND.shape[1], factors_NF.shape[1]))
    for half in range(2):
        for _ in range(VOTES):
            factor = varying[int(random.integers(len(varying)))]
            rows = members[factor][int(random.integers(len(members[factor])))]
            chosen = rows if len(rows) <= GROUP else random.choice(rows, GROUP, replace=False)
            share = codes_ND[chosen][:, alive].var(0) / variance_D[alive]
            least = alive[np.flatnonzero(share <= share.min() * (1 + 1e-9))]
            ballots[half, least[int(random.integers(len(least)))], factor] += 1
    taken = ballots[0].argmax(1)
    right = ballots[1][np.arange(len(taken)), taken].sum()
    return float(right / VOTES), float(ballots[1].sum(0).max() / VOTES)
