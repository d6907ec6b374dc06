"""Measured moves as arrays, one row each, so that any number of them is kept, divided among shards and read again.

Legend: M moves, A attributes, R regions, L rows of wp, S strengths that tell a reach, P numbers of an effect vector,
H x W pixels of a heat map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.atlas.figures import far_of
from gantk.atlas.results import Effect, HowFar, Measured, Rows, Steadiness, What, Where

Array = npt.NDArray[Any]

FIGURES, HEAT, EFFECT = "atlas_figures", "atlas_heat", "atlas_effect"
ARRAYS = (FIGURES, HEAT, EFFECT)
STRENGTHS = 5  # at which it is asked who is near, at most


@dataclass(frozen=True)
class Sizes:
    """Lengths of the vectors in a row of figures."""

    attributes: int
    regions: int
    rows: int

    def parts(self) -> dict[str, int]:
        """Name -> how many numbers, in their order."""
        a, r, n = self.attributes, self.regions, self.rows
        return {
            "strength": 1, "distance": 1, "matched": 1, "share": r, "area": r, "locality": r, "region": 1,
            "change": a, "error": a, "floor": a, "attribute": 1, "selectivity": 1, "twice": a,
            "cosine": 1, "curvature": 1, "symmetry": 1, "across": 1, "passes": 1,
            "has_rows": 1, "effect": n, "least": n, "kept": 1,
            "strengths": STRENGTHS, "near": STRENGTHS,
        }  # fmt: skip


def to_arrays(part: Measured, sizes: Sizes) -> dict[str, Array]:
    """A row of every array."""
    where, what, steady, rows, far = part.where, part.what, part.steadiness, part.rows, part.far
    least = np.zeros(sizes.rows)
    if rows is not None:
        least[list(rows.least)] = 1
    values: dict[str, npt.ArrayLike] = {
        "strength": part.strength, "distance": part.distance, "matched": part.matched,
        "share": where.share_R, "area": where.area_R, "locality": where.locality_R, "region": where.region,
        "change": what.change_A, "error": what.error_A, "floor": what.floor_A, "attribute": what.attribute,
        "selectivity": what.selectivity, "twice": part.twice,
        "cosine": steady.cosine, "curvature": steady.curvature, "symmetry": steady.symmetry, "across": steady.across,
        "passes": part.passes,
        "has_rows": rows is not None, "effect": np.full(sizes.rows, np.nan) if rows is None else rows.effect_L,
        "least": least, "kept": 0.0 if rows is None else rows.kept,
        "strengths": _filled(None if far is None else far.strengths),
        "near": _filled(None if far is None else far.near),
    }  # fmt: skip
    flat = [np.atleast_1d(np.asarray(values[name], np.float64)).ravel() for name in sizes.parts()]
    for (name, count), found in zip(sizes.parts().items(), flat, strict=True):
        assert len(found) == count, name
    return {
        FIGURES: np.concatenate(flat)[None],
        HEAT: where.heat_HW.astype(np.float32)[None],
        EFFECT: np.stack([part.effect.plus_P, part.effect.minus_P]).astype(np.float32)[None],
    }


def from_arrays(arrays: Mapping[str, Array], index: int, sizes: Sizes, name: str, system: str) -> Measured:
    """The move of a row."""
    row, at = np.asarray(arrays[FIGURES][index]), 0
    found: dict[str, Array] = {}
    for key, count in sizes.parts().items():
        found[key], at = row[at : at + count], at + count

    def one(key: str) -> float:
        return float(found[key][0])

    rows = None
    if one("has_rows"):
        least = tuple(int(place) for place in np.flatnonzero(found["least"]))
        rows = Rows(found["effect"], least, one("kept"))
    effect = arrays[EFFECT][index]
    return Measured(
        name,
        system,
        one("strength"),
        one("distance"),
        bool(one("matched")),
        Where(arrays[HEAT][index], found["share"], found["area"], found["locality"], int(one("region"))),
        What(found["change"], found["error"], found["floor"], int(one("attribute")), one("selectivity")),
        found["twice"],
        Steadiness(one("cosine"), one("curvature"), one("symmetry"), one("across")),
        Effect(effect[0], effect[1]),
        rows,
        _far(found["strengths"], found["near"]),
        passes=int(one("passes")),
    )


def _filled(values: Array | None) -> Array:
    whole = np.full(STRENGTHS, np.nan)
    if values is not None:
        whole[: len(values)] = values
    return whole


def _far(strengths: Array, near: Array) -> HowFar | None:
    tried = np.isfinite(strengths)
    return far_of(strengths[tried], near[tried]) if tried.any() else None
