"""In the middle of an evaluation: between any two operations of torch a job lets frames in, and may be ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from torch.utils._python_dispatch import TorchDispatchMode

from gantk.errors import Stopped
from gantk.generators.wrapped import Wrapped

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.web.queue import Ticket

LARGE = 256  # pixels: above them an evaluation takes seconds on a CPU


def interruptible(generator: Generator, ticket: Ticket) -> AbstractContextManager[object]:
    """`Interruptible` for large networks; nothing for the others, whose evaluations are short.

    Frames run within an evaluation of gantk's own families alone: they are functions of codes, while the module of a
    user may keep something from one layer to the next.
    """
    if generator.spec.resolution <= LARGE:
        return nullcontext()
    return Interruptible(ticket.unwanted if isinstance(generator, Wrapped) else ticket.between)


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
