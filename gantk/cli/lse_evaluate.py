"""`gantk lse evaluate`: heads against a teacher on fresh images, for one generator or for several in one table."""

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
    from gantk.lse.evaluation import Subject
    from gantk.runs.run import Run


@click.command(
    epilog=examples(
        "gantk lse evaluate demo runs/lse --num 1000 -o runs/scores",
        "gantk lse evaluate demo runs/lse --also demo-oracle=runs/lse-oracle -o runs/scores",
        "gantk lse evaluate ffhq.pkl heads/stylegan2_ffhq_LSE.pth --teacher faces.py:unet --classes face",
    )
)
@model_argument()
@click.argument("heads", metavar="HEAD...", nargs=-1, required=True)
@click.option(
    "--also", multiple=True, metavar="MODEL=HEAD,...", help="Another generator and its heads, for one table; repeated."
)
@click.option("--teacher", type=TYPED, metavar="NAME", default=None, help=TEACHER_HELP)
@click.option("--classes", metavar="LIST", default=None, help=CLASSES_HELP)
@click.option("--num", "-N", type=click.IntRange(1), default=1000, show_default=True, help="Images.")
@click.option("--start", type=click.IntRange(0), default=1_000_000, show_default=True, help="The first one's number.")
@click.option("--size", type=click.IntRange(2), default=None, help="Side of the labels; default: the first head's.")
@click.option("--mixed", is_flag=True, help="An independent z for every row of wp.")
@label_option(CLASS_HELP)
@click.option("--force", is_flag=True, help="Take heads of another generator with the same maps.")
@truncation_option()
@generator_options(16)
@run_options(made="scores")
def evaluate(**options: Any) -> None:
    """Score heads against a teacher: the paper's metric, the confusion matrix of all images, intervals, tables.

    HEAD is a file, or a folder of them such as the directory of `gantk lse train`. The images are fresh ones: they are
    counted from --start, far behind those of the training.
    """
    from gantk.cli.originals import model_stem
    from gantk.lse.evaluation import evaluate as score
    from gantk.runs.run import Run, parse_shard

    part, overwrite = parse_shard(options.pop("shard")), options.pop("overwrite")
    folder = options.pop("output_dir") or f"{model_stem(options['model'])}_scores"
    options |= {"heads": list(options["heads"]), "also": list(options["also"])}
    subjects, identity = prepare(options)
    device = options.pop("device")
    arguments = {**options, "identity": identity}
    batch = options["batch_size"]
    with Run.begin(folder, "lse evaluate", arguments, options["seed"], device, part, overwrite) as run:
        score(run, subjects, options["num"], batch, batch * max(1, 128 // batch))
        if part.is_whole:
            conclude(run, subjects)
    click.echo(f"Scores: {run.directory}" if part.is_whole else f"Shard {part}: {run.directory}")


def prepare(options: dict[str, Any]) -> tuple[list[Subject], list[str]]:
    """The generators with their heads, and what identifies them."""
    from gantk.cli.options import load_model
    from gantk.codes.latents import parse_truncation
    from gantk.codes.source import weights_checksum
    from gantk.errors import UsageError
    from gantk.generators.imagenet import one_class
    from gantk.lse.codes import CodeStream
    from gantk.lse.evaluation import Subject, find_heads
    from gantk.lse.teachers import load_teacher

    pairs = [(options["model"], options["heads"])]
    for text in options["also"]:
        model, equals, heads = text.partition("=")
        if not equals or not model or not heads:
            raise UsageError(f"--also {text!r} is not understood: write MODEL=HEAD,HEAD.")
        pairs.append((model, heads.split(",")))
    subjects, identity = [], []
    for place, (model, paths) in enumerate(pairs):
        generator = load_model(model, options.get("device", "auto"), options["precision"])
        found = find_heads(paths, generator, options["force"])
        truncation = parse_truncation(options["truncation"], generator.spec)
        drawn = (options["mixed"], one_class(options["label"], generator.spec), options["start"])
        stream = CodeStream(generator, options["seed"], truncation, *drawn)
        teacher = load_teacher(options["teacher"], generator, model, options["classes"])
        size = options["size"] or next(iter(found.values())).info.size
        subjects.append(Subject(model, f"confusion-{place}", stream, teacher, found, size))
        identity.append(f"{weights_checksum(generator)}: {', '.join(found)}")
    return subjects, identity


def conclude(run: Run, subjects: list[Subject]) -> None:
    """Record the scores, write the tables and the page."""
    from gantk.cli.originals import write_page
    from gantk.lse.evaluation_results import record

    record(run, subjects, run.manifest["arguments"]["seed"])
    for row in run.results["scores"]:
        low, high = row["intervals"]["paper_miou"]
        click.echo(
            f"{row['model']} {row['head']}: mIoU {row['paper_miou']:.4f} [{low:.4f}, {high:.4f}] "
            f"({row['relative']:+.1f} %), all pixels {row['dataset_miou']:.4f}, accuracy {row['accuracy']:.4f}"
        )
    for row in run.results.get("teachers", []):
        click.echo(f"{row['teacher']} on {row['num']} renders, whose classes are known: mIoU {row['paper_miou']:.4f}")
    write_page(run)


def finish(run: Run) -> None:
    """Score the joined shards."""
    subjects, _ = prepare(run.arguments)
    conclude(run, subjects)
