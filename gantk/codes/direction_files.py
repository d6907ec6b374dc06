"""The files directions come in: gantk's safetensors, and whatever the programs of others keep arrays in (arrays.py).

What an array is follows from its content: its shape beside the generator's rows, the keys beside it, its numbers. A
name alone says nothing but the name (and, for InterFaceGAN's published files, z or w).

Legend: K directions, L rows of wp, D the width of a code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.codes.arrays import CODE_NAMES, Array, Found, read_arrays
from gantk.codes.arrays import SUFFIXES as ARRAY_SUFFIXES
from gantk.errors import GantkError, StoreError, UsageError
from gantk.generators.rows import LayerList, parse_layers
from gantk.store.files import to_json, write_atomic
from gantk.store.inside import regular_file
from gantk.store.json_values import JsonTable, number, numbers, table, text, whole, wholes
from gantk.store.tensors import header_of, open_tensors

SUFFIXES = (".safetensors", ".npy")
"""What gantk itself writes and ships."""
READABLE = tuple(suffix for suffix in ARRAY_SUFFIXES if suffix not in (".txt", ".csv", ".tsv"))
"""What a file with directions can be called; text is a boundary list."""
FORMAT = "gantk-direction"
VERSION = 1
_ANY_LAYER = 1 << 16  # a file's own layer list is read before the generator is known

# InterFaceGAN's published names say the space: "stylegan_ffhq_age_w_boundary", and z without the w.
_INTERFACEGAN = re.compile(r"(pggan|stylegan)_(celebahq|ffhq)_")
# ReSeFa's published directions are float32 [1, 512] and carry nothing but themselves; the rows their authors move them
# on are known by name.
_RESEFA = {
    **dict.fromkeys(("eyesize", "mouth", "gaze_direction", "nose_length", "eyes-r"), tuple(range(4, 8))),
    **dict.fromkeys(("lipstick", "eyebrows"), tuple(range(8, 12))),
}
_PUBLISHED_SHAPE, _RESEFA_SCALE = (1, 512), 10.0
# LowRankGAN's are float64 of the same shape, of unit length; its documentation moves rows 4-7 in steps up to 4.
_LOWRANK_ROWS, _LOWRANK_SCALE = (4, 5, 6, 7), 4.0
_BOUNDARY_KEY = "boundary"
_COMPONENT = ("lat_comp", "lat_stdev")  # GANSpace's saved component
_GANSPACE = re.compile(r"_c[0-9]+_n[0-9]+(_w)?(?![a-z0-9])")  # what GANSpace calls the components that it keeps
_FACTOR = "eigvec"  # rosinality's closed_form_factorization: eigenvectors as columns
_PRINCIPAL = ("comp", "std")  # principal components: {mean [1, D], std [K], comp [K, 1, D]}


@dataclass(frozen=True, eq=False)
class Content:
    """What a file holds.

    Attributes:
        vectors: [K, D] or [K, L, D].
        fields: the other fields of a Direction; the space may be absent.
        path: for messages.
        plain: whether the vectors are a bare array, whose first dimension may be directions or rows.
        codes: whether the array lies under a key or in a file that is called as codes are.
    """

    vectors: npt.NDArray[np.float32]
    fields: Mapping[str, Any]
    path: Path
    plain: bool = False
    codes: bool = False


def write_native(path: Path, vectors: npt.NDArray[np.float32], fields: Mapping[str, Any]) -> Path:
    """Write vectors and fields as safetensors; the same direction always gives the same bytes."""
    from safetensors.numpy import save

    return write_atomic(path, save({"vectors": np.ascontiguousarray(vectors)}, header_of(FORMAT, VERSION, fields)))


def read_content(path: Path) -> Content:
    """Read a direction file of any kind; nothing in it is executed.

    Raises:
        GantkError: the file is missing, damaged, or holds something else.
    """
    if not regular_file(path).is_file():
        raise GantkError(f"The direction file {path} does not exist.")
    from gantk.checkpoints.safetensors_header import is_native
    from gantk.store.files import open_bytes

    return read_native(path) if is_native(open_bytes(path)) else read_foreign(path)


def read_native(path: Path) -> Content:
    """Read a safetensors file that `write_native` made."""
    with open_tensors(path, "direction file") as (header, file):
        if header.get("format") != FORMAT:
            form = str(header.get("format", ""))[:60]
            what = f"a {form} file" if form else "a safetensors file of another program"
            raise GantkError(f"{path} is {what}, where a direction or boundary was expected.")
        if whole(header.get("version", 0), f"the version of {path}") > VERSION:
            raise GantkError(
                f"{path} has version {header['version']} of its format and this gantk reads up to {VERSION}: "
                "update gantk."
            )
        vectors = file.get_tensor("vectors")
    return Content(vectors, _fields_of(header, path), path)


# Any: the fields of a Direction, as `Content` has them
def _fields_of(header: JsonTable, path: Path) -> dict[str, Any]:
    """The fields that a header holds, each of its type.

    Raises:
        StoreError: one is of another type; the sentence names it.
    """
    try:
        fields: dict[str, Any] = {key: text(header.get(key), key) for key in ("name", "kind", "space")}
        intercept, layers, scales = (header.get(key) for key in ("intercept", "layers", "scales"))
        if isinstance(intercept, list):
            numbers(intercept, "intercept")
        elif intercept is not None:
            number(intercept, "intercept")
        fields["intercept"] = tuple(intercept) if isinstance(intercept, list) else intercept
        fields["layers"] = None if layers is None else wholes(layers, "layers")
        fields["scale"] = header.get("scale", 3.0)
        number(fields["scale"], "scale")
        fields["probe"] = None if header.get("probe") is None else table(header["probe"], "probe")
        fields["meta"] = table(header.get("meta") or {}, "meta")
        if scales is not None:
            fields["scales"] = numbers(scales, "scales")
    except GantkError as error:
        raise StoreError(f"{path} is no readable direction file: {error}") from error
    return fields


def read_foreign(path: Path) -> Content:
    """Read another program's file: an array, HiGAN's dictionary with its layers, GANSpace's component, a basis.

    The space is stated only where the content or InterFaceGAN's published names say it; otherwise `interpreted`
    concludes it from the generator.

    Raises:
        GantkError: the file holds something else, such as codes by name.
    """
    found = read_arrays(path)
    arrays, extra = found.arrays, found.extra
    if _BOUNDARY_KEY in arrays:
        return _higan(found)
    if set(_COMPONENT) <= {*arrays, *extra} and "lat_comp" in arrays:
        return _component(found)
    if set(_PRINCIPAL) <= set(arrays):
        return _principal(found)
    if _FACTOR in arrays:
        return _factor(found)
    if extra and not arrays.keys() - {""}:
        raise GantkError(f"{path} holds a dictionary without a 'boundary': {', '.join(extra)}.")
    key, array = next(iter(arrays.items()))
    if len(arrays) > 1 or "." in key or key in _NOT_DIRECTIONS - _CODES:  # by a picture's name, or scores
        raise GantkError(
            f"{path} holds {', '.join(f'{name} {list(array.shape)}' for name, array in list(arrays.items())[:4])} and "
            "no single direction (such a dictionary is without a 'boundary'): are these codes, which -i takes, or "
            "several directions, of which the one that is meant is to be saved alone?"
        )
    vectors = np.asarray(array)
    if vectors.ndim == 2 and vectors.shape[1] == 1:
        vectors = vectors.T  # [D, 1]: a column
    if vectors.ndim == 4 and vectors.shape[:2] == (1, 1) and vectors.shape[2] > 1:
        vectors = vectors[0]
    if vectors.ndim not in (1, 2, 3):
        raise GantkError(f"{path} holds {vectors.dtype} {vectors.shape}, where [K, D] or [K, L, D] was expected.")
    published = _published(path, vectors)
    vectors = np.atleast_2d(vectors).astype(np.float32)
    return Content(
        vectors,
        {**_named(path, vectors), **published},
        path,
        True,
        key.lower() in _CODES or (len(vectors) > 1 and path.stem in _CODES),
    )


def _named(
    path: Path, vectors: Array, layers: LayerList = None, meta: Mapping[str, object] | None = None
) -> dict[str, object]:
    return {
        "name": path.stem.removesuffix("_boundary"),
        "kind": "boundary" if len(vectors) == 1 else "direction",
        "layers": layers,
        "meta": {"source": path.name, **(meta or {})},
    }


def _published(path: Path, vectors: Array) -> dict[str, object]:
    """What is known of a published file that carries nothing but its numbers."""
    stem = path.stem.removesuffix("_boundary")
    if _INTERFACEGAN.match(stem):
        return {"space": "w" if stem.endswith("_w") else "z"} if vectors.ndim == 2 else {}
    unit = vectors.shape == _PUBLISHED_SHAPE and abs(float(np.linalg.norm(vectors)) - 1) < 1e-3
    if not unit or path.stem.endswith("boundary"):
        return {}
    if vectors.dtype == np.float32 or stem in _RESEFA.keys() - {"mouth"}:  # both programs have a mouth
        if stem not in _RESEFA:
            return {}
        return {"kind": "direction", "space": "w", "layers": _RESEFA[stem], "scale": _RESEFA_SCALE}
    if vectors.dtype == np.float64:
        taken = {"source": path.name, "taken_for": "LowRankGAN's, by its shape and type"}
        return {
            "kind": "direction", "space": "w", "layers": _LOWRANK_ROWS, "scale": _LOWRANK_SCALE, "meta": taken,
        }  # fmt: skip
    return {}


def _higan(found: Found) -> Content:
    vectors = np.asarray(found.arrays[_BOUNDARY_KEY])
    if vectors.ndim not in (1, 2, 3):
        raise GantkError(f"{found.path} holds {vectors.dtype} {vectors.shape}, where [K, D] or [K, L, D] was expected.")
    vectors = np.atleast_2d(vectors).astype(np.float32)
    described = found.extra.get("meta_data") or {}
    described = described if isinstance(described, Mapping) else {}
    layers = None
    if described.get("manipulate_layers"):
        layers = parse_layers(described["manipulate_layers"], _ANY_LAYER)
    meta = {str(key): to_json(item) for key, item in described.items()}
    fields = _named(found.path, vectors, layers, meta)
    if _INTERFACEGAN.match(str(fields["name"])) and vectors.ndim == 2:
        fields["space"] = "w" if str(fields["name"]).endswith("_w") else "z"
    return Content(vectors, fields, found.path, plain=True)


def _component(found: Found) -> Content:
    """GANSpace's component: a direction, the rows it was tuned on, and the deviation its steps are counted in; or all
    components that it keeps of a layer."""
    first, last = found.extra.get("edit_start"), found.extra.get("edit_end")
    layers = None
    if isinstance(first, int) and isinstance(last, int) and 0 <= first <= last < _ANY_LAYER:
        layers = tuple(range(first, last + 1))
    meta = {key: to_json(item) for key, item in found.extra.items() if key in ("component_index", "sigma_range")}
    space = {"z": "z", "w": "w"}.get(str(found.extra.get("latent_space", "W")).lower(), "w")
    if (kept := _GANSPACE.search(found.path.stem)) is not None:
        space = "w" if kept[1] else "z"
    stdev = found.extra.get("lat_stdev", found.arrays.get("lat_stdev", 1.0))
    content = _scaled(found, np.asarray(found.arrays["lat_comp"]), np.asarray(stdev).reshape(-1), space)
    fields = {**content.fields, **_named(found.path, content.vectors, layers, meta), "kind": "direction"}
    if isinstance(found.extra.get("name"), str) and found.extra["name"].strip():
        fields["name"] = found.extra["name"].strip()
    return Content(content.vectors, fields, found.path)


def _principal(found: Found) -> Content:
    """Principal components of w: K directions, each with its deviation as the scale."""
    return _scaled(found, np.asarray(found.arrays["comp"]), np.asarray(found.arrays["std"]).reshape(-1), "w")


def _scaled(found: Found, components: Array, deviations: Array, space: str) -> Content:
    """Components [D] or [K, ..., D] with a deviation each."""
    vectors = np.atleast_2d(components)
    vectors = vectors.reshape(len(vectors), -1).astype(np.float32)
    good = deviations.dtype.kind in "fiu" and np.isfinite(deviations).all() and (deviations > 0).all()
    if len(deviations) != len(vectors) or not good:
        raise GantkError(
            f"{found.path} has {len(deviations)} deviations for {len(vectors)} components, or some not positive."
        )
    scales = tuple(map(float, deviations))
    several = {"scales": scales} if len(scales) > 1 else {}
    fields = {**_named(found.path, vectors), "kind": "direction", "space": space, "scale": max(scales), **several}
    return Content(vectors, fields, found.path)


def _factor(found: Found) -> Content:
    """A closed-form factorisation: eigenvectors of the styles' weights, one in each column, as directions of w."""
    columns = np.asarray(found.arrays[_FACTOR])
    if columns.ndim != 2:
        raise GantkError(f"{found.path} holds an eigvec of shape {list(columns.shape)}, where [D, K] was expected.")
    vectors = np.ascontiguousarray(columns.T).astype(np.float32)
    return Content(vectors, {**_named(found.path, vectors), "kind": "direction", "space": "w"}, found.path)


