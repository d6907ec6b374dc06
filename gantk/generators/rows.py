"""Lists of rows as text: `0-3,7`, layer names, or numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gantk.errors import UsageError, suggestion

LayerList = str | int | Iterable[int | str] | None

_ITEM = re.compile(r"([0-9]+)(?:-([0-9]+))?")


def parse_numbers(text: LayerList, count: int, noun: str, option: str) -> tuple[int, ...]:
    """The numbers of a list of something else than layers, such as directions; see `parse_layers`.

    Args:
        noun: of one of them. option: that lists them.

    Raises:
        UsageError: an empty item, a reversed range, no number, or one that does not exist.
    """
    try:
        return parse_layers(text, count)
    except UsageError as error:
        shown = text if isinstance(text, (str, int)) else ",".join(map(str, text or ()))
        raise UsageError(f"{option} {shown} does not fit: {noun}s are 0 to {count - 1}, written like 0-3,7.") from error


def parse_layers(
    text: LayerList, num_layers: int, names: Mapping[str, int | None] | None = None, noun: str = "layer"
) -> tuple[int, ...]:
    """Return the sorted, distinct layer indices that a layer list names.

    A list is ``"0-3,7"``: single indices, inclusive ranges, or names of layers where `names` maps them to indices.
    ``None`` means every layer. Integers and sequences of integers (or such items) are taken as well.

    Args:
        text: the list.
        num_layers: L; indices run from 0 to L - 1.
        names: layer name -> index; a name mapped to None exists but has no index here (a layer without a row).
        noun: what messages call one of them: layer, or row of wp.

    Raises:
        UsageError: an empty item, a reversed range, an unknown name, or an index out of range. Unlike the original
            programs, nothing empty or reversed is ever taken for "all layers".
    """
    if text is None:
        return tuple(range(num_layers))
    if isinstance(text, str):
        items: Sequence[object] = text.split(",") if text.strip() else []
    else:
        items = list(text) if isinstance(text, Iterable) else [text]
    if not items:
        raise UsageError(f"The {noun} list is empty: give indices such as 0-3,7 ({noun}s are 0 to {num_layers - 1}).")
    chosen: set[int] = set()
    for item in items:
        chosen.update(_parse_item(item, num_layers, names or {}, text, noun))
    return tuple(sorted(chosen))


def _parse_item(item: object, num_layers: int, names: Mapping[str, int | None], text: LayerList, noun: str) -> range:
    if isinstance(item, (bool, np.bool_)) or not isinstance(item, (str, int, np.integer)):
        raise UsageError(f"{item!r} in the {noun} list {text!r} is neither an index, a range nor a name.")
    if isinstance(item, str):
        word = item.strip()
        if not word:
            raise UsageError(f"The {noun} list {text!r} has an empty item: write it like 0-3,7.")
        if word in names:
            row = names[word]
            if row is None:
                raise UsageError(f"The layer {word!r} has no row of its own, so it cannot be chosen here.")
            return range(row, row + 1)
        match = _ITEM.fullmatch(word.replace(" ", ""))
        if match is None:
            hint = suggestion(word, names) if names else ""
            raise UsageError(f"{word!r} in the {noun} list {text!r} is no index, range or layer name.{hint}")
        first, last = int(match[1]), int(match[2] or match[1])
    else:
        first = last = int(item)
    if first > last:
        raise UsageError(f"The range {item!r} in the {noun} list {text!r} is reversed: write {last}-{first}.")
    if first < 0 or last >= num_layers:
        raise UsageError(
            f"{noun.capitalize()} {last if last >= num_layers else first} in {text!r} is out of range: "
            f"this network has {noun}s 0 to {num_layers - 1}."
        )
    return range(first, last + 1)
