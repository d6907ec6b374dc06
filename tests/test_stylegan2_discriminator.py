"""StyleGAN2's discriminator: each part against its definition, every size, and the gradients that training needs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from generator_cases import close

from gantk.errors import GantkError
from gantk.generators.ops import minibatch_deviation
from gantk.generators.stylegan2_discriminator import StyleGAN2Discriminator, StyleGAN2DiscriminatorConfig

BOX = (0.5, 0.5)


def build(**settings: Any) -> StyleGAN2Discriminator:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        values = {"resolution": 16, "channels": [8, 6, 4], **settings}
        network = StyleGAN2Discriminator(StyleGAN2DiscriminatorConfig.from_dict(values)).double()
        for parameter in network.parameters():
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    return network


def images(n: int, size: int = 16) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


@pytest.mark.parametrize("architecture", ["resnet", "skip", "orig"])
@pytest.mark.parametrize("taps", [BOX, (0.125, 0.375, 0.375, 0.125), (0.25, 0.5, 0.25)])
def test_scores_and_second_derivatives(architecture: str, taps: tuple[float, ...]) -> None:
    """R1 penalises a gradient, so training differentiates twice."""
    network = build(architecture=architecture, resample_filter=taps)
    leaf = images(4).requires_grad_()
    score = network(leaf)
    assert score.shape == (4,)
    (gradient,) = torch.autograd.grad(score.sum(), leaf, create_graph=True)
    gradient.square().sum().backward()
    assert leaf.grad is not None and leaf.grad.abs().max() > 0
    # the last bias adds to the score and the final dense's bias reaches the slope through leaky ReLU's kinks only
    without = [name for name, p in network.named_parameters() if name.endswith("weight") and p.grad is None]
    assert without == []


def test_the_penalty_equals_finite_differences() -> None:
    network, x = build(), images(4)
    direction = images(4).flip(0)

    def gradient(at: torch.Tensor) -> torch.Tensor:
        leaf = at.clone().requires_grad_()
        return torch.autograd.grad(network(leaf).sum(), leaf)[0]

    leaf = x.clone().requires_grad_()
    (first,) = torch.autograd.grad(network(leaf).sum(), leaf, create_graph=True)
    (second,) = torch.autograd.grad((first * direction).sum(), leaf)
    close(second, (gradient(x + 1e-6 * direction) - gradient(x - 1e-6 * direction)) / 2e-6, 1e-5)


def test_minibatch_deviation_is_that_of_its_group() -> None:
    x = torch.randn(6, 5, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = minibatch_deviation(x, 2)
    assert found.shape == (6, 1, 4, 4)
    for sample in range(6):  # samples i, i + 3 are one group
        group = x[[sample % 3, sample % 3 + 3]]
        expected = (group.var(0, unbiased=False) + 1e-8).sqrt().mean()
        close(found[sample], expected.expand(1, 4, 4), 1e-12)
    with pytest.raises(GantkError, match="5"):
        minibatch_deviation(x[:5], 2)
    assert minibatch_deviation(x[:1], 2).max() < 1.1e-4, "a single image has no deviation"


def test_a_skip_discriminator_takes_smaller_images() -> None:
    network = build(architecture="skip")
    for size in (4, 8, 16):
        assert torch.isfinite(network(images(4, size))).all()
    with pytest.raises(GantkError, match="32"):
        network(images(4, 32))
    with pytest.raises(GantkError, match="8"):
        build()(images(4, 8))


def test_labels_choose_their_output() -> None:
    network = build(label_dim=3)
    one_hot = torch.eye(3, dtype=torch.float64)
    scores = torch.stack([network(images(4), row.expand(4, 3)) for row in one_hot], 1)
    soft = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    close(network(images(4), soft.expand(4, 3)), scores @ soft, 1e-9)


def test_half_precision_keeps_the_head_exact() -> None:
    network = build().float()
    x = images(4).float()
    exact = network(x)
    network.half_dtype = torch.bfloat16
    half = network(x)
    assert half.dtype == torch.float32
    assert 0 < (half - exact).abs().max() < 0.1 * exact.abs().max()
