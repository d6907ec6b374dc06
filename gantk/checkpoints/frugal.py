"""Build a network whose weights are about to be loaded: nothing is drawn, little more than they need is allocated."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from gantk.errors import GantkError

_FACTORIES = {torch.randn, torch.rand, torch.zeros, torch.ones, torch.empty, torch.full}
_DRAWN = {torch.Tensor.normal_, torch.Tensor.uniform_}
_SPARE = 1 << 22  # numbers; filters and index tables that are computed, not stored


class _Frugal(TorchFunctionMode):
    """Counts what factories are asked for before they allocate it, and draws no random numbers."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.left = limit

    # Any: what torch's functions take and give
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _DRAWN:
            return args[0]
        if func in _FACTORIES:
            size = args[0] if args and isinstance(args[0], tuple | list) else kwargs.get("size", args)
            self.left -= math.prod(size)
            if self.left < 0:
                raise GantkError(
                    f"the configuration of this network asks for more numbers than its file can fill ({self.limit:,})"
                )
            if func in (torch.randn, torch.rand):
                return torch.zeros(*args, **{key: value for key, value in kwargs.items() if key != "generator"})
        return func(*args, **kwargs)


@contextmanager
def frugal(numbers: int) -> Iterator[None]:
    """Within this block, modules may allocate 4 times `numbers` and 4 million more; no random initial value is drawn.

    Raises:
        GantkError: a module asks for more (before it gets it).
    """
    with _Frugal(4 * numbers + _SPARE):
        yield
