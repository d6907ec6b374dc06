"""ReSeFa: directions that change one region and little else (Zhu et al. 2022)."""

from __future__ import annotations

from gantk.store.lazy import lazily

__all__ = ["directions", "jacobian"]

__getattr__, __dir__ = lazily(__name__, {"directions": "verbs", "jacobian": "verbs"})
