"""How fast a generator is here, and how near to what the device could do: `gantk models bench`."""

from gantk.store.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, "measuring.Limits measuring.Rate measuring.Speed measuring.measure")
