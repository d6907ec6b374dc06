"""How far two images, or two sets of images, are apart for a predictor.

Shapes
  N, M  images    F  features    C, H, W  image
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import GantkError
from gantk.predictors.base import Predictor


def perceptual_distance(a_NCHW: Tensor, b_NCHW: Tensor, predictor: Predictor) -> Tensor:
    """Distance [N] between images a and b, pair by pair, by the feature maps of a predictor.

    As LPIPS (Zhang et al. 2018) with equal weights: the squared distance between unit feature vectors, averaged over
    the places of each map and summed over maps. Zero for equal images, differentiable twice there too, in forward and
    reverse mode.
    """
    if a_NCHW.shape != b_NCHW.shape:
        raise GantkError(
            f"Images of shapes {tuple(a_NCHW.shape)} and {tuple(b_NCHW.shape)} cannot be compared in pairs."
        )
    return distance_of_maps(predictor.feature_maps(a_NCHW), predictor.feature_maps(b_NCHW))


def distance_of_maps(a_maps: Sequence[Tensor], b_maps: Sequence[Tensor]) -> Tensor:
    """`perceptual_distance` [N] of feature maps that were already computed."""
    pairs = zip(a_maps, b_maps, strict=True)
    return torch.stack([(a - b).square().sum(1).mean((1, 2)) for a, b in pairs]).sum(0)


def unit_vectors(map_NCHW: Tensor) -> Tensor:
    """The vectors of a map at length one; differentiable where one is zero."""
    return map_NCHW * (map_NCHW.square().sum(1, keepdim=True) + 1e-6).rsqrt()


def frechet_distance(features_a: Tensor | npt.NDArray[Any], features_b: Tensor | npt.NDArray[Any]) -> float:
    """Frechet distance between Gaussians fitted to features [N, F] and [M, F] (Heusel et al. 2017), in float64.

    |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)). The trace of the root is taken as that of the symmetric
    (S_a^(1/2) S_b S_a^(1/2))^(1/2), whose eigenvalues are real and need only be kept from falling below zero, so that
    singular covariances (dead features, few samples) do no harm.

    Raises:
        GantkError: shapes that do not fit, fewer than two rows, or values that are not finite.
    """
    a_NF, b_MF = _float64(features_a), _float64(features_b)
    if a_NF.ndim != 2 or b_MF.ndim != 2 or a_NF.shape[1] != b_MF.shape[1] or min(len(a_NF), len(b_MF)) < 2:
        raise GantkError(
            f"Features of shapes {a_NF.shape} and {b_MF.shape} do not fit: expected [N, F] and [M, F] with N, M >= 2."
        )
    if not (np.isfinite(a_NF).all() and np.isfinite(b_MF).all()):
        raise GantkError("Some features are not finite numbers, so there is no Frechet distance.")
    shift = float(np.square(a_NF.mean(0) - b_MF.mean(0)).sum())
    if min(len(a_NF), len(b_MF)) < a_NF.shape[1]:
        # the root's trace is the nuclear norm of A B^T for centred A and B with S = A^T A: images, not features, count
        a, b = ((x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (a_NF, b_MF))
        root = np.linalg.svd(a @ b.T, compute_uv=False).sum()
        return max(shift + float(np.square(a).sum() + np.square(b).sum() - 2 * root), 0.0)
    cov_a, cov_b = np.atleast_2d(np.cov(a_NF, rowvar=False)), np.atleast_2d(np.cov(b_MF, rowvar=False))
    values, vectors = np.linalg.eigh(cov_a)
    root_a = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    root_trace = np.sqrt(np.linalg.eigvalsh(root_a @ cov_b @ root_a).clip(min=0)).sum()
    return max(float(shift + np.trace(cov_a) + np.trace(cov_b) - 2 * root_trace), 0.0)


def _float64(features: Tensor | npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    if isinstance(features, Tensor):
        features = features.detach().cpu().numpy()
    return np.asarray(features, np.float64)
