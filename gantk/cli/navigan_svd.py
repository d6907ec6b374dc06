"""`gantk navigan svd`: the singular vectors of one convolution as weight directions."""

from __future__ import annotations

from typing import Any

import click

from gantk.cli.navigan_subject import conv_option, metric_options, page_options, sample_options
from gantk.cli.options import examples, generator_options, model_argument, output_dir_option, overwrite_option

FILE = "directions.safetensors"


@click.command(
    epilog=examples(
        "gantk navigan svd demo --conv 16x16/conv1 -o runs/svd",
        "gantk navigan svd car.pkl --conv released:3 --show 16 --animation gif -o runs/svd",
    )
)
@model_argument()
@conv_option()
@sample_options(8)
@metric_options()
@page_options()
@generator_options(8)
@output_dir_option(made="navigan")
@overwrite_option()
def svd(
    model: str,
    conv: str,
    num: int,
    latent_codes_path: str | None,
    latent_space_type: str,
    inputs: str | None,
    label: str | None,
    truncation: str | None,
    metric: str | None,
    metric_kind: str,
    metric_size: int,
    share: float,
    show: int | None,
    animations: tuple[str, ...],
    fps: float,
    device: str,
    precision: str,
    batch_size: int,
    seed: int,
    output_dir: str | None,
    overwrite: bool,
) -> None:
    """Take the singular vectors of a convolution: direction i is u_i v_i^T.

    They need no samples; those of --num only measure how far to go, and are shown.
    """
    from gantk.cli.navigan_hessian import scale_and_show
    from gantk.cli.navigan_subject import SHOWN, check_animations, finish_page, metric_for, subject
    from gantk.cli.options import at_most
    from gantk.cli.originals import model_stem
    from gantk.navigan.bases import svd_basis
    from gantk.navigan.directions import WeightDirections
    from gantk.navigan.files import save
    from gantk.runs.run import Run

    formats = check_animations(animations)
    about = subject(
        model, conv, device=device, precision=precision, num=num, seed=seed, codes=latent_codes_path,
        space=latent_space_type, inputs=inputs, label=label, truncation=truncation,
    )  # fmt: skip
    target = about.target
    basis, values = svd_basis(target.weight)
    show = at_most("--show", show, len(basis), "directions", SHOWN)
    measure = metric_for(metric, metric_kind, metric_size, model, target.weight.device)
    arguments: dict[str, Any] = {**about.arguments, "metric": measure.name, "share": share, "show": show,
                                 "batch_size": batch_size, "animations": formats}  # fmt: skip
    folder = output_dir or f"{model_stem(model)}_navigan"
    with Run.begin(folder, "navigan svd", arguments, seed, target.weight.device, overwrite=overwrite) as run:
        meta = {"command": run.manifest["argv"], "singular_values": values.tolist()}
        directions = WeightDirections(
            f"{model} {target.layer}", "svd", target.layer, basis, identity=target.identity(), meta=meta
        )
        save(run.output(FILE, "the singular vectors and recommended strengths"), directions)
        run.record("singular_values", values.tolist())
        scale_and_show(run, about, measure, share, show, FILE)
        run.record("animation", {"formats": formats, "fps": fps})
        finish_page(run)
    click.echo(f"{len(directions)} directions: {run.directory}")
