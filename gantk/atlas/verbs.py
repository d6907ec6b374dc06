"""The verb of the atlas: find directions by every system, measure all alike, join those that do the same, draw them.

Every source is a run of its own, and every measured direction a chunk: a command that was killed goes on behind the
last one. Shards divide the directions.

Legend: N samples, A attributes, R regions, L rows of wp, M directions, G groups.
"""

from __future__ import annotations

import numpy as np
import torch

from gantk.atlas.concluding import conclude
from gantk.atlas.figures import floor_of
from gantk.atlas.found import AtlasResult, SourceFound
from gantk.atlas.judges import Judge, has, judge_of
from gantk.atlas.kept import ARRAYS, to_arrays
from gantk.atlas.kept import Sizes as RowSizes
from gantk.atlas.moves import Samples, code_space, random_moves
from gantk.atlas.options import AtlasOptions
from gantk.atlas.pace import passes_of, seconds_of_pass, told
from gantk.atlas.plan import AtlasFacts, Floor, Sizes, compared, held_out, moves_in, sizes_of
from gantk.atlas.sources import SYSTEMS, Ground, find_source
from gantk.atlas.yardstick import Settings, Yardstick
from gantk.codes.entries import entries_of
from gantk.codes.latents import parse_truncation
from gantk.errors import GantkError, StoreError, UsageError
from gantk.generators.base import Generator, Truncation
from gantk.ghfeat.files import EncoderFile
from gantk.higan.options import SynthesizeOptions
from gantk.predictors.base import Predictor
from gantk.predictors.segments import find_segments
from gantk.runs.inputs import numbered
from gantk.runs.stores import OnlyAPart, Store
from gantk.runs.task import verb
from gantk.store.progress import progress, tell

SEGMENTED = 128  # samples that segments without labels are found in, at most


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
    if options.prepare and not store.whole:
        raise UsageError(
            "--prepare finds the directions of every source, which --shard does not divide: give one of them."
        )
    _systems(options)  # a name that is none is said before anything is computed
    numbered(options, generator)  # and so are seeds
    sizes, truncation = sizes_of(options), parse_truncation(options.truncation, generator.spec)
    reader = predictor or _bundled(generator)
    _tell_pace(generator, reader, metric, sizes, options)
    ground = _ground(generator, reader, segmenter, metric, encoder, options, store)
    sources = []
    for name in _systems(options):
        with store.timed(name):
            make = lambda name=name: find_source(name, ground)  # noqa: E731
            sources.append(store.part(f"source-{name}", SourceFound, make))
    if directions:
        given = tuple(entry.alone() for entry in entries_of(directions, generator))
        sources.append(SourceFound(system="given", directions=given, weights=(), passes=0, note=""))
    moves = list(moves_in(generator, sources))
    if not moves:
        notes = " ".join(source.note for source in sources)
        raise GantkError(f"No system found a direction of this generator. {notes}")
    if options.prepare:
        raise OnlyAPart
    judge = ground.judge
    measured_on = held_out(generator, options, truncation, sizes.held_out)
    with store.timed("measuring"):
        yardstick, floor = _yardstick(store, measured_on, judge, sizes, options, truncation)
        arrays_of = RowSizes(len(judge.attribute_names), len(judge.region_names), generator.spec.num_layers)
        chunks = store.chunks(ARRAYS, len(moves), 1)
        for number in progress(chunks.missing(), "measuring", unit="chunk"):
            chunks.write(number, to_arrays(yardstick.measure(moves[number]), arrays_of))
    facts = AtlasFacts(
        sources=tuple(sources),
        attributes=judge.attribute_names,
        regions=judge.region_names,
        floor=floor,
        samples=len(measured_on),
        seer="" if ground.seer is None else ground.seer.name,
        reader="" if judge.features is None else judge.features.name,
    )
    return conclude(store.assemble(chunks, facts), facts, options, store, generator)


