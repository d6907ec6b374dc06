"""Directions that need no labels, for comparison: SeFa, GANSpace, LowRankGAN."""

from gantk.store.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, "verbs.ganspace verbs.sefa")
