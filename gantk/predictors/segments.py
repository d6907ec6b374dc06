"""Segments without labels: spherical k-means of a middle layer's normalised maps, as a head that any system can read.

The vectors f of all places of many maps are standardised by channel, v = (f - m) / s, and brought to length one;
spherical k-means (Dhillon and Modha, 2001) puts each into the cluster whose unit centre c has the largest cosine with
it and makes each centre the direction of its members' sum. Since the length of v is the same for every centre,

    argmax_k  c_k . v / |v|  =  argmax_k  (c_k / s) . f  -  c_k . (m / s)

which is linear in the map: the segments are an LSE head with these weights, and go wherever heads go.

How many segments there are is asked of the data: for each k, k-means runs on resampled halves of the samples, and the
adjusted Rand index of two such results on places that neither has seen says how far k is a property of the maps rather
than of the draw. The largest k that is nearly as stable as the most stable of those that are at least as large wins.

Legend: N samples, C channels, r side of the map, P places of all samples (N r r), K segments, B resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantk.errors import UsageError
from gantk.generators.base import Generator, Layer
from gantk.predictors.head_networks import LinearNetwork
from gantk.predictors.heads import Head, HeadInfo, palette

KS = tuple(range(2, 13))
RESAMPLES = 4  # pairs of halves
STABLE = 0.8  # adjusted Rand index
STEPS, STARTS = 60, 2
PLACES = 6_000  # at most, in k-means and in a comparison
LARGEST = 32  # side of the map that is divided by default, as for the faces of Collins et al. (CVPR 2020)
BATCH = 16

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments of a generator's images.

    Attributes:
        head: labels every place: a `Predictor` whose `segment_codes` any system asks for masks.
        k: how many segments.
        layer: whose maps they are of.
        tried, stability: numbers of segments [T], and the mean adjusted Rand index of two halves for each.
        spread: its standard deviation over resamples, [T].
        share_K: of the places.
        samples: that the maps were of.
    """

    head: Head
    k: int
    layer: str
    tried: tuple[int, ...]
    stability: Array
    spread: Array
    share_K: Array
    samples: int

    def __repr__(self) -> str:
        shares = ", ".join(f"{100 * share:.0f} %" for share in self.share_K)
        return f"Segments({self.k} of {self.layer}: {shares} of the image)"


def find_segments(
    generator: Generator,
    wp_NLD: Tensor,
    *,
    ks: Sequence[int] = KS,
    seed: int = 0,
) -> Segments:
    """Find segments in the maps of some codes, those of `middle_layer`.

    Args:
        wp_NLD: codes after truncation; a hundred or more.
        ks: numbers of segments to try; a single one is taken as it is.

    Raises:
        UsageError: too few samples, no map, or numbers of segments that cannot be.
    """
    if len(wp_NLD) < 8:
        raise UsageError(f"{len(wp_NLD)} samples are too few to find segments in: give at least 8.")
    tap = middle_layer(generator)
    if not ks or min(ks) < 2 or len(set(ks)) != len(ks):
        raise UsageError(f"{list(ks)} are no numbers of segments: give different ones from 2 on.")
    random = np.random.Generator(np.random.Philox(key=[seed, 3]))
    map_NPC = _maps(generator, wp_NLD, tap, random)
    flat = map_NPC.reshape(-1, map_NPC.shape[-1])
    mean_C, deviation_C = flat.mean(0), flat.std(0)
    scale_C = 1 / np.maximum(deviation_C, 1e-6 * max(float(deviation_C.max()), 1e-30))
    unit_NPC = _unit((map_NPC - mean_C) * scale_C)
    tried = tuple(sorted(ks))
    found = [_stability(unit_NPC, k, random) for k in tried] if len(tried) > 1 else [[1.0]]
    stability = np.array([np.mean(values) for values in found])
    k = choose_number(tried, stability)
    centre_KC = spherical_kmeans(_thinned(unit_NPC.reshape(-1, unit_NPC.shape[-1]), random), k, random)
    label_P = (unit_NPC.reshape(-1, unit_NPC.shape[-1]) @ centre_KC.T).argmax(1)
    share_K = np.bincount(label_P, minlength=k) / len(label_P)
    order = np.argsort(-share_K, kind="stable")
    head = _head(generator, tap, centre_KC[order], mean_C, scale_C, len(wp_NLD), seed)
    return Segments(
        head, k, tap.name, tried, stability, np.array([np.std(values) for values in found]), share_K[order], len(wp_NLD)
    )


