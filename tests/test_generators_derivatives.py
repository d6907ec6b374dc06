"""The Generator contract, second half: derivatives, one traceable graph, and a network that no call changes.

Shape legend: N samples, L rows of wp, K directions at once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from generator_cases import TINY, VARIANTS, close, differ, labels, random_delta, refuse, shown, tiny, uneven, weighted
from torch import Tensor
from torch.func import functional_call, jvp, vmap

from gantk.generators.base import Generator, Truncation


@pytest.fixture(params=list(TINY))
def generator(request: pytest.FixtureRequest) -> Generator:
    return tiny(request.param)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_jacobian_products_in_a_batch(generator: Generator, memory_format: torch.memory_format) -> None:
    generator.double().to(memory_format=memory_format)
    n, directions = 2, 3
    z_ND, wp_NLD = generator.sample_z(n), uneven(generator, n)
    source = torch.Generator().manual_seed(1)

    def from_z(z: Tensor) -> Tensor:
        return generator.synthesize(generator.expand(generator.map(z, labels(generator, n))))

    for function, point in ((from_z, z_ND), (generator.synthesize, wp_NLD)):
        tangents = torch.randn(directions, *point.shape, generator=source, dtype=torch.float64)
        fast = vmap(lambda v, f=function, p=point: jvp(f, (p,), (v,))[1])(tangents)
        step = 1e-6
        slow = [(function(point + step * v) - function(point - step * v)) / (2 * step) for v in tangents]
        close(fast, torch.stack(slow), 1e-6)
    several = memory_format == torch.contiguous_format
    for name in weighted(generator)[: 3 if several else 1]:
        deltas = torch.stack([random_delta(generator, name, seed) for seed in range(directions)])

        def moved(t: Tensor, delta: Tensor, name: str = name) -> Tensor:
            return generator.synthesize(wp_NLD, weight_deltas={name: (delta, t)}, **shown(generator, name))

        nought = torch.zeros([], dtype=torch.float64)
        fast = vmap(lambda d, f=moved, o=nought: jvp(lambda t: f(t, d), (o,), (torch.ones_like(o),))[1])(deltas)
        slow = [(moved(nought + 1e-6, d) - moved(nought - 1e-6, d)) / 2e-6 for d in deltas]
        close(fast, torch.stack(slow), 1e-6)


def test_double_backward(generator: Generator) -> None:
    generator.double()
    wp_NLD = uneven(generator, 2)
    source = torch.Generator().manual_seed(2)
    target = torch.randn(generator.synthesize(wp_NLD).shape, generator=source, dtype=torch.float64)
    direction = torch.randn(wp_NLD.shape, generator=source, dtype=torch.float64)

    def gradient(at: Tensor, create_graph: bool = False) -> tuple[Tensor, Tensor]:
        leaf = at.clone().requires_grad_()
        loss = (generator.synthesize(leaf) - target).square().mean()
        return leaf, torch.autograd.grad(loss, leaf, create_graph=create_graph)[0]

    leaf, first = gradient(wp_NLD, create_graph=True)
    (second,) = torch.autograd.grad((first * direction).sum(), leaf)
    step = 1e-6
    slow = (gradient(wp_NLD + step * direction)[1] - gradient(wp_NLD - step * direction)[1]) / (2 * step)
    close(second, slow, 1e-5)


def test_every_weight_learns(generator: Generator) -> None:
    """Gradients reach every parameter from the image, so that the network can be trained as it stands."""
    if not list(generator.parameters()):
        return
    generator.requires_grad_(True)
    wp_NLD = generator.expand(generator.map(generator.sample_z(3), labels(generator, 3)))
    views = [shown(generator, layer.name) for layer in generator.layers if layer.is_rgb]
    loss = sum(generator.synthesize(wp_NLD, **view).square().mean() for view in views)
    assert isinstance(loss, Tensor)
    loss.backward()
    missing = [name for name, p in generator.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert missing == []


def test_functional_call_takes_other_weights(generator: Generator) -> None:
    wp_NLD = uneven(generator)
    other = {name: value * 1.1 for name, value in generator.state_dict().items() if value.is_floating_point()}
    edited = copy.deepcopy(generator)
    edited.load_state_dict(other, strict=False)
    image = functional_call(generator, other, (wp_NLD,), {"noise": "none"})
    assert torch.equal(image, edited.synthesize(wp_NLD, noise="none"))
    if dict(generator.named_parameters()):
        assert differ(image, generator.synthesize(wp_NLD, noise="none"))


@pytest.mark.parametrize("name", [name for name in TINY if name not in VARIANTS])
def test_one_graph_without_breaks(name: str) -> None:
    grows = TINY[name][0] in ("stylegan2", "stylegan", "pggan")  # every size is drawn by layers of the same kinds
    one_graph_without_breaks(tiny(name, **({"resolution": 8, "channels": [8, 6]} if grows else {})))


def one_graph_without_breaks(generator: Generator) -> None:
    """From z to the image and a map, with an edited weight."""
    z_ND, label = generator.sample_z(2), labels(generator, 2)
    truncation = Truncation(0.7, 2) if generator.spec.can_truncate else None
    if truncation is not None:
        generator.average_w()
    tap = next(layer.name for layer in generator.layers if layer.has_map)
    deltas = {name: (random_delta(generator, name), torch.tensor([0.5, -0.5])) for name in weighted(generator)[:1]}

    noise = torch.tensor([1, 2]) if generator.spec.has_noise else "const"

    def everything(z: Tensor) -> tuple[Tensor, Tensor]:
        wp = generator.expand(generator.map(z, label), truncation)
        image, maps = generator.trace(wp, [tap], noise=noise, weight_deltas=deltas)
        assert image is not None
        return image, maps[tap]

    torch._dynamo.reset()
    compiled = torch.compile(everything, fullgraph=True, backend="eager")(z_ND)
    for fast, slow in zip(compiled, everything(z_ND), strict=True):
        close(fast, slow, 1e-6)


def test_nothing_a_caller_does_changes_the_network(generator: Generator) -> None:
    before = {key: value.clone() for key, value in generator.state_dict().items()}
    modes = [(module.training, len(module._forward_hooks)) for module in generator.modules()]
    wp_NLD = uneven(generator)
    name = generator.layers[-1].name
    generator.synthesize(wp_NLD.requires_grad_()).sum().backward()
    calls: list[Callable[[], object]] = [
        lambda: generator.synthesize(wp_NLD[:, :, 1:]),
        lambda: generator.synthesize(wp_NLD, noise="loud"),
        lambda: generator.synthesize(wp_NLD, weight_deltas={name: (torch.zeros(1, 2), 1.0)}),
        lambda: generator.trace(wp_NLD, ["no such layer"]),
        lambda: generator.cache(wp_NLD, len(generator.layers)),
        lambda: generator.map(torch.zeros(2, generator.spec.z_dim + 1)),
        lambda: generator.expand(torch.zeros(2, generator.spec.w_dim + 1)),
    ]
    for call in calls:
        refuse(call)
    generator.trace(wp_NLD, [name], image=False)
    generator.synthesize(wp_NLD, noise="none", start=generator.cache(wp_NLD, name))
    after = generator.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert [(module.training, len(module._forward_hooks)) for module in generator.modules()] == modes
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in generator.parameters())
