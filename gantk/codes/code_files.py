"""Codes of a generator from a file: which array of it, of which space, in which shape.

Legend: N codes, L rows of wp, D the width of a code.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gantk.codes.arrays import CODE_NAMES, Array, Found, LeftOut, read_arrays
from gantk.codes.given import SPACES
from gantk.errors import GantkError
from gantk.generators.spec import GeneratorSpec

_SPACE_OF = {"wp": "wp", "w_plus": "wp", "w+": "wp", "latent_w_plus": "wp", "w": "w", "z": "z"}


@dataclass(frozen=True)
class CodeFile:
    """Codes [N, D] (z, w) or [N, L, D] (wp), their space, and their names where the file has some."""

    codes: Array
    space: str
    names: tuple[str, ...] | None = None


def read_codes(path: str | Path, spec: GeneratorSpec, space: str | None = None) -> CodeFile:
    """Codes of a generator from any file that `read_arrays` reads.

    Without `space` it is concluded: [N, L, D], or [L, D] with exactly the generator's L rows, are wp; [N, D] is what
    the key or the file's name says (`w.npy`), else z. Leading dimensions of one are dropped.

    Raises:
        GantkError: no readable file, or arrays that are no codes of this generator.
    """
    found = read_arrays(path)
    if len(found.arrays) == 1 and not found.keys:
        name, array = next(iter(found.arrays.items()))
        return _fitted(found.path, array, name, spec, space)
    chosen = None if found.keys else _chosen(found, space)
    if chosen is not None:
        return _fitted(found.path, found.arrays[chosen], chosen, spec, space)
    return _by_name(found, spec, space)


def _chosen(found: Found, space: str | None) -> str | None:
    """The key under which a file of several arrays keeps its codes."""
    known = {key.lower(): key for key in found.arrays}
    names = [name for name in CODE_NAMES if name in known]
    wanted = [name for name in names if space is not None and _SPACE_OF.get(name) == space]
    return known[(wanted or names)[0]] if names else None


def _by_name(found: Found, spec: GeneratorSpec, space: str | None) -> CodeFile:
    """A dictionary name -> code: as many codes as names."""
    parts: dict[str, CodeFile] = {}
    misfit: GantkError | None = None
    for name, array in found.arrays.items():
        try:
            parts[name] = _fitted(found.path, array, found.keys.get(name, ""), spec, space, name)
        except GantkError as error:
            misfit = misfit or error
    if misfit is not None and (len(parts) != 1 or found.keys):  # files of a folder are all meant
        raise misfit
    if misfit is not None:
        beside = _listed({name: array for name, array in found.arrays.items() if name not in parts})
        ((name, part),) = parts.items()
        warnings.warn(f"{found.path}: its codes are {name!r}, and {beside} beside them is not read.", LeftOut, 2)
        return CodeFile(part.codes, part.space)
    spaces = {part.space for part in parts.values()}
    if len(spaces) > 1:
        raise GantkError(
            f"{found.path} holds codes of {' and '.join(sorted(spaces))} ({_listed(found.arrays)}): "
            "say which with --latent-space-type."
        )
    names: list[str] = []
    for name, part in parts.items():
        names += [name] if len(part.codes) == 1 else [f"{name}_{index}" for index in range(len(part.codes))]
    codes = np.concatenate([np.asarray(part.codes, dtype=np.float32) for part in parts.values()])
    return CodeFile(codes, spaces.pop(), tuple(names))


def _listed(arrays: Mapping[str, Array]) -> str:
    return ", ".join(f"{name} {list(array.shape)}" for name, array in list(arrays.items())[:4])


def _fitted(path: Path, array: Array, key: str, spec: GeneratorSpec, space: str | None, member: str = "") -> CodeFile:
    widths = {"z": spec.z_dim, "w": spec.w_dim, "wp": spec.wp_dim}
    spaces = [name for name in SPACES if name in spec.spaces]
    held = f"{path}{member and f', {member},'} holds {array.dtype} {array.shape}"
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    while array.ndim > 2 and array.shape[-1] == 1 != spec.z_dim:
        array = array[..., 0]  # [N, D, 1, 1], as convolutions take z
    if array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]  # [N, 1, L, D]
    if array.ndim == 2 and array.shape[1] == 1:
        array = array.T  # [D, 1]: a column
    if array.ndim == 3 and array.shape[1] == 1 and spec.num_layers != 1 and space != "wp":
        array = array[:, 0]  # [N, 1, D]: codes one by one
    rows = (spec.num_layers, spec.wp_dim)
    if space is None:
        space = _concluded(path, array, key, rows, spaces)
    shape = rows if space == "wp" else (widths.get(space, -1),)
    if array.shape == shape or array.shape[1:] == shape:
        return CodeFile(array.reshape(-1, *shape), space)
    forms = [f"{name} [N, {', '.join(map(str, spec.code_shape(name)))}]" for name in spaces]
    sizes = {widths[name] for name in ([space] if space in widths else spaces)}
    turned = array.shape[0] in sizes if array.ndim == 2 else array.shape[1:] == rows[::-1]
    if turned:
        raise GantkError(
            f"{held}, which looks transposed, and codes of this generator are {', '.join(forms)}: save the array with "
            "its last two axes swapped."
        )
    raise GantkError(
        f"{held}, and codes of this generator are {', '.join(forms)}"
        + (f"; {space} was expected: " if space else ": ")
        + "is it another network's, or of another space?"
    )


def _concluded(path: Path, array: Array, key: str, rows: tuple[int, int], spaces: list[str]) -> str:
    """The space of an array that nobody named."""
    stem = path.stem.lower()
    words = [_SPACE_OF.get(key.lower(), ""), *re.split(r"[^a-z]+", stem)]
    several = array.ndim == 2 and ("z" in words or stem == "w")  # as many codes as rows: gantk's z.npy and w.npy
    if "wp" in spaces and (array.ndim == 3 or (array.shape == rows and rows[0] > 1 and not several)):
        return "wp"
    named = [word for word in words if word in ("z", "w") and word in spaces]
    return named[0] if named else spaces[0]
