"""`gantk ganspace`: principal components of sampled codes."""

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


@click.command(
    epilog=examples(
        "gantk ganspace demo",
        "gantk ganspace ffhq.pkl --num 300000 --layers 0-3 -K 20 -o runs/components",
        "gantk ganspace biggan-deep.pt --layer 4x4/dense",
    )
)
@model_argument()
@click.option("--num", "-N", type=click.IntRange(2), default=10_000, show_default=True, help="Codes to sample.")
@click.option(
    "--layer", default=None, metavar="NAME",
    help="w, or a layer whose features are decomposed; default: w where a mapping network makes it, else the first.",
)  # fmt: skip
@layers_option("Rows of wp to move along components of w; default: all.")
@drawing_options
@truncation_option()
@generator_options()
@output_dir_option(made="ganspace")
@overwrite_option()
def command(
    model: str,
    num: int,
    layer: str | None,
    layers: str | None,
    truncation: str | None,
    device: str,
    precision: str,
    batch_size: int,
    seed: int,
    output_dir: str | None,
    overwrite: bool,
    **drawing: Any,
) -> None:
    """Find the principal components of w, or of an early layer's features brought back to z (GANSpace).

    The directions are written by decreasing variance; distances are drawn to two standard deviations of each.
    """
    from gantk.cli.closed_form import make
    from gantk.cli.options import load_model
    from gantk.comparators.ganspace import ganspace
    from gantk.generators.rows import parse_layers

    generator = load_model(model, device, precision)
    rows = parse_layers(layers, generator.spec.num_layers, {each.name: each.row for each in generator.layers})
    found = ganspace(generator, num, None, seed, layer)
    about = {"layers": rows, "num": num, "layer": found.layer}
    scores = {"deviations": found.deviations, "explained": found.explained}
    make(
        "ganspace", model, generator, found.vectors, found.space, rows, about, scores, truncation, precision,
        batch_size, seed, output_dir, overwrite, drawing,
    )  # fmt: skip
