"""A made atlas of any number of directions, concluded from made figures of a tiny generator's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gantk.atlas.concluding import conclude
from gantk.atlas.found import AtlasResult, SourceFound
from gantk.atlas.kept import EFFECT, FIGURES, HEAT, Sizes
from gantk.atlas.options import AtlasOptions
from gantk.atlas.plan import AtlasFacts, Floor
from gantk.codes.directions import Direction
from gantk.generators.base import Generator
from gantk.runs.stores import Store

SYSTEMS = ("higan", "sefa", "ganspace", "resefa", "stylespace")
ATTRIBUTES = tuple(f"attribute{i}" for i in range(11))
REGIONS = ("ground", "sky", "cloud", "tree", "wall", "roof")


def made_arrays(count: int, rows: int, width: int, folder: Path | None = None) -> dict[str, np.ndarray]:
    """Figures, heat maps and effects of directions that come in kinds of two or three; in files where there is a
    folder."""
    random = np.random.default_rng(0)
    sizes = Sizes(len(ATTRIBUTES), len(REGIONS), rows)
    kind = random.integers(0, max(count // 2, 1), count)
    centre = random.normal(size=(kind.max() + 1, width)).astype(np.float32)
    columns, start = {}, 0
    for name, length in sizes.parts().items():
        columns[name], start = slice(start, start + length), start + length
    figures = np.zeros((count, start))
    change = random.normal(size=(count, len(ATTRIBUTES)))
    order = np.sort(np.abs(change), 1)
    share = random.dirichlet(np.full(len(REGIONS), 0.5), count)
    figures[:, columns["strength"]] = random.uniform(1, 3, (count, 1))
    figures[:, columns["matched"]] = 1
    figures[:, columns["change"]] = change
    figures[:, columns["attribute"]] = np.abs(change).argmax(1)[:, None]
    figures[:, columns["selectivity"]] = (order[:, -1] / order[:, -2])[:, None]
    figures[:, columns["share"]] = share
    figures[:, columns["area"]] = 1 / len(REGIONS)
    figures[:, columns["locality"]] = share * 5 / np.maximum(1 - share, 0.05)
    figures[:, columns["region"]] = share.argmax(1)[:, None]
    figures[:, columns["cosine"]] = random.uniform(0.3, 0.9, (count, 1))
    figures[:, columns["has_rows"]] = 1
    figures[:, columns["effect"]] = random.dirichlet(np.ones(rows), count)
    figures[:, columns["least"]] = np.eye(rows)[random.integers(0, rows, count)]
    figures[:, columns["strengths"]] = np.nan
    figures[:, columns["near"]] = np.nan
    arrays = {FIGURES: figures}
    shapes = {HEAT: (count, 32, 32), EFFECT: (count, 2, width)}
    for name, shape in shapes.items():
        path = None if folder is None else folder / f"{name}.npy"
        arrays[name] = (
            np.empty(shape, np.float32) if path is None else np.lib.format.open_memmap(path, "w+", np.float32, shape)
        )
    for row in range(count):
        arrays[HEAT][row] = random.uniform(size=(32, 32))
        effect = centre[kind[row]] + 0.3 * random.normal(size=width)
        arrays[EFFECT][row] = np.stack([effect, -effect])
    return arrays


def made_atlas(
    generator: Generator, count: int, store: Store, width: int = 256, folder: Path | None = None
) -> AtlasResult:
    """An atlas of `count` directions of w."""
    width_w = generator.spec.w_dim
    vectors = np.random.default_rng(1).normal(size=(count, 1, width_w)).astype(np.float32)
    parts = np.array_split(np.arange(count), len(SYSTEMS))
    sources = tuple(
        SourceFound(
            system=system,
            directions=tuple(Direction(f"{system} {i}", "direction", "w", vectors[i]) for i in part),
            weights=(),
            passes=10 * len(part),
            note="",
        )
        for system, part in zip(SYSTEMS, parts, strict=True)
    )
    floor = Floor(floor_A=np.full(len(ATTRIBUTES), 0.1), steady=tuple(np.linspace(0, 0.2, 24).tolist()))
    facts = AtlasFacts(
        sources=sources, attributes=ATTRIBUTES, regions=REGIONS, floor=floor, samples=8, seer="the maker", reader="demo"
    )
    arrays = made_arrays(count, generator.spec.num_layers, width, folder)
    return conclude(arrays, facts, AtlasOptions(shown=12), store, generator)
