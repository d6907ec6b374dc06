"""How near a set of samples is to a set of real images, by their features."""

from __future__ import annotations

from gantk.store.lazy import lazily

_PUBLIC = {
    "Measured": "gantk.quality.results",
    "Quality": "gantk.quality.results",
    "compare": "gantk.quality.comparison",
    "QualityResult": "gantk.quality.results",
    "kernel_distance": "gantk.predictors.set_distances",
    "manifold_shares": "gantk.predictors.manifolds",
    "measure": "gantk.quality.verbs",
    "nearest": "gantk.predictors.manifolds",
    "unreached": "gantk.predictors.manifolds",
}

__all__ = sorted(_PUBLIC)

__getattr__, __dir__ = lazily(__name__, _PUBLIC)
