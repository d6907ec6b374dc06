"""The verb of the atlas: find directions by every system, measure all alike, join those that do the same, draw them.

Every source is a run of its own, and every measured direction a chunk: a command that was killed goes on behind the
last one. Shards divide the directions.

Legend: N samples, A attributes, R regions, L rows of wp, M directions, G groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gantk.atlas.drawing import Drawer
from gantk.atlas.figures import floor_of, named_regions
from gantk.atlas.found import AtlasResult, Charted, Drawn, Source, SourceFound, is_steady
from gantk.atlas.groups import find_groups
from gantk.atlas.judges import Judge, judge_of
from gantk.atlas.kept import ARRAYS, EFFECT, to_arrays
from gantk.atlas.kept import Sizes as RowSizes
from gantk.atlas.kept import from_arrays as measured_of
from gantk.atlas.moves import DirectionMove, Move, Samples, draw_samples, moves_of, random_moves, weight_moves
from gantk.atlas.options import AtlasOptions
from gantk.atlas.pace import passes_of, seconds_of_pass, told
from gantk.atlas.results import Group, Measured
from gantk.atlas.rows import thirds
from gantk.atlas.sources import SYSTEMS, Ground, code_space, find_source, given_source
from gantk.atlas.yardstick import Settings, Yardstick
from gantk.codes.directions import Direction
from gantk.codes.entries import entries_of
from gantk.codes.latents import parse_truncation
from gantk.errors import GantkError
from gantk.generators.base import Generator
from gantk.generators.probe import probe
from gantk.ghfeat.files import EncoderFile
from gantk.higan.options import SynthesizeOptions
from gantk.navigan.kept import KeptWeights, keep
from gantk.predictors.base import Predictor
from gantk.predictors.segments import find_segments
from gantk.runs.options import LARGEST_SEED
from gantk.runs.results import record
from gantk.runs.stores import OnlyAPart, Store
from gantk.runs.task import verb
from gantk.store.progress import progress, tell

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
class Floor:
    """What random directions change of each attribute [A], and how steady they are, each."""

    floor_A: npt.NDArray[np.float64]
    steady: tuple[float, ...]


@record
class AtlasFacts:
    """What concluding needs to know beside the arrays; see `AtlasResult`."""

    sources: tuple[SourceFound, ...]
    attributes: tuple[str, ...]
    regions: tuple[str, ...]
    floor: Floor
    samples: int
    seer: str


@verb(AtlasOptions)
def chart(
    generator: Generator,
    predictor: Predictor | None = None,
    segmenter: Predictor | None = None,
    metric: Predictor | None = None,
    directions: object = None,
    encoder: EncoderFile | None = None,
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
        encoder: of images into the generator's styles, `gantk.load_encoder`; None takes the one that ships, if any.
        options: `AtlasOptions`, or its fields as keywords.

    Raises:
        GantkError: no source has a direction, or there is no perceptual distance.
    """
    sizes, truncation = sizes_of(options), parse_truncation(options.truncation, generator.spec)
    reader = predictor or _bundled(generator)
    _tell_pace(generator, reader, metric, sizes, options)
    ground = _ground(generator, reader, segmenter, metric, encoder, options, store)
    sources = []
    for name in SYSTEMS:
        with store.timed(name):
            make = lambda name=name: find_source(name, ground)  # noqa: E731
            sources.append(store.part(f"source-{name}", SourceFound, make))
    if directions:
        sources.append(given_source(entries_of(directions)))
    moves = list(_moves(generator, sources))
    if not moves:
        notes = " ".join(source.note for source in sources)
        raise GantkError(f"No system found a direction of this generator. {notes}")
    if options.prepare:
        raise OnlyAPart
    judge = ground.judge
    held_out = _held_out(generator, options, truncation, sizes.measured)
    with store.timed("measuring"):
        yardstick, floor = _yardstick(store, held_out, judge, sizes, options, truncation)
        arrays_of = RowSizes(len(judge.attribute_names), len(judge.region_names), generator.spec.num_layers)
        chunks = store.chunks(ARRAYS, len(moves), 1)
        for number in progress(chunks.missing(), "atlas"):
            chunks.write(number, to_arrays(yardstick.measure(moves[number]), arrays_of))
    facts = AtlasFacts(
        sources=tuple(sources),
        attributes=judge.attribute_names,
        regions=judge.region_names,
        floor=floor,
        samples=len(held_out),
        seer="" if ground.seer is None else ground.seer.name,
    )
    return conclude(store.assemble(chunks, facts), facts, options, store, generator)


