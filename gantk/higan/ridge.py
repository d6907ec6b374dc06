"""Ridge regression of scores on codes, over all samples and all scores at once.

The normal equations are gathered in one pass, in ten groups of samples, so that any split by groups, and as many
resampled ones as wanted, need no further pass; one factorisation serves all scores and all strengths of the
regularisation, of which generalised cross-validation (Golub, Heath and Wahba 1979) takes the best:

    GCV(lambda) = (|s - X w|^2 / N) / (1 - tr H(lambda) / N)^2

Where codes are normal, the direction of the linear regression is the direction a monotone score depends on, linear or
not (Stein's lemma), which is why it may be used where the score is no linear function.

Legend: N samples, D the width of a code, A scores, G groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError

GROUPS = 10
STRENGTHS = np.logspace(-10, 2, 49)  # of lambda, in units of the mean eigenvalue of X^T X

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """Sums over samples, of codes and scores from which a constant was taken so that nothing is lost to rounding.

    Attributes:
        count: samples.
        shift_D, shift_A: what was taken from codes and scores.
        x_D, s_A, xx_DD, xs_DA, ss_A: sums of codes, scores and their products.
    """

    count: int
    shift_D: Array
    shift_A: Array
    x_D: Array
    s_A: Array
    xx_DD: Array
    xs_DA: Array
    ss_A: Array

    def __add__(self, other: NormalEquations) -> NormalEquations:
        return NormalEquations(
            self.count + other.count,
            self.shift_D,
            self.shift_A,
            self.x_D + other.x_D,
            self.s_A + other.s_A,
            self.xx_DD + other.xx_DD,
            self.xs_DA + other.xs_DA,
            self.ss_A + other.ss_A,
        )


@dataclass(frozen=True, eq=False)
class RidgeSolution:
    """Regressions of every score: s ~ x . weight + bias.

    Attributes:
        weight_DA, bias_A: the regressions.
        strength_A: lambda, against the sum of squared errors.
        residual_A: the sum of squared errors on the samples fitted.
    """

    weight_DA: Array
    bias_A: Array
    strength_A: Array
    residual_A: Array


def accumulate(
    chunks: Iterable[tuple[npt.NDArray[np.floating], npt.NDArray[np.floating], npt.NDArray[np.int64]]],
    device: str = "cpu",
) -> list[NormalEquations]:
    """Sum the normal equations of each group over chunks of (codes [n, D], scores [n, A], group [n])."""
    import torch

    sums: list[list[torch.Tensor]] = []
    counts = [0] * GROUPS
    shift_D = shift_A = None
    for x_nD, s_nA, group_n in chunks:
        x = torch.as_tensor(np.ascontiguousarray(x_nD)).to(device=device, dtype=torch.float64)
        s = torch.as_tensor(np.ascontiguousarray(s_nA)).to(device=device, dtype=torch.float64)
        if shift_D is None or shift_A is None:
            shift_D, shift_A = x.mean(dim=0), s.mean(dim=0)
            width, scores = x.shape[1], s.shape[1]
            shapes = [(width,), (scores,), (width, width), (width, scores), (scores,)]
            sums = [[x.new_zeros(shape) for shape in shapes] for _ in range(GROUPS)]
        x, s = x - shift_D, s - shift_A
        group = torch.as_tensor(group_n, device=device)
        for g in range(GROUPS):
            mine = group == g
            xg, sg = x[mine], s[mine]
            parts = (xg.sum(dim=0), sg.sum(dim=0), xg.T @ xg, xg.T @ sg, sg.square().sum(dim=0))
            for total, part in zip(sums[g], parts, strict=True):
                total += part
            counts[g] += len(xg)
    if shift_D is None or shift_A is None:
        raise GantkError("There are no samples to regress on.")
    shifts = shift_D.cpu().numpy(), shift_A.cpu().numpy()
    return [
        NormalEquations(count, *shifts, *(part.cpu().numpy() for part in parts))
        for count, parts in zip(counts, sums, strict=True)
    ]


def total(equations: Sequence[NormalEquations]) -> NormalEquations:
    """Return the normal equations of several groups together."""
    return sum(equations[1:], equations[0])


def solve_ridge(equations: NormalEquations, strength: float | None = None) -> RidgeSolution:
    """Solve for all scores.

    Args:
        equations: of the samples to fit.
        strength: lambda; None takes for each score the best of `STRENGTHS` by generalised cross-validation.

    Raises:
        GantkError: fewer than three samples, or all codes are the same.
    """
    from scipy.linalg import eigh

    e, count = equations, equations.count
    if count < 3:
        raise GantkError(f"A regression on {count} samples says nothing: score more samples.")
    mean_D, mean_A = e.x_D / count, e.s_A / count
    xx = e.xx_DD - count * np.outer(mean_D, mean_D)
    xs = e.xs_DA - count * np.outer(mean_D, mean_A)
    ss = np.maximum(e.ss_A - count * np.square(mean_A), 0)
    values_D, basis_DD = eigh(xx, driver="evd", check_finite=False)
    kept = values_D > max(values_D[-1], 0) * 1e-13 * len(values_D)
    if not kept.any():
        raise GantkError("The latent codes are all the same: there is nothing to regress on.")
    values_D, basis_DD = values_D[kept], basis_DD[:, kept]
    target_DA = basis_DD.T @ xs
    strengths = values_D.mean() * STRENGTHS if strength is None else np.array([strength])
    # |s - X w|^2 = ss - 2 w.xs + w.(X^T X) w, in the basis of eigenvectors, for every strength at once
    shrink_SD = 1 / (values_D + strengths[:, None])
    square_DA = np.square(target_DA)
    residual_SA = ss - 2 * (shrink_SD @ square_DA) + (np.square(shrink_SD) * values_D) @ square_DA
    residual_SA = np.maximum(residual_SA, 1e-12 * ss)
    freedom_S = 1 - ((values_D * shrink_SD).sum(axis=1) + 1) / count  # the mean is fitted too
    gcv_SA = residual_SA / np.square(np.maximum(freedom_S, 1e-9))[:, None]
    gcv_SA[freedom_S <= 1e-9] = np.inf
    best_A = gcv_SA.argmin(axis=0) if np.isfinite(gcv_SA).any() else np.full(len(ss), len(strengths) - 1)
    weight_DA = basis_DD @ (shrink_SD[best_A].T * target_DA)
    bias_A = mean_A + e.shift_A - (mean_D + e.shift_D) @ weight_DA
    return RidgeSolution(weight_DA, bias_A, strengths[best_A], residual_SA[best_A, np.arange(len(ss))])
