"""Directions from Gram matrices, the released script's way of it, and the methods they are compared with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generator_cases import tiny

from gantk.comparators.components import components
from gantk.comparators.factorisation import affine_weights, factorise
from gantk.comparators.incremental import IncrementalComponents
from gantk.comparators.lowrank import low_rank_directions, robust_pca
from gantk.errors import UsageError
from gantk.resefa.compat import compat_codes, compat_directions, compat_output
from gantk.resefa.solve import solve


def grams(dim: int = 24, rows: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A and B of random Jacobians, the second with a weak direction."""
    draw = np.random.default_rng(seed)
    inside, outside = draw.standard_normal((rows, dim)), draw.standard_normal((rows, dim)) * np.linspace(0.05, 2, dim)
    return inside.T @ inside / rows, outside.T @ outside / rows


def test_directions_solve_the_regularised_problem() -> None:
    a, b = grams()
    found = solve(a, b, 1e-3)
    ridge = b + 1e-3 * np.trace(b) * np.eye(len(b))
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-12)
    assert (np.diff(found.eigenvalues) <= 1e-9).all()
    for vector, value, quotient in zip(found.vectors, found.eigenvalues, found.quotients, strict=True):
        np.testing.assert_allclose(a @ vector, value * ridge @ vector, atol=1e-9 * value + 1e-12)
        assert quotient == pytest.approx(vector @ a @ vector / (vector @ b @ vector))
    best = max(v @ a @ v / (v @ ridge @ v) for v in np.random.default_rng(1).standard_normal((500, len(a))))
    assert found.eigenvalues[0] >= best
    assert len(solve(a, b, count=3).vectors) == 3


def test_signs_follow_brightness() -> None:
    a, b = grams()
    bright = np.random.default_rng(5).standard_normal(len(a))
    found = solve(a, b, bright=bright)
    assert (found.vectors @ bright >= 0).all()
    turned = solve(a, b, bright=-bright)
    np.testing.assert_allclose(turned.vectors, -found.vectors, atol=1e-9)
    plain = solve(a, b).vectors
    assert (plain[np.arange(len(plain)), np.abs(plain).argmax(1)] > 0).all()


def test_what_cannot_be_solved_is_said() -> None:
    a, b = grams()
    flat = b.copy()
    flat[0], flat[:, 0] = 0, 0
    for inside, outside, tau, words in (
        (a, flat, 0.0, "singular .rank 23 of 24"),
        (0 * a, b, 1e-3, "Nothing in the region changes"),
        (a, 0 * b, 1e-3, "Nothing outside the region"),
        (a, b, -1.0, "negative"),
        (a * np.nan, b, 1e-3, "not finite"),
    ):
        with pytest.raises(UsageError, match=words):
            solve(inside, outside, tau)
    assert solve(a, flat, 1e-3).condition == float("inf")


def test_the_released_scripts_directions() -> None:
    """With its ridge they are ours; without one the first are, to what float32 allows."""
    a, b = grams(16, 200)
    theirs, values = compat_directions(a, b, full_rank=True)
    ours = solve(a.astype(np.float32).astype(np.float64), b.astype(np.float32).astype(np.float64), 1e-3)
    np.testing.assert_allclose(values, ours.eigenvalues, rtol=1e-5)
    assert (np.abs((theirs * ours.vectors).sum(1)) > 1 - 1e-6).all()
    assert theirs.dtype == np.float64
    theirs, values = compat_directions(a, b)
    assert theirs.dtype == np.float32 and (np.diff(values) <= 0).all()
    cosines = np.abs((theirs * solve(a, b, 0.0).vectors).sum(1)) / np.linalg.norm(theirs, axis=1)
    assert (cosines[:5] > 0.999).all()


def test_the_released_scripts_codes_and_outputs() -> None:
    codes = compat_codes(3, 8, 4)
    np.random.seed(4)
    np.testing.assert_array_equal(codes, np.random.randn(3, 8).astype(np.float32))
    assert compat_output(256).channels == "rgb" and compat_output(256).size == 256
    large = compat_output(1024)
    assert (large.size, large.channels, large.decimate) == (256, "sum", True)


# --- the methods compared with ----------------------------------------------------------------------------------------


def test_sefa_factorises_the_affine_layers() -> None:
    generator = tiny("stylegan2-skip")
    rows = (1, 2)
    weights = [
        generator.get_submodule(layer.affine).weight.double().numpy()  # type: ignore[union-attr]
        for layer in generator.layers
        if layer.affine is not None and layer.row in rows
    ]
    weight = np.concatenate(weights)
    weight /= np.linalg.norm(weight, axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(weight.T @ weight)
    found = factorise(generator, rows)
    np.testing.assert_allclose(found.eigenvalues, values[::-1], rtol=1e-5)
    np.testing.assert_allclose(np.abs((found.vectors * vectors.T[::-1]).sum(1)), 1, atol=1e-5)
    assert found.space == "w"
    assert not np.allclose(factorise(generator, rows, normalize=False).eigenvalues, values[::-1])


def test_sefa_of_a_network_without_styles_takes_its_first_kernel() -> None:
    generator = tiny("pggan")
    weight, space = affine_weights(generator)
    assert space == "z" and weight.shape[1] == generator.spec.z_dim
    kernel = generator.get_parameter(generator.layers[0].weight or "").double().numpy()
    one_pixel = kernel[:, : generator.spec.z_dim].reshape(kernel.shape[0], generator.spec.z_dim, -1)
    np.testing.assert_allclose(np.sort((weight**2).sum(1)), np.sort((one_pixel**2).sum(1).ravel()))
    with pytest.raises(UsageError, match="chunks of z"):
        factorise(tiny("biggan-chunks"))


def test_ganspace_is_the_decomposition_of_w() -> None:
    generator = tiny("stylegan2-skip")
    found = components(generator, 700, seed=3)
    with torch.no_grad():
        w_ND = generator.map(generator.sample_z(700, seed=3)).double().numpy()
    centred = w_ND - w_ND.mean(0)
    _, values, right = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.deviations, values / np.sqrt(700), rtol=1e-5)
    np.testing.assert_allclose(np.abs((found.vectors * right).sum(1)), 1, atol=1e-4)
    assert found.explained.sum() == pytest.approx(1)
    with pytest.raises(UsageError, match="no principal components"):
        components(generator, 1)


