"""Code of the user's own, by name: it runs only where the caller vouches for the name, never because a file has it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from gantk.errors import UsageError, suggestion


def names_code(text: object) -> bool:
    """Whether a text is of the form ``module:object`` or ``file.py:object`` and no file."""
    if not isinstance(text, str) or "\0" in text:
        return False
    module, _, attribute = text.rpartition(":")
    return bool(module) and attribute.isidentifier() and not os.path.lexists(text)


def find_object(name: str, what: str, code: bool = False) -> Any:
    """The object that `module:object` names; this runs the module. Modules are looked for in the current directory too.

    Args:
        what: begins the message where there is none.
        code: whether the caller vouches for the name: it was typed for this invocation, and read from no file.

    Raises:
        UsageError: nobody vouches for it, or there is no such module or object, or the module raises.
    """
    if not code:
        raise UsageError(
            f"{what} names code, and gantk runs no code that a file names: name it on this command line (in Python: "
            "code=True)."
        )
    module, _, attribute = name.rpartition(":")
    try:
        loaded = _from_file(Path(module)) if module.endswith(".py") else _from_name(module)
    except Exception as error:  # foreign code may raise anything
        reason = " ".join(str(error).split())[:160]
        kind = "" if isinstance(error, (ImportError, OSError)) else f"{type(error).__name__}: "
        raise UsageError(f"{what} cannot be imported: {kind}{reason}.") from error
    if not hasattr(loaded, attribute):
        public = [key for key in vars(loaded) if not key.startswith("_")]
        raise UsageError(f"The module {module!r} has nothing called {attribute!r}.{suggestion(attribute, public)}")
    return getattr(loaded, attribute)


def _from_name(module: str) -> ModuleType:
    here = os.getcwd()
    added = here not in sys.path and "" not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module)
    finally:
        if added:
            sys.path.remove(here)


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
