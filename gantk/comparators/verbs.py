"""Verbs of the comparators: directions without labels, from weights (SeFa) or from sampled codes (GANSpace).

Shape legend: K directions, D width of a code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.codes.directions import Direction
from gantk.codes.latents import parse_truncation
from gantk.comparators.components import components, most_components
from gantk.comparators.factorisation import factorise
from gantk.comparators.options import DrawingOptions, GanspaceOptions, SefaOptions
from gantk.comparators.results import GanspaceResult, SefaResult
from gantk.generators.base import Generator
from gantk.generators.probe import probe
from gantk.runs.options import at_most
from gantk.runs.stores import Store
from gantk.runs.task import verb
from gantk.runs.walk import Walk
from gantk.runs.walks import draw_walks

SHOWN = 5


@verb(SefaOptions)
def sefa(generator: Generator, *, options: SefaOptions, store: Store) -> SefaResult:
    """Find the steps that change the styles most, whatever the image, from the weights alone (Shen & Zhou 2021, eq. 8).

    Args:
        generator: any family whose rows of wp share one w, or without styles.
        options: `SefaOptions`, or its fields as keywords.

    Returns:
        K unit directions by decreasing eigenvalue.

    Raises:
        UsageError: a row that does not exist, or more directions than there are.
    """
    rows = generator.parse_rows(options.rows)
    found = factorise(generator, rows, options.normalize)
    count = at_most("--components", options.components, len(found.vectors), f"directions of {found.space}")
    scales = [3.0] * count
    meta = {"layers": list(rows), "normalize": options.normalize, "eigenvalues": found.eigenvalues[:count].tolist()}
    direction, walks = _drawn("sefa", generator, options, store, found.vectors[:count], found.space, rows, scales, meta)
    return SefaResult(direction=direction, walks=walks, eigenvalues=found.eigenvalues[:count])


@verb(GanspaceOptions)
def ganspace(generator: Generator, *, options: GanspaceOptions, store: Store) -> GanspaceResult:
    """Find the principal components of w, or of an early layer's features brought back to z (Haerkoenen et al. 2020).

    Args:
        generator: any family.
        options: `GanspaceOptions`, or its fields as keywords.

    Returns:
        K unit directions by decreasing variance.

    Raises:
        UsageError: a layer or row that does not exist, or more directions than there are.
    """
    rows = generator.parse_rows(options.rows)
    most, space = most_components(generator, options.num, options.layer)
    at_most("--components", options.components, most, f"directions of {space}")
    found = components(generator, options.num, options.components, options.seed, options.layer)
    count = at_most("--components", options.components, len(found.vectors), f"directions of {found.space}")
    scales = [float(2 * value) for value in found.deviations[:count]]
    deviations, explained = found.deviations[:count], found.explained[:count]
    meta = {"layers": list(rows), "num": options.num, "layer": found.layer, "deviations": deviations.tolist(),
            "explained": explained.tolist()}  # fmt: skip
    vectors = found.vectors[:count]
    direction, walks = _drawn("ganspace", generator, options, store, vectors, found.space, rows, scales, meta)
    return GanspaceResult(
        direction=direction, walks=walks, deviations=deviations, explained=explained, layer=found.layer
    )


def _drawn(
    name: str,
    generator: Generator,
    options: DrawingOptions,
    store: Store,
    vectors_KD: npt.NDArray[np.float64],
    space: str,
    rows: tuple[int, ...],
    scales: list[float],
    meta: Mapping[str, Any],
) -> tuple[Direction, tuple[Walk, ...]]:
    """The directions as an artifact, and the first of them drawn."""
    if options.distance is not None:
        scales = [abs(options.distance)] * len(scales)
    every = rows == tuple(range(generator.spec.num_layers))
    direction = Direction(
        name,
        "direction",
        space,
        vectors_KD.astype(np.float32),
        None,
        None if every or space == "z" else rows,
        float(np.median(scales[:8])) or 1.0,
        probe(generator),
        {"seed": options.seed, **meta},
    )
    shown = at_most("--shown", options.shown, len(vectors_KD), "directions", SHOWN)
    truncation = parse_truncation(options.truncation, generator.spec)
    walks = draw_walks(
        store, generator, direction, scales[:shown], truncation, options.seed, options.samples, options.step,
        codes=options.shown_codes(generator), batch=options.batch_size,
    )  # fmt: skip
    return direction, walks