def interpreted(content: Content, space: str | None, rows: int | None, several: bool = False) -> Content:
    """A bare array's first dimension as directions or as rows of wp.

    An array [K, D] is K directions, or one wp direction where K is the generator's L. Which it is shows where all rows
    are equal or of other lengths than one; unit rows can be either, and only the user knows.

    Args:
        space: what the user says it is of.
        rows: L of the generator, None where none is known.
        several: whether the user expects several directions, so that rows of any length are no surprise.

    Raises:
        UsageError: it could be either.
    """
    vectors = content.vectors
    if not content.plain:
        return content
    if space is None and not several and not content.fields.get("space"):
        _ask_about_codes(content, rows)
    if vectors.ndim == 3 and vectors.shape[1] == 1 and (rows or 0) != 1 and space != "wp":
        return _with(content, vectors[:, 0])  # [K, 1, D]
    if vectors.ndim != 2 or len(vectors) == 1 or space in ("z", "w", "s"):
        return content
    equal = bool((vectors == vectors[:1]).all())
    if space == "wp" or (equal and rows in (None, len(vectors))):
        if rows not in (None, len(vectors)):
            raise UsageError(
                f"{content.path} has {len(vectors)} rows, and a wp direction of this generator has {rows}: "
                "it belongs to another network, or holds directions of w (--space w)."
            )
        return _with(content, vectors[None])
    if rows is None or rows != len(vectors) or content.fields.get("space"):
        return content
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    if np.allclose(lengths, 1.0, atol=1e-3):
        raise UsageError(
            f"{content.path} holds [{len(vectors)}, {vectors.shape[1]}], which can be one wp direction of this "
            f"generator's {rows} rows or {len(vectors)} directions of w: say --space wp or --space w."
        )
    return _with(content, vectors[None])


