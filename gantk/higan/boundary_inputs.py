"""What a boundary search reads: latent codes, which space they are of, and the directions to project out.

Legend: N samples, L rows of wp, D the width of a code.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.codes.arrays import read_arrays
from gantk.codes.entries import entries_of
from gantk.errors import GantkError, UsageError, suggestion
from gantk.generators.rows import parse_layers


def read_latents(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """Return the codes in a file, [N, D] or [N, L, D], memory-mapped.

    Raises:
        GantkError: the file is missing, damaged, or holds something else.
    """
    codes = read_arrays(os.fspath(path)).only("latent codes [N, D] or [N, L, D] were expected.")
    if codes.dtype.kind != "f" or codes.ndim < 2 or 0 in codes.shape:
        raise GantkError(
            f"{os.fspath(path)} holds {codes.dtype} of shape {codes.shape}: "
            "latent codes are floating-point numbers [N, D] or [N, L, D]."
        )
    return codes.reshape(len(codes), -1, codes.shape[-1]) if codes.ndim > 3 else codes


def space_of(codes: npt.NDArray[Any], path: str | os.PathLike[str], given: str | None = None) -> str:
    """Return the space of the codes: as given, by the shape, by the file's name (w.npy), or by their lengths.

    Raises:
        UsageError: the space that is given does not have such codes.
    """
    rows = codes.ndim == 3
    if given is not None:
        if rows != (given == "wp"):
            form = "[N, L, D]" if given == "wp" else "[N, D]"
            raise UsageError(
                f"{os.fspath(path)} has the shape {codes.shape}, and codes of {given} have {form}: "
                "check --latent-space-type."
            )
        return given
    if rows:
        return "wp"
    words = re.split(r"[^a-z]+", Path(path).stem.lower())
    named = [space for space in ("z", "w") if space in words]
    if len(named) == 1:
        return named[0]
    # The original programs keep z on the sphere of radius sqrt(D); mapped codes are not all of one length.
    lengths = np.linalg.norm(np.asarray(codes[:256], dtype=np.float64), axis=1)
    return "z" if np.allclose(lengths, np.sqrt(codes.shape[-1]), rtol=1e-3) else "w"


def read_rows(rows: str | Sequence[int] | None, codes: npt.NDArray[Any]) -> tuple[int, ...] | None:
    """Return the rows of wp that a list names.

    Raises:
        UsageError: the codes have no rows to choose from, or the list is wrong.
    """
    if rows is None:
        return None
    if codes.ndim < 3:
        raise UsageError(f"Rows {rows} cannot be chosen where there is one code per sample: give wp.")
    return parse_layers(rows, codes.shape[1], noun="row")


def check_conditions(
    conditions: Iterable[object], scores: Mapping[str, Any], shape: tuple[int, ...], space: str
) -> dict[str, npt.NDArray[np.float64] | None]:
    """Return what to project out: name -> vectors [1, D] or [1, L, D], or None for a score of this run.

    Args:
        conditions: names of scores of this run, and directions; each one of a file with several is a condition.
        scores: the scores of this run.
        shape: of one sample's code, (D,) or (L, D).
        space: of the codes.

    Raises:
        UsageError: no score has that name, or a direction is of another space or width.
    """
    found: dict[str, npt.NDArray[np.float64] | None] = {}
    for condition in conditions:
        if isinstance(condition, str):
            if condition not in scores:
                raise UsageError(f"The condition {condition!r} is none of the scores.{suggestion(condition, scores)}")
            found[condition] = None
            continue
        for entry in entries_of(condition):
            direction, vectors = entry.direction, entry.alone().vectors
            usable = direction.space == space or (direction.space, space) == ("w", "wp")
            if not usable or direction.width != shape[-1] or vectors.shape[1:-1] not in ((), shape[:-1]):
                raise UsageError(
                    f"The condition {direction.name} is a {direction.space}-direction of shape {vectors.shape[1:]}, "
                    f"and the latents are {space} of shape {shape}: give one of the same space and network."
                )
            key = direction.name if len(direction) == 1 else f"{direction.name}[{entry.number}]"
            found[key] = vectors.astype(np.float64)
    return found
