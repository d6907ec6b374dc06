"""`gantk navigan export`: weight directions in another format, or a generator with an edit in its weights."""

from __future__ import annotations

import click

from gantk.cli.options import examples

FORMS = ("gantk", "eigenvectors", "deformation", "checkpoint", "generator")


@click.command(
    epilog=examples(
        "gantk navigan export runs/hessian/eigenvectors.safetensors eigenvectors_layer3_demo.pt --as eigenvectors",
        "gantk navigan export runs/hessian/eigenvectors.safetensors night.pt --as deformation --row 2 --strength 8",
        "gantk navigan export nose_size.pt nose_size.safetensors",
        "gantk navigan export nose_size.pt edited.safetensors --as generator --model ffhq.pkl",
    )
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
    "--row", type=click.IntRange(0), default=None, help="The direction of a deformation or an edited generator."
)
@click.option("--rows", metavar="LIST", default=None, help="Only these directions: 0-3,7.")
@click.option("--strength", type=float, default=None, help="Of that direction; default: the recommended one.")
@click.option("--basis", metavar="FILE", default=None, help="Eigenvectors that a released checkpoint refers to.")
@click.option("--conv", metavar="LAYER", default=None, help="The layer of a released file that does not say it.")
@click.option("--model", metavar="MODEL", default=None, help="The generator to edit.")
@click.option("--force", is_flag=True, help="Edit another generator with the same shapes.")
def export(
    file: str,
    out: str,
    form: str | None,
    row: int | None,
    rows: str | None,
    strength: float | None,
    basis: str | None,
    conv: str | None,
    model: str | None,
    force: bool,
) -> None:
    """Write weight directions for the released program, in gantk's own format, or into a generator.

    The released formats are a tensor of eigenvectors, one annotated deformation {layer_ix, shift}, and a checkpoint of
    learned combinations. An edited generator is a gantk file like any other.
    """
    from pathlib import Path

    from gantk.cli.navigan_train import read_basis
    from gantk.errors import UsageError
    from gantk.generators.rows import parse_layers
    from gantk.navigan.files import load, save, save_checkpoint, save_deformation, save_eigenvectors

    directions = load(file, conv, read_basis(basis, conv)) if basis else read_basis(file, conv)
    if form is None:
        form = "gantk" if Path(out).suffix != ".pt" else "deformation" if row is not None else "eigenvectors"
    if rows is not None:
        if row is not None:
            raise UsageError("Give --row for one direction or --rows for several, not both.")
        directions = directions.select(parse_layers(rows, len(directions)))
    if (model is not None) != (form == "generator"):
        raise UsageError("--as generator and --model go together.")
    single = form in ("deformation", "generator")
    if single and row is None:
        if len(directions) > 1:
            raise UsageError(f"{file} has {len(directions)} directions, and a {form} has one: give --row.")
        row = 0
    if not single and strength is not None:
        raise UsageError(f"--strength is for a deformation or a generator, not for {form}.")
    if single:
        assert row is not None
        directions.delta(row)  # refuses one that does not exist
        if strength is None:
            if directions.scales is None:
                raise UsageError(f"{file} recommends no strength: give --strength.")
            strength = directions.scale(row)
    if form == "gantk":
        save(out, directions if row is None else directions.select([row]))
    elif form == "eigenvectors":
        save_eigenvectors(out, directions if row is None else directions.select([row]))
    elif form == "checkpoint":
        save_checkpoint(out, directions)
    elif form == "deformation":
        assert row is not None and strength is not None
        save_deformation(out, directions, row, strength)
    else:
        assert model is not None and row is not None and strength is not None
        _bake(model, directions, row, strength, out, force)
    about = f", direction {row} at {strength:g}" if single else f", {len(directions)} directions"
    click.echo(f"{out}: {form} of {directions.layer}{about}")


def _bake(model: str, directions: object, row: int, strength: float, out: str, force: bool) -> None:
    """Write the generator with the edit in its weights."""
    from gantk.checkpoints.checkpoint import Checkpoint
    from gantk.checkpoints.native import write_checkpoint
    from gantk.cli.options import load_model
    from gantk.navigan.directions import WeightDirections

    assert isinstance(directions, WeightDirections)
    generator = load_model(model, "cpu", "float32").requires_grad_(False)
    target = directions.target(generator, force)
    with target.edited(directions.delta(row), strength):
        state = {name: tensor.detach().clone() for name, tensor in generator.state_dict().items()}
    note = f"{target.layer} moved by {strength:g} along direction {row} of {directions.name}"
    write_checkpoint(
        out, Checkpoint(generator.spec.family, generator.config.to_dict(), state, generator.source, (note,))
    )
