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

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

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
MEMORY = 20  # steps that L-BFGS remembers
CURVATURE = 0.5  # at most, in V: it makes the first step safe


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
    network: LinearNetwork,
    batches: Callable[[], Iterable[Batch]],
    whitening: Whitening,
    penalty: float,
    watch: Callable[[], None] | None = None,
) -> Objective:
    """The objective over all batches; each call is one pass over the images. The network is used as scratch.

    `watch` is called before each evaluation; an exception of it ends the minimisation.
    """

    def value(v_KE: Array) -> tuple[float, Array]:
        if watch is not None:
            watch()
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


@dataclass(frozen=True, eq=False)
class Descent:
    """A minimisation so far; all that is needed to go on, so that an interrupted one ends with the same bytes.

    `changes` and `turns` [M, ...] are the last steps and how the gradient changed over them; `values` those after each
    step, the start's first, and `evaluations` how often the objective had been evaluated by then.
    """

    x: Array
    value: float
    gradient: Array
    changes: tuple[Array, ...] = ()
    turns: tuple[Array, ...] = ()
    values: tuple[float, ...] = ()
    evaluations: tuple[int, ...] = ()
    converged: bool = False

    @classmethod
    def begin(cls, objective: Objective, start: Array) -> Descent:
        value, gradient = objective(start)
        return cls(start, value, gradient, values=(value,), evaluations=(1,))

    @property
    def steps(self) -> int:
        return len(self.values) - 1


def step(objective: Objective, at: Descent, tolerance: float = 1e-4) -> Descent:
    """One step of limited-memory BFGS (Nocedal and Wright 2006, algorithm 7.5) with Armijo's rule; deterministic.

    Args:
        tolerance: converged when a step lowers the value by less than this share of it.
    """
    direction = _two_loops(at)
    slope = float((direction * at.gradient).sum())
    if slope >= 0:
        direction = -at.gradient / CURVATURE
        slope = -float((at.gradient * at.gradient).sum()) / CURVATURE
    length, evaluations = 1.0, at.evaluations[-1]
    for _ in range(12):
        if slope > -1e-16:
            break
        x = at.x + length * direction
        value, gradient = objective(x)
        evaluations += 1
        if value <= at.value + 1e-4 * length * slope:
            change, turn = x - at.x, gradient - at.gradient
            keep = float((change * turn).sum()) > 1e-12
            return Descent(
                x, value, gradient,
                (*at.changes, change)[-MEMORY:] if keep else at.changes,
                (*at.turns, turn)[-MEMORY:] if keep else at.turns,
                (*at.values, value), (*at.evaluations, evaluations), at.value - value < tolerance * abs(at.value),
            )  # fmt: skip
        length *= 0.5
    return dataclasses.replace(at, converged=True)


def minimize(objective: Objective, start: Array, steps: int, tolerance: float = 1e-4) -> Descent:
    """At most so many steps from a start."""
    at = Descent.begin(objective, start)
    while not at.converged and at.steps < steps:
        at = step(objective, at, tolerance)
    return at


def _two_loops(at: Descent) -> Array:
    q = -at.gradient
    pairs = [(s, y, 1 / float((s * y).sum())) for s, y in zip(at.changes, at.turns, strict=True)]
    weights = []
    for change, turn, scale in reversed(pairs):
        weight = scale * float((change * q).sum())
        weights.append(weight)
        q = q - weight * turn
    q = q / (pairs[-1][2] * float((pairs[-1][1] * pairs[-1][1]).sum()) if pairs else CURVATURE)
    for (change, turn, scale), weight in zip(pairs, reversed(weights), strict=True):
        q = q + change * (weight - scale * float((turn * q).sum()))
    return q


def ridge(moments: Moments, strength: float) -> tuple[Array, Array]:
    """W [K, D] and b [K] of least squares on one-hot labels, in closed form from one pass.

    `strength` is relative: the penalty is strength * mean(diag C) on every weight. Scores are shares, not logits.
    """
    covariance_DD = moments.covariance_DD
    labelled = max(float(moments.count_K.sum()), 1.0)
    share_K = moments.count_K / labelled
    mean_D = moments.cross_DK.sum(1) / labelled  # as the products are; all pixels tell the covariance
    cross_DK = moments.cross_DK / labelled - np.outer(mean_D, share_K)
    penalty = max(strength * float(np.diag(covariance_DD).mean()), 1e-12)
    covariance_DD[np.diag_indices_from(covariance_DD)] += penalty
    w_KD: Array = linalg.solve(covariance_DD, cross_DK, assume_a="pos").T
    return w_KD, share_K - w_KD @ mean_D
