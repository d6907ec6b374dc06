"""Types of the fields of a class, by name: Python compiles the texts of annotations again whenever it is asked."""

from __future__ import annotations

import functools
import typing
from collections.abc import Mapping
from typing import Any


# Any: annotations, of which Python has no type
def type_hints(kind: type) -> Mapping[str, Any]:
    """What `typing.get_type_hints` finds, found once for each class."""
    return _found(kind)


_found = functools.cache(typing.get_type_hints)
