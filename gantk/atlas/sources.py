"""Where the directions of an atlas come from: the systems, each with few samples and in process.

A source that a generator cannot have says why in a sentence and gives none.

Legend: N samples, A attributes, D width of a code, L rows of wp.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from gantk.atlas.found import SourceFound
from gantk.atlas.judges import Judge
from gantk.atlas.moves import Samples, moves_of
from gantk.atlas.yardstick import Settings, Yardstick
from gantk.codes.directions import Direction
from gantk.codes.entries import Entry
from gantk.comparators.components import components
from gantk.comparators.factorisation import factorise
from gantk.errors import GantkError
from gantk.generators.base import Generator
from gantk.generators.probe import probe
from gantk.higan.boundary import Settings as BoundarySettings
from gantk.higan.boundary import train_boundaries
from gantk.predictors.base import Predictor
from gantk.resefa.options import DirectionsOptions, JacobianOptions
from gantk.stylespace.options import StylespaceOptions

TAILS = 0.25  # of the samples, at each end, that a boundary divides
COMPONENTS_OF = 10_000  # codes; they pass the mapping network only
LEAST_AREA = 0.01  # of the image: smaller regions are given no directions of their own
FEW = 12  # samples on which the rows of a boundary are chosen


@dataclass(frozen=True, eq=False)
class Ground:
    """What directions are found on.

    Attributes:
        samples: N, none of which measures anything.
        judge: for the rows of boundaries.
        names: of the attributes.
        score_NA: of the samples; None without attributes.
        seer: tells regions apart; None does not.
        count: directions for each third of the rows, region or attribute.
        quick: leave out what takes long.
        seed: of all draws.
        truncation: as it was asked for.
    """

    samples: Samples
    judge: Judge
    names: tuple[str, ...]
    score_NA: npt.NDArray[np.float32] | None
    seer: Predictor | None
    count: int
    quick: bool
    seed: int
    truncation: str | None

    @property
    def generator(self) -> Generator:
        return self.samples.generator


def code_space(generator: Generator) -> str:
    """w, or z where w is hardly more."""
    return "w" if generator.spec.can_truncate and "w" in generator.spec.spaces else "z"


def thirds(rows: int) -> dict[str, tuple[int, ...]]:
    """Rows of wp by thirds; with fewer than three all in one."""
    if rows < 3:
        return {"all": tuple(range(rows))}
    cuts = [round(rows * part / 3) for part in range(4)]
    names = ("coarse", "middle", "fine")
    return {name: tuple(range(cuts[i], cuts[i + 1])) for i, name in enumerate(names)}


def find_source(name: str, ground: Ground) -> SourceFound:
    """The directions of a source, or the sentence that says why it has none."""
    try:
        directions, passes = _SOURCES[name](ground)
    except GantkError as error:
        return SourceFound(system=name, directions=(), passes=0, note=str(error))
    return SourceFound(system=name, directions=tuple(directions), passes=passes, note="")


Found = tuple[Sequence[Direction], int]


def _boundaries(ground: Ground) -> Found:
    if ground.score_NA is None:
        raise GantkError("There is no predictor of attributes, so there are no boundaries and no names: --predictor.")
    space, samples = code_space(ground.generator), ground.samples
    assert samples.z_ND is not None
    with torch.no_grad():
        code_ND = samples.z_ND if space == "z" else ground.generator.map(samples.z_ND, samples.label)
    columns = {name: ground.score_NA[:, i] for i, name in enumerate(ground.names) if np.ptp(ground.score_NA[:, i]) > 0}
    settings = BoundarySettings(chosen=TAILS, resamples=0, middle=False, seed=ground.seed)
    results = train_boundaries(code_ND.float().cpu().numpy(), columns, settings)
    found = [_direction(ground, part.name, space, part.vectors, kind="boundary") for part in results]
    passes = len(samples)
    if ground.quick or space == "z":
        return found, passes
    few = samples.part(0, min(FEW, len(samples)))
    yardstick = Yardstick(few, ground.judge, Settings(search=len(few), rows=len(few), others=0))
    before, chosen = yardstick.passes, []
    for direction in found:
        rows = yardstick.measure(next(moves_of(ground.generator, direction, "higan"))).rows
        chosen.append(direction if rows is None else direction.replace(layers=rows.least))
    return chosen, passes + yardstick.passes - before


def _sefa(ground: Ground) -> Found:
    found: list[Direction] = []
    for third, rows in thirds(ground.generator.spec.num_layers).items():
        factors = factorise(ground.generator, rows, count=ground.count)
        found += _each(ground, f"sefa {third}", factors.space, factors.vectors, rows)
        if factors.space == "z":
            break  # z has no rows
    return found, 0


def _ganspace(ground: Ground) -> Found:
    parts = components(ground.generator, COMPONENTS_OF, ground.count, ground.seed)
    if parts.space == "z":
        return _each(ground, "ganspace", "z", parts.vectors, None), 0
    found: list[Direction] = []
    for third, rows in thirds(ground.generator.spec.num_layers).items():
        found += _each(ground, f"ganspace {third}", parts.space, parts.vectors, rows)
    return found, 0


def _resefa(ground: Ground) -> Found:
    from gantk.resefa import directions, jacobian

    if ground.seer is None:
        raise GantkError("Nothing tells regions apart, so there are no directions of regions: give --head.")
    num = 3 if ground.quick else 6
    few = ground.samples.part(0, num)  # those that are differentiated at: the first of the seed
    with torch.no_grad():
        label = ground.seer.segment_codes(ground.generator, few.wp_NLD).argmax(1)
    area_R = np.bincount(label.flatten().cpu().numpy(), minlength=len(ground.seer.class_names)) / label.numel()
    regions = {
        name: (ground.seer, index)
        for index, name in enumerate(ground.seer.class_names)
        if LEAST_AREA <= area_R[index] <= 1 - LEAST_AREA
    }
    if not regions:
        raise GantkError("Every image is one region, so there are no directions of regions.")
    space = cast(Any, code_space(ground.generator))
    drawn = "random" if ground.generator.spec.label_required else None
    asked = JacobianOptions(
        num=num, seed=ground.seed, truncation=ground.truncation, label=drawn, preview=0, space=space
    )
    gram = jacobian(ground.generator, regions, options=asked)
    solved = directions(
        ground.generator, gram, segmenter=ground.seer,
        options=DirectionsOptions(held_out=0, num_directions=ground.count, shown=1, against="none"),
    )  # fmt: skip
    found: list[Direction] = []
    for part in solved.regions:
        found += _each(ground, f"resefa {part.name}", part.direction.space, part.direction.vectors, None)
    return found, num * int(1.5 * gram.facts.dim)


def _stylespace(ground: Ground) -> Found:
    from gantk.stylespace.verbs import search

    if ground.seer is None:
        raise GantkError("Nothing tells regions apart, so no channel belongs to one: give --head.")
    options = StylespaceOptions(
        num=len(ground.samples), looked=2 if ground.quick else 8, components=ground.count, seed=ground.seed,
        colours=ground.generator.bundled == "demo-oracle",  # whose last row only writes colours
    )  # fmt: skip
    done = search(ground.generator, ground.samples.wp_NLD, ground.score_NA, ground.names, ground.seer, options)
    found = [
        _direction(ground, f"{part.name} {name}", "s", part.vectors[k : k + 1], part.layers)
        for part in done.directions
        for k, name in enumerate(part.meta["channels"])
    ]
    return found, done.local.passes + (0 if ground.score_NA is None else len(ground.samples))


_SOURCES: dict[str, Callable[[Ground], Found]] = {
    "higan": _boundaries,
    "sefa": _sefa,
    "ganspace": _ganspace,
    "resefa": _resefa,
    "stylespace": _stylespace,
}
SYSTEMS = tuple(_SOURCES)


def given_source(entries: Sequence[Entry]) -> SourceFound:
    """Directions that were given."""
    return SourceFound(system="given", directions=tuple(entry.alone() for entry in entries), passes=0, note="")


def _each(
    ground: Ground, name: str, space: str, vectors_KD: npt.NDArray[Any], rows: tuple[int, ...] | None
) -> list[Direction]:
    return [_direction(ground, f"{name} {k}", space, vector[None], rows) for k, vector in enumerate(vectors_KD)]


def _direction(
    ground: Ground,
    name: str,
    space: str,
    vectors: npt.NDArray[Any],
    rows: tuple[int, ...] | None = None,
    kind: str = "direction",
) -> Direction:
    rows = None if space == "z" else rows
    return Direction(name, kind, space, vectors.astype(np.float32), None, rows, 3.0, probe(ground.generator))
