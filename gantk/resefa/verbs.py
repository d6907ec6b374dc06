"""The verbs of ReSeFa: Gram matrices of regions, and directions that change one region and little else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.codes.given import GivenCodes
from gantk.codes.source import CodeSource, show_truncation, weights_checksum
from gantk.errors import GantkError, UsageError, suggestion
from gantk.generators.base import Generator
from gantk.generators.labels import RANDOM
from gantk.resefa.accumulate import JacobianPlan, accumulate, check_regions, grams_of, samples_of, summed
from gantk.resefa.compat import compat_codes, compat_of, compat_output
from gantk.resefa.derivative import Output
from gantk.resefa.find import Finder, reduced_of, spread
from gantk.resefa.given_regions import regions_from
from gantk.resefa.matrix_free import leading_of
from gantk.resefa.measure import LEVELS, REACH
from gantk.resefa.options import DEFAULT_NUM, LARGEST, DirectionsOptions, JacobianOptions
from gantk.resefa.regions import DEFAULT_MARGIN, Regions, places_of, regions_again
from gantk.resefa.results import DirectionsResult, JacobianFacts, JacobianResult, RegionDirections
from gantk.resefa.rivals import Rivals, available
from gantk.resefa.summary import responses
from gantk.resefa.variables import choose
from gantk.runs.options import at_most
from gantk.runs.stores import Store
from gantk.runs.task import verb
from gantk.store.fingerprint import fingerprint

if TYPE_CHECKING:
    from gantk.predictors.base import Predictor

DEFAULT_COUNT, DEFAULT_SHOWN = 32, 5


@verb(JacobianOptions)
def jacobian(
    generator: Generator, regions: object = None, codes: object = None, *, options: JacobianOptions, store: Store
) -> JacobianResult:
    """Add up what moving each coordinate changes in every region: the Gram matrices that directions come from.

    The derivative is taken forward, a few columns at a time, and never stored (Zhu et al. 2022, section 3).

    Args:
        generator: any family.
        regions: name -> where it is, see `gantk.resefa.given_regions.regions_from`; None for the groups of the bundled
            world.
        codes: to differentiate at, see `gantk.codes.given.given_codes`; None draws them.
        options: `JacobianOptions`, or its fields as keywords.

    Raises:
        UsageError: rows, spaces or regions that do not exist, or a region that is empty or everything in all samples.
    """
    spec = generator.spec
    if options.leading is not None and (options.compat or not store.whole):
        raise UsageError(
            "--leading solves as it goes, so it takes neither --compat nor --shard: leave one of them out."
        )
    own = options.compat and codes is None and options.seeds is None
    drawn = compat_codes(options.num or 5, spec.z_dim, options.seed) if own else None
    if drawn is not None:
        codes = GivenCodes(drawn, "z", "compat_z.npy")
    source = options.source(generator, codes, DEFAULT_NUM)
    if options.compat:
        source.truncation = None  # the released script has none
    output = output_of(options, spec.resolution)
    variable = choose(generator, options.space, generator.parse_rows(options.rows), options.part)
    margin = margin_of(options)
    found = regions_from(generator, regions, output.size, margin)
    if options.leading is not None:
        at_most("--leading", options.leading, variable.dim, "directions")
    check_regions(source, found)
    if drawn is not None:
        store.keep("compat_z", drawn, "z as the released script draws it")
    plan = JacobianPlan(
        variable=variable,
        output=output,
        noise=options.noise,
        tangents=options.tangents,
        chunk=options.chunk or max(1, -(-source.total // 32)),
        per_sample=options.per_sample or options.compat,
        preview=options.preview,
    )
    facts = _facts(generator, source, found, plan, options, margin)
    if options.leading is not None:
        leading = leading_of(store, source, found, plan, facts, options.leading)
        return JacobianResult(facts=facts, grams=None, responses=(), leading=leading)
    chunks = accumulate(store, source, found, plan)
    return conclude(store.assemble(chunks, facts), facts, options, store)


def conclude(
    arrays: Mapping[str, np.ndarray[Any, Any]], facts: JacobianFacts, options: JacobianOptions, store: Store
) -> JacobianResult:
    grams = grams_of(arrays, options.per_sample or options.compat)
    return JacobianResult(facts=facts, grams=grams, responses=responses(summed(grams), facts, store), leading=())


def output_of(options: JacobianOptions, resolution: int) -> Output:
    """What of the image is differentiated.

    Raises:
        UsageError: a working size that the image does not have.
    """
    size = min(LARGEST, resolution) if options.size is None else options.size
    output = compat_output(resolution) if options.compat else Output(size, options.channels)
    output.check(resolution)
    return output


def margin_of(options: JacobianOptions) -> float:
    """The margin around regions, as a fraction of the image's side."""
    return 0.0 if options.compat else DEFAULT_MARGIN if options.margin is None else options.margin