def middle_layer(generator: Generator) -> Layer:
    """The last map that is no image of a quarter of the image's side or less, and of 32 pixels or less; where all are
    larger, the last one that is no image."""
    mapped = [layer for layer in generator.layers if layer.has_map and not layer.is_rgb]
    if not mapped:
        raise UsageError(f"This {generator.spec.family} has no map to find segments in.")
    small = [layer for layer in mapped if layer.resolution <= min(LARGEST, generator.spec.resolution // 4)]
    return small[-1] if small else mapped[-1]


def choose_number(ks: Sequence[int], stability: Array) -> int:
    """The largest stable number of segments; the most stable one where none is."""
    good = [k for k, value in zip(ks, stability, strict=True) if value >= STABLE]
    return max(good) if good else int(ks[int(np.argmax(stability))])


def spherical_kmeans(unit_PC: Array, k: int, random: np.random.Generator) -> Array:
    """Unit centres [K, C] of unit vectors: the best of some starts, each drawn as k-means++ draws (by 1 - cosine).

    Raises:
        UsageError: there are not so many different vectors.
    """
    if len(unit_PC) < k:
        raise UsageError(f"{len(unit_PC)} places cannot be divided into {k} segments.")
    best, best_sum = None, -np.inf
    for _ in range(STARTS):
        centre_KC = _start(unit_PC, k, random)
        label_P = np.full(len(unit_PC), -1)
        for _ in range(STEPS):
            cosine_PK = unit_PC @ centre_KC.T
            new_P = cosine_PK.argmax(1)
            if (new_P == label_P).all():
                break
            label_P = new_P
            sums = (label_P == np.arange(k)[:, None]).astype(unit_PC.dtype) @ unit_PC
            empty = np.linalg.norm(sums, axis=1) < 1e-9
            if empty.any():  # such a centre begins anew where the vectors fit worst
                worst = np.argsort(cosine_PK.max(1), kind="stable")[: int(empty.sum())]
                sums[empty] = unit_PC[worst]
            centre_KC = _unit(sums)
        total = float((unit_PC @ centre_KC.T).max(1).sum())
        if total > best_sum:
            best, best_sum = centre_KC, total
    assert best is not None
    return best


def _start(unit_PC: Array, k: int, random: np.random.Generator) -> Array:
    chosen = [int(random.integers(len(unit_PC)))]
    far_P = 1 - unit_PC @ unit_PC[chosen[0]]
    for _ in range(1, k):
        weight = np.maximum(far_P, 0)
        total = float(weight.sum())
        place = random.random() * total
        chosen.append(
            int(np.searchsorted(np.cumsum(weight), place)) if total > 0 else int(random.integers(len(unit_PC)))
        )
        chosen[-1] = min(chosen[-1], len(unit_PC) - 1)
        far_P = np.minimum(far_P, 1 - unit_PC @ unit_PC[chosen[-1]])
    found: Array = unit_PC[chosen].copy()
    return found


def _stability(unit_NPC: Array, k: int, random: np.random.Generator) -> list[float]:
    """Adjusted Rand indices of two results from separate thirds of the samples, on the last third."""
    from sklearn.metrics import adjusted_rand_score

    found = []
    for _ in range(RESAMPLES):
        order = random.permutation(len(unit_NPC))
        parts = [unit_NPC[rows].reshape(-1, unit_NPC.shape[-1]) for rows in np.array_split(order, 3)]
        seen = _thinned(parts[2], random)
        labels = [(seen @ spherical_kmeans(_thinned(part, random), k, random).T).argmax(1) for part in parts[:2]]
        found.append(float(adjusted_rand_score(*labels)))
    return found


def _thinned(unit_PC: Array, random: np.random.Generator) -> Array:
    if len(unit_PC) <= PLACES:
        return unit_PC
    found: Array = unit_PC[random.choice(len(unit_PC), PLACES, replace=False)]
    return found


def _unit(values: Array) -> Array:
    found: Array = values / np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), 1e-12)
    return found


def _maps(generator: Generator, wp_NLD: Tensor, tap: Layer, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Vectors [N, P, C] of the same random places of every sample, as many as fit in memory many times over."""
    most = max(64, (8 * PLACES) // len(wp_NLD))
    parts, places = [], None
    with torch.no_grad():
        for part in wp_NLD.split(BATCH):
            maps = generator.trace(part, [tap.name], image=False)[1][tap.name]
            flat = maps.flatten(2).transpose(1, 2).float().cpu().numpy()
            if places is None:
                count = min(most, flat.shape[1])
                places = np.sort(random.choice(flat.shape[1], count, replace=False))
            parts.append(flat[:, places])
    found: npt.NDArray[np.float32] = np.concatenate(parts)
    return found


def _head(
    generator: Generator, tap: Layer, centre_KC: Array, mean_C: Array, scale_C: Array, samples: int, seed: int
) -> Head:
    from gantk.generators.probe import probe_of

    k = len(centre_KC)
    weight_KC = centre_KC * scale_C
    info = HeadInfo(
        "LSE",
        tuple(f"segment_{index}" for index in range(k)),
        palette(k + 1)[1:],
        (tap.name,),
        (centre_KC.shape[1],),
        generator.spec.resolution,
        name="segments",
        probe=probe_of(generator),
        meta={"labels": "none", "samples": samples, "seed": seed},
    )
    head = Head(info)
    network = head.network
    assert isinstance(network, LinearNetwork)
    with torch.no_grad():
        network.weight_KD.copy_(torch.from_numpy(weight_KC.astype(np.float32)))
        network.bias_K.copy_(torch.from_numpy(-(weight_KC @ mean_C).astype(np.float32)))
    return head.bind(generator)
