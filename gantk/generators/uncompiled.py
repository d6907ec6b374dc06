"""Parts of torch that would import its compiler where nothing is compiled: seconds of every process that uses them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
import torch._refs
from torch.optim import Optimizer


def mark_uncompiled(function: object) -> None:
    """Mark what a function of torch wraps as not compiled; it would import the compiler to mark itself."""
    for cell in getattr(function, "__closure__", None) or ():
        if inspect.isfunction(wrapped := cell.cell_contents) and not hasattr(wrapped, "__dynamo_disable"):
            wrapped.__dynamo_disable = wrapped  # type: ignore[attr-defined]
            mark_uncompiled(wrapped)


@lru_cache(maxsize=1)
def mark_references() -> None:
    """Mark those of torch that say which shape a result has: derivatives ask them, and tensors without memory."""
    for function in vars(torch._refs).values():
        mark_uncompiled(function)


@contextmanager
def without_memory() -> Iterator[None]:
    """Tensors that are made within have shapes and no values."""
    mark_references()
    with torch.device("meta"):
        yield


class Adam(torch.optim.Adam):
    """Adam of torch, step for step."""

    def __init__(self, *given: object, **options: object) -> None:
        for part in vars(Optimizer).values():
            mark_uncompiled(part)
        super().__init__(*given, **options)  # type: ignore[arg-type]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step, as torch makes it inside of what tells its compiler where a graph ends."""
        plain: Callable[..., float | None] = inspect.unwrap(torch.optim.Adam.step)
        return plain(self, closure)
