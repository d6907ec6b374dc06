"""`gantk lse train`: heads from a teacher's labels of a generator's own images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

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
    from gantk.lse.images import Images
    from gantk.lse.teachers import Teacher
    from gantk.lse.training import Plan
    from gantk.runs.run import Run

CLASS_HELP = "a class (number or ImageNet name); default: random, a seeded one each."
TEACHER_HELP = (
    "truth (of demo-oracle), demo, module:callable (logits [N, K, H, W]), a file, or a folder of index PNGs; default: "
    "the bundled one for bundled models."
)
CLASSES_HELP = (
    "face (face19: a folder of 19), a scene set such as stylegan2_church, or names, comma-separated; default: all "
    "of the teacher's."
)


@click.command(
    epilog=examples(
        "gantk lse train demo --head LSE --head NSE-1 --head NSE-2 -o runs/lse",
        "gantk lse train ffhq.pkl --teacher faces.py:unet --classes face --size 512 --num 1000 -o runs/ffhq",
        "gantk lse train demo --solver adam -o runs/paper",
        "gantk lse train demo --num 4096 --shard 0/4 -o runs/lse-4096",
    )
)
@model_argument()
@click.option("--head", "heads", multiple=True, metavar="KIND", default=("LSE",), help="LSE, NSE-1, NSE-2; repeated.")
@click.option("--teacher", type=TYPED, metavar="NAME", default=None, help=TEACHER_HELP)
@click.option("--classes", metavar="LIST", default=None, help=CLASSES_HELP)
@click.option("--num", "-N", type=click.IntRange(1), default=256, show_default=True, help="Images to learn from.")
@click.option("--held-out", type=click.IntRange(0), default=64, show_default=True, help="Images to look at meanwhile.")
@click.option(
    "--solver",
    type=click.Choice(["lbfgs", "ridge", "adam"]),
    default="lbfgs",
    show_default=True,
    help="lbfgs: convex, deterministic; ridge: least squares in one pass; adam: the paper's schedule, fresh images.",
)
@click.option("--steps", type=click.IntRange(1), default=24, show_default=True, help="Of lbfgs, at most.")
@click.option("--eps", type=click.FloatRange(0), default=0.01, show_default=True, help="Shrinkage of the whitening.")
@click.option("--penalty", type=click.FloatRange(0), default=1e-4, show_default=True, help="On whitened weights.")
@click.option("--epochs", type=click.IntRange(1), default=None, help="Of Adam; default: 50 (paper), 16 for NSE heads.")
@click.option("--epoch-images", type=click.IntRange(1), default=1024, show_default=True, help="Of --solver adam.")
@click.option("--size", type=click.IntRange(2), default=None, help="Side of the labels; default: the images', <= 512.")
@click.option("--taps", metavar="LIST", default=None, help="all, last (one per resolution), or layers; default: all.")
@click.option("--pixel-centres", is_flag=True, help="Resize by pixel centres; default: corners aligned, as the paper.")
@click.option("--mixed", is_flag=True, help="An independent z for every row of wp (the paper's mixwp).")
@label_option(CLASS_HELP)
@truncation_option()
@generator_options(8)
@run_options(made="lse")
@click.option("--chunk", type=click.IntRange(1), default=None, help="Images per chunk of the ledger.")
def train(**options: Any) -> None:
    """Train segmentation heads on a generator's maps.

    Labels and the features' Gram matrix are gathered in one pass, which --shard splits and `gantk merge` adds up; the
    linear head is then solved as the convex problem it is. Codes and labels are kept, features are not.
    """
    from gantk.cli.options import load_model
    from gantk.cli.originals import model_stem
    from gantk.codes.latents import parse_truncation
    from gantk.codes.source import show_truncation, weights_checksum
    from gantk.lse.training import gather
    from gantk.runs.run import Run, parse_shard

    part = parse_shard(options.pop("shard"))
    model, device, overwrite = options["model"], options.pop("device"), options.pop("overwrite")
    folder = options.pop("output_dir") or f"{model_stem(model)}_lse"
    generator = load_model(model, device, options["precision"])
    options["truncation"] = show_truncation(parse_truncation(options["truncation"], generator.spec))
    options["heads"] = list(options["heads"])
    images, teacher, plan = prepare(options, generator)
    arguments = {**options, "size": images.size, "taps": list(images.taps), "chunk": plan.chunk,
                 "weights": weights_checksum(generator), "teacher": teacher.name}  # fmt: skip
    with Run.begin(folder, "lse train", arguments, options["seed"], generator.device, part, overwrite) as run:
        if overwrite:
            forget_states(run)
        gather(run, images, teacher, plan)
        if part.is_whole:
            conclude(run, images, teacher, plan)
    click.echo(f"Heads: {run.directory}" if part.is_whole else f"Shard {part}: {run.directory}")


def prepare(options: dict[str, Any], generator: Any) -> tuple[Images, Teacher, Plan]:
    """What the options mean; from a manifest's arguments too."""
    from gantk.codes.latents import parse_truncation
    from gantk.errors import UsageError
    from gantk.generators.imagenet import one_class
    from gantk.lse import adam
    from gantk.lse.codes import CodeStream
    from gantk.lse.images import Images
    from gantk.lse.teachers import load_teacher
    from gantk.lse.training import Plan
    from gantk.predictors.head_networks import KINDS
    from gantk.predictors.heads import parse_taps

    heads = tuple(dict.fromkeys(options["heads"]))
    for kind in heads:
        if kind not in KINDS:
            raise UsageError(f"--head {kind} is no kind of head: give {', '.join(KINDS)}.")
    taps = options["taps"]
    chosen = tuple(taps) if isinstance(taps, list) else parse_taps(taps, generator)
    truncation = parse_truncation(options["truncation"], generator.spec)
    stream = CodeStream(
        generator, options["seed"], truncation, options["mixed"], one_class(options["label"], generator.spec)
    )
    size = options["size"] or min(generator.spec.resolution, 512)
    images = Images(stream, chosen, size, not options["pixel_centres"], options["batch_size"])
    teacher = load_teacher(options["teacher"], generator, options["model"], options["classes"])
    if options["solver"] == "adam":
        epochs, per_epoch = options["epochs"] or adam.PAPER.epochs, options["epoch_images"]
        schedule = adam.PAPER.scaled(epochs, per_epoch)
    else:
        schedule = adam.short(options["num"], options["epochs"] or 16)
    width = sum(images.channels)
    # a chunk holds a Gram matrix: with wide features there are few of them
    least = -(-options["num"] // 16) if width > 2000 else 32
    batch = options["batch_size"]
    chunk = options["chunk"] or batch * -(-max(least, 32) // batch)
    plan = Plan(
        heads, options["num"], options["held_out"], chunk, options["solver"], options["steps"], options["eps"],
        options["penalty"], schedule=schedule, seed=options["seed"],
    )  # fmt: skip
    return images, teacher, plan


def forget_states(run: Run) -> None:
    """Remove what an interrupted solution left."""
    for name in ("lbfgs.npz", "adam.pt"):
        (run.directory / "chunks" / "lse-train" / name).unlink(missing_ok=True)


def conclude(run: Run, images: Images, teacher: Teacher, plan: Plan) -> None:
    """Solve, write the heads, record the results, write the page."""
    from gantk.cli.originals import write_page
    from gantk.lse.training import solve
    from gantk.lse.training_results import record

    record(run, images, teacher, plan, solve(run, images, teacher, plan))
    forget_states(run)
    for head in run.results["heads"]:
        score = f"  mIoU {head['paper_miou']:.4f} on held-out images" if head.get("paper_miou") is not None else ""
        click.echo(f"{head['name']}: {head['file']}, {head['passes']} image passes{score}")
    write_page(run)


def finish(run: Run) -> None:
    """Solve once the shards' chunks are joined."""
    from gantk.cli.options import load_model

    options = run.arguments
    generator = load_model(options["model"], "auto", options["precision"])
    conclude(run, *prepare(options, generator))
