"""`gantk lse fewshot`: heads from a few labelled images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gantk.cli.lse_train import CLASS_HELP, CLASSES_HELP, TEACHER_HELP
from gantk.cli.options import (
    TYPED,
    examples,
    generator_options,
    label_option,
    model_argument,
    run_options,
    truncation_option,
)

if TYPE_CHECKING:
    from gantk.lse.fewshot_runs import Study
    from gantk.runs.run import Run


@click.command(
    epilog=examples(
        "gantk lse fewshot demo --shots 8 -o runs/fewshot",
        "gantk lse fewshot demo --shots 1,4,8,16 --repeats 5 --full runs/lse/heads/LSE.safetensors -o runs/study",
        "gantk lse fewshot ffhq.pkl --teacher annotations --classes bg,skin,hair --shots 4",
    )
)
@model_argument()
@click.option("--shots", metavar="LIST", default="8", show_default=True, help="Labelled images, such as 1,4,8,16.")
@click.option("--repeats", type=click.IntRange(1), default=1, show_default=True, help="With other images each time.")
@click.option("--teacher", type=TYPED, metavar="NAME", default=None, help=TEACHER_HELP)
@click.option("--classes", metavar="LIST", default=None, help=CLASSES_HELP)
@click.option(
    "--codes", metavar="FILE.npy", default=None, help="wp of the labelled images; default: a folder's wp.npy, or drawn."
)
@click.option("--judge", type=TYPED, metavar="NAME", default=None, help="What scores the heads; default: the teacher.")
@click.option("--full", metavar="HEAD", default=None, help="The head of many images, to compare with.")
@click.option("--num-eval", type=click.IntRange(0), default=256, show_default=True, help="Images to score on.")
@click.option("--noise-draws", type=click.IntRange(1), default=2, show_default=True, help="Of each labelled image.")
@click.option("--penalty", type=click.FloatRange(0), default=1e-4, show_default=True, help="On whitened weights.")
@click.option("--solver", type=click.Choice(["lbfgs", "adam"]), default="lbfgs", show_default=True,
              help="adam: the paper's 6400 passes.")  # fmt: skip
@click.option("--allow-empty", is_flag=True, help="Labels of a folder may lack a class.")
@click.option("--size", type=click.IntRange(2), default=None, help="Side of the labels; default: the images', <= 512.")
@click.option("--taps", metavar="LIST", default=None, help="all, last (one per resolution), or layers; default: all.")
@click.option("--pixel-centres", is_flag=True, help="Resize by pixel centres; default: corners aligned, as the paper.")
@click.option("--mixed", is_flag=True, help="An independent z for every row of wp.")
@label_option(CLASS_HELP)
@truncation_option()
@generator_options(16)
@run_options(made="fewshot")
def fewshot(**options: Any) -> None:
    """Fit linear heads to a few labelled images and score them on fresh ones.

    Labels come from the teacher, or from a folder of index PNGs 000000.png, ...; 255 is "not labelled". Shrinkage is
    chosen by leaving images out.
    """
    from gantk.cli.originals import model_stem
    from gantk.lse.evaluation import evaluate
    from gantk.runs.run import Run, parse_shard

    part, overwrite = parse_shard(options.pop("shard")), options.pop("overwrite")
    folder = options.pop("output_dir") or f"{model_stem(options['model'])}_fewshot"
    device = options.pop("device")
    study, identity = prepare(options, device)
    arguments = {**options, "size": study.images.size, "taps": list(study.images.taps), "identity": identity}
    with Run.begin(folder, "lse fewshot", arguments, options["seed"], device, part, overwrite) as run:
        study.fit(run)
        batch = options["batch_size"]
        if options["num_eval"]:
            evaluate(run, [study.subject()], options["num_eval"], batch, batch * max(1, 128 // batch))
        if part.is_whole:
            conclude(run, study)
    click.echo(f"Heads: {run.directory}" if part.is_whole else f"Shard {part}: {run.directory}")


def prepare(options: dict[str, Any], device: str = "auto") -> tuple[Study, str]:
    """What the options mean; from a manifest's arguments too."""
    from gantk.cli.options import load_model
    from gantk.codes.latents import parse_truncation
    from gantk.codes.source import weights_checksum
    from gantk.errors import UsageError
    from gantk.generators.imagenet import one_class
    from gantk.lse.codes import CodeStream
    from gantk.lse.fewshot_runs import Study, parse_shots
    from gantk.lse.images import Images
    from gantk.lse.teachers import load_teacher
    from gantk.predictors.head_files import load_head
    from gantk.predictors.heads import parse_taps

    generator = load_model(options["model"], device, options["precision"])
    taps = options["taps"]
    chosen = tuple(taps) if isinstance(taps, list) else parse_taps(taps, generator)
    truncation = parse_truncation(options["truncation"], generator.spec)
    stream = CodeStream(
        generator, options["seed"], truncation, options["mixed"], one_class(options["label"], generator.spec)
    )
    size = options["size"] or min(generator.spec.resolution, 512)
    images = Images(stream, chosen, size, not options["pixel_centres"], options["batch_size"])
    teacher = load_teacher(options["teacher"], generator, options["model"], options["classes"])
    judge = teacher
    if options["judge"] is not None:
        judge = load_teacher(options["judge"], generator, options["model"], options["classes"])
    full = None if options["full"] is None else load_head(options["full"], generator)
    study = Study(
        images, teacher, judge, parse_shots(options["shots"]), options["repeats"], options["codes"], full,
        options["noise_draws"], options["penalty"], options["solver"], options["allow_empty"], options["seed"],
    )  # fmt: skip
    if options["num_eval"] and not study.can_judge:
        raise UsageError(
            f"The teacher {judge.name} is a folder and cannot judge fresh images: give --judge, or --num-eval 0."
        )
    return study, weights_checksum(generator)


def conclude(run: Run, study: Study) -> None:
    """Record the scores and write the page."""
    from gantk.cli.originals import write_page
    from gantk.lse.fewshot_runs import record

    record(run, study)
    for row in run.results["shots"]:
        if row.get("paper_miou") is None:
            click.echo(f"{row['shots']} shots: {', '.join(row['files'])}, fitted in {row['seconds']:.1f} s")
            continue
        share = f", {100 * row['of_full']:.1f} % of the full head" if row.get("of_full") else ""
        click.echo(
            f"{row['shots']:>3} shots: mIoU {row['paper_miou']:.4f} +- {row['deviation']:.4f}{share} "
            f"(fitted in {row['seconds']:.1f} s)"
        )
    write_page(run)


def finish(run: Run) -> None:
    """Score the joined shards."""
    study, _ = prepare(run.arguments)
    study.fit(run)
    conclude(run, study)
