"""`gantk navigan apply`: pictures of samples, or of inverted photographs, with their weights moved."""

from __future__ import annotations

from typing import Any

import click

from gantk.cli.navigan_subject import conv_option, sample_options
from gantk.cli.options import TYPED, examples, generator_options, model_argument, run_options


@click.command(
    epilog=examples(
        "gantk navigan apply demo runs/hessian/eigenvectors.safetensors --rows 0-3 -o runs/edits",
        "gantk navigan apply ffhq.pkl nose_size.pt --num 4 --steps 7",
        "gantk navigan apply ffhq.pkl nose_size.pt -i inverted_wp.npy --latent-space-type wp --start 0 --end 40",
        "gantk navigan apply car.pkl checkpoint.pt --basis eigenvectors_layer3_car.pt --rows 5 --animation gif",
    )
)
@model_argument()
@click.argument("file", metavar="DIRECTIONS")
@click.option("--basis", metavar="FILE", default=None, help="Eigenvectors that a released checkpoint refers to.")
@conv_option(required=False)
@click.option("--rows", metavar="LIST", default=None, help="Directions: 0-3,7 or all; default: the first 8.")
@click.option("--step", "--steps", "steps", type=click.IntRange(1), default=7, show_default=True, help="Pictures.")
@click.option("--start", "first", type=float, default=None, help="First strength; default: minus the recommended one.")
@click.option("--end", "last", type=float, default=None, help="Last strength; default: the recommended one.")
@click.option("--each", metavar="FILE.npy", default=None, help="[N, 2]: a direction and a strength for every sample.")
@click.option(
    "--metric",
    type=TYPED,
    metavar="NAME",
    default=None,
    help="How far every picture moved; none; default: as in hessian.",
)
@click.option(
    "--animation",
    "animations",
    type=click.Choice(["gif", "webp", "mp4"]),
    multiple=True,
    help="Also as an animation; repeatable.",
)
@click.option("--fps", type=click.FloatRange(0.1, 60), default=10.0, show_default=True, help="Steps per second.")
@click.option(
    "--image-format",
    type=click.Choice(["png", "jpg", "webp"]),
    default="png",
    show_default=True,
    help="Of the images on disk.",
)
@click.option("--quality", type=click.IntRange(1, 100), default=95, show_default=True, help="Of jpg and webp.")
@click.option("--force", is_flag=True, help="Take directions of another generator with the same shapes.")
@sample_options(4)
@generator_options()
@run_options(made="navigan")
def apply(
    model: str,
    file: str,
    basis: str | None,
    conv: str | None,
    rows: str | None,
    steps: int,
    first: float | None,
    last: float | None,
    each: str | None,
    metric: str | None,
    animations: tuple[str, ...],
    fps: float,
    image_format: str,
    quality: int,
    force: bool,
    num: int,
    latent_codes_path: str | None,
    latent_space_type: str,
    inputs: str | None,
    label: str | None,
    truncation: str | None,
    device: str,
    precision: str,
    batch_size: int,
    seed: int,
    output_dir: str | None,
    shard: str | None,
    overwrite: bool,
) -> None:
    """Render samples along weight directions; the page has a slider for each sample.

    DIRECTIONS is a file of gantk's, or a released one: eigenvectors, a checkpoint of learned combinations, or one
    annotated deformation. Codes of any space are taken, those of inverted photographs too.
    """
    import numpy as np

    from gantk.cli.navigan_subject import METRIC_SIZE, check_animations, finish_page, metric_for, subject
    from gantk.cli.navigan_train import read_basis
    from gantk.cli.originals import model_stem
    from gantk.errors import GantkError, UsageError
    from gantk.generators.rows import parse_layers
    from gantk.navigan.apply import Edit, apply_each, apply_edits, describe, read_each
    from gantk.navigan.files import load
    from gantk.navigan.target import checksum
    from gantk.runs.run import Run, parse_shard

    part = parse_shard(shard)
    formats = check_animations(animations)
    directions = load(file, conv, read_basis(basis, conv)) if basis else read_basis(file, conv)
    if each is not None and (rows or first is not None or last is not None or formats or not part.is_whole):
        raise UsageError(
            "--each has its own directions and strengths: leave --rows, --start, --end, --animation, --shard out."
        )
    table = None if each is None else read_each(each, len(directions))
    about = subject(
        model, directions.layer, device=device, precision=precision, num=num if table is None else len(table),
        seed=seed, codes=latent_codes_path, space=latent_space_type, inputs=inputs, label=label, truncation=truncation,
    )  # fmt: skip
    directions.check(about.target, force)
    if table is not None and about.total < len(table):
        raise UsageError(f"{each} has {len(table)} rows and there are {about.total} samples: give as many.")
    chosen = range(min(8, len(directions))) if rows is None else parse_layers(rows, len(directions))
    default = 0.1 * float(about.target.weight.norm())
    edits = []
    for row in chosen:
        scale = directions.scale(row, default)
        low, high = -scale if first is None else first, scale if last is None else last
        strengths = [round(float(value), 6) for value in np.linspace(low, high, steps)]
        edits.append(Edit(row, strengths if steps > 1 else [float(high)]))
    judge = None
    if metric != "none":
        try:
            judge = metric_for(metric, "maps", METRIC_SIZE, model, about.target.weight.device)
        except GantkError:
            if metric is not None:
                raise  # without the default's files there are simply no distances
    arguments: dict[str, Any] = {
        **about.arguments,
        "directions": f"{file} {len(directions)} {checksum(directions.delta(0))}",
        "rows": list(chosen) if table is None else None,
        "strengths": [edit.strengths for edit in edits] if table is None else None,
        "each": each,
        "metric": None if judge is None else judge.name,
        "image_format": image_format,
        "quality": quality,
        "batch_size": batch_size,
    }
    folder = output_dir or f"{model_stem(model)}_navigan"
    with Run.begin(folder, "navigan apply", arguments, seed, about.target.weight.device, part, overwrite) as run:
        run.record("layer", about.target.layer)
        run.record("file", file)
        run.record("count", len(directions))
        run.record("animation", {"formats": formats, "fps": fps})
        if table is not None:
            names = apply_each(
                run, about.target, about.codes, directions, table, batch=batch_size, form=image_format, quality=quality
            )
            run.record("each", [[name, *map(float, row)] for name, row in zip(names, table, strict=True)])
        else:
            run.record("directions", [describe(edit, about.total, image_format) for edit in edits])
            apply_edits(
                run, about.target, about.codes, about.total, directions, edits, judge,
                batch=batch_size, form=image_format, quality=quality,
            )  # fmt: skip
        if part.is_whole:
            finish_page(run)
    click.echo(f"{about.total} samples: {run.directory}" if part.is_whole else f"Shard {part}: {run.directory}")
