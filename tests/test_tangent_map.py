"""`Generator.tangent_map`: steps of codes to steps of the image, for every family, against finite differences.

Shape legend: c steps.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
import torch
from generator_cases import TINY, close, tiny, uneven
from torch import Tensor

from gantk.generators import biggan_tangents, filters, pggan_tangents, stylegan2_tangents, stylegan3_tangents
from gantk.generators.base import Generator, State
from gantk.generators.frugal_steps import Pullback
from gantk.generators.spec import Linear
from gantk.generators.stylegan2_tangents import _Tangents

RULES = {
    "stylegan2": stylegan2_tangents._Tangents,
    "stylegan3": stylegan3_tangents._Tangents,
    "biggan": biggan_tangents._Tangents,
    "pggan": pggan_tangents._Tangents,
}
BY_HAND = [name for name in TINY if TINY[name][0] in RULES]


def codes_of(generator: Generator) -> tuple[Tensor, ...]:
    wp_NLD = uneven(generator, 1)
    return generator.styles(wp_NLD) if "s" in generator.spec.spaces else (wp_NLD,)


def steps_of(codes: Sequence[Tensor], moving: Sequence[int], count: int = 3) -> list[Tensor]:
    source = torch.Generator().manual_seed(3)
    return [torch.randn(count, *codes[place].shape[1:], generator=source, dtype=torch.float64) for place in moving]


def synthesized(generator: Generator, codes: Sequence[Tensor]) -> Tensor:
    return generator.synthesize(codes if "s" in generator.spec.spaces else codes[0])


@pytest.mark.parametrize("name", list(TINY))
def test_it_is_the_derivative(name: str) -> None:
    generator = tiny(name).double()
    codes = codes_of(generator)
    moving = list(range(len(codes)))
    steps = steps_of(codes, moving)
    fast = generator.tangent_map(codes, moving)(steps)
    small = 1e-6
    slow = []
    for index in range(3):
        ends = [
            [code + sign * small * step[index] for code, step in zip(codes, steps, strict=True)] for sign in (1, -1)
        ]
        above, below = (synthesized(generator, end) for end in ends)
        slow.append((above - below)[0] / (2 * small))
    close(fast, torch.stack(slow), 1e-6)


def by_forward_mode(
    generator: Generator, codes: tuple[Tensor, ...], moving: list[int], noise: str = "const", start: State | None = None
) -> Callable[[Sequence[Tensor]], Tensor]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(generator), "_tangent_map", Generator._tangent_map)
        return generator.tangent_map(codes, moving, noise=noise, start=start)


@pytest.mark.parametrize("name", BY_HAND)
def test_the_rules_by_hand_equal_forward_mode(name: str) -> None:
    """Whatever moves, from a cached state or not, called twice (nothing of the code is overwritten)."""
    generator = tiny(name).double()
    codes = codes_of(generator)
    last = len(codes) - 1
    styled = [layer.index for layer in generator.layers if layer.style_dim]
    some = (list(range(last + 1)), [0], [1, 2], [3], [2, 4], [last]) if last else ([0],)
    for noise in ("const", "none") if generator.spec.has_noise else ("const",):
        for moving in some:
            for before in (None, styled[min(moving)] if styled else None):
                state = generator.cache(list(codes), before, noise=noise) if before else None
                steps = steps_of(codes, moving)
                ours = generator.tangent_map(codes, moving, noise=noise, start=state)
                assert isinstance(ours, RULES[TINY[name][0]]) == (name != "stylegan2-revised")
                ours(steps)
                fast = ours(steps)
                slow = by_forward_mode(generator, codes, moving, noise=noise, start=state)(steps)
                assert fast.shape == slow.shape
                close(fast, slow, 1e-12)


@pytest.mark.parametrize("name", [name for name in BY_HAND if TINY[name][0] == "stylegan2" and "revised" not in name])
def test_the_transpose_by_hand_equals_a_pass_back(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever moves, from a cached state or not, called twice, and after steps forward."""
    monkeypatch.setattr(stylegan2_tangents, "ROWS", 64)
    generator = tiny(name).double()
    codes = codes_of(generator)
    last = len(codes) - 1
    gradient = torch.randn(3, generator.spec.image_channels, *generator.spec.size, dtype=torch.float64)
    given = gradient.clone()
    for moving in (list(range(last + 1)), [0], [2, 1], [3], [4, 2], [last]):
        for before in (None, min(moving)):
            state = generator.cache(list(codes), before) if before else None
            ours = generator.tangent_map(codes, moving, start=state)
            assert isinstance(ours, Linear)
            ours(steps_of(codes, moving))
            ours.transpose(gradient)
            fast = ours.transpose(gradient)
            slow = Pullback(generator, codes, moving, start=state)(gradient)
            for a, b in zip(fast, slow, strict=True):
                close(a, b, 1e-11)
    assert torch.equal(gradient, given)


