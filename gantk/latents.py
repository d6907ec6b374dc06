"""Latent codes: seeded sampling, the sphere, truncation settings as text, and lists of layers.

Legend: N samples, L rows of wp, D the width of a code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.errors import UsageError, suggestion
from gantk.seeding import random_bits, random_integers, random_normal, random_uniform, sample_z

if TYPE_CHECKING:
    from gantk.generators.base import GeneratorSpec, Truncation

__all__ = [
    "normalize_sphere",
    "parse_layers",
    "parse_truncation",
    "random_bits",
    "random_integers",
    "random_normal",
    "random_uniform",
    "sample_z",
]

LayerList = str | int | Iterable[int | str] | None


def normalize_sphere(z_ND: Any) -> Any:
    """Scale each code to the norm sqrt(D), as HiGAN does before mapping (specs: codes live on that sphere).

    Takes a numpy array or a torch tensor ``[..., D]`` and returns the same kind; a zero code stays zero.
    """
    dim = z_ND.shape[-1]
    if isinstance(z_ND, np.ndarray):
        norm = np.sqrt(np.sum(z_ND.astype(np.float64) ** 2, axis=-1, keepdims=True))
        return (z_ND * (math.sqrt(dim) / np.maximum(norm, 1e-30))).astype(z_ND.dtype)
    norm = z_ND.double().square().sum(dim=-1, keepdim=True).sqrt().clamp_min(1e-30)
    return (z_ND * (math.sqrt(dim) / norm)).to(z_ND.dtype)


_ITEM = re.compile(r"(\d+)(?:-(\d+))?")


def parse_layers(text: LayerList, num_layers: int, names: Mapping[str, int | None] | None = None) -> tuple[int, ...]:
    """Return the sorted, distinct layer indices that a layer list names.

    A list is ``"0-3,7"``: single indices, inclusive ranges, or names of layers where `names` maps them to indices.
    ``None`` means every layer. Integers and sequences of integers (or such items) are taken as well.

    Args:
        text: the list.
        num_layers: L; indices run from 0 to L - 1.
        names: layer name -> index; a name mapped to None exists but has no index here (a layer without a row).

    Raises:
        UsageError: an empty item, a reversed range, an unknown name, or an index out of range. Unlike the original
            programs, nothing empty or reversed is ever taken for "all layers".
    """
    if text is None:
        return tuple(range(num_layers))
    if isinstance(text, str):
        items: Sequence[Any] = text.split(",")
        if not text.strip():
            raise UsageError(f"The layer list is empty: give indices such as 0-3,7 (layers are 0 to {num_layers - 1}).")
    elif isinstance(text, Iterable):
        items = list(text)
        if not items:
            raise UsageError(f"The layer list is empty: give indices such as 0-3,7 (layers are 0 to {num_layers - 1}).")
    else:
        items = [text]
    chosen: set[int] = set()
    for item in items:
        chosen.update(_parse_item(item, num_layers, names or {}, text))
    return tuple(sorted(chosen))


def _parse_item(item: Any, num_layers: int, names: Mapping[str, int | None], text: LayerList) -> range:
    if isinstance(item, (bool, np.bool_)) or not isinstance(item, (str, int, np.integer)):
        raise UsageError(f"{item!r} in the layer list {text!r} is neither an index, a range nor a name.")
    if isinstance(item, str):
        word = item.strip()
        if not word:
            raise UsageError(f"The layer list {text!r} has an empty item: write it like 0-3,7.")
        if word in names:
            row = names[word]
            if row is None:
                raise UsageError(f"The layer {word!r} has no row of its own, so it cannot be chosen here.")
            return range(row, row + 1)
        match = _ITEM.fullmatch(word.replace(" ", ""))
        if match is None:
            hint = suggestion(word, names) if names else ""
            raise UsageError(f"{word!r} in the layer list {text!r} is no index, range or layer name.{hint}")
        first, last = int(match[1]), int(match[2] or match[1])
    else:
        first = last = int(item)
    if first > last:
        raise UsageError(f"The range {item!r} in the layer list {text!r} is reversed: write {last}-{first}.")
    if first < 0 or last >= num_layers:
        raise UsageError(
            f"Layer {last if last >= num_layers else first} in {text!r} is out of range: "
            f"this network has layers 0 to {num_layers - 1}."
        )
    return range(first, last + 1)


def parse_truncation(text: str | None, spec: GeneratorSpec) -> Truncation | None:
    """Return the truncation that ``--truncation`` asks for.

    ``None`` is what the generator's file recommends, ``"none"`` no truncation, ``"0.7"`` psi on every row, ``"0.7:8"``
    psi on the first eight rows.
    """
    from gantk.generators.base import Truncation

    if text is None:
        return spec.truncation
    if text.strip().lower() == "none":
        return None
    psi_text, _, layers_text = text.partition(":")
    try:
        psi = float(psi_text)
        layers = int(layers_text) if layers_text else None
    except ValueError:
        raise UsageError(f"The truncation {text!r} is not understood: write 0.7, 0.7:8 (psi:layers) or none.") from None
    if not math.isfinite(psi) or (layers is not None and layers < 0):
        raise UsageError(f"The truncation {text!r} needs a finite psi and a layer count of at least 0.")
    return Truncation(psi=psi, layers=layers)
