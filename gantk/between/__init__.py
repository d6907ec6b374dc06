"""What lies between codes: grids that mix the rows of two of them, and walks from one to the next."""

from gantk.store.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, "mixing.mix walking.walk")