def _facts(
    generator: Generator, source: CodeSource, regions: Regions, plan: JacobianPlan, options: JacobianOptions,
    margin: float,
) -> JacobianFacts:  # fmt: skip
    labels, variable = regions.labels, plan.variable
    seen = any(item.classes is not None for item in regions.items)
    return JacobianFacts(
        places=places_of(regions),
        space=variable.space,
        part="class" if options.space == "class" else options.part,
        rows=variable.layers,
        dim=variable.dim,
        size=plan.output.size,
        channels=plan.output.channels,
        decimate=plan.output.decimate,
        noise=plan.noise,
        margin=margin,
        truncation=show_truncation(source.truncation),
        label=RANDOM if isinstance(options.label, tuple) else options.label,
        samples=source.total,
        seed=options.seed,
        resolution=generator.spec.resolution,
        layer_names=tuple(f"{each.row}: {each.name}" for each in generator.layers if each.row in variable.layers),
        weights=str(fingerprint(generator)),
        segmenter=labels.segmenter.name if seen and labels is not None and labels.segmenter is not None else "",
        own_maps=seen and labels is not None and labels.maps is not None and labels.maps.ndim == 3,
        preview=plan.preview,
    )


@verb(DirectionsOptions)
def directions(
    generator: Generator,
    jacobian: JacobianResult | JacobianOptions | None = None,
    regions: object = None,
    segmenter: Predictor | None = None,
    *,
    options: DirectionsOptions,
    store: Store,
) -> DirectionsResult:
    """Find the directions that change a region most for what they change outside it (Zhu et al. 2022, eq. 8).

    They are measured on codes that were not used, beside SeFa, GANSpace, LowRankGAN and random ones, at the same change
    inside.

    Args:
        generator: the one that the Jacobian is of.
        jacobian: of `gantk.resefa.jacobian`; None, or options of it, computes one first, on `options.rows`.
        regions: for a Jacobian that is computed here, see `gantk.resefa.jacobian`.
        segmenter: sees the regions in held-out samples, where a given Jacobian's are classes.
        options: `DirectionsOptions`, or its fields as keywords.

    Raises:
        UsageError: regions, rows or methods that do not exist, or a region that nothing changes.
        GantkError: the Jacobian is of another generator, or keeps no Gram matrices.
    """
    from gantk.resefa.verbs import jacobian as differentiate

    where: Regions | None = None
    if not isinstance(jacobian, JacobianResult):
        asked = jacobian or JacobianOptions(rows=options.rows)
        where = regions_from(generator, regions, output_of(asked, generator.spec.resolution).size, margin_of(asked))
        jacobian = differentiate(generator, where, options=asked)
    facts, grams = jacobian.facts, jacobian.grams
    if grams is None:
        raise GantkError("The run was made with --leading and has its directions already: it keeps no Gram matrices.")
    if not _same_weights(generator, facts.weights):
        raise GantkError("The Jacobian is of another generator than the one given: give --model.")
    for name in options.region:
        if name not in facts.names:
            raise UsageError(f"The run has no region {name!r}.{suggestion(name, facts.names)}")
    if (options.compat or options.full_rank) and not samples_of(grams):
        raise UsageError("--compat needs each sample's Gram matrices: make the run with --compat or --per-sample.")
    if options.compat:
        at_most("--components", options.components, facts.dim, "directions")
        return DirectionsResult(levels=LEVELS, regions=(), compat=compat_of(grams, facts, options))
    if options.shown_codes(generator) is not None and not options.held_out:
        raise UsageError(f"--held-out 0 draws no samples, and --seeds {options.seeds} lists some: leave one out.")
    reduced = reduced_of(facts, generator, options.rows, options.space)
    count = at_most("--components", options.components, reduced.variable.dim, "directions", DEFAULT_COUNT)
    shown = at_most("--shown", options.shown, count, "directions", DEFAULT_SHOWN)
    if options.held_out and where is None:
        where = regions_again(facts, segmenter)
    seed = facts.seed + 1 if options.seed is None else options.seed
    finder = Finder(
        generator=generator,
        facts=facts,
        grams=summed(grams),
        reduced=reduced,
        regions=where,
        options=options,
        store=store,
        rivals=Rivals(generator, reduced.variable, seed=seed),
        seed=seed,
        count=count,
        shown=shown,
        against=() if options.against == "none" else available([word.strip() for word in options.against.split(",")]),
        reach=REACH * spread(generator, reduced.variable, seed),
    )
    found = tuple(
        store.part(f"region-{name}", RegionDirections, lambda name=name: finder.region(name))  # type: ignore[misc]
        for name in options.region or facts.names
    )
    return DirectionsResult(levels=LEVELS, regions=found, compat=())


def _same_weights(generator: Generator, weights: str) -> bool:
    """Whether a Jacobian is of this generator; runs before results were typed have another checksum."""
    if weights.startswith("crc32:"):
        return weights == f"crc32:{weights_checksum(generator)}"
    return weights == fingerprint(generator)
