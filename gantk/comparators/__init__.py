"""Directions that need no labels, for comparison: SeFa, GANSpace, LowRankGAN."""

from __future__ import annotations

from gantk.store.lazy import lazily

__all__ = ["ganspace", "sefa"]

__getattr__, __dir__ = lazily(__name__, {"ganspace": "verbs", "sefa": "verbs"})
