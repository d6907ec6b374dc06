"""Public names of a package that are loaded on first use, so that importing the package costs nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazily(package: str, paths: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Args:
        paths: of the public names, with spaces between: ``module.name`` below the package, ``gantk.module.name`` of
            another one, or the name of a sub-package alone.
    """
    places = {name: module for module, _, name in (path.rpartition(".") for path in paths.split())}

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if not places[name]:
            return resolve(f"{package}.{name}")
        module = places[name] if places[name].startswith("gantk.") else f"{package}.{places[name]}"
        value = resolve(f"{module}:{name}")
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*places, *(name for name in vars(sys.modules[package]) if name.startswith("__"))})

    return get, listed, list(places)


def resolve(reference: str) -> Any:
    """The object that ``module:name`` in one of gantk's own tables means, or the module ``module``; never a text that
    was read or typed."""
    module, _, name = reference.partition(":")
    found = import_module(module)
    return getattr(found, name) if name else found
