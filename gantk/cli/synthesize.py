"""`gantk synthesize`: latents, images and predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gantk.cli.options import (
    codes_options,
    examples,
    generator_options,
    image_options,
    label_option,
    model_argument,
    predictor_option,
    run_options,
    truncation_option,
)
from gantk.cli.originals import accepted, accepted_flag

if TYPE_CHECKING:
    from gantk.runs.run import Run


@click.command(
    epilog=examples(
        "gantk synthesize demo --num 1000 --generate-prediction -o runs/samples",
        "gantk synthesize church.pkl -N 500000 --latents z,w --shard 0/8 --generate-prediction -o runs/church",
        "gantk synthesize demo -i runs/samples/w.npy --latent-space-type w --images -o runs/again",
    )
)
@model_argument()
@click.option("--num", "-N", type=click.IntRange(0), default=None, help="Samples to draw; with -i at most this many.")
@codes_options()
@click.option("--latents", metavar="LIST", default=None, help="Latents to write, of z,w,wp; default: z,w.")
@click.option("--images", "--save-raw-synthesis", is_flag=True, help="Write the image of every sample.")
@click.option(
    "--preview", type=click.IntRange(0), default=24, show_default=True, help="Images for the page without --images."
)
@click.option("--skip-image", is_flag=True, help="Do not render, except for predictions.")
@image_options("npy", help="npy: all images as one raw uint8 array, image.npy.")
@click.option("--generate-style", "--styles", is_flag=True, help="Write the style vectors of every layer.")
@click.option("--generate-prediction", "--predict", is_flag=True, help="Score the images: attribute.npy, category.npy.")
@predictor_option()
@label_option()
@truncation_option()
@generator_options()
@run_options(made="synthesis")
@click.option(
    "--chunk", type=click.IntRange(1), default=None, help="Samples per chunk of the ledger; default: by size."
)
@accepted_flag("--generate-html")
@accepted("--html-row", "--html-col", "--html-name", "--viz-size", "--logfile-name")
def command(
    model: str,
    num: int | None,
    latent_codes_path: str | None,
    latent_space_type: str,
    latents: str | None,
    images: bool,
    preview: int,
    skip_image: bool,
    image_format: str,
    quality: int,
    generate_style: bool,
    generate_prediction: bool,
    predictor: str | None,
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
    workers: int | None,
) -> None:
    """Sample latents, images and predictions from a generator.

    w is written before truncation, wp after it, z as the network takes it. Killed or interrupted, the same command
    continues where it stopped and ends with the same bytes.
    """
    from gantk.cli.options import load_model
    from gantk.cli.originals import model_stem, predictor_for
    from gantk.codes.latents import parse_truncation
    from gantk.codes.source import CodeSource, show_truncation, weights_checksum
    from gantk.higan.synthesize import SynthesisPlan, check_plan, chunk_size, synthesize
    from gantk.runs.run import Run, parse_shard

    part = parse_shard(shard)
    generator = load_model(model, device, precision)
    psi = parse_truncation(truncation, generator.spec)
    source = CodeSource(generator, num, seed, psi, latent_codes_path, latent_space_type, label)
    scorer = predictor_for(predictor, model, generator) if generate_prediction else None
    chosen = _latents(latents, source.spaces)
    imaged = 0 if skip_image else None if images or image_format == "npy" else preview
    target = 256 if generate_prediction or imaged is None else 1024
    plan = SynthesisPlan(
        latents=chosen,
        images=imaged,
        image_form=image_format,
        quality=quality,
        styles=generate_style,
        predict=generate_prediction,
        batch_size=batch_size,
        chunk=chunk_size(batch_size, chunk or target),
    )
    check_plan(source, plan, scorer)
    arguments: dict[str, Any] = {
        "model": model,
        "weights": weights_checksum(generator),
        **source.arguments(),
        "seed": seed,
        "truncation": show_truncation(psi),
        "precision": precision,
        "predictor": None if scorer is None else scorer.name,
        "latents": chosen,
        "images": "all" if imaged is None else imaged,
        "image_format": image_format,
        "quality": quality,
        "styles": generate_style,
        "batch_size": batch_size,
        "chunk": plan.chunk,
    }
    folder = output_dir or f"{model_stem(model)}_synthesis"
    with Run.begin(folder, "synthesize", arguments, seed, generator.device, part, overwrite) as run:
        run.record("predictor", arguments["predictor"])
        synthesize(run, source, plan, scorer, workers)
        if part.is_whole:
            finish(run)
    click.echo(f"{source.total} samples: {run.directory}" if part.is_whole else f"Shard {part}: {run.directory}")


def finish(run: Run) -> None:
    """Record the results of a run whose arrays are whole, and write its page."""
    from gantk.cli.originals import write_page
    from gantk.higan.synthesize import summarize

    arguments = run.manifest["arguments"]
    summarize(run, int(arguments["num"]), str(arguments["image_format"]), str(arguments["truncation"]))
    write_page(run)


def _latents(text: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    from gantk.errors import UsageError

    if text is None:
        return tuple(name for name in known if name != "wp") or known
    chosen = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    for name in chosen:
        if name not in ("z", "w", "wp"):
            raise UsageError(f"--latents {text} names {name!r}, which is none of z, w, wp.")
    return chosen