@pytest.mark.parametrize("name", ["pggan", "biggan-deep"])
def test_ganspace_brings_features_back_to_z(name: str) -> None:
    """Moving z along a direction moves the features along their component more than across it."""
    generator = tiny(name)
    found = components(generator, 300, count=2)
    assert found.space == "z" and found.vectors.shape == (2, generator.spec.z_dim)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-9)
    assert found.deviations[0] > 0


def test_components_batch_by_batch_are_those_of_all_samples_at_once() -> None:
    draw = np.random.default_rng(0)
    sample_NF = (
        draw.standard_normal((40, 7)) * [5, 4, 3, 2, 1, 0.5, 0.2] @ draw.standard_normal((7, 90)) + 3.0
    ).astype(np.float32)
    found = IncrementalComponents(20)
    for start in (0, 6, 13, 29):
        found.add(sample_NF[start : {0: 6, 6: 13, 13: 29, 29: 40}[start]])
    centred = sample_NF.astype(np.float64) - sample_NF.mean(0, dtype=np.float64)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.values[:7], values[:7], rtol=1e-5)
    np.testing.assert_allclose(np.abs((found.left[:, :7] * left[:, :7]).sum(0)), 1, atol=1e-5)
    assert found.scatter == pytest.approx((centred**2).sum(), rel=1e-5) and found.seen == 40
    assert found.explained[:7].sum() == pytest.approx(1, rel=1e-5)


def test_ganspace_of_more_features_than_memory_holds_is_ganspace(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = tiny("stylegan2-skip")
    layer = next(layer.name for layer in generator.layers if layer.has_map)
    whole = components(generator, 90, 3, layer=layer)
    tap = generator.layer(layer)
    for room, same in ((160, 1e-4), (48, 0.05)):  # rows of features that memory holds: almost all, and few
        monkeypatch.setattr("gantk.comparators.components.MOST_BYTES", 4 * tap.height * tap.width * tap.channels * room)
        found = components(generator, 90, 3, layer=layer)
        np.testing.assert_allclose(found.explained, whole.explained, rtol=same)
        cosine = np.abs((found.vectors * whole.vectors).sum(1))
        assert cosine.min() > 1 - same, cosine


def test_robust_pca_takes_a_sparse_matrix_off_a_low_rank_one() -> None:
    draw = np.random.default_rng(0)
    factor = draw.standard_normal((30, 3))
    low = factor @ factor.T
    sparse = np.zeros((30, 30))
    sparse[draw.integers(0, 30, 20), draw.integers(0, 30, 20)] = 5.0
    found = robust_pca(low + sparse, sparsity=1 / np.sqrt(30))
    assert np.linalg.norm(found - low) < 0.01 * np.linalg.norm(low)
    assert np.linalg.matrix_rank(found, tol=1e-3) == 3
    assert not robust_pca(np.zeros((4, 4))).any()


def test_low_rank_directions_lie_where_the_backgrounds_low_rank_part_is_still() -> None:
    draw = np.random.default_rng(0)
    basis = np.linalg.qr(draw.standard_normal((20, 20)))[0]
    outside = basis[:, :6] @ np.diag([5.0, 4, 3, 2, 1, 1]) @ basis[:, :6].T
    inside = basis[:, 4:9] @ np.diag([5.0, 4, 3, 2, 1]) @ basis[:, 4:9].T
    found = low_rank_directions(inside, outside)
    assert len(found.vectors) == found.ranks[0] >= 1
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-9)
    background = robust_pca(outside)
    moved = np.linalg.norm(found.vectors @ background, axis=1)
    before = np.linalg.norm(found.principal @ background, axis=1)
    assert (moved <= 1e-6 * np.linalg.norm(background)).all() and before.max() > 1e-3 * np.linalg.norm(background)
    assert len(low_rank_directions(inside, outside, count=1).vectors) == 1
    with pytest.raises(UsageError, match="no low-rank part"):
        low_rank_directions(0 * inside, outside)


def test_a_background_of_nothing_but_rounding_leaves_the_directions_that_change_most() -> None:
    random = np.random.default_rng(3)
    factor = random.standard_normal((40, 6)) * np.array([4.0, 2.0, 1.0, 0.5, 0.2, 0.1])
    inside = factor.T @ factor
    noise = random.standard_normal((6, 6)) * 1e-16 * np.trace(inside)
    found = solve(inside, noise + noise.T)
    leading = np.linalg.eigh(inside)[1][:, -1]
    assert abs(float(found.vectors[0] @ leading)) > 1 - 1e-6