def _systems(options: AtlasOptions) -> tuple[str, ...]:
    """The sources that were asked for, in their order.

    Raises:
        UsageError: one is none.
    """
    if options.systems is None:
        return SYSTEMS
    asked = [name.strip() for name in options.systems.split(",")]
    for name in asked:
        if name not in SYSTEMS:
            raise UsageError(f"--systems names {name!r}, which is no source: choose among {', '.join(SYSTEMS)}.")
    return tuple(name for name in SYSTEMS if name in asked)


def _tell_pace(
    generator: Generator, reader: Predictor | None, metric: Predictor | None, sizes: Sizes, options: AtlasOptions
) -> None:
    """Say how long this will take."""
    looks = metric or reader
    if looks is None or not has(looks, "feature_maps"):
        return
    names = 0 if reader is None else len(reader.attribute_names)
    passes = passes_of(generator, names, _systems(options), sizes, compared(options, names), options.quick)
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


# --- who looks -------------------------------------------------------------------------------------------------------


def _bundled(generator: Generator) -> Predictor | None:
    from gantk.predictors.defaults import predictor_for

    return predictor_for(generator) if generator.bundled else None


def _segmenter(generator: Generator, predictor: Predictor | None, samples: Samples, seed: int) -> Predictor | None:
    """The predictor's classes, or segments without labels; None where there is no map to divide."""
    if predictor is not None and predictor.class_names:
        # exact masks are of wp, and style channels leave it
        return _of_images(generator) if hasattr(predictor, "attributes_of_codes") else predictor
    try:
        return find_segments(generator, samples.wp_NLD[:SEGMENTED], seed=seed).head
    except StoreError:
        raise
    except GantkError:
        return None


def _of_images(generator: Generator) -> Predictor:
    from gantk.predictors.load import load_predictor

    return load_predictor("demo", generator.device, generator).eval()


def _judge(generator: Generator, reader: Predictor | None, seer: Predictor | None, metric: Predictor | None) -> Judge:
    from gantk.predictors.defaults import metric_name
    from gantk.predictors.load import load_predictor

    exact = getattr(reader, "attributes_of_codes", None)
    if exact is not None:
        return judge_of(generator, _of_images(generator), seer, exact=exact, features=_reader(generator, metric))
    if metric is None and (reader is None or not has(reader, "feature_maps")):
        metric = load_predictor(metric_name(generator), generator.device, generator).eval()
    if reader is not None and metric is not None and reader.name == metric.name:
        metric = None  # one network looks once
    return judge_of(generator, reader, seer, metric=metric, features=_reader(generator, metric))


def _reader(generator: Generator, metric: Predictor | None) -> Predictor | None:
    """Whose features say how far edits may go, as for `gantk manipulate --realism`; None where it is not installed."""
    from gantk.predictors.defaults import features_for
    from gantk.predictors.efficientnet_lite import NAME, located

    if metric is not None and metric.name == NAME:
        return metric
    return features_for(generator) if generator.bundled or located() is not None else None


# --- measuring -------------------------------------------------------------------------------------------------------


def _yardstick(
    store: Store, samples: Samples, judge: Judge, sizes: Sizes, options: AtlasOptions, truncation: Truncation | None
) -> tuple[Yardstick, Floor]:
    generator = samples.generator
    others = None
    if sizes.others and judge.features is not None:
        others = held_out(generator, options, truncation, sizes.others, len(samples))
    settings = Settings(
        search=min(16 if not options.quick else 8, sizes.held_out), rows=sizes.rows, others=sizes.others
    )
    yardstick = Yardstick(samples, judge, settings, others)
    floor = store.part("floor", Floor, lambda: _floor(yardstick, options))
    yardstick.floor_A = floor.floor_A
    return yardstick, floor


def _floor(yardstick: Yardstick, options: AtlasOptions) -> Floor:
    count = compared(options, len(yardstick.floor_A))
    moves = random_moves(yardstick.samples.generator, count, options.seed)
    found = [yardstick.change(move) for move in moves]
    return Floor(
        floor_A=floor_of([change_A for change_A, _ in found]).astype(np.float64),
        steady=tuple(cosine for _, cosine in found),
    )
