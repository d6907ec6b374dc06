"""`gantk lse sample`: images with a wanted label map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gantk.cli.lse_train import CLASS_HELP, TEACHER_HELP
from gantk.cli.options import examples, generator_options, label_option, model_argument, run_options, truncation_option

if TYPE_CHECKING:
    from gantk.lse.sampling_runs import Work
    from gantk.runs.run import Run


@click.command(
    epilog=examples(
        "gantk lse sample demo runs/lse/heads/LSE.safetensors --num-targets 4 -o runs/sampled",
        "gantk lse sample demo runs/lse/heads/LSE.safetensors --shape sky:0,0,64,20 --shape tree:50,30,8",
        "gantk lse sample demo runs/lse/heads/LSE.safetensors --target wanted.png --space mixed --samples 8",
    )
)
@model_argument()
@click.argument("head", metavar="HEAD")
@click.option("--target", "targets", multiple=True, metavar="PNG", help="Label map, or a folder of them; repeated.")
@click.option("--shape", "shapes", multiple=True, metavar="CLASS:X,Y,...",
              help="Part of a drawn target: a box LEFT,TOP,RIGHT,BOTTOM or a disc X,Y,RADIUS; repeated.")  # fmt: skip
@click.option("--num-targets", type=click.IntRange(1), default=None, help="Label maps of fresh samples; default: 4.")
@click.option("--samples", type=click.IntRange(1), default=4, show_default=True, help="Images for each target.")
@click.option("--space", type=click.Choice(["z", "mixed", "w"]), default="w", show_default=True,
              help="What is moved; mixed: an own z for every row.")  # fmt: skip
@click.option("--bank", type=click.IntRange(1), default=512, show_default=True, help="Codes that samples start from.")
@click.option("--steps", type=click.IntRange(0), default=50, show_default=True, help="Of Adam, at most.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=None, help="Of Adam; default: by space.")
@click.option("--rows", type=click.Choice(["even", "coarse"]), default="even", show_default=True,
              help="coarse: later rows move less (mixed).")  # fmt: skip
@click.option("--paper", is_flag=True, help="The released program: fresh starts, 50 steps at 0.01, the last kept.")
@click.option("--starts", type=click.IntRange(1), default=100, show_default=True, help="Fresh codes each, of --paper.")
@click.option("--through", type=click.Choice(["head", "teacher"]), default="head", show_default=True,
              help="What the loss sees; teacher: the paper's baseline.")  # fmt: skip
@click.option("--teacher", metavar="NAME", default=None, help=TEACHER_HELP)
@click.option("--classes", metavar="LIST", default=None, help="As the head was trained.")
@label_option(CLASS_HELP)
@click.option("--force", is_flag=True, help="Take a head of another generator with the same maps.")
@truncation_option()
@generator_options(16)
@run_options(made="sampled")
def sample(**options: Any) -> None:
    """Find images that have a wanted label map, and score them by the teacher.

    Targets are index PNGs (255: anything goes), drawn shapes, or label maps of fresh samples.
    """
    import numpy as np

    from gantk.cli.originals import model_stem
    from gantk.lse.sampling_runs import sample_targets
    from gantk.runs.run import Run, parse_shard

    part, overwrite = parse_shard(options.pop("shard")), options.pop("overwrite")
    folder = options.pop("output_dir") or f"{model_stem(options['model'])}_sampled"
    device = options.pop("device")
    options |= {"targets": list(options["targets"]), "shapes": list(options["shapes"])}
    work, names, targets, identity = prepare(options, device)
    with Run.begin(folder, "lse sample", {**options, "identity": identity}, options["seed"], device, part,
                   overwrite) as run:  # fmt: skip
        if overwrite:
            run.path("bank.npy").unlink(missing_ok=True)
        sample_targets(run, work, np.stack(targets))
        if part.is_whole:
            conclude(run, work, names, np.stack(targets))
    click.echo(f"Samples: {run.directory}" if part.is_whole else f"Shard {part}: {run.directory}")


def prepare(options: dict[str, Any], device: str = "auto") -> tuple[Work, list[str], list[Any], str]:
    """What the options mean; from a manifest's arguments too."""
    import zlib

    from gantk.cli.options import load_model
    from gantk.codes.latents import parse_truncation
    from gantk.codes.source import weights_checksum
    from gantk.errors import UsageError
    from gantk.generators.imagenet import one_class
    from gantk.lse.codes import CodeStream
    from gantk.pictures.label_maps import draw
    from gantk.lse.sampling import Search
    from gantk.lse.sampling_runs import Work, drawn_targets, read_targets
    from gantk.lse.teachers import load_teacher
    from gantk.predictors.head_files import load_head

    generator = load_model(options["model"], device, options["precision"])
    head = load_head(options["head"], generator, options["force"])
    judge = load_teacher(options["teacher"], generator, options["model"], options["classes"])
    if judge.class_names != head.class_names:
        raise UsageError(
            f"The head tells {len(head.class_names)} classes apart and the teacher {judge.name} "
            f"{len(judge.class_names)}: give the teacher and --classes it was trained with."
        )
    space, count = options["space"], options["samples"]
    if options["paper"]:
        if space == "w":
            raise UsageError("--paper moves z: give --space z or --space mixed.")
        search, truncation = Search.paper_exact(count, space, options["starts"]), None
    else:
        if options["bank"] < count:
            raise UsageError(f"A bank of {options['bank']} codes is too small for {count} samples of each target.")
        rate = options["rate"] or (0.05 if space == "w" else 0.02)
        search = Search(count, space, options["steps"], rate, rows=options["rows"])
        truncation = parse_truncation(options["truncation"], generator.spec)
    stream = CodeStream(generator, options["seed"], truncation, False, one_class(options["label"], generator.spec))
    work = Work(head, stream, judge, search, options["bank"], options["batch_size"], options["through"])
    names, targets = read_targets(options["targets"], work)
    if options["shapes"]:
        names.append(" ".join(options["shapes"]))
        targets.append(draw(options["shapes"], head.class_names, work.size))
    if options["num_targets"] or not targets:
        drawn = drawn_targets(work, options["num_targets"] or 4)
        names, targets = names + drawn[0], targets + drawn[1]
    identity = f"{weights_checksum(generator)} {zlib.crc32(b''.join(t.tobytes() for t in targets)):08x}"
    return work, names, targets, identity


def conclude(run: Run, work: Work, names: list[str], targets: Any) -> None:
    """Record the scores and write the page."""
    from gantk.cli.originals import write_page
    from gantk.lse.sampling_runs import record

    record(run, work, names, targets)
    found = run.results
    click.echo(f"mIoU {found['paper_miou']:.4f}, accuracy {found['accuracy']:.4f}, by {found['judge']}")
    write_page(run)


def finish(run: Run) -> None:
    """Score the joined shards."""
    import numpy as np

    work, names, targets, _ = prepare(dict(run.manifest["arguments"]))
    conclude(run, work, names, np.stack(targets))
