"""`gantk navigan export`: weight directions in another format, or a generator with an edit in its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gantk.cli.numbers import number_option
from gantk.cli.options import examples
from gantk.errors import UsageError

if TYPE_CHECKING:
    from gantk.navigan.exporting import Form

FORMS = ("gantk", "eigenvectors", "deformation", "checkpoint", "generator")


@click.command(
    "export",
    short_help="Write weight directions in another format, or into a generator.",
    epilog=examples(
        "gantk navigan export runs/hessian/eigenvectors.safetensors eigenvectors_layer3_demo.pt --as eigenvectors",
        "gantk navigan export runs/hessian/eigenvectors.safetensors night.pt --as deformation --pick 2 --strength 8",
        "gantk navigan export nose_size.pt nose_size.safetensors",
        "gantk navigan export nose_size.pt edited.safetensors --as generator --model ffhq.pkl",
    ),
)
@click.argument("file", metavar="DIRECTIONS")
@click.argument("out", metavar="OUT")
@click.option(
    "--as",
    "form",
    type=click.Choice(FORMS),
    default=None,
    help="What to write; default: gantk's format, for a .pt a deformation of one direction, else eigenvectors.",
)
@click.option(
    "--pick",
    metavar="LIST",
    default=None,
    help="Numbers of the directions to write, such as 0-3,7; one for a deformation; default: all.",
)
@number_option("--strength", float, "Strength of that direction, in units of the weight; default: the recommended one.")
@click.option("--basis", metavar="FILE", default=None, help="Eigenvectors that a released checkpoint refers to.")
@click.option("--conv", metavar="LAYER", default=None, help="The layer of a released file that does not say it.")
@click.option("--model", metavar="MODEL", default=None, help="The generator to edit.")
@click.option("--force", is_flag=True, help="Edit another generator with the same shapes.")
def command(
    file: str, out: str, form: Form | None, pick: str | None, strength: float | None, basis: str | None,
    conv: str | None, model: str | None, force: bool,
) -> None:  # fmt: skip
    """Write weight directions for the released program, in gantk's own format, or into a generator.

    The released formats are a tensor of eigenvectors, one annotated deformation {layer_ix, shift}, and a checkpoint of
    learned combinations. An edited generator is a gantk file like any other.
    """
    from gantk.checkpoints.load import load_generator
    from gantk.navigan.exporting import export
    from gantk.navigan.options import read_directions

    if (model is not None) != (form == "generator"):
        raise UsageError("--as generator and --model go together.")
    directions = read_directions(file, basis, conv)
    generator = None if model is None else load_generator(model, device="cpu")
    click.echo(
        f"{out}: {export(directions, out, generator=generator, form=form, pick=pick, strength=strength, force=force)}"
    )
