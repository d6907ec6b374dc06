"""`gantk ghfeat mix | edit | harmonize`: pictures from the codes of real images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gantk.cli.ghfeat_options import encoder_options, rows_options
from gantk.cli.options import TYPED, device_option, examples, model_argument, output_dir_option, overwrite_option

if TYPE_CHECKING:
    from torch import Tensor

    from gantk.generators.base import Generator
    from gantk.ghfeat.edits import Subject
    from gantk.ghfeat.files import EncoderFile


@click.command(
    epilog=examples(
        "gantk ghfeat mix demo --content render:0 --content render:1 --style render:2 --style render:3 -o runs/mix",
        "gantk ghfeat mix demo --content a.png --style b.png --levels 0-3 -o runs/mix",
    )
)
@model_argument()
@click.option("--content", multiple=True, required=True, metavar="IMAGE", help="Images that give what is not taken.")
@click.option("--style", multiple=True, required=True, metavar="IMAGE", help="Images whose levels are taken.")
@rows_options
@encoder_options
@device_option()
@output_dir_option(made="ghfeat_mix")
@overwrite_option()
def mix(
    model: str,
    content: tuple[str, ...],
    style: tuple[str, ...],
    layers: str | None,
    levels: str | None,
    encoder: str | None,
    force: bool,
    fit: str,
    skip_unreadable: bool,
    device: str,
    output_dir: str | None,
    overwrite: bool,
) -> None:
    """Mix images by level: some levels of each --style in each --content.

    Without --layers or --levels there is a grid for every two levels, finest first, as in the paper.
    """
    from gantk.ghfeat.codes import choose_rows
    from gantk.ghfeat.edits import default_rows, mixtures

    generator, loaded = _networks(model, device, encoder, force)
    rows = generator.spec.num_layers
    sets = default_rows(rows)
    if layers is not None or levels is not None:
        chosen, title = choose_rows(layers, levels, rows)
        sets = [(title, chosen)]
    subjects = [_subject(images, generator, loaded, fit, skip_unreadable) for images in (content, style)]
    arguments = {"content": list(content), "style": list(style), "layers": layers, "levels": levels, "fit": fit}
    with _begin("mix", model, loaded, arguments, generator, output_dir, overwrite) as run:
        mixtures(run, generator, subjects[0], subjects[1], sets, loaded.encoder.config.rows)
        _finish(run, f"{len(sets)} grids of {len(content)} contents by {len(style)} styles")


@click.command(
    epilog=examples(
        "gantk ghfeat edit demo render:0 render:1 --direction time_of_day --layers 6-9 -o runs/dusk",
        "gantk ghfeat edit demo render:0 --reference render:5 --box 0.3,0.4,0.7,0.9 --layers 3-4 -o runs/house",
        "gantk ghfeat edit demo render:0 --component 0 --of runs/codes/codes.safetensors --levels 0-3 -o runs/axis",
    )
)
@model_argument()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("--direction", metavar="NAME", default=None, help="A boundary or direction: a shipped name, or a file.")
@click.option("--row", type=click.IntRange(0), default=0, show_default=True, help="Of a file with several directions.")
@click.option("--component", type=click.IntRange(0), default=None, help="A principal axis of --of instead.")
@click.option("--of", "of_codes", metavar="CODES", default=None, help="Codes whose principal axes are meant.")
@click.option("--start-distance", type=float, default=None, help="First distance; default: minus the scale.")
@click.option("--end-distance", type=float, default=None, help="Last distance; default: the direction's scale.")
@click.option("--step", type=click.IntRange(2), default=7, show_default=True, help="Images along the way.")
@click.option(
    "--predictor", type=TYPED, metavar="NAME", default=None, help="Reads attributes along the way; default: demo's."
)
@click.option("--reference", multiple=True, metavar="IMAGE", help="Edit locally: the image whose region is taken.")
@click.option("--box", metavar="X0,Y0,X1,Y1", default=None, help="The region, in pixels or shares of the image.")
@click.option("--mask", metavar="FILE", default=None, help="The region as an image: white is taken.")
@click.option(
    "--way",
    type=click.Choice(["features", "styles"]),
    default="features",
    show_default=True,
    help="Local: exchange feature maps, or style them by place.",
)
@rows_options
@encoder_options
@device_option()
@output_dir_option(made="ghfeat_edit")
@overwrite_option()
def edit(
    model: str,
    images: tuple[str, ...],
    direction: str | None,
    row: int,
    component: int | None,
    of_codes: str | None,
    start_distance: float | None,
    end_distance: float | None,
    step: int,
    predictor: str | None,
    reference: tuple[str, ...],
    box: str | None,
    mask: str | None,
    way: str,
    layers: str | None,
    levels: str | None,
    encoder: str | None,
    force: bool,
    fit: str,
    skip_unreadable: bool,
    device: str,
    output_dir: str | None,
    overwrite: bool,
) -> None:
    """Edit real images: globally along a direction, or locally by a region of another image.

    A direction of w or wp is pushed forward into styles (dy = A dw), so that what the other systems found moves images
    that the generator never made. A local edit changes nothing beyond its reach, to the bit.
    """
    from gantk.errors import UsageError

    ways = [name for name, given in (("--direction", direction), ("--component", component is not None),
                                     ("--reference", reference)) if given]  # fmt: skip
    if len(ways) != 1:
        raise UsageError("Say how to edit: give one of --direction, --component and --reference.")
    generator, loaded = _networks(model, device, encoder, force)
    subject = _subject(images, generator, loaded, fit, skip_unreadable)
    shared = {"images": list(images), "layers": layers, "levels": levels, "fit": fit}
    if reference:
        _edit_locally(
            model, generator, loaded, subject, _subject(reference, generator, loaded, fit, skip_unreadable),
            {**shared, "reference": list(reference), "box": box, "mask": mask, "way": way}, output_dir, overwrite,
        )  # fmt: skip
        return
    from gantk.checkpoints.names import is_bundled
    from gantk.cli.originals import predictor_for
    from gantk.ghfeat.edits import global_edit

    delta, about, scale = _direction(generator, direction, row, component, of_codes, layers, levels, force)
    low = -scale if start_distance is None else start_distance
    high = scale if end_distance is None else end_distance
    distances = [round(low + (high - low) * k / (step - 1), 9) + 0.0 for k in range(step)]  # no -0.0
    judge = predictor_for(predictor, model, generator) if predictor or is_bundled(model) else None
    arguments = {
        **shared, "direction": direction, "row": row, "component": component, "of": of_codes, "distances": distances,
        "predictor": predictor,
    }  # fmt: skip
    with _begin("edit", model, loaded, arguments, generator, output_dir, overwrite) as run:
        global_edit(run, generator, subject, delta, distances, about, judge)
        _finish(run, f"{subject.rows} images along {about['name']}")


def _direction(
    generator: Generator,
    direction: str | None,
    row: int,
    component: int | None,
    of_codes: str | None,
    layers: str | None,
    levels: str | None,
    force: bool,
) -> tuple[Any, dict[str, Any], float]:
    """The change of styles for a step of one, what the page says of it, and how far is worth looking."""
    from gantk.codes.directions import load_direction
    from gantk.errors import UsageError
    from gantk.ghfeat.bridge import principal_steps, push_forward
    from gantk.ghfeat.codes import choose_rows, load_codes

    rows, title = choose_rows(layers, levels, generator.spec.num_layers)
    asked = layers is not None or levels is not None
    if component is not None:
        if of_codes is None:
            raise UsageError("--component needs the codes whose axes are meant: give --of codes.safetensors.")
        codes = load_codes(of_codes, generator, force)
        steps = principal_steps(codes.tensors(generator.device), rows, codes.rows, component + 1)
        return steps[component], {"name": f"axis {component} of {title}", "layers": rows}, 3.0
    found = load_direction(direction or "", generator, force)
    chosen = rows if asked else None
    if found.space == "s" and asked:
        raise UsageError("An s-direction brings its own layers: leave --layers and --levels out.")
    about = {"name": found.name, "layers": chosen or (list(found.layers) if found.layers else None), "row": None}
    return push_forward(generator, found, chosen, row), about, found.scale


def _edit_locally(
    model: str,
    generator: Generator,
    loaded: EncoderFile,
    base: Subject,
    reference: Subject,
    arguments: dict[str, Any],
    output_dir: str | None,
    overwrite: bool,
) -> None:
    from gantk.ghfeat.codes import choose_rows
    from gantk.ghfeat.edits import local_edit
    from gantk.ghfeat.local import editable_layers

    spec = generator.spec
    middle = f"{spec.num_layers // 3}-{spec.num_layers // 2}"
    layers = arguments["layers"] if arguments["layers"] or arguments["levels"] else middle
    rows, title = choose_rows(layers, arguments["levels"], spec.num_layers)
    names = [layer.name for layer in editable_layers(generator, rows)]
    region = _region(arguments["box"], arguments["mask"], spec.resolution)
    with _begin("edit", model, loaded, arguments, generator, output_dir, overwrite) as run:
        run.record("where", f"{title}: {', '.join(names)}")
        changes = local_edit(run, generator, base, reference, region, rows, arguments["way"])
        _finish(
            run,
            f"{base.rows} images edited; mean change {changes['inside']:.4f} inside the region, "
            f"{changes['outside']:.4f} outside it, at most {changes['beyond_reach']:g} beyond its reach",
        )


@click.command(
    epilog=examples(
        "gantk ghfeat harmonize demo render:0 --patch render:5 --box 0.3,0.4,0.7,0.9 -o runs/harmony",
        "gantk ghfeat harmonize demo base.png --patch other.png --mask mask.png --keep-fine 4 --blend-back",
    )
)
@model_argument()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("--patch", multiple=True, required=True, metavar="IMAGE", help="What is pasted; one, or one per image.")
@click.option("--box", metavar="X0,Y0,X1,Y1", default=None, help="Where, in pixels or shares of the image.")
@click.option("--mask", metavar="FILE", default=None, help="Where, as an image: white is pasted.")
@click.option("--feather", type=float, default=0.0, show_default=True, help="Soften the edge by so many pixels.")
@click.option("--keep-fine", type=click.IntRange(0), default=0, help="So many finest rows from the base's own code.")
@click.option("--blend-back", is_flag=True, help="Show the base itself outside the region.")
@encoder_options
@device_option()
@output_dir_option(made="ghfeat_harmonize")
@overwrite_option()
def harmonize(
    model: str,
    images: tuple[str, ...],
    patch: tuple[str, ...],
    box: str | None,
    mask: str | None,
    feather: float,
    keep_fine: int,
    blend_back: bool,
    encoder: str | None,
    force: bool,
    fit: str,
    skip_unreadable: bool,
    device: str,
    output_dir: str | None,
    overwrite: bool,
) -> None:
    """Paste a region of another image and let encoder and generator make one picture of it."""
    from gantk.errors import UsageError
    from gantk.ghfeat.edits import harmonized
    from gantk.ghfeat.mixing import feather as soften

    generator, loaded = _networks(model, device, encoder, force)
    rows = generator.spec.num_layers
    if keep_fine > rows:
        raise UsageError(f"--keep-fine {keep_fine} is more than the {rows} rows of this generator.")
    region = soften(_region(box, mask, loaded.encoder.config.resolution), feather)
    base = _subject(images, generator, loaded, fit, skip_unreadable)
    given = _open(patch, loaded, fit, skip_unreadable).all()
    arguments = {
        "images": list(images), "patch": list(patch), "box": box, "mask": mask, "feather": feather,
        "keep_fine": keep_fine, "blend_back": blend_back, "fit": fit,
    }  # fmt: skip
    with _begin("harmonize", model, loaded, arguments, generator, output_dir, overwrite) as run:
        kept = list(range(rows - keep_fine, rows))
        harmonized(run, generator, loaded, base, given, region, kept, blend_back)
        _finish(run, f"{base.rows} images harmonized")


# --- what they share -------------------------------------------------------------------------------------------------


def _networks(model: str, device: str, encoder: str | None, force: bool) -> tuple[Generator, EncoderFile]:
    from gantk.cli.ghfeat_options import open_encoder
    from gantk.cli.options import load_model

    generator = load_model(model, device)
    return generator, open_encoder(model, encoder, generator, force)


def _open(images: tuple[str, ...], loaded: EncoderFile, fit: str, skip: bool) -> Any:
    from gantk.cli.ghfeat_options import open_images

    return open_images(images, loaded.encoder.config.resolution, fit, skip, loaded.encoder.config.image_channels)


def _subject(images: tuple[str, ...], generator: Generator, loaded: EncoderFile, fit: str, skip: bool) -> Subject:
    from gantk.ghfeat.edits import Subject

    names, pixels = _open(images, loaded, fit, skip).readable()
    return Subject.of(names, pixels, loaded, generator)


def _region(box: str | None, mask: str | None, size: int) -> Tensor:
    from pathlib import Path

    import torch

    from gantk.errors import UsageError
    from gantk.ghfeat.mixing import box_mask
    from gantk.ghfeat.pictures import decode, fit

    if (box is None) == (mask is None):
        raise UsageError("Say where: give --box or --mask.")
    if box is not None:
        return box_mask(box, size)
    picture = fit(decode(Path(mask or ""), str(mask)), size, "exact", str(mask))
    return torch.tensor(picture, dtype=torch.float32).mean(2) / 255


def _begin(
    task: str, model: str, loaded: EncoderFile, arguments: dict[str, Any], generator: Generator, output_dir: str | None,
    overwrite: bool,
) -> Any:  # fmt: skip
    from gantk.cli.ghfeat_options import encoder_arguments, folder_of
    from gantk.runs.run import Run

    everything = {"model": model, **encoder_arguments(loaded), **arguments}
    folder = folder_of(output_dir, model, task)
    return Run.begin(folder, f"ghfeat {task}", everything, None, generator.device, overwrite=overwrite)


def _finish(run: Any, message: str) -> None:
    from gantk.cli.ghfeat_options import finish_page

    finish_page(run, message)
