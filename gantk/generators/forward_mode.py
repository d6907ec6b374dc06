"""What torch loads at the first forward derivative of a process, without its warning and without its compiler."""

from __future__ import annotations

import warnings
from functools import lru_cache

from gantk.generators.uncompiled import mark_references


@lru_cache(maxsize=1)
def load_decompositions() -> None:
    """Load it; call this before the first `jvp`."""
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):  # torch changed its mind about which it is
            warnings.simplefilter("ignore", category)
        import torch._decomp.decompositions_for_jvp  # noqa: F401  (imported for what it registers)
    mark_references()
