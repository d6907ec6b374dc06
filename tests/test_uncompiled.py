"""Derivatives and optimisation import no compiler: its import is seconds of every process that does them."""

from __future__ import annotations

import forked
import pytest
import torch

from gantk.generators.uncompiled import Adam

DERIVATIVES = """
import sys
import torch
from generator_cases import TINY, codes, tiny
from gantk.generators.forward_mode import load_decompositions
load_decompositions()
for name in TINY:
    generator = tiny(name)
    wp_NLD = codes(generator, 1)
    torch.func.jvp(generator.synthesize, (wp_NLD,), (wp_NLD,))
    assert "torch._dynamo" not in sys.modules, name
"""
STEPS = """
import sys
import torch
from gantk.generators.uncompiled import Adam
weight = torch.ones(3, requires_grad=True)
adam = Adam([{"params": [weight]}], lr=0.1)
for _ in range(2):
    adam.zero_grad()
    weight.square().sum().backward()
    adam.step()
adam.load_state_dict(adam.state_dict())
assert "torch._dynamo" not in sys.modules and (weight < 0.9).all()
"""
COMPILED = "torch.compile(lambda x: x * 2 + 1, backend='eager', fullgraph=True)(torch.ones(2))"


@pytest.mark.parametrize("code", [DERIVATIVES, STEPS], ids=["derivatives", "steps"])
def test_no_compiler_is_imported_and_it_works_afterwards(code: str) -> None:
    done = forked.run(["-c", code + COMPILED])
    assert done.returncode == 0, done.stderr


def test_steps_are_those_of_torch() -> None:
    def moved(kind: type[torch.optim.Adam]) -> torch.Tensor:
        start = torch.linspace(-2, 2, 7)
        weights = [start.clone().requires_grad_(), start[:3].clone().requires_grad_()]
        adam = kind([{"params": [weights[0]], "lr": 0.3}, {"params": [weights[1]]}], lr=0.01, betas=(0.9, 0.99))
        for _ in range(5):
            adam.zero_grad()
            (weights[0].square().sum() + weights[1].sin().sum()).backward()
            adam.step()
        return torch.cat(weights).detach()

    assert torch.equal(moved(Adam), moved(torch.optim.Adam))
