"""How fast a generator is here, and how near to what the device could do: `gantk models bench`."""

from __future__ import annotations

from gantk.store.lazy import lazily

__all__ = ["Limits", "Rate", "Speed", "measure"]

__getattr__, __dir__ = lazily(__name__, {name: "gantk.speed.measuring" for name in __all__})
