"""The released estimator of Hessian eigenvectors, kept for comparison: power iteration with central differences.

    v_new = (g(+eps v) - g(-eps v)) / (2 eps |v|),    g(delta) = gradient of the mean distance at w0 + delta

on a v that is not normalised, so that after the first step the displacement is eps times the eigenvalue: for small
eigenvalues it drowns in rounding. One vector after the other, each kept orthogonal to those before, always the same
number of steps. `gantk.navigan.lanczos` has the same eigenvectors in a fraction of the products, converged.

Shape legend: N samples, K vectors, P numbers of the weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gantk.errors import GantkError
from gantk.navigan.curvature import Curvature
from gantk.navigan.metrics import squared

EPSILON, STEPS = 0.1, 20
Keep = Callable[[int, Tensor], None]


def gradient(curvature: Curvature, shift_P: Tensor) -> Tensor:
    """d/d delta of the mean distance between pictures of w0 and w0 + delta, at delta = shift, [P]."""
    target, metric = curvature.target, curvature.metric
    total = torch.zeros_like(shift_P)
    for part in curvature.all_parts():
        prefix = curvature.prefix(part)
        with torch.no_grad():
            before = metric.embed(target.images(prefix))
        weight = (target.weight.detach() + shift_P.view(target.shape)).requires_grad_(True)
        distance = squared(metric.embed(target.images(prefix, weight)), before).sum() / curvature.total
        total += torch.autograd.grad(distance, weight)[0].flatten()
    return total


def power_iteration(
    curvature: Curvature,
    k: int,
    *,
    seed: int = 0,
    steps: int = STEPS,
    epsilon: float = EPSILON,
    known: Sequence[Tensor] = (),
    keep: Keep | None = None,
) -> tuple[Tensor, Tensor]:
    """K vectors [K, P] of length one in the order of discovery, and their norms [K], which estimate the eigenvalues.

    Args:
        known: vectors an interrupted run had found, with their norms as lengths.
        keep: called with each new one.

    Raises:
        GantkError: the iteration collapsed (a difference rounded to zero), as the released program's does silently.
    """
    weight = curvature.target.weight
    found = list(known)
    for index in range(len(found), k):
        source = torch.Generator().manual_seed(seed * 1_000_003 + index)
        vector = torch.randn(curvature.dimension, generator=source).to(weight)
        vector = _deflated(vector, found)
        for step in range(steps):
            length = vector.norm()
            ahead, behind = (gradient(curvature, sign * epsilon * vector) for sign in (1.0, -1.0))
            vector = (ahead - behind) / (2 * (epsilon + 1e-14) * length)
            vector = _deflated(vector, found)
            if not bool(torch.isfinite(vector).all()) or not float(vector.norm()) > 0:
                raise GantkError(
                    f"The released estimator collapsed at vector {index}, step {step + 1}: its step of epsilon times "
                    "the eigenvalue was lost to rounding. Leave --compat out."
                )
        found.append(vector)
        if keep is not None:
            keep(index, vector)
    stacked = torch.stack(found)
    norms = stacked.norm(dim=1)
    return stacked / norms[:, None], norms


def _deflated(vector: Tensor, others: Sequence[Tensor]) -> Tensor:
    for other in others:
        unit = other / other.norm()
        vector = vector - unit * (vector @ unit)
    return vector
