"""Stopping in the middle of an evaluation: a job looks between any two operations of torch whether it shall end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from torch.utils._python_dispatch import TorchDispatchMode

from gantk.errors import Stopped

if TYPE_CHECKING:
    from gantk.generators.base import Generator

LARGE = 256  # pixels: above them an evaluation takes seconds on a CPU


def interruptible(generator: Generator, wanted: Callable[[], bool]) -> AbstractContextManager[object]:
    """`Interruptible` for large networks; nothing for the others, whose evaluations are short."""
    return Interruptible(wanted) if generator.spec.resolution > LARGE else nullcontext()


class Interruptible(TorchDispatchMode):
    """While it is entered, the first operation after `wanted()` came true raises Stopped, forward and backward alike.

    It does so once: what then puts the best so far together is not disturbed. It costs some microseconds an operation,
    and changes no bit.
    """

    def __init__(self, wanted: Callable[[], bool]) -> None:
        super().__init__()
        self.wanted, self.raised = wanted, False

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        if not self.raised and self.wanted():
            self.raised = True
            raise Stopped
        return func(*args, **(kwargs or {}))