@pytest.mark.parametrize("name", ["stylegan3-t", "stylegan3-r"])
def test_slopes_too_many_to_keep(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Computed again in blocks of channels, rows and steps."""
    generator = tiny(name).double()
    codes = codes_of(generator)
    moving = list(range(len(codes)))
    steps = steps_of(codes, moving)
    kept = generator.tangent_map(codes, moving)(steps)
    monkeypatch.setattr(stylegan3_tangents, "KEPT_VALUES", 0)
    for values, channels in ((1, 2), (2000, 2), (20_000, 32)):
        monkeypatch.setattr(filters, "BLOCK_VALUES", values)
        monkeypatch.setattr(filters, "TANGENT_VALUES", 2 * values)
        monkeypatch.setattr(filters, "BLOCK_CHANNELS", channels)
        close(generator.tangent_map(codes, moving)(steps), kept, 1e-12)


def test_moving_codes_in_any_order() -> None:
    for name in ("stylegan2-skip", "stylegan3-t", "biggan-deep"):
        generator = tiny(name).double()
        codes = codes_of(generator)
        steps = steps_of(codes, [3, 1])
        fast = generator.tangent_map(codes, [3, 1])(steps)
        close(fast, by_forward_mode(generator, codes, [3, 1])(steps), 1e-12)


@pytest.mark.parametrize("name", ["biggan-deep-stats", "biggan-chunks"])
def test_training_is_left_to_forward_mode(name: str) -> None:
    generator = tiny(name).train()
    assert not isinstance(generator.tangent_map(codes_of(generator), [0]), biggan_tangents._Tangents)


def test_steps_add_up() -> None:
    generator = tiny("stylegan2-resnet").double()
    codes = codes_of(generator)
    moving = list(range(len(codes)))
    push = generator.tangent_map(codes, moving)
    first, second = (steps_of(codes, moving, 2), [3 * step.flip(0) for step in steps_of(codes, moving, 2)])
    together = push([a + b for a, b in zip(first, second, strict=True)])
    close(together, push(first) + push(second), 1e-12)


def test_what_torch_loads_for_forward_mode_says_nothing() -> None:
    code = "from gantk.generators.forward_mode import load_decompositions; load_decompositions()"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import torch; {code}"], capture_output=True, text=True
    )
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_half_precision_is_left_to_forward_mode() -> None:
    generator = tiny("stylegan2-skip")
    codes = codes_of(generator)
    generator.set_precision("bfloat16")
    assert not isinstance(generator.tangent_map(codes, [0]), _Tangents)


def test_a_later_start_gives_the_same(generator_name: str = "stylegan2-skip") -> None:
    generator = tiny(generator_name).double()
    codes = codes_of(generator)
    images = []
    for before in range(4):
        state = generator.cache(list(codes), before) if before else None
        images.append(generator.tangent_map(codes, [4], start=state)(steps_of(codes, [4])))
    for a, b in pairwise(images):
        close(a, b, 1e-12)
