"""Attributes from few labels: a predictor that every command takes, and which images to label next."""

from __future__ import annotations

from gantk.store.lazy import lazily

__all__ = ["train_predictor"]

__getattr__, __dir__ = lazily(__name__, {"train_predictor": "verbs"})
