"""`gantk manipulate`: images along one or more directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gantk.cli.options import (
    codes_options,
    direction_options,
    examples,
    generator_options,
    image_options,
    label_option,
    layers_option,
    model_argument,
    run_options,
    truncation_option,
)
from gantk.cli.originals import accepted, accepted_flag

if TYPE_CHECKING:
    from gantk.runs.run import Run

DEFAULT_NUM = 4


def grid_options(function: Any) -> Any:
    """HiGAN's options for the picture that a video's frames are made of."""
    text = {"row": "Rows of an animation's picture.", "col": "Columns of an animation's picture."}
    names = ["row", "col", "row-spacing", "col-spacing", "border-left", "border-right", "border-top", "border-bottom"]
    for name in reversed([*names, "viz-size"]):
        kind = click.IntRange(0)
        function = click.option(f"--{name}", type=kind, default=0, hidden=name not in text, help=text.get(name))(
            function
        )
    return click.option("--white-background", is_flag=True, hidden=True)(function)


@click.command(
    epilog=examples(
        "gantk manipulate demo time_of_day",
        "gantk manipulate demo season --layers 6-9 --num 8 --step 9 --start-distance -4 --end-distance 4",
        "gantk manipulate demo time_of_day --condition season --animation gif",
        "gantk manipulate church.pkl boundary_list.txt --layerwise-manipulation -N 10 -o runs/church",
        "gantk manipulate stylegan3-t.pkl directions.npy --rows 0-3 --rotate 15 --translate 0.1 0",
    )
)
@model_argument()
@click.argument("directions", metavar="DIRECTION...", nargs=-1, required=True)
@click.option(
    "--num", "-N", type=click.IntRange(0), default=None, help=f"Samples; default: {DEFAULT_NUM}, or all of FILE."
)
@codes_options("Codes to move, not drawn ones.")
@click.option("--step", "--steps", "-S", "step", type=click.IntRange(1), default=7, show_default=True, help="Images.")
@click.option(
    "--start-distance", type=float, default=None, help="First distance; default: minus the direction's scale."
)
@click.option("--end-distance", type=float, default=None, help="Last distance; default: the direction's scale.")
@click.option("--absolute/--relative", default=False, help="Distances from the boundary, not from the code.")
@layers_option("Rows of wp to move: 6-9, layer names or all; default: the direction's own. Also --manipulate-layers.")
@click.option("--manipulate-layers", "--mani-layers", "manipulate_layers", default=None, hidden=True)
@click.option("--layerwise-manipulation", is_flag=True, help="Move wp row by row although all rows move.")
@click.option(
    "--disable-manipulation-truncation", is_flag=True, help="Do not scale a w-direction by psi on truncated rows."
)
@click.option("--condition", "conditions", metavar="DIRECTION", multiple=True, help="Keep this one still; repeatable.")
@direction_options("directions")
@click.option("--rotate", type=float, default=0.0, help="Degrees; StyleGAN3 only.")
@click.option("--translate", type=float, nargs=2, default=(0.0, 0.0), help="Fractions of the canvas; StyleGAN3 only.")
@click.option("--tx", type=float, default=0.0, hidden=True)
@click.option("--ty", type=float, default=0.0, hidden=True)
@image_options()
@click.option("--skip-image", is_flag=True, help="Write the moved codes only.")
@click.option(
    "--animation",
    "animations",
    type=click.Choice(["gif", "webp", "mp4"]),
    multiple=True,
    help="Also as one; repeatable.",
)
@click.option("--generate-video", is_flag=True, help="An mp4 where ffmpeg is installed, else a gif.")
@click.option("--fps", type=float, default=10.0, show_default=True, help="Steps per second of an animation.")
@click.option("--once", is_flag=True, help="An animation runs one way instead of there and back.")
@grid_options
@label_option()
@truncation_option()
@generator_options()
@run_options(made="manipulation")
@accepted_flag("--generate-html", "--save-raw-synthesis", "--save-jpg")
@accepted("--html-name", "--video-name", "--logfile-name")
def command(
    model: str,
    directions: tuple[str, ...],
    num: int | None,
    latent_codes_path: str | None,
    latent_space_type: str,
    step: int,
    start_distance: float | None,
    end_distance: float | None,
    absolute: bool,
    layers: str | None,
    manipulate_layers: str | None,
    layerwise_manipulation: bool,
    disable_manipulation_truncation: bool,
    conditions: tuple[str, ...],
    rows: str | None,
    space: str | None,
    rotate: float,
    translate: tuple[float, float],
    tx: float,
    ty: float,
    image_format: str,
    quality: int,
    skip_image: bool,
    animations: tuple[str, ...],
    generate_video: bool,
    fps: float,
    once: bool,
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
    workers: int | None,
    **grid: Any,
) -> None:
    """Move samples along directions and render every step; the page has a slider for each sample.

    A DIRECTION is a file, a boundary list in HiGAN's syntax, a folder, or the name of a shipped one, with its own
    layers and range unless told otherwise. Even step counts are kept; every image is labelled with its true distance.
    """
    from gantk.cli.options import load_model
    from gantk.cli.originals import model_stem
    from gantk.codes.directions import save_direction
    from gantk.codes.latents import parse_truncation
    from gantk.codes.source import CodeSource, show_truncation, weights_checksum
    from gantk.errors import UsageError
    from gantk.higan.entries import gather
    from gantk.higan.manipulate import (
        ManipulationPlan,
        check_edits,
        condition,
        describe,
        manipulate,
        motion,
        plan_edit,
        steps,
    )
    from gantk.runs.run import Run, parse_shard

    part = parse_shard(shard)
    if layers is not None and manipulate_layers is not None:
        raise UsageError("--layers and --manipulate-layers are the same: give one of them.")
    formats = _formats(animations, generate_video, skip_image)
    generator = load_model(model, device, precision)
    matrix = motion(rotate, (translate[0] + tx, translate[1] + ty), generator)
    still = gather(conditions, generator, force, space) if conditions else []
    entries = [condition(entry, still) for entry in gather(directions, generator, force, space, rows)]
    psi = parse_truncation(truncation, generator.spec)
    wanted = num or (DEFAULT_NUM if latent_codes_path is None else None)
    source = CodeSource(generator, wanted, seed, psi, latent_codes_path, latent_space_type, label)
    edits = []
    for entry in entries:
        scale = entry.direction.scale_of(entry.row)
        low = -scale if start_distance is None else start_distance
        high = scale if end_distance is None else end_distance
        chosen = manipulate_layers or layers
        if entry.space == "z" and len(entries) > 1:
            chosen = None  # layers are for the others
        compensate = not disable_manipulation_truncation
        edit = plan_edit(entry, source, steps(low, high, step), chosen, layerwise_manipulation, compensate, absolute)
        edits.append(edit)
    check_edits(source, edits)
    plan = ManipulationPlan(
        images=not skip_image,
        image_form=image_format,
        quality=quality,
        transform=matrix,
        batch_size=batch_size,
        chunk=max(1, batch_size // step),
    )
    arguments: dict[str, Any] = {
        "model": model,
        "weights": weights_checksum(generator),
        "directions": [entry.identity for entry in entries],
        "conditions": [entry.title for entry in still],
        **source.arguments(),
        "distances": [edit.distances for edit in edits],
        "absolute": absolute,
        "layers": [edit.layers for edit in edits],
        "spaces": [edit.space for edit in edits],
        "compensate": not disable_manipulation_truncation,
        "rotate": rotate,
        "translate": [translate[0] + tx, translate[1] + ty],
        "truncation": show_truncation(psi),
        "precision": precision,
        "seed": seed,
        "image_format": None if skip_image else image_format,
        "quality": quality,
        "batch_size": batch_size,
    }
    folder = output_dir or f"{model_stem(model)}_manipulation"
    with Run.begin(folder, "manipulate", arguments, seed, generator.device, part, overwrite) as run:
        form = "" if skip_image else image_format
        run.record("directions", [describe(edit, source.total, form, generator) for edit in edits])
        run.record("conditions", [entry.title for entry in still])
        run.record("truncation", show_truncation(psi))
        run.record("animation", {"formats": formats, "fps": fps, "once": once, "grid": grid})
        for entry in entries:
            save_direction(run.output(f"{entry.prefix}_boundary.npy", "as it was used"), entry.alone())
        manipulate(run, source, edits, plan, workers)
        if part.is_whole:
            finish(run)
    click.echo(f"{source.total} samples: {run.directory}" if part.is_whole else f"Shard {part}: {run.directory}")


def finish(run: Run) -> None:
    """Make the animations and the page of a run whose arrays and images are whole."""
    from gantk.cli.originals import write_page
    from gantk.pictures.animation import GridStyle, animate

    wanted = run.results["animation"]
    grid = wanted["grid"]
    style = GridStyle(
        rows=grid["row"],
        columns=grid["col"],
        row_spacing=grid["row_spacing"],
        column_spacing=grid["col_spacing"],
        left=grid["border_left"],
        right=grid["border_right"],
        top=grid["border_top"],
        bottom=grid["border_bottom"],
        white=grid["white_background"],
        size=grid["viz_size"],
    )
    directions = run.results["directions"]
    for direction in directions:
        direction["animation"] = {}
        for form in wanted["formats"]:
            name = f"{direction['prefix']}.{form}"
            animate(run.directory, direction["frames"], run.path(name), wanted["fps"], wanted["once"], style)
            run.output(name, "the steps as an animation")
            direction["animation"][form] = name
    run.record("directions", directions)
    run.record("files", sorted(name for name in run.manifest["outputs"] if name.endswith(".npy")))
    write_page(run)


def _formats(animations: tuple[str, ...], video: bool, skip_image: bool) -> list[str]:
    """The animations to write; an impossible one is said before any work."""
    from gantk.errors import UsageError
    from gantk.pictures.animation import require_mp4

    formats = list(dict.fromkeys(animations))
    if video and "mp4" not in formats:
        try:
            require_mp4()
            formats.append("mp4")
        except UsageError:
            click.echo("ffmpeg is not installed (pip install 'gantk[video]'): the video becomes a gif.", err=True)
            formats += [] if "gif" in formats else ["gif"]
    if "mp4" in formats:
        require_mp4()
    if formats and skip_image:
        raise UsageError("An animation needs images: leave out --skip-image.")
    return formats
