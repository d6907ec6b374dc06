"""The verb of the atlas: find directions by every system, measure all alike, join those that do the same, draw them.

Every source, and every measured direction, is a part of the run: one that was killed continues behind the last part.

Legend: N samples, A attributes, R regions, L rows of wp, M directions, G groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gantk.atlas.drawing import Drawer
from gantk.atlas.figures import floor_of, named_regions
from gantk.atlas.found import AtlasResult, Charted, Drawn, Source, SourceFound
from gantk.atlas.groups import find_groups
from gantk.atlas.judges import Judge, judge_of
from gantk.atlas.moves import DirectionMove, Samples, draw_samples, moves_of, random_moves
from gantk.atlas.options import AtlasOptions
from gantk.atlas.results import Group, Measured
from gantk.atlas.sources import SYSTEMS, Ground, find_source, given_source, thirds
from gantk.atlas.yardstick import Settings, Yardstick
from gantk.codes.directions import Direction
from gantk.codes.entries import entries_of
from gantk.codes.latents import parse_truncation
from gantk.errors import GantkError
from gantk.generators.base import Generator
from gantk.generators.probe import probe
from gantk.generators.spec import Truncation
from gantk.predictors.base import Predictor
from gantk.predictors.reading import attributes_at
from gantk.predictors.segments import find_segments
from gantk.runs.options import LARGEST_SEED
from gantk.runs.results import record
from gantk.runs.stores import Store
from gantk.runs.task import verb
from gantk.store.progress import progress

HELD_OUT = 1_000_003  # added to the seed: codes that no direction was found on
SEGMENTED = 128  # samples that segments without labels are found in, at most
DRAWN_SAMPLES = 2


@dataclass(frozen=True)
class Sizes:
    """How much is done; see `AtlasOptions`."""

    num: int
    components: int
    measured: int
    random: int
    shown: int
    rows: int
    others: int


def sizes_of(options: AtlasOptions) -> Sizes:
    """What was asked for, or the defaults of a quick or a whole atlas."""
    quick = options.quick
    usual = Sizes(300, 1, 8, 6, 12, 2, 0) if quick else Sizes(2000, 2, 24, 24, 24, 6, 256)
    asked = {name: getattr(options, name) for name in ("num", "components", "measured", "random", "shown")}
    chosen = {name: value for name, value in asked.items() if value is not None}
    return Sizes(**{**vars(usual), **chosen})


@record
class Scores:
    """Attributes of the samples that directions are found on, [N, A]."""

    score_NA: npt.NDArray[np.float32]


@record
class Floor:
    """What random directions change of each attribute, [A]."""

    floor_A: npt.NDArray[np.float64]


@verb(AtlasOptions)
def chart(
    generator: Generator,
    predictor: Predictor | None = None,
    segmenter: Predictor | None = None,
    metric: Predictor | None = None,
    directions: object = None,
    *,
    options: AtlasOptions,
    store: Store,
) -> AtlasResult:
    """Chart what a generator knows: every direction that any system finds, measured alike, those that agree joined.

    Args:
        generator: any family.
        predictor: its attributes name directions and are what boundaries divide; None is that of the bundled world for
            bundled models, and none for others.
        segmenter: whose classes are the regions; None takes the predictor's, or finds segments without labels.
        metric: the perceptual distance that all are matched by; None takes what is there.
        directions: further ones to measure, see `gantk.codes.entries.entries_of`.
        options: `AtlasOptions`, or its fields as keywords.

    Raises:
        GantkError: no source has a direction, or there is no perceptual distance.
    """
    sizes, truncation = sizes_of(options), parse_truncation(options.truncation, generator.spec)
    samples = draw_samples(generator, sizes.num, options.seed, truncation, batch_size=options.batch_size)
    seer = segmenter or _segmenter(generator, predictor, samples, options.seed)
    judge = _judge(generator, predictor, seer, metric)
    names = judge.attribute_names
    score_NA = None
    if names and (reader := predictor or _bundled(generator)) is not None:
        with store.timed("scores"):
            score_NA = store.part("scores", Scores, lambda: _scores(samples, reader)).score_NA
    ground = Ground(
        samples, judge, names, score_NA, seer, sizes.components, options.quick, options.seed, options.truncation
    )
    sources = []
    for name in SYSTEMS:
        with store.timed(name):
            sources.append(store.part(f"source-{name}", SourceFound, lambda name=name: find_source(name, ground)))  # type: ignore[misc]
    if directions:
        sources.append(given_source(entries_of(directions)))
    found = [(source.system, direction) for source in sources for direction in source.directions]
    if not found:
        notes = " ".join(source.note for source in sources)
        raise GantkError(f"No system found a direction of this generator. {notes}")
    held_out = draw_samples(
        generator, sizes.measured, (options.seed + HELD_OUT) % LARGEST_SEED, truncation, batch_size=options.batch_size
    )
    with store.timed("measuring"):
        yardstick = _yardstick(store, held_out, judge, sizes, options, truncation)
        moves, measured = _measured(store, yardstick, list(_moves(generator, found)))
    groups = find_groups(measured, names, judge.region_names, options.cut, seed=options.seed)
    with store.timed("drawing"):
        drawn = _drawn(store, held_out.part(0, DRAWN_SAMPLES), moves, measured, groups.groups, sizes.shown)
    return AtlasResult(
        sources=tuple(
            Source(system=part.system, directions=len(part.directions), passes=part.passes, note=part.note)
            for part in sources
        ),
        charted=tuple(_charted(move, part) for move, part in zip(moves, measured, strict=True)),
        groups=drawn,
        attributes=names,
        regions=judge.region_names,
        rows=_row_names(generator),
        area_R=measured[0].where.area_R,
        floor_A=yardstick.floor_A,
        systems=groups.systems,
        overlap_YY=groups.overlap_YY,
        cut=groups.cut,
        unrelated=groups.unrelated,
        similarity_MM=groups.similarity_MM,
        samples=len(held_out),
        seer="" if seer is None else seer.name,
        directions=tuple(
            _carded(generator, moves, measured, group, names) for group in drawn
        ),
    )  # fmt: skip


# --- who looks -------------------------------------------------------------------------------------------------------


def _bundled(generator: Generator) -> Predictor | None:
    from gantk.predictors.defaults import predictor_for

    return predictor_for(generator) if generator.bundled else None


def _segmenter(generator: Generator, predictor: Predictor | None, samples: Samples, seed: int) -> Predictor | None:
    """The predictor's classes, or segments without labels; None where there is no map to divide."""
    seer = predictor or _bundled(generator)
    if seer is not None and seer.class_names:
        if hasattr(seer, "attributes_of_codes"):
            return _of_images(generator)  # the exact masks are of wp, and style channels leave it
        return seer
    try:
        return find_segments(generator, samples.wp_NLD[:SEGMENTED], seed=seed).head
    except GantkError:
        return None


