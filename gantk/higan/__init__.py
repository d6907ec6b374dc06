"""HiGAN: which direction of the latent codes carries an attribute, and in which layers."""

from __future__ import annotations

from gantk.store.lazy import lazily

__all__ = ["sample", "synthesize", "train_boundary"]

__getattr__, __dir__ = lazily(__name__, {"sample": "synthesis", "synthesize": "synthesis", "train_boundary": "training"})
