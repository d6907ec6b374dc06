"""Finished runs of one command side by side: settings, numbers and pictures."""

from __future__ import annotations

from gantk.store.lazy import lazily

__all__ = ["CompareResult", "compare"]

__getattr__, __dir__ = lazily(__name__, {"CompareResult": "results", "compare": "verbs"})
