"""The linear head as the convex problem it is: softmax regression on upsampled features, solved by whitened L-BFGS.

Minimise over W [K, D] and b [K]

    mean over labelled pixels of the cross entropy of W x + b  +  penalty / 2 * |V|^2,    W = V P

where P whitens the features: P (C + eps * mean(diag C) I) P^T = I with C their covariance from the streamed Gram matrix
(gram.py). In V the curvature is at most one half in every direction whatever the network's scales, so that a few dozen
steps do what thousands of Adam's do. `eps` near zero whitens fully (many images); around one it shrinks directions in
which features hardly vary (few images). Nothing is random: the same images give the same weights.

Shape legend: N images, D width of a pixel's features, K classes, S side of the labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy import linalg
from torch import Tensor

from gantk.errors import GantkError
from gantk.lse.gram import IGNORE, Moments
from gantk.predictors.grids import resize_back
from gantk.predictors.head_networks import LinearNetwork

Array = npt.NDArray[np.float64]
Batch = tuple[Sequence[Tensor], Tensor]  # maps [N, C_i, r_i, r_i] and labels uint8 [N, S, S]
Objective = Callable[[Array], tuple[float, Array]]


@dataclass(frozen=True, eq=False)
class Whitening:
    """P = factor^-1, by a Cholesky factor: no eigenvectors are needed, whatever the number of features."""

    factor_DD: Array
    mean_D: Array

    @classmethod
    def of(cls, moments: Moments, eps: float) -> Whitening:
        covariance_DD = moments.covariance_DD
        diagonal_D = covariance_DD.diagonal()
        floor = max(eps * float(diagonal_D.mean()), 1e-9 * float(diagonal_D.max()), 1e-12)
        covariance_DD[np.diag_indices_from(covariance_DD)] += floor
        return cls(linalg.cholesky(covariance_DD, lower=True, overwrite_a=True), moments.mean_D)

    def weights(self, v_KE: Array) -> tuple[Array, Array]:
        """W [K, D] and b [K] of parameters [K, D + 1], whose last column is the bias of whitened features."""
        w_KD = linalg.solve_triangular(self.factor_DD, v_KE[:, :-1].T, lower=True, trans="T").T
        return w_KD, v_KE[:, -1] - w_KD @ self.mean_D

    def gradient(self, w_KD: Array, b_K: Array) -> Array:
        """The gradient in parameters [K, D + 1] from those in W and b."""
        inner = linalg.solve_triangular(self.factor_DD, (w_KD - np.outer(b_K, self.mean_D)).T, lower=True).T
        return np.concatenate([inner, b_K[:, None]], 1)


@torch.no_grad()
def loss_and_gradient(network: LinearNetwork, maps: Sequence[Tensor], label_NSS: Tensor) -> tuple[float, Array, Array]:
    """Summed cross entropy over labelled pixels and its gradients in W [K, D] and b [K], by hand and at native size."""
    size = label_NSS.shape[-1]
    logit_NKSS = network(maps, size)
    target = label_NSS.long()
    known = target != IGNORE
    log_p = F.log_softmax(logit_NKSS, 1)
    picked = torch.where(known, target, 0).unsqueeze(1)
    loss = float(-log_p.gather(1, picked).squeeze(1).double()[known].sum())
    g_NKSS = log_p.exp_().scatter_add_(1, picked, -torch.ones_like(picked, dtype=log_p.dtype))
    if not bool(known.all()):
        g_NKSS *= known.unsqueeze(1)
    small: dict[int, Tensor] = {}
    parts = []
    for x in maps:
        side = x.shape[-1]
        if side not in small:
            small[side] = resize_back(g_NKSS, side, network.align_corners).flatten(2)
        parts.append(torch.bmm(small[side], x.flatten(2).to(g_NKSS.dtype).transpose(1, 2)).sum(0))
    gradient_KD = torch.cat(parts, 1).double().cpu().numpy()
    return loss, gradient_KD, g_NKSS.sum((0, 2, 3)).double().cpu().numpy()


def softmax_objective(
    network: LinearNetwork, batches: Callable[[], Iterable[Batch]], whitening: Whitening, penalty: float
) -> Objective:
    """The objective over all batches; each call is one pass over the images. The network is used as scratch."""

    def value(v_KE: Array) -> tuple[float, Array]:
        fill(network, whitening, v_KE)
        loss, pixels = 0.0, 0
        w_KD, b_K = np.zeros((network.classes, sum(network.channels))), np.zeros(network.classes)
        for maps, label_NSS in batches():
            part, dw, db = loss_and_gradient(network, maps, label_NSS)
            loss, w_KD, b_K = loss + part, w_KD + dw, b_K + db
            pixels += int((label_NSS != IGNORE).sum())
        if pixels == 0:
            raise GantkError("No pixel is labelled, so there is nothing to learn from: label some.")
        inner = v_KE[:, :-1]
        gradient = whitening.gradient(w_KD, b_K) / pixels
        gradient[:, :-1] += penalty * inner
        return loss / pixels + penalty / 2 * float((inner * inner).sum()), gradient

    return value


def fill(network: LinearNetwork, whitening: Whitening, v_KE: Array) -> None:
    """Put the weights of parameters into a network."""
    w_KD, b_K = whitening.weights(v_KE)
    with torch.no_grad():
        network.weight_KD.copy_(torch.from_numpy(w_KD))
        network.bias_K.copy_(torch.from_numpy(b_K))


@dataclass
class Trail:
    """What a minimisation went through: the value after each step, and how many times it was evaluated."""

    values: list[float] = field(default_factory=list)
    evaluations: list[int] = field(default_factory=list)
    converged: bool = False


def lbfgs(
    objective: Objective,
    start: Array,
    steps: int,
    tolerance: float = 1e-5,
    memory: int = 20,
    curvature: float = 0.5,
    after: Callable[[int, Array], None] | None = None,
) -> tuple[Array, Trail]:
    """Limited-memory BFGS (Nocedal and Wright 2006, algorithm 7.5) with Armijo's rule; deterministic.

    Args:
        objective: value and gradient.
        curvature: an upper bound of it, which makes the first step safe.
        tolerance: stop when a step lowers the value by less than this share of it.
        after: called after each step with its number and the parameters.
    """
    x, (value, gradient) = start, objective(start)
    trail = Trail([value], [1])
    evaluations = 1
    pairs: list[tuple[Array, Array, float]] = []
    for step in range(1, steps + 1):
        direction = _two_loops(gradient, pairs, curvature)
        slope = float((direction * gradient).sum())
        if slope >= 0:
            pairs.clear()
            direction, slope = -gradient / curvature, -float((gradient * gradient).sum()) / curvature
        if slope > -1e-16:
            trail.converged = True
            break
        length = 1.0
        for _ in range(12):
            new, (new_value, new_gradient) = (moved := x + length * direction), objective(moved)
            evaluations += 1
            if new_value <= value + 1e-4 * length * slope:
                break
            length *= 0.5
        else:
            trail.converged = True
            break
        change, turn = new - x, new_gradient - gradient
        product = float((change * turn).sum())
        if product > 1e-12:
            pairs = [*pairs, (change, turn, 1 / product)][-memory:]
        lowered = value - new_value
        x, value, gradient = new, new_value, new_gradient
        trail.values.append(value)
        trail.evaluations.append(evaluations)
        if after is not None:
            after(step, x)
        if lowered < tolerance * abs(value):
            trail.converged = True
            break
    return x, trail


def _two_loops(gradient: Array, pairs: list[tuple[Array, Array, float]], curvature: float) -> Array:
    q = -gradient
    weights = []
    for change, turn, scale in reversed(pairs):
        weight = scale * float((change * q).sum())
        weights.append(weight)
        q = q - weight * turn
    if pairs:
        change, turn, scale = pairs[-1]
        q = q / (scale * float((turn * turn).sum()))
    else:
        q = q / curvature
    for (change, turn, scale), weight in zip(pairs, reversed(weights), strict=True):
        q = q + change * (weight - scale * float((turn * q).sum()))
    return q


def ridge(moments: Moments, strength: float) -> tuple[Array, Array]:
    """W [K, D] and b [K] of least squares on one-hot labels, in closed form from one pass.

    `strength` is relative: the penalty is strength * mean(diag C) on every weight. Scores are shares, not logits.
    """
    mean_D = moments.mean_D
    covariance_DD = moments.covariance_DD
    share_K = moments.count_K / max(float(moments.count_K.sum()), 1.0)
    cross_DK = moments.cross_DK / max(float(moments.count_K.sum()), 1.0) - np.outer(mean_D, share_K)
    penalty = max(strength * float(np.diag(covariance_DD).mean()), 1e-12)
    w_KD = np.linalg.solve(covariance_DD + penalty * np.eye(len(mean_D)), cross_DK).T
    return w_KD, share_K - w_KD @ mean_D
