"""ReSeFa: directions that change one region and little else (Zhu et al. 2022)."""

from gantk.store.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, "verbs.directions verbs.jacobian")
