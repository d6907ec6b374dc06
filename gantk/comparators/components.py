"""GANSpace: principal components of sampled codes or features (Haerkoenen, Hertzmann, Lehtinen, Paris, NeurIPS 2020).

Where a mapping network gives w its shape, the components of w itself are the directions. In other networks they are
taken of the features of an early layer and brought back to z by least squares: U = argmin |P U - Z|, where P are the
samples' coordinates along the components in units of their standard deviations; the directions are the rows of U.

The authors sample 300 000 codes and grow the components step by step; here second moments are summed, which is exact
and adds up over batches. Features of a large layer, which have too many, are decomposed batch by batch as theirs are.

Shape legend: N samples, D width of a code, F features, K components.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.comparators.factorisation import fixed_sign
from gantk.comparators.incremental import IncrementalComponents
from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.generators.footprint import sample_bytes
from gantk.store.progress import progress

FEATURE_SAMPLES = 2000  # at most, of features: their Gram matrix is N x N
BATCH = 500
MOST_BYTES = 1 << 30  # of all samples' features; larger ones are decomposed batch by batch
SPARE, LEAST = 2, 32  # times as many components as asked for, or as these, are kept on the way if memory allows

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Components:
    """Directions by decreasing variance.

    Attributes:
        space: "w" or "z".
        vectors: float64 [K, D], unit length; the largest component of each is positive.
        deviations: standard deviation of the samples along each component, [K]: the paper's unit of distance.
        explained: each one's share of the variance, [K].
        mean: of the codes, [D].
        layer: name of the layer whose features they are of, or "w".
    """

    space: str
    vectors: Array
    deviations: Array
    explained: Array
    mean: Array
    layer: str


def components(
    generator: Generator, num: int = 10_000, count: int | None = None, seed: int = 0, layer: str | None = None
) -> Components:
    """Sample and find the components.

    Args:
        num: codes to sample.
        count: components; None is all that there can be.
        layer: "w", or a layer whose features are decomposed; None is w where a mapping network makes it, else the first
            layer that has a map.

    Raises:
        UsageError: too few samples, or no such layer.
    """
    if num < 2:
        raise UsageError(f"{num} samples have no principal components: give --num of at least 2.")
    layer = _layer(generator, layer)
    if layer == "w":
        return _of_w(generator, num, count, seed)
    return _of_features(generator, min(num, FEATURE_SAMPLES), count, seed, layer)


def most_components(generator: Generator, num: int, layer: str | None) -> tuple[int, str]:
    """How many components `num` samples can have at most, and the space they are of."""
    of_w = _layer(generator, layer) == "w"
    return min(num - 1, generator.spec.w_dim if of_w else generator.spec.z_dim), "w" if of_w else "z"


def _layer(generator: Generator, layer: str | None) -> str:
    if layer is not None:
        return layer
    return "w" if generator.spec.can_truncate else next(part.name for part in generator.layers if part.has_map)


def _of_w(generator: Generator, num: int, count: int | None, seed: int) -> Components:
    dim = generator.spec.w_dim
    first, second = np.zeros(dim), np.zeros((dim, dim))
    with progress(num, "ganspace", unit="code") as bar:
        for start in range(0, num, BATCH):
            w_ND = _codes(generator, min(BATCH, num - start), seed, start)[1].double().cpu().numpy()
            first += w_ND.sum(0)
            second += w_ND.T @ w_ND
            bar.update(len(w_ND))
    mean = first / num
    values, vectors = np.linalg.eigh(second / num - np.outer(mean, mean))
    most = min(num - 1, dim)  # beyond it the samples do not vary, and vectors are arbitrary
    order = np.argsort(values)[::-1][: most if count is None else min(count, most)]
    variance = np.maximum(values, 0.0)
    explained = variance[order] / max(variance.sum(), 1e-300)
    return Components("w", fixed_sign(vectors.T[order]), np.sqrt(variance[order]), explained, mean, "w")


def _of_features(generator: Generator, num: int, count: int | None, seed: int, layer: str) -> Components:
    tap = generator.layer(layer)
    if not tap.has_map:
        raise UsageError(f"The layer {tap.name} has no map of its own to decompose; its block's last layer has.")
    features = tap.height * tap.width * tap.channels
    most = min(num - 1, generator.spec.z_dim)
    whole = 8 * num * features <= MOST_BYTES
    at_once = max(1, min(BATCH // 10, MOST_BYTES // sample_bytes(generator, until=tap.index)))
    asked = most if count is None else min(count, most)
    room = min(SPARE * max(asked, LEAST), MOST_BYTES // (8 * features))  # the rows of a step are twice as many
    found = IncrementalComponents(min(num, max(count or 1, room)))
    z_parts, held = [], []
    with torch.no_grad(), progress(num, "ganspace", unit="img") as bar:
        for start in range(0, num, at_once):
            code_ND, w_ND = _codes(generator, min(at_once, num - start), seed, start)
            maps = generator.trace(generator.expand(w_ND), [tap.name], image=False)[1]
            z_parts.append(code_ND.double().cpu().numpy())
            map_NF = maps[tap.name].flatten(1)
            if whole:
                held.append(map_NF.double().cpu().numpy())
            else:
                found.add(map_NF.float().cpu().numpy())
            bar.update(len(code_ND))
    z_ND = np.concatenate(z_parts)
    if whole:
        variance, left = _decomposed(np.concatenate(held))
        explained = variance / max(variance.sum(), 1e-300)
    else:
        variance, left, explained = found.values**2, found.left, found.explained
    order = np.flatnonzero(variance > 1e-12 * max(variance.max(initial=0.0), 1e-300))[:most]
    coordinate_NK = left[:, order] * np.sqrt(num)  # along the components, in units of their standard deviations
    direction_KD = np.linalg.lstsq(coordinate_NK, z_ND - z_ND.mean(0), rcond=None)[0]
    length = np.linalg.norm(direction_KD, axis=1, keepdims=True)
    vectors = fixed_sign(direction_KD / np.maximum(length, 1e-30))
    explained = explained[order]
    return Components("z", vectors[:count], length[:count, 0], explained[:count], z_ND.mean(0), tap.name)


def _decomposed(feature_NF: Array) -> tuple[Array, Array]:
    """Eigenvalues, decreasing, and eigenvectors of the centred samples' Gram matrix [N, N]."""
    feature_NF -= feature_NF.mean(0)
    values, left = np.linalg.eigh(feature_NF @ feature_NF.T)
    return values[::-1].clip(min=0), left[:, ::-1]


def _codes(generator: Generator, count: int, seed: int, start: int) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        z_ND = generator.sample_z(count, seed=seed, start=start)
        return z_ND, generator.map(z_ND, generator.sample_label(count, seed=seed, start=start))
