"""The leading directions of a region without any Gram matrix: products with J and its transpose alone.

Where d is in the thousands (every row of wp by itself: 18 x 512), a Gram matrix costs d passes and d^2 numbers, and
only its largest eigenvalues are wanted. A v = sum over samples J^T (M J v) takes one pass forward and one back; A v and
B v share the pass forward, and v^T A v = |M J v|^2 takes it alone. A basis grows by the residuals of the wanted
directions (block Davidson, without a preconditioner), in which the small problem is solved exactly. tr(B), which the
ridge needs, is estimated with random signs (Hutchinson).

Shape legend: d coordinates, K directions, m basis vectors, O channels, S x S pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.frugal_steps import makes_maps_again
from gantk.resefa.derivative import LocalJacobian
from gantk.resefa.solve import TAU, Solution, oriented, rates
from gantk.store.seeding import random_normal

PROBES, ITERATIONS, TOLERANCE = 16, 40, 1e-4

Array = npt.NDArray[np.float64]


class Products:
    """A V and B V of several samples: mean squared change per number inside and outside.

    Args:
        jacobians: one per sample, of one variable.
        inside, outside: masks [S, S] of each sample.
    """

    def __init__(self, jacobians: Sequence[LocalJacobian], inside: Sequence[Array], outside: Sequence[Array]) -> None:
        self.jacobians, self.masks = jacobians, (inside, outside)
        self.dim = jacobians[0].variable.dim
        channels = jacobians[0].shape[0]
        self.rows = tuple(float(channels * sum(int(mask.sum()) for mask in side)) for side in self.masks)
        if min(self.rows) == 0:
            raise UsageError("The region is empty, or covers the whole of every image: there is nothing to compare.")
        self.passes = 0

    def __call__(self, vectors_dK: Array) -> tuple[Array, Array]:
        """Both products, [d, K]."""
        count = vectors_dK.shape[1]
        found = np.zeros((2, *vectors_dK.shape))
        for jacobian, images_2KOSS in self._changes(vectors_dK):
            back_Kd = jacobian.pull(images_2KOSS.flatten(0, 1)).double().cpu().numpy()
            self.passes += len(back_Kd)
            found += np.stack([side.T / rows for side, rows in zip(np.split(back_Kd, [count]), self.rows, strict=True)])
        return found[0], found[1]

    def quadratic(self, vectors_dK: Array) -> tuple[Array, Array]:
        """v^T A v and v^T B v of each, [K]: squared changes, which no pass back is needed for."""
        found = np.zeros((2, vectors_dK.shape[1]))
        for _, images_2KOSS in self._changes(vectors_dK):
            square_2K = images_2KOSS.double().square().sum((2, 3, 4)).cpu().numpy()
            found += square_2K / np.array(self.rows)[:, None]
        return found[0], found[1]

    def _changes(self, vectors_dK: Array) -> Iterator[tuple[LocalJacobian, Tensor]]:
        """Of each sample the changes inside and outside, [2, K, O, S, S]."""
        for sample, jacobian in enumerate(self.jacobians):
            like = jacobian.generator
            step_Kd = torch.from_numpy(np.ascontiguousarray(vectors_dK.T)).to(like.device, like.dtype)
            image_KOSS = jacobian.push(step_Kd)
            self.passes += len(image_KOSS)
            masks = [torch.from_numpy(side[sample]).to(image_KOSS) for side in self.masks]
            yield jacobian, torch.stack([image_KOSS * mask for mask in masks])
            if len(self.jacobians) > 1 and makes_maps_again(like):
                jacobian.forget()  # the maps of one sample are held at a time


def leading_directions(products: Products, count: int) -> Solution:
    """The `count` directions with the largest eigenvalues of A v = lambda (B + tau tr(B) I) v, tau being `TAU`.

    Returns:
        As `solve` does; `condition` is nan, since B is never known.

    Raises:
        UsageError: more directions than coordinates, or nothing changes on one side.
    """
    dim = products.dim
    if not 0 < count <= dim:
        raise UsageError(f"{count} directions cannot be found among {dim} coordinates.")
    signs = np.sign(random_normal(PROBES, dim, seed=0, stream="resefa-trace")).astype(np.float64).T
    traces = [float(part.mean()) for part in products.quadratic(signs)]
    if min(traces) <= 0:
        side = "In the region" if traces[0] <= 0 else "Outside the region"
        raise UsageError(f"{side} nothing changes along any direction: choose other layers, or another region.")
    ridge = TAU * traces[1]
    start = random_normal(count, dim, seed=0, stream="resefa-leading").astype(np.float64).T
    basis, _ = np.linalg.qr(np.concatenate([products(signs[:, :count])[0], start], axis=1)[:, :count])
    a, b = products(basis)
    values, vectors = _ritz(basis, a, b, ridge, count)
    for _ in range(ITERATIONS):
        residual = a @ vectors - (b @ vectors + ridge * (basis @ vectors)) * values
        size = np.linalg.norm(residual, axis=0) / np.maximum(np.linalg.norm(a @ vectors, axis=0), 1e-300)
        open_ = size > TOLERANCE
        if not open_.any() or basis.shape[1] >= dim:
            break
        fresh = _orthonormal(residual[:, open_], basis)
        if fresh.shape[1] == 0:
            break
        more = products(fresh)
        basis = np.concatenate([basis, fresh], axis=1)
        a, b = np.concatenate([a, more[0]], axis=1), np.concatenate([b, more[1]], axis=1)
        values, vectors = _ritz(basis, a, b, ridge, count)
    full = (basis @ vectors).T
    length = np.linalg.norm(full, axis=1, keepdims=True)
    full, small = full / length, vectors.T / length
    inside, outside = (rates(small, (basis.T @ part + part.T @ basis) / 2) for part in (a, b))
    quotients = inside / np.maximum(outside, 1e-300)
    return Solution(oriented(full, None), values, quotients, np.sqrt(inside), float("nan"))


def _ritz(basis: Array, a: Array, b: Array, ridge: float, count: int) -> tuple[Array, Array]:
    """Largest eigenvalues and their coefficients in the basis, [K] and [m, K]."""
    from scipy.linalg import eigh

    small_a, small_b = basis.T @ a, basis.T @ b
    size = basis.shape[1]
    values, vectors = eigh(
        (small_a + small_a.T) / 2,
        (small_b + small_b.T) / 2 + ridge * np.eye(size),
        subset_by_index=(size - min(count, size), size - 1),
    )
    return values[::-1], vectors[:, ::-1]


def _orthonormal(new: Array, basis: Array) -> Array:
    """New vectors made orthogonal to the basis and each other; those that lie in it are dropped."""
    for _ in range(2):
        new = new / np.maximum(np.linalg.norm(new, axis=0), 1e-300)
        new = new - basis @ (basis.T @ new)
    left, values, _ = np.linalg.svd(new, full_matrices=False)
    return left[:, values > 1e-8]
