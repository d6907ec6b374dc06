"""`gantk rescore`: which attribute a direction moves, and in which layer."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from gantk.cli.options import (
    codes_options,
    direction_options,
    examples,
    generator_options,
    label_option,
    model_argument,
    predictor_option,
    run_options,
    truncation_option,
)
from gantk.cli.originals import accepted

if TYPE_CHECKING:
    from gantk.runs.run import Run


@click.command(
    epilog=examples(
        "gantk rescore demo runs/boundaries/boundary_list.txt --layerwise-rescoring -o runs/rescore",
        "gantk rescore demo time_of_day season --layerwise-rescoring --num 500",
        "gantk rescore church.pkl clouds_boundary.npy --score clouds_boundary=clouds",
    )
)
@model_argument()
@click.argument("boundaries", metavar="BOUNDARY...", nargs=-1, required=True)
@click.option("--num", "-N", type=click.IntRange(1), default=2000, show_default=True, help="Samples.")
@click.option("--layerwise-rescoring", "--layerwise", is_flag=True, help="Also move each row of wp alone.")
@click.option(
    "--distance",
    "distances",
    type=float,
    multiple=True,
    default=(2.0,),
    show_default=True,
    help="How far to move; repeated, the first is the one of the scores.",
)
@click.option("--score", "scores", metavar="NAME=ATTRIBUTE", multiple=True, help="What a boundary is about.")
@click.option(
    "--random", type=click.IntRange(0), default=8, show_default=True, help="Random directions to compare with."
)
@predictor_option()
@codes_options()
@direction_options("boundaries")
@label_option()
@truncation_option()
@generator_options()
@run_options(made="rescore")
@click.option(
    "--chunk",
    type=click.IntRange(1),
    default=None,
    help="Samples per chunk of the ledger; default: by the images of one.",
)
@accepted("--logfile-name")
def command(
    model: str,
    boundaries: tuple[str, ...],
    num: int,
    layerwise_rescoring: bool,
    distances: tuple[float, ...],
    scores: tuple[str, ...],
    random: int,
    predictor: str | None,
    latent_codes_path: str | None,
    latent_space_type: str,
    space: str | None,
    rows: str | None,
    force: bool,
    label: str | None,
    truncation: str | None,
    device: str,
    precision: str,
    batch_size: int,
    seed: int,
    output_dir: str | None,
    shard: str | None,
    overwrite: bool,
    chunk: int | None,
) -> None:
    """Measure how much each boundary raises its attribute, in which layers, and what else it moves.

    A BOUNDARY is a file, a boundary list in HiGAN's syntax, a folder of boundaries, or the name of a shipped one. The
    gain is HiGAN's: the mean over samples of the rise of the attribute, falls counted as zero.
    """
    from gantk.cli.options import load_model
    from gantk.cli.originals import model_stem, predictor_for
    from gantk.codes.directions import save_direction
    from gantk.codes.entries import gather
    from gantk.codes.latents import parse_truncation
    from gantk.codes.source import CodeSource, show_truncation, weights_checksum
    from gantk.errors import UsageError
    from gantk.higan.rescoring import RENDERS_PER_CHUNK, RescorePlan, attribute_index, rescore, row_names
    from gantk.higan.synthesis import chunk_size
    from gantk.runs.run import Run, parse_shard

    part = parse_shard(shard)
    mapping = _mapping(scores)
    generator = load_model(model, device, precision)
    entries = gather(boundaries, generator, force, space, rows)
    scorer = predictor_for(predictor, model, generator)
    attributes = list(scorer.attribute_names)
    if not attributes:
        raise UsageError(f"The predictor {scorer.name} has no attributes to rescore: choose another --predictor.")
    columns = [attribute_index(entry.name, attributes, mapping) for entry in entries]
    unused = mapping.keys() - {entry.name for entry in entries}
    if unused:
        raise UsageError(
            f"--score {min(unused)}=... names no boundary: there are {', '.join(e.name for e in entries)}."
        )
    psi = parse_truncation(truncation, generator.spec)
    source = CodeSource(generator, num, seed, psi, latent_codes_path, latent_space_type, label)
    plan = RescorePlan(distances, layerwise_rescoring, random, batch_size, batch_size, seed)
    per_sample = plan.renders(entries, generator.spec.num_layers)
    plan = dataclasses.replace(plan, chunk=chunk_size(batch_size, chunk or max(1, RENDERS_PER_CHUNK // per_sample)))
    arguments: dict[str, Any] = {
        "model": model,
        "weights": weights_checksum(generator),
        "boundaries": [str(entry.fingerprint()) for entry in entries],
        **source.arguments(),
        "layerwise": layerwise_rescoring,
        "distances": distances,
        "score": mapping,
        "random": random,
        "predictor": scorer.name,
        "truncation": show_truncation(psi),
        "precision": precision,
        "seed": seed,
        "batch_size": batch_size,
        "chunk": plan.chunk,
    }
    folder = output_dir or f"{model_stem(model)}_rescore"
    with Run.begin(folder, "rescore", arguments, seed, generator.device, part, overwrite) as run:
        run.record("predictor", scorer.name)
        run.record("attributes", attributes)
        run.record("layer_names", row_names(generator))
        run.record("spaces", list(dict.fromkeys(entry.space for entry in entries)))
        described = zip(entries, columns, strict=True)
        keys = ("name", "space", "prefix", "column")
        run.record("entries", [dict(zip(keys, (e.title, e.space, e.prefix, c), strict=True)) for e, c in described])
        for entry in entries:
            save_direction(run.output(f"{entry.prefix}_boundary.npy", "as it was used"), entry.alone())
        rescore(run, source, entries, columns, scorer, plan)
        if part.is_whole:
            finish(run)
    click.echo(f"Rescored: {run.directory}" if part.is_whole else f"Shard {part}: {run.directory}")


def finish(run: Run) -> None:
    """Record the results of a run whose arrays are whole, print the ranking, and write the page."""
    from gantk.cli.originals import write_page
    from gantk.higan.gains import ranked
    from gantk.higan.rescoring import summarize

    found = summarize(run, len(run.results["layer_names"]))
    width = max((len(boundary.name) for boundary in found), default=0)
    click.echo("Most relevant semantics:")
    for boundary in ranked(found):
        whole = boundary.places[0]
        layers = sorted(range(len(boundary.places) - 1), key=lambda row: -boundary.places[1 + row].gain)[:4]
        where = f"  layers {', '.join(map(str, layers))}" if layers else ""
        click.echo(f"  {boundary.name:<{width}}  {whole.gain:7.4f}  [{whole.low:.4f}, {whole.high:.4f}]{where}")
    write_page(run)


def _mapping(scores: tuple[str, ...]) -> dict[str, str]:
    from gantk.errors import UsageError

    pairs = {}
    for text in scores:
        name, equals, attribute = text.partition("=")
        if not equals or not name or not attribute:
            raise UsageError(f"--score {text!r} is not understood: write NAME=ATTRIBUTE, such as view=mountain.")
        pairs[name] = attribute
    return pairs
