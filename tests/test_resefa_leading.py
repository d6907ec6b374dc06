"""The matrix-free path: the leading directions of wp are those of its Gram matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from resefa_cases import SIZE, boxes, double, local

from gantk.errors import UsageError
from gantk.generators import frugal_steps
from gantk.resefa.gram import region_grams
from gantk.resefa.leading import Products, leading_directions
from gantk.resefa.solve import solve
from gantk.resefa.variables import choose

MASK = boxes((3, 9, 4, 11))


def test_products_alone_give_the_leading_directions() -> None:
    generator = double("stylegan2-skip")
    variable = choose(generator, "wp")
    jacobians = [local(generator, variable, seed=seed) for seed in range(2)]
    grams = [region_grams(jacobian, MASK, np.zeros_like(MASK)) for jacobian in jacobians]
    inside, outside = (grams[0] + grams[1]).pair(0)
    square = MASK.reshape(SIZE, SIZE)
    products = Products(jacobians, [square] * 2, [~square] * 2)
    vectors = np.random.default_rng(0).standard_normal((variable.dim, 3))
    for found, right in zip(products(vectors), (inside @ vectors, outside @ vectors), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-12)
    found = leading_directions(products, 3)
    right = solve(inside, outside, 1e-3)
    # the ridge is an estimate here, so the quotient is compared in the true problem
    ridge = outside + 1e-3 * np.trace(outside) * np.eye(len(outside))
    reached = [v @ inside @ v / (v @ ridge @ v) for v in found.vectors]
    np.testing.assert_allclose(reached, right.eigenvalues[:3], rtol=0.02)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-9)
    assert products.passes < 3 * 2 * variable.dim * 4


def test_what_cannot_be_found_is_said() -> None:
    generator = double("stylegan2-skip")
    jacobian = local(generator, choose(generator))
    square = MASK.reshape(SIZE, SIZE)
    with pytest.raises(UsageError, match="99 directions cannot be found among 5"):
        leading_directions(Products([jacobian], [square], [~square]), 99)
    with pytest.raises(UsageError, match="empty, or covers"):
        Products([jacobian], [square & ~square], [~square])


def test_a_trace_needs_no_pass_back() -> None:
    generator = double("stylegan2-skip")
    square = MASK.reshape(SIZE, SIZE)
    products = Products(
        [local(generator, choose(generator), seed=seed) for seed in range(2)], [square] * 2, [~square] * 2
    )
    vectors = np.random.default_rng(0).standard_normal((products.dim, 3))
    found = products.quadratic(vectors)
    assert products.passes == 3 * 2
    for square_K, product_dK in zip(found, products(vectors), strict=True):
        np.testing.assert_allclose(square_K, (vectors * product_dK).sum(0), rtol=1e-9)


def test_only_one_sample_keeps_large_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frugal_steps, "LARGE", SIZE)
    generator = double("stylegan2-skip")
    square = MASK.reshape(SIZE, SIZE)
    jacobians = [local(generator, choose(generator), seed=seed) for seed in range(2)]
    products = Products(jacobians, [square] * 2, [~square] * 2)
    vectors = np.eye(products.dim)[:, :2]
    first = products(vectors)
    assert not any("push" in vars(jacobian._every) for jacobian in jacobians)
    for one, again in zip(first, products(vectors), strict=True):
        np.testing.assert_array_equal(one, again)


@pytest.mark.parametrize("name", ["stylegan2-skip", "stylegan3-t"])
def test_maps_are_let_go_and_made_again(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `push` keeps serves `pull`, or is gone while `pull` keeps its own; it goes with the next row's columns."""
    monkeypatch.setattr(frugal_steps, "LARGE", SIZE)
    generator = double(name)
    jacobian = local(generator, choose(generator, "wp"))
    steps = torch.eye(jacobian.variable.dim, dtype=torch.float64)[:2]
    first = jacobian.push(steps)
    jacobian.pull(first)
    assert ("push" in vars(jacobian._every)) == (name == "stylegan2-skip")
    assert torch.equal(jacobian.push(steps), first)
    for _ in jacobian.columns():
        assert sum("push" in vars(entry) for entry in jacobian._entries.values()) <= 1
