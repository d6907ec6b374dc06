"""What a forward derivative loads of torch."""

from __future__ import annotations

import forked

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
torch.compile(lambda x: x * 2 + 1, backend="eager", fullgraph=True)(torch.ones(2))
"""


def test_a_derivative_imports_no_compiler_and_leaves_it_working() -> None:
    """Its import is seconds of every process that takes a derivative."""
    done = forked.run(["-c", DERIVATIVES])
    assert done.returncode == 0, done.stderr