def conclude(
    arrays: Mapping[str, npt.NDArray[Any]],
    facts: AtlasFacts,
    options: AtlasOptions,
    store: Store,
    generator: Generator,
) -> AtlasResult:
    """Join the measured directions into groups and draw them."""
    every = list(_moves(generator, facts.sources))
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
    first = [group.members[0] for group in groups.groups]
    heads = [(moves[m].space, float(measured[m].steadiness.cosine)) for m in first]
    if not is_steady(heads, facts.floor.steady):  # what is the same nowhere has no name
        numbered = (replace(group, name=f"direction {place}") for place, group in enumerate(groups.groups, 1))
        groups = replace(groups, groups=tuple(numbered))
    truncation = parse_truncation(options.truncation, generator.spec)
    with store.timed("drawing"):
        drawn = _drawn(
            store, _held_out(generator, options, truncation, DRAWN_SAMPLES), moves, measured, groups.groups,
            sizes_of(options).shown,
        )  # fmt: skip
    artifacts = [_carded(generator, moves, measured, group, facts.attributes) for group in drawn]
    return AtlasResult(
        sources=tuple(
            Source(
                system=part.system, directions=sum(move.system == part.system for move in every), passes=part.passes,
                note=part.note,
            )
            for part in facts.sources
        ),
        charted=tuple(_charted(move, part) for move, part in zip(moves, measured, strict=True)),
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
        directions=tuple(part if isinstance(part, Direction) else None for part in artifacts),
        weights=tuple(part if isinstance(part, KeptWeights) else None for part in artifacts),
    )  # fmt: skip


def _tell_pace(
    generator: Generator, reader: Predictor | None, metric: Predictor | None, sizes: Sizes, options: AtlasOptions
) -> None:
    """Say how long this will take."""
    looks = metric or reader
    if looks is None or type(looks).feature_maps is Predictor.feature_maps:
        return
    names = 0 if reader is None else len(reader.attribute_names)
    passes = passes_of(
        generator, names, sizes.components, sizes.num, sizes.measured, sizes.rows, sizes.others, options.quick
    )
    tell(told(passes, seconds_of_pass(generator, looks, options.batch_size)))


def _ground(
    generator: Generator,
    reader: Predictor | None,
    segmenter: Predictor | None,
    metric: Predictor | None,
    encoder: EncoderFile | None,
    options: AtlasOptions,
    store: Store,
) -> Ground:
    """Scored samples, and who looks at them."""
    sizes, truncation = sizes_of(options), parse_truncation(options.truncation, generator.spec)
    named = reader if reader is not None and reader.attribute_names else None
    asked = SynthesizeOptions(
        num=sizes.num, seed=options.seed, truncation=options.truncation, latents="z,w,wp", skip_image=True, preview=0,
        batch_size=options.batch_size, label="random" if generator.spec.label_dim else None,
    )  # fmt: skip
    with store.timed("samples"):
        drawn = store.task("samples", "synthesize", {"generator": generator, "codes": None, "predictor": named}, asked)
    wp_NLD = torch.from_numpy(np.array(drawn.wp, np.float32)).to(generator.device, generator.dtype)
    samples = Samples(generator, wp_NLD, truncation=truncation, batch_size=options.batch_size)
    score_NA = None
    if named is not None:
        columns = drawn.scores
        score_NA = np.stack([np.asarray(columns[name], np.float32) for name in named.attribute_names], 1)
    seer = segmenter or _segmenter(generator, reader, samples, options.seed)
    return Ground(
        samples=samples,
        code_ND=np.asarray(drawn.z if code_space(generator) == "z" else drawn.w, np.float32),
        judge=_judge(generator, reader, seer, metric),
        names=tuple(named.attribute_names) if named is not None else (),
        reader=named,
        score_NA=score_NA,
        seer=seer,
        encoder=encoder,
        count=sizes.components,
        quick=options.quick,
        seed=options.seed,
        truncation=options.truncation,
        store=store,
    )


def _held_out(generator: Generator, options: AtlasOptions, truncation: Any, num: int, start: int = 0) -> Samples:
    seed = (options.seed + HELD_OUT) % LARGEST_SEED
    return draw_samples(generator, num, seed, truncation, start=start, batch_size=options.batch_size)


# --- who looks -------------------------------------------------------------------------------------------------------


def _bundled(generator: Generator) -> Predictor | None:
    from gantk.predictors.defaults import predictor_for

    return predictor_for(generator) if generator.bundled else None


