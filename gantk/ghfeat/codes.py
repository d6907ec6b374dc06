"""Encoded images as arrays: one per styled layer, packed side by side, or as the original lays them out.

Legend: N images, E styled layers of widths C_l, S their sum, L rows, M the largest width.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gantk.codes.given import GivenCodes
from gantk.codes.numbering import show_seeds
from gantk.errors import GantkError, UsageError
from gantk.generators.probed import Probe, read_probe
from gantk.generators.rows import parse_layers
from gantk.store.files import load_npy, write_atomic
from gantk.store.fingerprint import fingerprint
from gantk.store.json_values import JsonTable, items, table, whole
from gantk.store.tensors import names_format, open_tensors

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gantk.generators.base import Generator

FORMAT = "gantk-codes"
CODE_FILES = (".safetensors", ".npy")
VERSION = 1
Array = npt.NDArray[np.float32]
RowList = str | Sequence[int] | None


@dataclass(frozen=True, eq=False)
class Codes:
    """Styles of N images.

    Attributes:
        styles: E arrays [N, C_l], coarsest first.
        rows: the row of `wp` behind each.
        names: of the images.
        probe: of the generator they are for.
        meta: the encoder, its hash, and whatever else belongs to them.
    """

    styles: tuple[Array, ...]
    rows: tuple[int, ...]
    names: tuple[str, ...] = ()
    probe: Probe | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.styles[0])

    def __repr__(self) -> str:
        return f"Codes: styles of {len(self)} images, {sum(self.widths)} numbers each in {len(self.widths)} layers"

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(style.shape[1] for style in self.styles)

    @property
    def packed(self) -> Array:
        """[N, S]."""
        return np.concatenate(self.styles, 1)

    def fingerprint(self) -> object:
        """The styles, whose they are and what they are called; not how they came about."""
        return fingerprint([list(self.names), list(self.rows), list(self.styles)])

    def tensors(self, device: torch.device | str = "cpu") -> tuple[Tensor, ...]:
        """The styles as `Generator.synthesize` takes them."""
        import torch

        return tuple(torch.from_numpy(np.ascontiguousarray(style)).to(device) for style in self.styles)


def tile(styles: Sequence[Array]) -> Array:
    """The original's array [N, E, M]: narrower layers repeated until they fill the width of the widest.

    Raises:
        UsageError: a width that does not divide the widest; the original has no layout for that.
    """
    widest = max(style.shape[1] for style in styles)
    if any(widest % style.shape[1] for style in styles):
        raise UsageError(
            f"styles of widths {sorted({style.shape[1] for style in styles})} cannot be repeated to {widest}: leave "
            "--tiled out"
        )
    return np.stack([np.tile(style, (1, widest // style.shape[1])) for style in styles], 1)


def untile(array_NEM: Array, widths: Sequence[int]) -> tuple[Array, ...]:
    """The styles in the original's array: the first C_l numbers of each layer."""
    return tuple(np.ascontiguousarray(array_NEM[:, index, :width]) for index, width in enumerate(widths))


def save_codes(path: Path, codes: Codes) -> Path:
    """Write codes as safetensors: `styles.00`, `styles.01`, ... and a JSON header."""
    from safetensors.numpy import save

    header = {
        "format": FORMAT,
        "version": VERSION,
        "rows": list(codes.rows),
        "names": list(codes.names),
        "probe": codes.probe,
        "meta": dict(codes.meta),
    }
    arrays = {f"styles.{i:02d}": np.ascontiguousarray(style) for i, style in enumerate(codes.styles)}
    return write_atomic(path, save(arrays, {"gantk": json.dumps(header)}))


def load_codes(path: str | Path, generator: Generator, force: bool = False) -> Codes:
    """Codes of a generator: what `gantk ghfeat extract` or `gantk invert` wrote, or the original's ghfeat.npy.

    An .npy may be [N, E, M] as the original lays it out (repeated or not), or packed [N, S]; a wp [N, L, D] is taken
    as such, and its styles are computed.

    Raises:
        GantkError: damaged, no codes, or of another generator.
    """
    from gantk.generators.probe import mismatch, probe_of
    from gantk.ghfeat.calibration import style_layout

    path = Path(path)
    widths, rows = style_layout(generator)
    if path.suffix == ".npy":
        return Codes(_styles_of(load_npy(path), path, widths, generator), rows)
    header, arrays = read_codes(path)
    styles = tuple(arrays[key] for key in sorted(arrays))
    if tuple(style.shape[-1] for style in styles) != widths:
        raise GantkError(
            f"{path} holds styles of {sum(style.shape[-1] for style in styles)} numbers, and this generator takes "
            f"{sum(widths)}: they belong to another"
        )
    said = header.get("probe")
    theirs = None if said is None else read_probe(said, str(path))
    if theirs is not None and not force:
        difference = mismatch(theirs, probe_of(generator))
        if difference is not None:
            raise GantkError(f"the codes of {path} are for another generator ({difference}); use that one, or --force")
    names = tuple(map(str, items(header.get("names", []), f"the names in {path}")))
    return Codes(styles, rows, names, theirs, table(header.get("meta", {}), f"the meta of {path}"))


def is_codes(path: Path) -> bool:
    """Whether a file is one of codes of images, by its first bytes; what is absent is for its reader to say."""
    return path.suffix == ".safetensors" and names_format(path, FORMAT)


