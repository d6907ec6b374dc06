"""From measured directions to an atlas: those that do the same joined, drawn and written as artifacts.

Legend: M directions, G groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.atlas.drawing import Drawer
from gantk.atlas.figures import named_regions
from gantk.atlas.found import AtlasResult, Charted, Drawn, Source, is_steady
from gantk.atlas.groups import find_groups
from gantk.atlas.kept import EFFECT
from gantk.atlas.kept import Sizes as RowSizes
from gantk.atlas.kept import from_arrays as measured_of
from gantk.atlas.moves import DirectionMove, Move, WeightMove
from gantk.atlas.options import AtlasOptions
from gantk.atlas.plan import AtlasFacts, held_out, moves_in, sizes_of
from gantk.atlas.results import Group, Measured
from gantk.atlas.rows import thirds
from gantk.codes.directions import Direction
from gantk.codes.latents import parse_truncation
from gantk.errors import GantkError
from gantk.generators.base import Generator
from gantk.generators.probe import probe_of
from gantk.navigan.kept import KeptWeights, keep
from gantk.runs.inputs import numbered
from gantk.runs.stores import Store
from gantk.store.progress import progress

DRAWN_SAMPLES = 2


def conclude(
    arrays: Mapping[str, npt.NDArray[Any]],
    facts: AtlasFacts,
    options: AtlasOptions,
    store: Store,
    generator: Generator,
) -> AtlasResult:
    """Join the measured directions into groups and draw them."""
    every = list(moves_in(generator, facts.sources))
    rows = RowSizes(len(facts.attributes), len(facts.regions), generator.spec.num_layers)
    kept = [
        (move, measured_of(arrays, number, rows, move.name, move.system))
        for number, move in enumerate(every)
        if np.abs(arrays[EFFECT][number, 0]).max() > 0
    ]
    kept = [(move, part) for move, part in kept if part.strength > 0]
    if not kept:
        raise GantkError("None of the directions changes the samples: there is nothing to chart.")
    moves, measured = [move for move, _ in kept], [part for _, part in kept]
    groups = find_groups(measured, facts.attributes, facts.regions, options.cut, seed=options.seed)
    charted = tuple(_charted(move, part) for move, part in zip(moves, measured, strict=True))
    if not is_steady(
        [charted[group.members[0]] for group in groups.groups], charted, facts.floor.steady
    ):  # what is the same nowhere has no name
        unnamed = (replace(group, name=f"direction {place}") for place, group in enumerate(groups.groups, 1))
        groups = replace(groups, groups=tuple(unnamed))
    truncation = parse_truncation(options.truncation, generator.spec)
    listed = numbered(options, generator)
    titles = None if listed is None else listed.names
    with store.timed("drawing"):
        drawn = _drawn(
            Drawer(store, held_out(generator, options, truncation, DRAWN_SAMPLES, listed=listed), titles), moves,
            measured, charted, groups.groups, sizes_of(options).shown,
        )  # fmt: skip
    artifacts = [
        _carded(generator, moves, measured, group, facts.attributes, charted[group.members[0]].turn) for group in drawn
    ]
    return AtlasResult(
        sources=tuple(
            Source(
                system=part.system, directions=sum(move.system == part.system for move in every), passes=part.passes,
                note=part.note,
            )
            for part in facts.sources
        ),
        charted=charted,
        groups=drawn,
        attributes=facts.attributes,
        regions=facts.regions,
        rows=_row_names(generator),
        area_R=measured[0].where.area_R,
        floor_A=facts.floor.floor_A,
        random_steady=facts.floor.steady,
        systems=groups.systems,
        overlap_YY=groups.overlap_YY,
        cut=groups.cut,
        unrelated=groups.unrelated,
        similarity_MM=groups.similarity_MM,
        samples=facts.samples,
        seer=facts.seer,
        reader=facts.reader,
        directions=tuple(part if isinstance(part, Direction) else None for part in artifacts),
        weights=tuple(part if isinstance(part, KeptWeights) else None for part in artifacts),
    )  # fmt: skip


def _charted(move: Move, part: Measured) -> Charted:
    what, where, rows, far = part.what, part.where, part.rows, part.far
    return Charted(
        name=move.name,
        system=part.system,
        space=move.space,
        strength=part.strength,
        matched=part.matched,
        attribute=what.attribute,
        region=where.region,
        selectivity=float(what.selectivity),
        change_A=what.change_A,
        error_A=what.error_A,
        twice_A=part.twice,
        share_R=where.share_R,
        locality_R=where.locality_R,
        effect_L=None if rows is None else rows.effect_L,
        least=() if rows is None else tuple(int(row) for row in rows.least),
        limit=None if far is None else float(far.limit),
        reached=far is not None and far.reached,
        cosine=float(part.steadiness.cosine),
        curvature=float(part.steadiness.curvature),
        symmetry=float(part.steadiness.symmetry),
        across=float(part.steadiness.across),
    )


def _row_names(generator: Generator) -> tuple[str, ...]:
    place = {row: name for name, rows in thirds(generator.spec.num_layers).items() for row in rows}
    return tuple(place[row] for row in range(generator.spec.num_layers))


# --- groups ----------------------------------------------------------------------------------------------------------


def _drawn(
    drawer: Drawer,
    moves: Sequence[Move],
    measured: Sequence[Measured],
    charted: Sequence[Charted],
    groups: Sequence[Group],
    shown: int,
) -> tuple[Drawn, ...]:
    files = _files([group.name for group in groups])
    found = []
    with progress(len(groups), "drawing", unit="group") as bar:
        for number, (group, file) in enumerate(zip(groups, files, strict=True)):
            head = group.members[0]
            turn = charted[head].turn
            drawn = number < shown
            heat, most = drawer.heat(file, measured[head].where.heat_HW)
            members = group.members[1:]
            found.append(
                Drawn(
                    **vars(group),
                    file=file,
                    heat=heat,
                    heat_most=most,
                    walk=drawer.walk(group.name, file, moves[head], turn * measured[head].strength) if drawn else None,
                    beside=drawer.beside(
                        file,
                        [
                            (moves[m], turn * sign * measured[m].strength)
                            for m, sign in zip(members, group.signs[1:], strict=True)
                        ],
                    )
                    if drawn
                    else (),
                )
            )
            bar.update(1)
    return tuple(found)


def _files(names: Sequence[str]) -> list[str]:
    """A stem of its own for each group."""
    found: list[str] = []
    for number, name in enumerate(names):
        words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in name.split("(")[0])
        found.append(f"{number:03d}_{'_'.join(words.split()) or 'direction'}"[:60])
    return found


def _carded(
    generator: Generator,
    moves: Sequence[Move],
    measured: Sequence[Measured],
    group: Drawn,
    names: Sequence[str],
    turn: int,
) -> Direction | KeptWeights:
    """The representative of a group, turned so that its attribute grows, as an artifact with its card."""
    head = group.members[0]
    move, part = moves[head], measured[head]
    card: dict[str, object] = {
        "group": group.name,
        "systems": list(group.systems),
        "found as": [moves[m].name for m in group.members],
        "attribute": names[part.what.attribute] if part.what.attribute >= 0 else None,
        "selectivity": float(part.what.selectivity),
        "strength": part.strength,
        "limit": None if part.far is None else float(part.far.limit),
        "regions": len(named_regions(part.where.share_R, part.where.area_R, part.where.locality_R)),
    }
    if not isinstance(move, DirectionMove):
        return _weights(move, group, part.strength, turn, card)
    one = move.direction.pick(move.pick)
    intercept = one.intercept
    if turn < 0 and intercept is not None:
        intercept = -intercept if isinstance(intercept, float) else tuple(-value for value in intercept)
    return one.replace(
        name=group.file, vectors=one.vectors * np.float32(turn), intercept=intercept, scale=2 * part.strength,
        scales=None, probe=probe_of(generator), meta=card,
    )  # fmt: skip


def _weights(move: Move, group: Drawn, strength: float, turn: int, card: Mapping[str, object]) -> KeptWeights:
    """A direction of a convolution's weight as an artifact."""
    from gantk.navigan.bases import VectorBasis
    from gantk.navigan.directions import WeightDirections
    from gantk.navigan.target import GeneratorTarget

    assert isinstance(move, WeightMove)
    identity = GeneratorTarget(move.generator, move.layer).identity()
    basis = VectorBasis(turn * move.delta_OIKK.detach().float().cpu()[None])
    return keep(
        WeightDirections(group.file, "fixed", move.layer, basis, scales=(2 * strength,), identity=identity, meta=card)
    )
