"""gantk: what a trained GAN knows, where it is stored, and how to move it.

Public names are loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gantk.checkpoints.load import load_generator as load_generator
    from gantk.codes.directions import Direction as Direction
    from gantk.codes.directions import load_direction as load_direction
    from gantk.codes.given import GivenCodes as GivenCodes
    from gantk.errors import GantkError as GantkError
    from gantk.errors import UsageError as UsageError
    from gantk.generators.base import Generator as Generator
    from gantk.generators.base import Truncation as Truncation
    from gantk.predictors.load import load_predictor as load_predictor

__version__ = "0.1.0"

_PUBLIC = {
    "Direction": "gantk.codes.directions",
    "GantkError": "gantk.errors",
    "GivenCodes": "gantk.codes.given",
    "Generator": "gantk.generators.base",
    "Truncation": "gantk.generators.base",
    "UsageError": "gantk.errors",
    "load_direction": "gantk.codes.directions",
    "load_generator": "gantk.checkpoints.load",
    "load_predictor": "gantk.predictors.load",
}

__all__ = [
    "__version__",
    *_PUBLIC,
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'gantk' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
