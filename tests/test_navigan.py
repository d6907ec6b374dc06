"""Curvature products, block Lanczos, bases and edits, each against a slow definition.

Shape legend: N samples, P numbers of the weight, K vectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from generator_cases import codes, refuse, tiny
from label_to_image import labels, network
from scipy.linalg import subspace_angles
from torch import Tensor
from torch.func import functional_call

from gantk.errors import GantkError
from gantk.generators.base import Generator
from gantk.navigan.bases import SvdBasis, VectorBasis, random_basis, svd_basis
from gantk.navigan.curvature import Curvature
from gantk.navigan.directions import WeightDirections, render
from gantk.navigan.lanczos import block_lanczos, overlap
from gantk.navigan.metrics import Metric, load_metric, squared
from gantk.navigan.modules import ModuleTarget
from gantk.navigan.released import power_iteration
from gantk.navigan.search import rest_of_trace
from gantk.navigan.strength import curve_of, first_guess, ruler
from gantk.navigan.target import GeneratorTarget, Target, released_index, released_layer
from gantk.navigan.transposable import FixedConvolutions

PIXELS = Metric(None)
FAMILIES = ("stylegan2-skip", "stylegan2-resnet", "stylegan", "pggan", "biggan-chunks", "stylegan3-t")


def target_of(case: str, dtype: torch.dtype = torch.float32) -> GeneratorTarget:
    generator = tiny(case).to(dtype)
    convs = [layer for layer in generator.layers if layer.weight is not None and not layer.is_rgb]
    return GeneratorTarget(generator, convs[-1].name)


def curvature_of(target: Target, metric: Metric, n: int = 4, batch: int = 2, **options: Any) -> Curvature:
    if isinstance(target, GeneratorTarget):
        generator = target.generator

        def some(start: int, stop: int) -> Tensor:
            return codes(generator, stop - start, start=start)
    else:

        def some(start: int, stop: int) -> Tensor:
            return labels(n)[start:stop]

    return Curvature(target, metric, some, n, batch, **options)


def whole(curvature: Curvature) -> Callable[[int, Tensor], Tensor]:
    def operator(_: int, vector_BP: Tensor) -> Tensor:
        parts = torch.zeros(2, *vector_BP.shape, dtype=vector_BP.dtype)
        for chunk in range(curvature.chunks):
            parts[chunk % 2] += curvature.product(chunk, vector_BP)
        return parts

    return operator


def distance_of(curvature: Curvature) -> Callable[[Tensor], Tensor]:
    """The mean distance of the images of a weight [P] from those of the weight as it is."""
    target, metric = curvature.target, curvature.metric
    prefixes = [curvature.prefix(part) for part in curvature.all_parts()]
    before = [[part.detach() for part in metric.embed(target.images(prefix))] for prefix in prefixes]

    def distance(flat_P: Tensor) -> Tensor:
        weight = flat_P.view(target.shape)
        found = [
            squared(metric.embed(target.images(prefix, weight)), there).sum()
            for prefix, there in zip(prefixes, before, strict=True)
        ]
        return torch.stack(found).sum() / curvature.total

    return distance


def dense(curvature: Curvature) -> Tensor:
    """The Hessian [P, P] of the mean distance by two reverse passes: the definition."""
    weight_P = curvature.target.weight.detach().flatten()
    hessian: Tensor = torch.autograd.functional.hessian(distance_of(curvature), weight_P)
    return hessian


# --- products --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", FAMILIES)
def test_products_are_those_of_the_hessian(case: str) -> None:
    curvature = curvature_of(target_of(case, torch.float64), PIXELS)
    expected = dense(curvature)
    vectors = torch.eye(curvature.dimension, dtype=torch.float64)[::7]
    found = sum(curvature.product(chunk, vectors) for chunk in range(curvature.chunks))
    assert isinstance(found, Tensor) and expected.abs().max() > 0
    assert (found - expected[::7]).abs().max() < 1e-9 * expected.abs().max()
    assert torch.linalg.eigvalsh(expected)[0] > -1e-9 * expected.abs().max()


def test_a_chunk_in_parts_has_the_same_products_and_other_probes_of_the_same_trace() -> None:
    target = target_of("stylegan2-skip", torch.float64)
    whole_chunk, parts = (curvature_of(target, PIXELS, n=4, batch=4, at_once=few) for few in (None, 3))
    assert [list(part) for part in parts.all_parts()] == [[0, 1, 2], [3]] and parts.chunks == 1
    vectors = torch.eye(parts.dimension, dtype=torch.float64)[::7]
    expected = whole_chunk.product(0, vectors)
    assert (parts.product(0, vectors) - expected).abs().max() < 1e-12 * expected.abs().max()
    trace = float(dense(whole_chunk).trace())
    for curvature in (whole_chunk, parts):
        mean = sum(float(curvature.probes(0, seed).square().sum()) for seed in range(60)) / 60
        assert mean == pytest.approx(trace, rel=0.2)


def test_products_with_the_bundled_predictor_all_at_once_or_one_by_one() -> None:
    target = target_of("stylegan2-skip", torch.float64)
    metric = load_metric("demo")
    assert metric.predictor is not None
    metric.predictor.double()
    curvature = curvature_of(target, metric, n=1)
    vectors = torch.randn(3, curvature.dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    distance, weight_P = distance_of(curvature), target.weight.detach().flatten()
    expected = torch.stack([torch.autograd.functional.hvp(distance, weight_P, vector)[1] for vector in vectors])
    one_by_one = curvature.product(0, vectors)
    assert (one_by_one - expected).abs().max() < 1e-9 * expected.abs().max()
    curvature.vectorize = True  # as on a GPU
    at_once = curvature.product(0, vectors)
    assert (at_once - one_by_one).abs().max() < 1e-12 * one_by_one.abs().max()


def test_products_of_an_image_to_image_network() -> None:
    module = network().double().requires_grad_(False)
    for conv in ("blocks.0.conv1", "up"):
        target = ModuleTarget(module, conv)
        curvature = curvature_of(target, PIXELS, n=2)
        vectors = torch.randn(2, curvature.dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        step = 1e-6
        flat = target.weight.detach().flatten()
        prefix = curvature.prefix(curvature.all_parts()[0])
        for vector, product in zip(vectors, curvature.product(0, vectors), strict=True):
            ends = [target.images(prefix, (flat + sign * step * vector).view(target.shape)) for sign in (1, -1)]
            along = (ends[0] - ends[1]) / (2 * step)  # J v; then v' H v = 2/N |J v|^2
            expected = 2 / 2 * along.square().sum() / along[0].numel()
            assert float(vector @ product) == pytest.approx(float(expected), rel=1e-5)


def test_a_layer_before_all_of_a_metrics_maps_counts_only_what_it_moves() -> None:
    """A part of the embedding that does not depend on the weight is no error."""

    class Halves(Metric):
        def embed(self, image_NCHW: Tensor) -> list[Tensor]:
            return [image_NCHW, torch.ones(len(image_NCHW), 3, dtype=image_NCHW.dtype)]

    target = target_of("stylegan2-skip")
    vectors = torch.randn(1, target.size)
    with_constant = curvature_of(target, Halves(None)).product(0, vectors)
    assert torch.isfinite(with_constant).all() and with_constant.abs().max() > 0


def test_a_metric_that_is_not_finite_is_refused() -> None:
    class Broken(Metric):
        def embed(self, image_NCHW: Tensor) -> list[Tensor]:
            return [image_NCHW / 0.0]

    class Kinked(Metric):
        def embed(self, image_NCHW: Tensor) -> list[Tensor]:
            return [(image_NCHW * 0).abs().sqrt()]  # finite, with a derivative that is not

    target = target_of("stylegan2-skip")
    vectors = torch.ones(1, target.size)
    refuse(lambda: curvature_of(target, Broken(None)).product(0, vectors), GantkError)
    refuse(lambda: curvature_of(target, Kinked(None)).product(0, vectors), GantkError)


def test_the_trace_is_that_of_the_hessian() -> None:
    curvature = curvature_of(target_of("stylegan2-skip", torch.float64), PIXELS)
    pairs = block_lanczos(whole(curvature), curvature.dimension, 6, dtype=torch.float64)
    expected = float(dense(curvature).trace())
    estimates = [pairs.captured + rest_of_trace(curvature, pairs.basis, seed) for seed in range(20)]
    assert sum(estimates) / 20 == pytest.approx(expected, rel=0.05)


# --- Lanczos ---------------------------------------------------------------------------------------------------------


def angle(a_KP: Tensor, b_KP: Tensor) -> float:
    """The largest principal angle between two subspaces, degrees."""
    return math.degrees(subspace_angles(a_KP.double().T.numpy(), b_KP.double().T.numpy())[0])


def matrix(values: list[float], seed: int = 0) -> Tensor:
    n = len(values)
    basis = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))[0]
    return (basis * torch.tensor(values, dtype=torch.float64)) @ basis.T


@pytest.mark.parametrize("block", [1, 2, 3, 5])
def test_lanczos_finds_the_leading_eigenpairs(block: int) -> None:
    values = [5.0, 4.0, 3.5, 2.0] + [1.5 * 0.9**i for i in range(56)]
    full = matrix(values)
    found = block_lanczos(lambda _, v: (v @ full)[None], 60, 4, block=block, tolerance=1e-6, dtype=torch.float64)
    assert found.converged and found.products < 60
    assert found.values.tolist() == pytest.approx(values[:4], rel=1e-9)
    exact = torch.linalg.eigh(full)[1][:, -4:].T
    assert angle(found.vectors, exact) <= max(found.angle, 1e-6)
    misses = (full @ found.vectors.T).T - found.values[:, None] * found.vectors
    assert torch.allclose(misses.norm(dim=1), found.residuals, atol=1e-8)
    assert torch.allclose(found.basis @ found.basis.T, torch.eye(len(found.basis), dtype=torch.float64), atol=1e-10)


def test_lanczos_sees_a_repeated_eigenvalue_and_an_exhausted_space() -> None:
    full = matrix([3.0, 3.0, 3.0, 1.0] + [0.0] * 16)
    for block in (1, 3):
        found = block_lanczos(lambda _, v: (v @ full)[None], 20, 4, block=block, tolerance=1e-8, dtype=torch.float64)
        assert found.values.tolist() == pytest.approx([3, 3, 3, 1], abs=1e-6)


def test_lanczos_takes_the_whole_space_when_asked() -> None:
    full = matrix([1.0, 2.0, 3.0, 4.0, 5.0])
    found = block_lanczos(lambda _, v: (v @ full)[None], 5, 5, block=2, tolerance=1e-12, dtype=torch.float64)
    assert found.converged and found.values.tolist() == pytest.approx([5, 4, 3, 2, 1])


def test_lanczos_refuses_nonsense() -> None:
    full = matrix([1.0, 2.0, 3.0])
    refuse(lambda: block_lanczos(lambda _, v: (v.double() @ full)[None], 3, 4))
    refuse(lambda: block_lanczos(lambda _, v: (v.double() @ full)[None], 3, 0))
    refuse(lambda: block_lanczos(lambda _, v: (v.double() @ full)[None], 3, 2, block=0))
    refuse(lambda: block_lanczos(lambda _, v: v[None] * math.nan, 3, 2), GantkError)
    refuse(lambda: block_lanczos(lambda _, v: v[None] * 0, 3, 2), GantkError)


def test_halves_agree_where_they_are_the_same_and_not_where_they_differ() -> None:
    same, other = matrix([5.0, 4.0] + [0.1] * 18, 0), matrix([5.0, 4.0] + [0.1] * 18, 1)
    for second, low, high in ((same, 0.999, 1.001), (other, 0.0, 0.6)):
        found = block_lanczos(
            lambda _, v, second=second: torch.stack([v @ same, v @ second]), 20, 2, tolerance=1e-6, dtype=torch.float64
        )
        assert low <= overlap(found.parts, 2) <= high


def test_the_released_estimator_comes_near_and_block_lanczos_needs_fewer_products() -> None:
    curvature = curvature_of(target_of("stylegan2-skip", torch.float64), PIXELS)
    values, vectors = torch.linalg.eigh(dense(curvature))
    exact = block_lanczos(whole(curvature), curvature.dimension, 3, dtype=torch.float64)
    assert angle(exact.vectors, vectors[:, -3:].T) < 1
    assert exact.products * 3 <= 3 * 20
    theirs, norms = power_iteration(curvature, 3, epsilon=1e-3)
    assert torch.allclose(theirs.norm(dim=1), torch.ones(3, dtype=torch.float64))
    assert norms[0] == pytest.approx(float(values[-1]), rel=0.05)
    kept: list[Tensor] = []
    power_iteration(curvature, 1, epsilon=1e-3, keep=lambda _, vector: kept.append(vector))
    again, _ = power_iteration(curvature, 3, epsilon=1e-3, known=kept)
    assert torch.equal(again, theirs)


# --- bases and directions --------------------------------------------------------------------------------------------


def test_svd_is_that_of_the_specified_flattening() -> None:
    weight = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(1))
    basis, values = svd_basis(weight)
    assert len(basis) == 4 and basis.shape == (4, 3, 3, 3)
    flat = torch.zeros(27, 4)
    for x in range(3):
        for y in range(3):
            for i in range(3):
                flat[(x * 3 + y) * 3 + i] = weight[:, i, x, y]
    assert torch.allclose(basis.u * values @ basis.vh, flat, atol=1e-5)
    for row in range(4):
        direction = basis.one(row)
        assert float(direction.norm()) == pytest.approx(1, rel=1e-5)
        assert float((direction * weight).sum()) == pytest.approx(float(values[row]), rel=1e-4)
    assert (basis.u.gather(0, basis.u.abs().argmax(0, keepdim=True)) > 0).all()


def test_combinations_are_normalised_sums() -> None:
    source = torch.Generator().manual_seed(2)
    basis = random_basis((4, 3, 3, 3), 5, 7)
    coefficients = torch.randn(6, 5, generator=source)
    plain = torch.stack([sum(c * v for c, v in zip(row, basis.vectors, strict=True)) for row in coefficients])  # type: ignore[arg-type]
    expected = plain / plain.flatten(1).norm(dim=1)[:, None, None, None, None]
    assert torch.allclose(basis.combine(coefficients), expected, atol=1e-6)
    svd, _ = svd_basis(torch.randn(4, 3, 3, 3, generator=source))
    spectra = torch.randn(3, 4, generator=source)
    rows = torch.stack([sum(e * svd.one(r) for r, e in enumerate(row)) for row in spectra])  # type: ignore[arg-type]
    expected = rows / rows.flatten(1).norm(dim=1)[:, None, None, None, None]
    assert torch.allclose(svd.combine(spectra), expected, atol=1e-6)
    assert torch.allclose(svd.combine(torch.eye(4))[2], svd.one(2), atol=1e-6)
    refuse(lambda: random_basis((2, 1, 1, 1), 3))


def directions_of(target: Target, count: int = 3) -> WeightDirections:
    return WeightDirections("some", "hessian", target.layer, random_basis(target.shape, count))


def edited_plainly(target: Target, prefix_codes: Tensor, delta: Tensor, strength: float) -> Tensor:
    weight = {target.parameter: target.weight + strength * delta}
    found: Tensor = functional_call(target.network, weight, (prefix_codes,))
    return found


@pytest.mark.parametrize("case", FAMILIES)
def test_every_sample_has_a_direction_and_a_strength_of_its_own(case: str) -> None:
    target = target_of(case)
    directions = directions_of(target)
    wp = codes(target.generator, 4)
    index, strength = torch.tensor([2, 0, 2, 1]), torch.tensor([0.5, -1.0, 2.0, 0.0])
    found = render(target, target.prefix(wp), directions, index, strength)
    for n in range(4):
        delta = directions.delta(int(index[n]))
        assert float(delta.norm()) == pytest.approx(1, rel=1e-5)
        expected = edited_plainly(target, wp[n : n + 1], delta, float(strength[n]))
        assert (found[n] - expected[0]).abs().max() < 2e-5 * expected.abs().max()
    same = render(target, target.prefix(wp), directions, 1, 0.7)
    assert torch.equal(same, render(target, target.prefix(wp), directions, torch.tensor([1] * 4), torch.tensor(0.7)))
    refuse(lambda: render(target, target.prefix(wp), directions, torch.tensor([0, 1]), 1.0))
    refuse(lambda: render(target, target.prefix(wp), directions, 0, torch.ones(3)))
    refuse(lambda: render(target, target.prefix(wp), directions, 7, 1.0))


@pytest.mark.parametrize("conv", ["blocks.1.conv2", "up", "leave.1"])
def test_per_sample_strengths_of_an_image_to_image_network(conv: str) -> None:
    module = network().requires_grad_(False)
    target = ModuleTarget(module, conv)
    directions = directions_of(target)
    inputs = labels(3)
    strength = torch.tensor([0.5, -1.0, 2.0])
    layer = module.get_submodule(conv)
    found = render(target, target.prefix(inputs), directions, 1, strength)
    for n in range(3):
        expected = edited_plainly(target, inputs[n : n + 1], directions.delta(1), float(strength[n]))
        assert torch.allclose(found[n], expected[0], atol=1e-5)
    assert module.get_submodule(conv) is layer
    with pytest.raises(RuntimeError):  # a class that there is not ends the pass within the network
        target.moved(target.prefix(inputs + 99), directions.delta(0), strength)
    assert module.get_submodule(conv) is layer


@pytest.mark.parametrize("kind", ["generator", "module"])
def test_an_edit_leaves_every_bit_as_it_was_even_when_it_fails(kind: str) -> None:
    target: Target = target_of("stylegan2-skip") if kind == "generator" else ModuleTarget(network(), "up")
    before = {name: tensor.clone() for name, tensor in target.network.state_dict().items()}
    delta = random_basis(target.shape, 1).one(0)
    with pytest.raises(RuntimeError, match="in the middle"), target.edited(delta, 1e8):
        assert not torch.equal(target.weight, before[target.parameter])
        raise RuntimeError("in the middle")
    with target.edited(delta, 0.3) as edited:
        assert edited is target.network
        assert torch.allclose(target.weight - before[target.parameter], 0.3 * delta, atol=1e-6)
    after = target.network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    refuse(lambda: target.edited(delta[:1], 1.0).__enter__())


def test_directions_of_another_layer_or_generator_are_refused() -> None:
    target = target_of("stylegan2-skip")
    found = directions_of(target).replace(identity=target.identity())
    found.check(target)
    other = GeneratorTarget(target.generator, "8x8/conv1")
    refuse(lambda: found.check(other), GantkError)
    stranger = tiny("stylegan2-skip")
    with torch.no_grad():
        stranger.get_parameter("mapping.dense0.weight").normal_()
    refuse(lambda: found.check(GeneratorTarget(stranger, target.layer)), GantkError)
    found.check(GeneratorTarget(stranger, target.layer), force=True)
    refuse(lambda: found.replace(layer="8x8/conv1").check(target), GantkError)
    module = ModuleTarget(network(), "blocks.0.conv1")
    mine = directions_of(module).replace(identity=module.identity())
    mine.check(module)
    trained = network()
    with torch.no_grad():
        trained.get_submodule("blocks.0.conv1").weight.add_(0.1)  # type: ignore[operator, union-attr]
    refuse(lambda: mine.check(ModuleTarget(trained, "blocks.0.conv1")), GantkError)


def test_layers_that_cannot_be_edited_are_refused() -> None:
    generator = tiny("stylegan2-skip")
    refuse(lambda: GeneratorTarget(generator, "16x16/conv9"))
    refuse(lambda: GeneratorTarget(generator, 99))
    refuse(lambda: GeneratorTarget(tiny("demo-oracle"), 0))
    refuse(lambda: GeneratorTarget(tiny("stylegan3-t"), 0))
    module = network()
    refuse(lambda: ModuleTarget(module, "blocks.0.conv7"))
    refuse(lambda: ModuleTarget(module, "blocks.0.norm"))
    with pytest.raises(GantkError, match="blocks.0.conv"):
        ModuleTarget(module, "blocks.0.conv7")


def test_the_published_numbering() -> None:
    layers = [released_layer(index) for index in range(4)]
    assert layers == ["8x8/conv0", "8x8/conv1", "16x16/conv0", "16x16/conv1"]
    assert [released_index(layer) for layer in layers] == [0, 1, 2, 3]
    assert released_layer(15) == "1024x1024/conv1"
    for layer in ("4x4/conv1", "16x16/torgb", "L3_52_512"):
        refuse(lambda layer=layer: released_index(layer))


def test_selecting_directions_takes_what_belongs_to_them() -> None:
    target = target_of("stylegan2-skip")
    found = directions_of(target).replace(scales=(1.0, 2.0, 3.0), meta={"eigenvalues": [3.0, 2.0, 1.0]})
    some = found.select([2, 0])
    assert len(some) == 2 and some.scales == (3.0, 1.0) and some.meta["eigenvalues"] == [1.0, 3.0]
    assert torch.equal(some.delta(0), found.delta(2))
    basis, _ = svd_basis(target.weight)
    both = WeightDirections("s", "svd", target.layer, basis).select([1])
    assert torch.allclose(both.delta(0), basis.one(1), atol=1e-6)
    refuse(lambda: found.select([3]))
    assert isinstance(basis, SvdBasis) and isinstance(found.basis, VectorBasis)


# --- strengths -------------------------------------------------------------------------------------------------------


def test_the_recommended_strength_moves_pictures_by_the_share_that_was_asked() -> None:
    target = target_of("stylegan2-skip")
    wp = codes(target.generator, 6)
    rule = ruler(target, PIXELS, wp)
    delta = directions_of(target).delta(0)
    found = curve_of(target, PIXELS, rule, delta, share=0.01)
    assert found.reached and found.strengths[0] == 0 and found.distances[0] == 0
    at = found.distances[found.strengths.index(found.scale)]
    assert at == pytest.approx(0.01 * rule.between, rel=0.06)
    assert all(a < b for a, b in zip(found.distances, found.distances[1:], strict=False))
    impossible = curve_of(target, PIXELS, rule, delta, share=1e6)
    assert not impossible.reached and math.isfinite(impossible.scale)


def test_curves_begin_where_the_eigenvalue_says() -> None:
    target = target_of("stylegan2-skip")
    curvature = curvature_of(target, PIXELS, n=6, batch=6)
    pairs = block_lanczos(whole(curvature), curvature.dimension, 2)
    basis = VectorBasis(pairs.vectors.view(-1, *target.shape))
    found = WeightDirections("h", "hessian", target.layer, basis, meta={"eigenvalues": pairs.values.tolist()})
    rule = ruler(target, PIXELS, codes(target.generator, 6))
    for row, value in enumerate(pairs.values.tolist()):
        guess = first_guess(found, row, 1e-4 * rule.between)
        curve = curve_of(target, PIXELS, rule, found.delta(row), guess, share=1e-4)
        assert curve.distances[1] == pytest.approx(value * curve.strengths[1] ** 2 / 2, rel=0.1)
    refuse(lambda: ruler(target, PIXELS, codes(target.generator, 1)), GantkError)


def test_generators_of_any_family_can_be_edited() -> None:
    generator: Generator = tiny("biggan-deep")
    names = [layer.name for layer in generator.layers if layer.weight is not None and "conv" in layer.name]
    assert len(names) > 3
    refuse(lambda: GeneratorTarget(generator, "4x4/dense"))
    for name in names[:3]:
        target = GeneratorTarget(generator, name)
        wp = codes(generator, 2)
        delta = random_basis(target.shape, 1).one(0)
        moved = target.moved(target.prefix(wp), delta, torch.tensor([0.0, 1.0]))
        assert torch.allclose(moved[0], generator.synthesize(wp)[0], atol=1e-5)


@pytest.mark.parametrize(
    ("transposed", "settings"),
    [
        (False, {"padding": 1}),
        (False, {"stride": 2, "padding": 1}),
        (False, {"stride": (2, 3), "padding": (0, 2), "dilation": 2}),
        (False, {"groups": 2, "stride": 2}),
        (True, {"stride": 2}),
        (True, {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}),
    ],
)
def test_fixed_convolutions_have_the_same_values_and_derivatives(transposed: bool, settings: dict[str, Any]) -> None:
    function = torch.conv_transpose2d if transposed else torch.conv2d
    source = torch.Generator().manual_seed(0)
    groups = settings.get("groups", 1)
    shape = (4, 6 // groups, 3, 3) if transposed else (6, 4 // groups, 3, 3)
    weight = torch.randn(shape, dtype=torch.float64, generator=source)
    bias = torch.randn(6, dtype=torch.float64, generator=source)
    x = torch.randn(2, 4, 8, 9, dtype=torch.float64, generator=source).requires_grad_(True)
    with FixedConvolutions():
        found = function(x, weight, bias, **settings)
    expected = function(x, weight, bias, **settings)
    assert torch.equal(found, expected)
    dual = torch.randn(found.shape, dtype=torch.float64, generator=source).requires_grad_(True)
    pulled = [torch.autograd.grad(part, x, dual, create_graph=True)[0] for part in (found, expected)]
    assert torch.allclose(*pulled)
    along = torch.randn(x.shape, dtype=torch.float64, generator=source)
    pushed = [torch.autograd.grad(part, dual, along)[0] for part in pulled]
    assert torch.allclose(*pushed)
