"""Pictures drawn by a graph that torch.compile made: the same to 1e-4, quicker once the graph is there.

Only whole passes without gradients go through it: from codes to the image, with the file's own noise or none. What
traces maps, continues from a state, moves weights or differentiates runs as it always did. Each number of samples has a
graph of its own, so that the bytes do not depend on what was drawn before. On a GPU passes are CUDA graphs.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gantk.errors import GantkError
from gantk.store.memory import is_out_of_memory

if TYPE_CHECKING:
    from gantk.generators.base import Generator, Options, State, Styles

INDUCTOR = "inductor"
GRAPHS = 64  # numbers of samples, and networks, that have graphs at once
Call = Callable[["Generator", "Styles", "Options"], Tensor]


class CompileWarning(UserWarning):
    """What compiling cost, or that there is no compiler."""


@dataclass(eq=False)
class Compiled:
    """How a generator draws where a graph serves; knows no generator, so that a copy of one draws its own weights.

    Attributes:
        seen: what has a graph of its own: number of samples, device, precision and noise.
    """

    call: Call
    seen: set[tuple[int, str, str, str]] = field(default_factory=set)

    def serves(self, options: Options, start: State | None) -> bool:
        """Whether a pass with these options goes through the graph."""
        return (
            start is None and not options.deltas and isinstance(options.noise, str)
            and not torch.is_grad_enabled() and not torch.compiler.is_compiling()
            and torch._C._functorch.peek_interpreter_stack() is None
        )  # fmt: skip

    def draw(self, generator: Generator, codes: Styles, options: Options) -> Tensor:
        """Images [N, C, H, W].

        Raises:
            GantkError: the network cannot be compiled.
        """
        count = len(codes[0])
        graph = (count, str(codes[0].device), str(generator.half_dtype), str(options.noise))
        began = time.monotonic()
        try:
            image = self.call(generator, codes, options)
        except Exception as error:  # of the compiler, which raises what its parts raise
            if graph in self.seen or is_out_of_memory(error):
                raise
            raise GantkError(f"This network cannot be compiled ({_reason(error)}): leave --compile out.") from error
        if graph not in self.seen:
            self.seen.add(graph)
            took = time.monotonic() - began
            text = f"Compiled for {count} sample{'s' * (count != 1)} at once: the first pass took {took:.0f} s."
            warnings.warn(text, CompileWarning, stacklevel=3)
        return image.clone() if image.device.type == "cuda" else image  # a CUDA graph writes the next one there


def compile_synthesis(generator: Generator, backend: str = INDUCTOR) -> Generator:
    """Let a generator draw by compiled graphs; returns it. Where nothing compiles it says so and stays as it is.

    Args:
        backend: of torch.compile.
    """
    mode = mode_for(generator.device, backend)
    reason = no_compiler(generator.device) if backend == INDUCTOR else None
    if reason is not None:
        text = f"Nothing can be compiled here ({reason}): --compile does nothing, and pictures are drawn as without it."
        warnings.warn(text, CompileWarning, stacklevel=2)
        return generator
    limits = torch._dynamo.config
    limits.recompile_limit = max(limits.recompile_limit, GRAPHS)
    generator.compiled = Compiled(torch.compile(_drawn, fullgraph=True, dynamic=False, backend=backend, mode=mode))
    return generator


def mode_for(device: torch.device, backend: str = INDUCTOR) -> str | None:
    """torch.compile's mode: CUDA graphs on a GPU, since shapes repeat."""
    return "reduce-overhead" if device.type == "cuda" and backend == INDUCTOR else None


def no_compiler(device: torch.device) -> str | None:
    """Why nothing can be compiled for a device, tried on one addition; None where it can."""
    try:
        with torch.inference_mode():
            torch.compile(_trial, dynamic=False)(torch.zeros(2, device=device))
    except Exception as error:  # as above
        return _reason(error)
    return None


def _trial(x: Tensor) -> Tensor:
    return x + 1


def _drawn(generator: Generator, codes: Styles, options: Options) -> Tensor:
    image, _, _ = generator._run(codes, options, frozenset(), None, None)
    assert image is not None  # the last step of every family makes one
    return image


def _reason(error: Exception) -> str:
    """The first line that says something."""
    lines = [line.strip() for line in str(error).splitlines()]
    text = next((line for line in lines if line), type(error).__name__)
    return text[:120].rstrip(".")
