"""`gantk invert`: codes of real images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gantk.cli.ghfeat_options import encoder_options
from gantk.cli.options import (
    TYPED,
    batch_size_option,
    device_option,
    examples,
    label_option,
    model_argument,
    run_options,
    seed_option,
)

if TYPE_CHECKING:
    from gantk.runs.run import Run


@click.command(
    epilog=examples(
        "gantk invert demo render:0 render:1 -o runs/inversion",
        "gantk invert stylegan2.pkl photo.png --encoder none --space wp --steps 500 -o runs/inversion",
        "gantk invert pggan.pkl faces/ --space z --fit crop --shard 0/4 -o runs/inversion",
    )
)
@model_argument()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option(
    "--space",
    type=click.Choice(["z", "w", "wp", "s"]),
    default=None,
    help="Where the code is free: z, w, a code per row, a style per layer; default: s with an encoder, else wp or z.",
)
@click.option("--steps", type=click.IntRange(0), default=200, show_default=True, help="Of Adam; 0: the encoder alone.")
@click.option("--rate", type=float, default=None, help="Of Adam, in deviations of the codes; default: 0.1, or 0.02.")
@click.option(
    "--perception",
    type=TYPED,
    metavar="NAME",
    default=None,
    help="Feature distance beside pixels: a predictor (demo), vgg16 or none; default: demo for the bundled models.",
)
@click.option("--perceptual", type=float, default=None, help="Its weight; default: 0.1, of vgg16 5e-5.")
@click.option("--prior", type=float, default=1e-3, show_default=True, help="Weight that keeps codes near the mean.")
@label_option("a class (number or ImageNet name).")
@encoder_options
@device_option()
@batch_size_option(8)
@seed_option()
@run_options(made="inversion")
def command(
    model: str,
    images: tuple[str, ...],
    space: str | None,
    steps: int,
    rate: float | None,
    perception: str | None,
    perceptual: float | None,
    prior: float,
    label: str | None,
    encoder: str | None,
    force: bool,
    fit: str,
    skip_unreadable: bool,
    device: str,
    batch_size: int,
    seed: int,
    output_dir: str | None,
    shard: str | None,
    overwrite: bool,
) -> None:
    """Find codes of real images, by an encoder, by optimisation, or by both, for any family.

    An encoder is used where there is one (--encoder none: never); the optimisation starts from its code, or from the
    nearest of 64 samples. Killed or interrupted, the same command continues where it stopped.
    """
    import torch

    from gantk.checkpoints.names import is_bundled
    from gantk.cli.ghfeat_options import encoder_arguments, open_encoder, open_images
    from gantk.cli.options import load_model
    from gantk.cli.originals import model_stem
    from gantk.errors import UsageError
    from gantk.generators.labels import ask_for_label, one_class
    from gantk.ghfeat.invert import default_space
    from gantk.ghfeat.invert import invert as run_invert
    from gantk.ghfeat.losses import VGG, VGG_WEIGHT, load_perception
    from gantk.ghfeat.projection import ProjectionPlan
    from gantk.runs.run import Run, parse_shard

    part = parse_shard(shard)
    generator = load_model(model, device)
    loaded = None
    if encoder != "none" and (encoder is not None or space in (None, "s", "wp", "w")):
        try:
            loaded = open_encoder(model, encoder, generator, force)
        except UsageError:
            if encoder is not None:
                raise
    chosen = space or default_space(generator, loaded is not None)
    if chosen == "z" and loaded is not None:
        raise UsageError(
            "An encoder writes styles, which no z need have: leave --encoder out, or give another --space."
        )
    if steps == 0 and loaded is None:
        raise UsageError("Without an encoder there is nothing to do in 0 steps: give --steps, or an --encoder.")
    if label is None and generator.spec.label_dim and chosen == "z":
        raise ask_for_label(generator.spec)
    one = one_class(label, generator.spec)
    class_1 = None if one is None else torch.tensor([one])
    name = perception or ("demo" if is_bundled(model) else "none")
    feature = load_perception(name, generator.device)
    weight = perceptual if perceptual is not None else VGG_WEIGHT if name == VGG else 0.1
    plan = ProjectionPlan(chosen, steps, rate if rate is not None else 0.02 if loaded else 0.1, weight, prior)
    given = open_images(images, generator.spec.size, fit, skip_unreadable, generator.spec.image_channels)
    given.check()
    arguments = {
        "model": model, "images": list(images), "space": chosen, "steps": steps, "rate": plan.rate,
        "perception": name, "perceptual": weight, "prior": prior, "label": label, "fit": fit,
        "batch_size": batch_size, "total": len(given), **(encoder_arguments(loaded) if loaded else {"encoder": "none"}),
    }  # fmt: skip
    folder = output_dir or f"{model_stem(model)}_inversion"
    with Run.begin(folder, "invert", arguments, seed, generator.device, part, overwrite) as run:
        run_invert(run, given, generator, plan, loaded, feature, batch_size, class_1, seed)
        if part.is_whole:
            finish(run)
    if not part.is_whole:
        click.echo(f"Shard {part}: {run.directory}")


def finish(run: Run) -> None:
    """Record the results of a run whose arrays are whole, and write its page."""
    from gantk.cli.ghfeat_options import finish_page
    from gantk.ghfeat.invert import finish as finish_codes

    finish_codes(run)
    means = run.results["means"]
    finish_page(run, f"{len(run.results['kept'])} images inverted, mean squared error {means['mse']:.4f}")
