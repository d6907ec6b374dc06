"""Finished runs of one command side by side: settings, numbers and pictures."""

from gantk.store.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, "results.CompareResult verbs.compare")