def _ask_about_codes(content: Content, rows: int | None) -> None:
    """Codes given as a direction are a mistake that moves somewhere all the same: they are asked about."""
    vectors = content.vectors
    form = f"{content.path} holds {list(vectors.shape)}"
    how = "give codes with -i, or say --space w (or z, wp) if these are directions."
    if content.codes:
        raise UsageError(f"{form} under a name that codes have: {how}")
    if len(vectors) == 1 or vectors.shape[1:2] == (1,) or (vectors.ndim == 2 and len(vectors) == rows):
        return
    lengths = np.linalg.norm(vectors.reshape(-1, vectors.shape[-1]).astype(np.float64), axis=1)
    equal = vectors.ndim == 2 and bool((vectors == vectors[:1]).all())
    if np.isfinite(lengths).all() and not equal and not np.allclose(lengths, lengths[0], rtol=1e-3):
        raise UsageError(f"{form}, whose vectors have lengths from {lengths.min():.3g} to {lengths.max():.3g}: {how}")


def _with(content: Content, vectors: npt.NDArray[np.float32]) -> Content:
    fields = {**content.fields, "kind": "boundary" if len(vectors) == 1 else "direction"}
    return Content(vectors, fields, content.path)


def direction_files(folder: Path) -> list[Path]:
    """The directions in a folder: gantk's own files, and those of others that have no such twin.

    Where some of the others are called *boundary*, only those are: a run directory has codes and scores beside them.
    Elsewhere each is taken that holds one vector or several, and not codes or scores by their usual names.
    """
    files = sorted(item for item in folder.iterdir() if item.is_file() and not item.name.startswith("."))
    native = [item for item in files if item.suffix == ".safetensors" and _is_direction(item)]
    stems = {item.stem.removesuffix("_boundary") for item in native}
    others = [item for item in files if item.suffix in READABLE and item.suffix != ".safetensors"]
    named = [item for item in others if "boundary" in item.name]
    if not named and not native:
        named = [item for item in others if item.stem not in _NOT_DIRECTIONS]
    return native + [item for item in named if item.stem.removesuffix("_boundary") not in stems]


_CODES = frozenset((*CODE_NAMES, "latent_codes", "projected_w", "projected_wp"))
_NOT_DIRECTIONS = frozenset((*_CODES, "attribute", "category", "score", "scores", "jacobians_w"))


def _is_direction(path: Path) -> bool:
    """Whether a safetensors file is gantk's direction; others are for a message where it is named itself."""
    from gantk.checkpoints.native import read_header

    try:
        read_header(path, FORMAT, "a direction")
    except GantkError as error:
        return "of kind" not in str(error) and "did not write" not in str(error)
    return True
