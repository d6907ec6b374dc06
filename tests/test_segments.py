"""Segments without labels: spherical k-means, the number by stability, and the head that labels.

Legend: N samples, P places, C channels, K segments.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generator_cases import TINY, tiny
from sklearn.metrics import adjusted_rand_score

from gantk.errors import UsageError
from gantk.generators.base import Generator
from gantk.predictors.heads import Head
from gantk.predictors.segments import choose_number, find_segments, middle_layer, spherical_kmeans
from gantk.resefa.given_regions import parse_region
from gantk.resefa.regions import Labels, Regions
from gantk.world.oracle import oracle_generator


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, 0]))


def bundles(k: int, each: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around k orthogonal axes."""
    random = np.random.default_rng(seed)
    values = np.repeat(np.eye(12)[:k], each, 0) + noise * random.normal(size=(k * each, 12))
    return values / np.linalg.norm(values, axis=1, keepdims=True), np.repeat(np.arange(k), each)


def codes(generator: Generator, n: int, seed: int = 0) -> torch.Tensor:
    with torch.no_grad():
        w_ND = generator.map(generator.sample_z(n, seed=seed), generator.sample_label(n, seed=seed))
        return generator.expand(w_ND).contiguous()


def test_spherical_kmeans_finds_bundles_and_its_centres_are_their_mean_directions() -> None:
    unit_PC, label = bundles(6, 50, 0.1)
    centre_KC = spherical_kmeans(unit_PC, 6, rng())
    found = (unit_PC @ centre_KC.T).argmax(1)
    assert adjusted_rand_score(label, found) == 1
    for k in range(6):
        total = unit_PC[found == k].sum(0)
        assert np.allclose(centre_KC[k], total / np.linalg.norm(total))


def test_no_segment_stays_empty() -> None:
    unit_PC, _ = bundles(2, 40, 0.01)
    centre_KC = spherical_kmeans(unit_PC, 9, rng())
    assert len(np.unique((unit_PC @ centre_KC.T).argmax(1))) == 9
    with pytest.raises(UsageError, match="cannot be divided"):
        spherical_kmeans(unit_PC[:3], 4, rng())


def test_the_largest_stable_number_is_chosen() -> None:
    assert choose_number([2, 3, 4, 5], np.array([0.99, 0.7, 0.85, 0.5])) == 4
    assert choose_number([2, 3, 4], np.array([0.3, 0.6, 0.5])) == 3


def test_the_oracle_comes_apart_into_its_classes() -> None:
    oracle = oracle_generator()
    found = find_segments(oracle, codes(oracle, 40), ks=(4, 8, 10))
    assert found.k == 10
    assert found.stability[-1] > 0.95
    fresh = codes(oracle, 8, seed=1)
    true = oracle.true_masks(fresh).argmax(1).flatten().numpy()
    label = found.head.segment_codes(oracle, fresh).argmax(1).flatten().numpy()
    assert adjusted_rand_score(true, label) > 0.93
    assert found.share_K.sum() == pytest.approx(1)
    assert list(found.share_K) == sorted(found.share_K, reverse=True)
    assert "10 of 64x64/mask" in repr(found)


@pytest.mark.parametrize("name", ["stylegan2-skip", "pggan", "biggan-chunks", "stylegan3-t"])
def test_the_head_labels_as_the_cosine_with_the_centres_does(name: str) -> None:
    """Length does not matter to the nearest centre, so that the rule is linear in the map."""
    generator = tiny(name)
    wp_NLD = codes(generator, 12)
    layer = middle_layer(generator)
    found = find_segments(generator, wp_NLD, ks=(4,))
    assert (found.k, found.layer, found.stability.tolist()) == (4, layer.name, [1.0])
    maps = generator.trace(wp_NLD, [layer.name], image=False)[1][layer.name]
    flat = maps.flatten(2).transpose(1, 2).double().numpy()
    every = flat.reshape(-1, flat.shape[-1])
    network = found.head.network
    assert isinstance(found.head, Head)
    weight_KC, bias_K = (part.double().numpy() for part in (network.weight_KD, network.bias_K))
    scale_C = 1 / every.std(0)
    centre_KC = weight_KC / scale_C
    assert np.allclose(np.linalg.norm(centre_KC, axis=1), 1, atol=1e-4)
    unit = (every - every.mean(0)) * scale_C
    cosine = (unit / np.linalg.norm(unit, axis=1, keepdims=True)) @ centre_KC.T
    same = cosine.argmax(1) == (every @ weight_KC.T + bias_K).argmax(1)
    assert same.mean() > 0.999
    assert np.allclose(np.bincount(cosine.argmax(1), minlength=4) / len(cosine), found.share_K, atol=0.01)


def test_segments_are_regions_for_resefa() -> None:
    generator = tiny("stylegan2-skip")
    wp_NLD = codes(generator, 12)
    found = find_segments(generator, wp_NLD, ks=(3,))
    labels = Labels(found.head.class_names, found.head)
    regions = Regions(tuple(parse_region(f"{name}={name}", labels) for name in labels.names), 16, 0, labels)
    masks = regions.masks(generator, wp_NLD)
    assert masks.shape == (12, 3, 16, 16)
    assert (masks.sum(1) == 1).all()


def test_the_same_seed_gives_the_same_segments() -> None:
    generator = tiny("stylegan2-skip")
    first, second = (find_segments(generator, codes(generator, 12), ks=(2, 3), seed=5) for _ in range(2))
    assert torch.equal(first.head.network.weight_KD, second.head.network.weight_KD)


def test_refusals() -> None:
    generator = tiny("stylegan2-skip")
    with pytest.raises(UsageError, match="at least 8"):
        find_segments(generator, codes(generator, 3))
    with pytest.raises(UsageError, match="no numbers of segments"):
        find_segments(generator, codes(generator, 8), ks=(1, 2))


def test_every_family_has_a_middle_layer() -> None:
    for name in TINY:
        layer = middle_layer(tiny(name))
        assert layer.has_map
        assert layer.resolution <= 32
