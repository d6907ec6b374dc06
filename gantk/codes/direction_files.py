"""The files directions come in: gantk's safetensors with a JSON header, and the .npy of the original programs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.errors import GantkError
from gantk.generators.rows import parse_layers
from gantk.store.files import load_npy, save_npy, to_json, write_atomic
from gantk.store.inside import regular_file

SUFFIXES = (".safetensors", ".npy")
FORMAT = "gantk-direction"
VERSION = 1
HEADER_KEY = "gantk"  # one metadata key, so that the bytes of a file do not depend on a hash map's order
_ANY_LAYER = 1 << 16  # a file's own layer list is read before the generator is known

# InterFaceGAN's published names say the space: "stylegan_ffhq_age_w_boundary", and z without the w.
_INTERFACEGAN = re.compile(r"(pggan|stylegan)_(celebahq|ffhq)_")
# ReSeFa's published directions carry nothing but themselves; these are the rows their authors move them on.
_RESEFA = {
    **dict.fromkeys(("eyesize", "mouth", "gaze_direction", "nose_length", "eyes-r"), tuple(range(4, 8))),
    **dict.fromkeys(("lipstick", "eyebrows"), tuple(range(8, 12))),
}
_RESEFA_SHAPE, _RESEFA_SCALE = (1, 512), 10.0


@dataclass(frozen=True, eq=False)
class Content:
    """What a file holds: vectors [K, D] or [K, L, D] and the other fields of a Direction (space may be absent)."""

    vectors: npt.NDArray[np.float32]
    fields: Mapping[str, Any]


def write_native(path: Path, vectors: npt.NDArray[np.float32], fields: Mapping[str, Any]) -> Path:
    """Write vectors and fields as safetensors; the same direction always gives the same bytes."""
    from safetensors.numpy import save

    header = json.dumps(
        {"format": FORMAT, "version": VERSION, **to_json(dict(fields))}, sort_keys=True, allow_nan=False
    )
    return write_atomic(path, save({"vectors": np.ascontiguousarray(vectors)}, metadata={HEADER_KEY: header}))


def write_legacy(path: Path, vectors: npt.NDArray[np.float32]) -> Path:
    """Write the plain float32 array that HiGAN, InterFaceGAN and ReSeFa read; everything but the vectors is lost."""
    return save_npy(path, np.asarray(vectors, dtype=np.float32))


def read_content(path: Path) -> Content:
    """Read a direction file of either kind; nothing in it is executed.

    Raises:
        GantkError: the file is missing, damaged, or holds something else.
    """
    if not regular_file(path).is_file():
        raise GantkError(f"The direction file {path} does not exist.")
    if path.suffix == ".npy":
        return read_legacy(path)
    return read_native(path)


def read_native(path: Path) -> Content:
    """Read a safetensors file that `write_native` made."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get(HEADER_KEY, "{}"))
            if header.get("format") != FORMAT:
                what = f"a {header['format']} file" if "format" in header else "a safetensors file of another program"
                raise GantkError(f"{path} is {what}, where a direction or boundary was expected.")
            if header.get("version", 0) > VERSION:
                raise GantkError(
                    f"{path} has version {header['version']} of its format and this gantk reads up to {VERSION}: "
                    "update gantk."
                )
            vectors = file.get_tensor("vectors")
    except (SafetensorError, OSError, ValueError) as error:
        raise GantkError(f"{path} is no readable direction file ({error}).") from error
    fields = {
        key: header.get(key) for key in ("name", "kind", "space", "intercept", "layers", "scale", "probe", "meta")
    }
    for key in ("intercept", "layers"):
        if isinstance(fields[key], list):
            fields[key] = tuple(fields[key])
    return Content(vectors, fields)


def read_legacy(path: Path) -> Content:
    """Read an .npy: a plain array [D], [K, D] or [1, L, D], or HiGAN's pickled dictionary with its layers.

    The space is stated only for InterFaceGAN's published names; otherwise the reader concludes it.
    """
    from gantk.checkpoints.unpickle import load_legacy_npy

    value: Any = load_legacy_npy(path) if _is_pickled(path) else load_npy(path)
    meta: dict[str, Any] = {"source": path.name}
    layers = None
    if isinstance(value, dict):
        if "boundary" not in value:
            raise GantkError(
                f"{path} holds a dictionary without a 'boundary': {', '.join(map(str, value)) or 'empty'}."
            )
        described = value.get("meta_data") or {}
        meta.update({str(key): to_json(item) for key, item in described.items()})
        if described.get("manipulate_layers"):
            layers = parse_layers(described["manipulate_layers"], _ANY_LAYER)
        value = value["boundary"]
    vectors = np.asarray(value)
    if vectors.dtype.kind not in "fiu" or vectors.ndim not in (1, 2, 3):
        raise GantkError(f"{path} holds {vectors.dtype} {vectors.shape}, where [K, D] or [K, L, D] was expected.")
    vectors = np.atleast_2d(vectors).astype(np.float32)
    stem = path.stem.removesuffix("_boundary")
    fields: dict[str, Any] = {
        "name": stem,
        "kind": "boundary" if len(vectors) == 1 else "direction",
        "layers": layers,
        "meta": meta,
    }
    if stem in _RESEFA and vectors.shape == _RESEFA_SHAPE:
        fields |= {"kind": "direction", "space": "w", "layers": _RESEFA[stem], "scale": _RESEFA_SCALE}
    if _INTERFACEGAN.match(stem) and vectors.ndim == 2:
        fields["space"] = "w" if stem.endswith("_w") else "z"
    return Content(vectors, fields)


def _is_pickled(path: Path) -> bool:
    """Whether an .npy's header announces objects."""
    from numpy.lib import format as npy

    try:
        with open(path, "rb") as file:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            return bool(read(file)[2].hasobject)
    except (OSError, ValueError) as error:
        raise GantkError(f"{path} is no readable .npy array ({error}).") from error