def _segmenter(generator: Generator, predictor: Predictor | None, samples: Samples, seed: int) -> Predictor | None:
    """The predictor's classes, or segments without labels; None where there is no map to divide."""
    seer = predictor
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

    reader: Any = predictor
    if hasattr(reader, "attributes_of_codes"):
        return judge_of(generator, _of_images(generator), seer, exact=reader.attributes_of_codes)
    if metric is None and (reader is None or type(reader).feature_maps is Predictor.feature_maps):
        metric = load_predictor(metric_name(generator), generator.device, generator).eval()
    if reader is not None and metric is not None and reader.name == metric.name:
        metric = None  # one network looks once
    return judge_of(generator, reader, seer, metric=metric)


# --- measuring -------------------------------------------------------------------------------------------------------


def _yardstick(
    store: Store, held_out: Samples, judge: Judge, sizes: Sizes, options: AtlasOptions, truncation: Any
) -> tuple[Yardstick, Floor]:
    generator = held_out.generator
    others = None
    if sizes.others and judge.features is not None:
        others = _held_out(generator, options, truncation, sizes.others, len(held_out))
    settings = Settings(
        search=min(16 if not options.quick else 8, sizes.measured), rows=sizes.rows, others=sizes.others
    )
    yardstick = Yardstick(held_out, judge, settings, others)
    floor = store.part("floor", Floor, lambda: _floor(yardstick, sizes, options))
    yardstick.floor_A = floor.floor_A
    return yardstick, floor


def _floor(yardstick: Yardstick, sizes: Sizes, options: AtlasOptions) -> Floor:
    moves = random_moves(yardstick.samples.generator, sizes.random, options.seed)
    found = [yardstick.change(move) for move in moves]
    return Floor(
        floor_A=floor_of([change_A for change_A, _ in found]).astype(np.float64),
        steady=tuple(cosine for _, cosine in found),
    )


def _moves(generator: Generator, sources: Sequence[SourceFound]) -> Iterator[Move]:
    """Every direction of every source as a move with a name of its own."""
    taken: dict[str, int] = {}
    for source in sources:
        every: list[Move] = [
            move for direction in source.directions for move in moves_of(generator, direction, source.system)
        ]
        for part in source.weights:
            live = part.live()
            deltas = [live.delta(index).to(generator.device, generator.dtype) for index in range(len(live))]
            every += weight_moves(generator, part.layer, deltas, source.system, f"{source.system} {part.layer}")
        for move in every:
            taken[move.name] = taken.get(move.name, 0) + 1
            yield move if taken[move.name] == 1 else replace(move, name=f"{move.name} ({taken[move.name]})")  # type: ignore[type-var]


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
    )


def _row_names(generator: Generator) -> tuple[str, ...]:
    place = {row: name for name, rows in thirds(generator.spec.num_layers).items() for row in rows}
    return tuple(place[row] for row in range(generator.spec.num_layers))


# --- groups ----------------------------------------------------------------------------------------------------------


def _drawn(
    store: Store,
    samples: Samples,
    moves: Sequence[Move],
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
    moves: Sequence[Move],
    measured: Sequence[Measured],
    group: Drawn,
    names: Sequence[str],
) -> Direction | KeptWeights:
    """The representative of a group, turned so that its attribute grows, as an artifact with its card."""
    head = group.members[0]
    move, part = moves[head], measured[head]
    turn = _turn(part)
    card: dict[str, Any] = {
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
    one = move.direction.row(move.row)
    intercept = one.intercept
    if turn < 0 and intercept is not None:
        intercept = -intercept if isinstance(intercept, float) else tuple(-value for value in intercept)
    return one.replace(
        name=group.file, vectors=one.vectors * np.float32(turn), intercept=intercept, scale=2 * part.strength,
        scales=None, probe=probe(generator), meta=card,
    )  # fmt: skip


def _weights(move: Move, group: Drawn, strength: float, turn: int, card: dict[str, Any]) -> KeptWeights:
    """A direction of a convolution's weight as an artifact."""
    from gantk.atlas.moves import WeightMove
    from gantk.navigan.bases import VectorBasis
    from gantk.navigan.directions import WeightDirections
    from gantk.navigan.eigenvectors import plain
    from gantk.navigan.target import GeneratorTarget

    assert isinstance(move, WeightMove)
    identity = plain(GeneratorTarget(move.generator, move.layer).identity())
    basis = VectorBasis(turn * move.delta_OIKK.detach().float().cpu()[None])
    return keep(
        WeightDirections(group.file, "fixed", move.layer, basis, scales=(2 * strength,), identity=identity, meta=card)
    )
