"""What an object with arrays in it says of itself in a notebook: never a screenful."""

from __future__ import annotations

import dataclasses

from gantk.store.json_values import shown

LONGEST = 60  # letters of one value


def brief(part: object) -> str:
    """The `repr` of a dataclass: how large its arrays are, and what the rest is where that is short."""
    fields = dataclasses.fields(part)  # type: ignore[arg-type]
    return f"{type(part).__name__}({', '.join(f'{f.name}={_value(getattr(part, f.name))}' for f in fields)})"


def _value(value: object) -> str:
    """A value within a `repr`: never longer than a line."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and hasattr(value, "dtype"):
        return f"{value.dtype} {list(shape)}"
    said = f"{len(value)} bytes" if isinstance(value, bytes) else "" if dataclasses.is_dataclass(value) else repr(value)
    if said and len(said) <= LONGEST and "\n" not in said:
        return said
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, (tuple, list, dict)):
        return f"{len(value)} items"
    return type(value).__name__