def read_codes(path: Path) -> tuple[JsonTable, dict[str, Array]]:
    """Header and arrays of a file of codes, whosever they are.

    Raises:
        GantkError: damaged, or no codes.
    """
    with open_tensors(path, "file of codes") as (header, file):
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    if header.get("format") != FORMAT:
        raise GantkError(f"{path} holds no codes of images: give what `gantk ghfeat extract` or `gantk invert` wrote.")
    if whole(header.get("version"), f"the version of {path}") > VERSION:
        raise GantkError(f"{path} has format version {header['version']!r}, newer than this gantk: update gantk.")
    shapes = {len(array) for array in arrays.values() if array.ndim == 2}
    if len(shapes) != 1 or any(array.ndim != 2 for array in arrays.values()):
        raise GantkError(f"{path} is damaged: its arrays do not have one row per image")
    return header, {key: array.astype(np.float32, copy=False) for key, array in arrays.items()}


def _styles_of(array: npt.ArrayLike, path: Path, widths: Sequence[int], generator: Generator) -> tuple[Array, ...]:
    array = np.asarray(array, dtype=np.float32)
    spec, total = generator.spec, sum(widths)
    if array.ndim == 2 and array.shape[1] == total:
        return tuple(np.split(array, np.cumsum(widths)[:-1], 1))
    if array.ndim == 3 and array.shape[1:] == (len(widths), max(widths)):
        return untile(array, widths)
    if array.ndim == 3 and array.shape[1:] == (spec.num_layers, spec.wp_dim):
        return _styles(generator, array, "wp")
    raise GantkError(
        f"{path} has the shape {array.shape}; codes of this generator are [N, {total}], "
        f"[N, {len(widths)}, {max(widths)}], or wp [N, {spec.num_layers}, {spec.wp_dim}]"
    )


# --- levels ----------------------------------------------------------------------------------------------------------


def levels_to_rows(levels: RowList, num_rows: int) -> list[int]:
    """Rows of wp from GH-Feat's levels, which count from the image side: level = L - 1 - row. `0-1,4` as for layers.

    Raises:
        UsageError: no such list, or a level out of range.
    """
    try:
        found = parse_layers(levels, num_rows)
    except UsageError as error:
        raise UsageError(
            f"the levels {levels!r} cannot be taken: {error} (levels count from the image: 0 is the finest, "
            f"{num_rows - 1} the coarsest)"
        ) from error
    return sorted(num_rows - 1 - level for level in found)


def choose_rows(rows: RowList, levels: RowList, num_rows: int) -> tuple[list[int], str]:
    """Rows from --rows or --levels (only one may be given), and words that say both; default: all.

    Raises:
        UsageError: both were given, or one cannot be understood.
    """
    if rows is not None and levels is not None:
        raise UsageError("--rows counts from the coarsest row and --levels from the finest: give one of them.")
    chosen = levels_to_rows(levels, num_rows) if levels is not None else list(parse_layers(rows, num_rows, noun="row"))
    named = [num_rows - 1 - row for row in reversed(chosen)]
    return chosen, f"rows {show_seeds(chosen)} (levels {show_seeds(named)} of GH-Feat)"


def entries_of(rows: Sequence[int], row_of: Sequence[int]) -> list[int]:
    """The styled layers that rows feed."""
    return [entry for entry, row in enumerate(row_of) if row in set(rows)]


def codes_of(generator: Generator, given: object) -> Codes | None:
    """Codes of whatever carries some; None where it is something else, such as an image.

    Args:
        given: `Codes`, a result with `.codes`, `gantk.GivenCodes`, an array wp [N, L, D], or the file of any of these.

    Raises:
        GantkError: they are no codes of this generator.
    """
    if isinstance(given, (list, tuple)) and len(given) == 1:
        given = given[0]
    if isinstance(given, (str, os.PathLike)):
        return load_codes(Path(given), generator) if Path(given).suffix in CODE_FILES else None
    if not isinstance(given, (Codes, GivenCodes)) and hasattr(given, "codes"):
        given = given.codes
    if isinstance(given, Codes):
        return _fitting(given, generator)
    if isinstance(given, GivenCodes):
        return _of_given(given.check(generator), generator)
    spec = generator.spec
    floats = getattr(given, "dtype", None) is not None and "float" in str(given.dtype)  # type: ignore[attr-defined]
    if floats and tuple(given.shape[1:]) == (spec.num_layers, spec.wp_dim):  # type: ignore[attr-defined]
        return _of_given(GivenCodes(given, "wp"), generator)  # type: ignore[arg-type]
    return None


def _fitting(codes: Codes, generator: Generator) -> Codes:
    from gantk.ghfeat.calibration import style_layout

    widths, _ = style_layout(generator)
    if codes.widths != widths:
        raise GantkError(
            f"Codes of {sum(codes.widths)} numbers were given, and the styles of this generator have {sum(widths)}: "
            "they belong to another."
        )
    return codes


def _of_given(given: GivenCodes, generator: Generator) -> Codes:
    """Styles of codes of z, w or wp, without truncation."""
    from gantk.ghfeat.calibration import style_layout

    _, rows = style_layout(generator)
    names = tuple(f"code {index}" for index in range(len(given)))
    return Codes(_styles(generator, given.array, given.space), rows, names)


def _styles(generator: Generator, array: npt.ArrayLike, space: str) -> tuple[Array, ...]:
    import torch

    from gantk.ghfeat.starts import brought

    with torch.no_grad():
        code = torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(generator.device, generator.dtype)
        styles = brought(generator, code, space, "s", generator.sample_label(len(code)))
    return tuple(style.float().cpu().numpy() for style in styles)