def _of_images(generator: Generator) -> Predictor:
    from gantk.predictors.load import load_predictor

    return load_predictor("demo", generator.device, generator).eval()


def _judge(
    generator: Generator, predictor: Predictor | None, seer: Predictor | None, metric: Predictor | None
) -> Judge:
    from gantk.predictors.defaults import metric_name
    from gantk.predictors.load import load_predictor

    reader = predictor or _bundled(generator)
    exact = getattr(reader, "attributes_of_codes", None)
    if exact is not None:
        return judge_of(generator, _of_images(generator), seer, exact=exact)
    if metric is None and (reader is None or type(reader).feature_maps is Predictor.feature_maps):
        metric = load_predictor(metric_name(generator), generator.device, generator).eval()
    if reader is not None and metric is not None and reader.name == metric.name:
        metric = None  # one network looks once
    return judge_of(generator, reader, seer, metric=metric)


def _scores(samples: Samples, reader: Predictor) -> Scores:
    return Scores(
        score_NA=attributes_at(samples.generator, reader, samples.wp_NLD, samples.noise, samples.batch_size)
    )  # fmt: skip


# --- measuring -------------------------------------------------------------------------------------------------------


def _yardstick(
    store: Store, held_out: Samples, judge: Judge, sizes: Sizes, options: AtlasOptions, truncation: Truncation | None
) -> Yardstick:
    generator = held_out.generator
    others = None
    if sizes.others and judge.features is not None:
        others = draw_samples(
            generator, sizes.others, (options.seed + HELD_OUT) % LARGEST_SEED, truncation, start=len(held_out),
            batch_size=options.batch_size,
        )  # fmt: skip
    settings = Settings(
        search=min(16 if not options.quick else 8, sizes.measured), rows=sizes.rows, others=sizes.others
    )
    yardstick = Yardstick(held_out, judge, settings, others)
    if judge.attribute_names:
        yardstick.floor_A = store.part(
            "floor", Floor, lambda: _floor(held_out, judge, settings, sizes, options)
        ).floor_A
    return yardstick


