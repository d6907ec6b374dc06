"""Attributes from few labels: a predictor that every command takes, and which images to label next."""

from gantk.store.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, "verbs.train_predictor")
