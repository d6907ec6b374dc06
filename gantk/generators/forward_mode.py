"""What torch loads at the first forward derivative of a process: without the warning it has, and without its compiler."""

from __future__ import annotations

import inspect
import warnings
from functools import lru_cache

import torch._refs


@lru_cache(maxsize=1)
def load_decompositions() -> None:
    """Load it; call this before the first `jvp`."""
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):  # torch changed its mind about which it is
            warnings.simplefilter("ignore", category)
        import torch._decomp.decompositions_for_jvp  # noqa: F401  (imported for what it registers)
    for function in vars(torch._refs).values():
        _leave_out_the_compiler(function)


def _leave_out_the_compiler(function: object) -> None:
    """Mark what a function wraps as not compiled.

    A derivative that meets a constant asks Python functions of torch for a shape. The first one would import all of
    torch's compiler, which takes seconds, only to mark itself.
    """
    for cell in getattr(function, "__closure__", None) or ():
        if inspect.isfunction(wrapped := cell.cell_contents) and not hasattr(wrapped, "__dynamo_disable"):
            wrapped.__dynamo_disable = wrapped  # type: ignore[attr-defined]
            _leave_out_the_compiler(wrapped)