def _floor(held_out: Samples, judge: Judge, settings: Settings, sizes: Sizes, options: AtlasOptions) -> Floor:
    plain = Yardstick(held_out, judge, Settings(search=settings.search, rows=0, others=0))
    measured = [plain.measure(move) for move in random_moves(held_out.generator, sizes.random, options.seed)]
    return Floor(floor_A=floor_of([part.what.change_A for part in measured]).astype(np.float64))


def _moves(generator: Generator, found: Sequence[tuple[str, Direction]]) -> Iterator[DirectionMove]:
    taken: dict[str, int] = {}
    for system, direction in found:
        for move in moves_of(generator, direction, system):
            taken[move.name] = taken.get(move.name, 0) + 1
            name = move.name if taken[move.name] == 1 else f"{move.name} ({taken[move.name]})"
            yield DirectionMove(
                name, system, move.direction, move.row, move.rows, move.unit, move.reach, move.splits
            )  # fmt: skip


def _measured(
    store: Store, yardstick: Yardstick, moves: list[DirectionMove]
) -> tuple[list[DirectionMove], list[Measured]]:
    """Every move that changes something, with its figures."""
    kept, measured = [], []
    with progress(len(moves), "atlas", unit="direction") as bar:
        for number, move in enumerate(moves):
            part = store.part(f"direction-{number:04d}", Measured, lambda move=move: yardstick.measure(move))  # type: ignore[misc]
            if part.strength > 0 and float(np.abs(part.effect.plus_P).max()) > 0:
                kept.append(move)
                measured.append(part)
            bar.update(1)
    if not measured:
        raise GantkError("None of the directions changes the samples: there is nothing to chart.")
    return kept, measured


def _charted(move: DirectionMove, part: Measured) -> Charted:
    what, where, rows, far = part.what, part.where, part.rows, part.far
    return Charted(
        name=move.name,
        system=part.system,
        space=move.direction.space,
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
    )


def _row_names(generator: Generator) -> tuple[str, ...]:
    place = {row: name for name, rows in thirds(generator.spec.num_layers).items() for row in rows}
    return tuple(place[row] for row in range(generator.spec.num_layers))


# --- groups ----------------------------------------------------------------------------------------------------------


def _drawn(
    store: Store,
    samples: Samples,
    moves: Sequence[DirectionMove],
    measured: Sequence[Measured],
    groups: Sequence[Group],
    shown: int,
) -> tuple[Drawn, ...]:
    drawer = Drawer(store, samples)
    files = _files([group.name for group in groups])
    found = []
    with progress(len(groups), "drawing", unit="group") as bar:
        for number, (group, file) in enumerate(zip(groups, files, strict=True)):
            head = group.members[0]
            turn = _turn(measured[head])
            drawn = number < shown
            members = group.members[1:]
            found.append(
                Drawn(
                    name=group.name,
                    file=file,
                    members=group.members,
                    signs=group.signs,
                    systems=group.systems,
                    similarity=group.similarity,
                    chance=group.chance,
                    heat=drawer.heat(file, measured[head].where.heat_HW),
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


def _turn(part: Measured) -> int:
    """-1 where the attribute that names a direction falls along it."""
    return -1 if part.what.attribute >= 0 and part.what.change_A[part.what.attribute] < 0 else 1


def _files(names: Sequence[str]) -> list[str]:
    """A stem of its own for each group."""
    found: list[str] = []
    for number, name in enumerate(names):
        words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in name.split("(")[0])
        found.append(f"{number:03d}_{'_'.join(words.split()) or 'direction'}"[:60])
    return found


def _carded(
    generator: Generator,
    moves: Sequence[DirectionMove],
    measured: Sequence[Measured],
    group: Drawn,
    names: Sequence[str],
) -> Direction:
    """The representative of a group, turned so that its attribute grows, as an artifact with its card."""
    head = group.members[0]
    move, part = moves[head], measured[head]
    one = move.direction.row(move.row)
    turn = _turn(part)
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
    intercept = one.intercept
    if turn < 0 and intercept is not None:
        intercept = -intercept if isinstance(intercept, float) else tuple(-value for value in intercept)
    return one.replace(
        name=group.file, vectors=one.vectors * np.float32(turn), intercept=intercept, scale=2 * part.strength,
        scales=None, probe=probe(generator), meta=card,
    )  # fmt: skip
