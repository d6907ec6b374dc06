"""`gantk ghfeat extract`: codes of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gantk.cli.ghfeat_options import encoder_options
from gantk.cli.options import TYPED, batch_size_option, device_option, examples, model_argument, run_options

if TYPE_CHECKING:
    from gantk.runs.run import Run


@click.command(
    epilog=examples(
        "gantk ghfeat extract demo photo.png folder/ --fit crop -o runs/codes",
        "gantk ghfeat extract demo render:0 render:1 render:2 --refine 100 -o runs/codes",
        "gantk ghfeat extract ghfeat_face.pkl test_list.txt --tiled --shard 0/4 -o runs/faces",
    )
)
@model_argument()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@encoder_options
@click.option("--refine", type=click.IntRange(0), default=0, show_default=True, help="Steps of optimisation after it.")
@click.option(
    "--perception",
    type=TYPED,
    metavar="NAME",
    default=None,
    help="For figures and refinement: a predictor (demo), vgg16 or none; default: demo for the bundled models.",
)
@click.option("--reconstruct/--no-reconstruct", default=True, show_default=True, help="Render what the codes make.")
@click.option("--save-images", is_flag=True, help="Write every reconstruction, not only those for the page.")
@click.option("--tiled", is_flag=True, help="Write ghfeat.npy as the original lays it out, too.")
@click.option("--wp", is_flag=True, help="Write wp.npy, the nearest codes of the generator's own mapping, too.")
@click.option("--chunk", type=click.IntRange(1), default=256, show_default=True, help="Images per chunk of the ledger.")
@device_option()
@batch_size_option(16)
@run_options(made="ghfeat_codes")
def extract(
    model: str,
    images: tuple[str, ...],
    encoder: str | None,
    force: bool,
    fit: str,
    skip_unreadable: bool,
    refine: int,
    perception: str | None,
    reconstruct: bool,
    save_images: bool,
    tiled: bool,
    wp: bool,
    chunk: int,
    device: str,
    batch_size: int,
    output_dir: str | None,
    shard: str | None,
    overwrite: bool,
) -> None:
    """Encode images, folders or lists into a generator's styles: codes.safetensors, reconstructions, figures.

    IMAGE is a file, a folder, a text file with one path per line, a .zip, .tfrecords, or render:I, scene I of the
    bundled world. Killed or interrupted, the same command continues where it stopped.
    """
    from gantk.checkpoints.names import is_bundled
    from gantk.cli.ghfeat_options import encoder_arguments, folder_of, open_encoder, open_images
    from gantk.cli.options import load_model
    from gantk.ghfeat.extract import SHOWN, ExtractPlan
    from gantk.ghfeat.extract import extract as run_extract
    from gantk.ghfeat.losses import load_perception
    from gantk.runs.run import Run, parse_shard

    part = parse_shard(shard)
    generator = load_model(model, device)
    loaded = open_encoder(model, encoder, generator, force)
    given = open_images(
        images, loaded.encoder.config.resolution, fit, skip_unreadable, loaded.encoder.config.image_channels
    )
    given.check()
    name = perception or ("demo" if is_bundled(model) else "none")
    feature = load_perception(name, generator.device)
    plan = ExtractPlan(batch_size, chunk, None if save_images else SHOWN, reconstruct, refine, tiled, wp)
    arguments = {
        "model": model, "images": list(images), **encoder_arguments(loaded), "fit": fit, "refine": refine,
        "perception": name, "reconstruct": reconstruct, "save_images": save_images, "tiled": tiled, "wp": wp,
        "batch_size": batch_size, "chunk": chunk, "skip_unreadable": skip_unreadable, "total": len(given),
    }  # fmt: skip
    folder = folder_of(output_dir, model, "codes")
    with Run.begin(folder, "ghfeat extract", arguments, None, generator.device, part, overwrite) as run:
        run_extract(run, given, loaded, generator, plan, feature)
        if part.is_whole:
            finish(run)
    if not part.is_whole:
        click.echo(f"Shard {part}: {run.directory}")


def finish(run: Run) -> None:
    """Record the results of a run whose arrays are whole, and write its page."""
    from gantk.cli.ghfeat_options import finish_page
    from gantk.ghfeat.extract import CODES
    from gantk.ghfeat.extract import finish as finish_codes

    finish_codes(run)
    finish_page(run, f"{len(run.results['kept'])} images encoded, {run.path(CODES)}")
