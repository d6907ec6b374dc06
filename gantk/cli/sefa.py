"""`gantk sefa`: closed-form directions from a generator's weights."""

from __future__ import annotations

from typing import Any

import click

from gantk.cli.closed_form import drawing_options
from gantk.cli.options import (
    examples,
    generator_options,
    layers_option,
    model_argument,
    output_dir_option,
    overwrite_option,
    truncation_option,
)
from gantk.cli.originals import accepted_flag


@click.command(
    epilog=examples(
        "gantk sefa demo", "gantk sefa ffhq.pkl --layers 0-1 -K 10 -o runs/pose", "gantk sefa demo --no-normalize"
    )
)
@model_argument()
@layers_option("Rows of wp whose layers are factorised and then moved; default: all. Also --layer-idx.")
@click.option("--layer-idx", default=None, hidden=True)
@click.option("--normalize/--no-normalize", default=True, help="Give every weight row length one first, as SeFa does.")
@drawing_options
@truncation_option()
@generator_options()
@output_dir_option(made="sefa")
@overwrite_option()
@accepted_flag("--trunc-psi")
def command(
    model: str,
    layers: str | None,
    layer_idx: str | None,
    normalize: bool,
    truncation: str | None,
    device: str,
    precision: str,
    batch_size: int,
    seed: int,
    output_dir: str | None,
    overwrite: bool,
    **drawing: Any,
) -> None:
    """Factorise the weights that meet the code: the steps that change the styles most, whatever the image (SeFa).

    No image is looked at; it takes less than a second. The directions are written by decreasing eigenvalue.
    """
    from gantk.cli.closed_form import make
    from gantk.cli.options import load_model
    from gantk.comparators.sefa import sefa
    from gantk.generators.rows import parse_layers

    generator = load_model(model, device, precision)
    chosen = layer_idx if layers is None else layers
    rows = parse_layers(chosen, generator.spec.num_layers, {each.name: each.row for each in generator.layers})
    factors = sefa(generator, rows, normalize, None)
    about = {"layers": rows, "normalize": normalize}
    scores = {"eigenvalues": factors.eigenvalues}
    make(
        "sefa", model, generator, factors.vectors, factors.space, rows, about, scores, truncation, precision,
        batch_size, seed, output_dir, overwrite, drawing,
    )  # fmt: skip
