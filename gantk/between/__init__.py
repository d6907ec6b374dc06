"""What lies between codes: grids that mix the rows of two of them, and walks from one to the next."""

from __future__ import annotations

from gantk.store.lazy import lazily

__all__ = ["mix", "walk"]

__getattr__, __dir__ = lazily(__name__, {"mix": "gantk.between.mixing", "walk": "gantk.between.walking"})
