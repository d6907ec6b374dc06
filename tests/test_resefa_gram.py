"""ReSeFa's Jacobian products and region Grams against the plain definitions.

Shape legend: d coordinates, O channels, S x S pixels, R regions.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generator_cases import TINY, close
from resefa_cases import SIZE, boxes, double, local, plain

from gantk.errors import GantkError, UsageError
from gantk.generators.base import Truncation
from gantk.resefa.derivative import Output
from gantk.resefa.gram import RegionGrams, held_columns, region_grams
from gantk.resefa.reduce import reduce_to
from gantk.resefa.variables import choose

REGIONS = boxes((2, 6, 3, 9), (4, 10, 4, 12))
RINGS = boxes((1, 7, 2, 10), (4, 10, 4, 12)) & ~REGIONS


def by_definition(columns_dOSS: torch.Tensor) -> RegionGrams:
    numbers = columns_dOSS.flatten(2).double().numpy()
    grams = [np.einsum("dop,eop->de", numbers[:, :, mask], numbers[:, :, mask]) for mask in (*REGIONS, *RINGS)]
    total = np.einsum("dop,eop->de", numbers, numbers)
    rows = numbers.shape[1] * np.array([SIZE * SIZE, *REGIONS.sum(1), *RINGS.sum(1)])
    bright = np.stack([numbers[:, :, mask].sum((1, 2)) for mask in REGIONS])
    return RegionGrams(total, np.stack(grams[:2]), np.stack(grams[2:]), rows, bright)


@pytest.mark.parametrize("name", list(TINY))
def test_columns_are_the_derivative_in_every_family(name: str) -> None:
    """z, w and each row of wp by itself, where the family has them, through truncation."""
    generator = double(name)
    spec = generator.spec
    truncation = Truncation(0.6, 2) if spec.can_truncate else None
    for space in ("z", "w", "wp"):
        if space not in spec.spaces or (space == "w" and not spec.can_truncate):
            continue
        rows = None if space == "z" or spec.num_layers < 3 else (1, spec.num_layers - 1)
        variable = choose(generator, space, rows)
        jacobian = local(generator, variable, truncation=truncation)
        found = torch.cat([part for _, part in jacobian.columns()])
        close(found, plain(generator, variable, truncation), 1e-6)


@pytest.mark.parametrize("name", ["stylegan2-skip", "biggan-chunks", "pggan"])
def test_products_to_both_sides_are_of_one_matrix(name: str) -> None:
    generator = double(name)
    space = "wp" if "wp" in generator.spec.spaces else None
    variable = choose(generator, space)
    jacobian = local(generator, variable, Output(8))
    columns = torch.cat([part for _, part in jacobian.columns()])
    step_cd = torch.randn(3, variable.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    close(jacobian.push(step_cd), torch.einsum("cd,doxy->coxy", step_cd, columns), 1e-10)
    back = torch.randn(3, *jacobian.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    close(jacobian.pull(back), torch.einsum("coxy,doxy->cd", back, columns), 1e-10)


def test_classes_and_chunks_of_z_are_variables_of_their_own() -> None:
    generator = double("biggan-deep")
    every, of_class, of_z = (choose(generator, *ask) for ask in (("w",), ("class",), ("w", None, "z")))
    assert sorted([*of_class.free.tolist(), *of_z.free.tolist()]) == every.free.tolist()
    assert of_class.dim == 4 and of_z.dim == 6
    columns = torch.cat([part for _, part in local(generator, of_class).columns()])
    close(columns, plain(generator, of_class), 1e-6)
    chunks = double("biggan-chunks")
    per_layer = choose(chunks, "wp", (1,), "z")
    assert per_layer.dim == 2  # z of 6 in three rows
    with pytest.raises(UsageError, match="chunks of z, so one w cannot move some of them"):
        choose(chunks, "w", (1,))
    with pytest.raises(UsageError, match="says the class alone"):
        choose(double("stylegan2-skip"), "class")
    with pytest.raises(UsageError, match="z feeds every row"):
        choose(generator, "z", (1,))


@pytest.mark.parametrize("held", [None, 1, 2, 4, 5])
def test_the_streamed_grams_are_those_of_the_jacobian(held: int | None) -> None:
    generator = double("stylegan2-skip")
    jacobian = local(generator, choose(generator))
    jacobian.chunk = 2
    right = by_definition(torch.cat([part for _, part in jacobian.columns()]))
    found = region_grams(jacobian, REGIONS, RINGS, held)
    for field in ("total", "inside", "margin", "rows", "brightness"):
        np.testing.assert_allclose(getattr(found, field), getattr(right, field), rtol=1e-12, atol=1e-12)
    twice = found + found
    np.testing.assert_allclose(twice.inside, 2 * right.inside)
    inside, outside = found.pair(0)
    numbers = SIZE * SIZE - REGIONS[0].sum() - RINGS[0].sum()
    assert right.margin is not None
    np.testing.assert_allclose(outside * 3 * numbers, right.total - right.inside[0] - right.margin[0], atol=1e-12)
    np.testing.assert_allclose(inside * 3 * REGIONS[0].sum(), right.inside[0], rtol=1e-12)


def test_float32_is_near_float64() -> None:
    exact = double("stylegan2-skip")
    right = region_grams(local(exact, choose(exact)), REGIONS, RINGS)
    single = double("stylegan2-skip").float()
    found = region_grams(local(single, choose(single)), REGIONS, RINGS)
    for a, b in ((found.total, right.total), (found.inside, right.inside), (found.margin, right.margin)):
        assert a is not None and b is not None
        assert np.linalg.norm(a - b) <= 1e-5 * np.linalg.norm(b)


def test_at_most_half_of_the_jacobian_is_held() -> None:
    generator = double("stylegan2-skip")
    jacobian = local(generator, choose(generator, "wp"))
    assert held_columns(jacobian.variable.dim, jacobian.shape) == -(-jacobian.variable.dim // 2)
    seen = []
    push = type(jacobian).columns

    def counted(self, start=0, stop=None):  # type: ignore[no-untyped-def]
        for first, part in push(self, start, stop):
            seen.append(len(part))
            yield first, part

    jacobian.columns = counted.__get__(jacobian)  # type: ignore[method-assign]
    region_grams(jacobian, REGIONS, RINGS)
    dim = jacobian.variable.dim
    assert sum(seen) == dim + dim // 2
    assert max(seen) < dim // 2


def test_memory_that_runs_out_halves_the_chunk() -> None:
    generator = double("stylegan2-skip")
    jacobian = local(generator, choose(generator))
    right = torch.cat([part for _, part in jacobian.columns()])
    jacobian.chunk = 8
    entry = next(iter(jacobian._entries.values()))
    push = entry.push

    def limited(steps):  # type: ignore[no-untyped-def]
        if len(steps[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return push(steps)

    entry.push = limited
    found = torch.cat([part for _, part in jacobian.columns()])
    assert jacobian.chunk == 2
    close(found, right, 1e-12)
    entry.push = lambda steps: (_ for _ in ()).throw(RuntimeError("DefaultCPUAllocator: not enough memory"))
    with pytest.raises(GantkError, match="does not fit into memory"):
        list(jacobian.columns())
    entry.push = lambda steps: (_ for _ in ()).throw(RuntimeError("something else"))
    jacobian.chunk = 4
    with pytest.raises(RuntimeError, match="something else"):
        list(jacobian.columns())


def test_outputs() -> None:
    generator = double("stylegan2-skip")
    variable = choose(generator)
    whole = torch.cat([part for _, part in local(generator, variable).columns()])
    summed = torch.cat([part for _, part in local(generator, variable, Output(8, "sum", decimate=True)).columns()])
    close(summed, whole[:, :, ::2, ::2].sum(1, keepdim=True), 1e-12)
    small = torch.cat([part for _, part in local(generator, variable, Output(8)).columns()])
    close(small, torch.nn.functional.avg_pool2d(whole, 2), 1e-6)
    for output, words in (
        (Output(17), "17 does not fit"),
        (Output(5, decimate=True), "divisor"),
        (Output(8, "hue"), "hue"),
    ):
        with pytest.raises(UsageError, match=words):
            local(generator, variable, output)


def test_a_gram_of_wp_serves_every_subset_of_rows() -> None:
    """Blocks add up to what a Jacobian of those rows alone gives, through truncation."""
    generator = double("stylegan2-skip")
    truncation = Truncation(0.6, 3)
    full = region_grams(local(generator, choose(generator, "wp"), truncation=truncation), REGIONS, RINGS)
    for space, rows in (("w", (1, 2, 4)), ("wp", (2, 3)), ("w", (5,))):
        reduced = reduce_to(generator, choose(generator, "wp"), truncation, space, rows)
        right = region_grams(local(generator, choose(generator, space, rows), truncation=truncation), REGIONS, RINGS)
        np.testing.assert_allclose(reduced.gram(full.inside[0]), right.inside[0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(reduced.vector(full.brightness[0]), right.brightness[0], rtol=1e-9, atol=1e-12)
    with pytest.raises(UsageError, match="make the run with space wp"):
        reduce_to(generator, choose(generator, "w"), truncation, "w", (1,))
    with pytest.raises(UsageError, match="Row 5 was not differentiated"):
        reduce_to(generator, choose(generator, "wp", (1, 2)), truncation, "w", (5,))
