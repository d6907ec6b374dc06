"""`gantk ghfeat evaluate`: what the codes know, and how well images are made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gantk.cli.ghfeat_options import encoder_options
from gantk.cli.options import (
    TYPED,
    device_option,
    examples,
    model_argument,
    output_dir_option,
    overwrite_option,
    seed_option,
)

if TYPE_CHECKING:
    from gantk.ghfeat.labels import Labels


@click.command(
    epilog=examples(
        "gantk ghfeat evaluate demo --num 400 -o runs/probes",
        "gantk ghfeat evaluate ffhq256.pkl faces/ --labels landmarks.csv --pairs pairs.txt -o runs/probes",
    )
)
@model_argument()
@click.argument("images", metavar="[IMAGE...]", nargs=-1)
@click.option("--num", "-N", type=click.IntRange(20), default=400, show_default=True, help="Scenes, without images.")
@click.option("--labels", metavar="FILE.csv", default=None, help="What is known about the images, a column each.")
@click.option("--pairs", metavar="FILE", default=None, help="Lines of two images and 1 (the same thing) or 0.")
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Of the cross-validation.")
@click.option("--baselines/--no-baselines", default=True, show_default=True, help="Pixels and a torchvision backbone.")
@click.option(
    "--level-classes/--no-level-classes",
    default=True,
    show_default=True,
    help="Learn classes from single levels too, which takes most of the time.",
)
@click.option(
    "--backbone",
    type=click.Choice(["resnet18", "resnet50"]),
    default="resnet18",
    show_default=True,
    help="With ImageNet's weights if they are in torch's cache, else random ones.",
)
@click.option("--predictor", type=TYPED, metavar="NAME", default=None, help="For factor recovery; default: demo's.")
@encoder_options
@device_option()
@seed_option()
@output_dir_option(made="ghfeat_evaluation")
@overwrite_option()
def evaluate(
    model: str,
    images: tuple[str, ...],
    num: int,
    labels: str | None,
    pairs: str | None,
    folds: int,
    baselines: bool,
    level_classes: bool,
    backbone: str,
    predictor: str | None,
    encoder: str | None,
    force: bool,
    fit: str,
    skip_unreadable: bool,
    device: str,
    seed: int,
    output_dir: str | None,
    overwrite: bool,
) -> None:
    """Probe frozen features by cross-validation, level by level, and measure reconstruction.

    Without images the bundled world is drawn, whose factors are known exactly. With them, --labels says what to
    regress, classify or locate, and --pairs what to tell apart.
    """
    from gantk.checkpoints.names import is_bundled
    from gantk.cli.ghfeat_options import encoder_arguments, finish_page, folder_of, open_encoder, open_images
    from gantk.cli.options import load_model
    from gantk.cli.originals import predictor_for
    from gantk.ghfeat.evaluate import baselines as other_features
    from gantk.ghfeat.evaluate import level_features, probe_all
    from gantk.ghfeat.losses import load_perception
    from gantk.ghfeat.metrics import at_size, closeness, decode, encode
    from gantk.ghfeat.train_run import mean_code_mse
    from gantk.runs.run import Run

    generator = load_model(model, device)
    loaded = open_encoder(model, encoder, generator, force)
    size = loaded.encoder.config.resolution
    names: Any = ()
    if images:
        names, pixels = open_images(images, size, fit, skip_unreadable, loaded.encoder.config.image_channels).readable()
    else:
        pixels, known = _scenes(num, seed, size)
    if images:
        known = _read(labels, pairs, names)
    pixels = pixels.to(generator.device)
    bundled = is_bundled(model)
    judge = predictor_for(predictor, model, generator) if predictor or bundled else None
    perception = load_perception("demo", generator.device) if bundled else None
    arguments = {
        "model": model, **encoder_arguments(loaded), "images": list(images), "num": len(pixels), "labels": labels,
        "pairs": pairs, "folds": folds, "baselines": baselines, "level_classes": level_classes,
        "backbone": backbone, "fit": fit,
    }  # fmt: skip
    folder = folder_of(output_dir, model, "evaluation")
    with Run.begin(folder, "ghfeat evaluate", arguments, seed, generator.device, overwrite=overwrite) as run:
        styles = encode(loaded.encoder.folded(), pixels)
        made = at_size(decode(generator, styles), size)
        figures = closeness(pixels, made, perception, judge).summary()
        figures["mean_code_mse"] = mean_code_mse(generator, pixels)
        run.record("reconstruction", figures)
        sets = level_features([style.cpu().numpy() for style in styles], loaded.encoder.config.rows)
        if baselines:
            sets += other_features(pixels, backbone)
        run.record("probes", probe_all(sets, known, folds, seed, level_classes))
        run.record("known", "exact" if not images else "labels")
        _neighbours(run, sets, pixels)
        finish_page(run, f"{len(pixels)} images, {len(sets)} sets of features probed")


def _scenes(num: int, seed: int, size: int) -> tuple[Any, Labels]:
    import torch

    from gantk.ghfeat.labels import world
    from gantk.pictures.images import as_saved
    from gantk.world.renderer import render

    scenes = world(num - num % 2, seed + (1 << 33))
    factors, nuisance = torch.from_numpy(scenes.factors_NF), torch.from_numpy(scenes.nuisance_NM)
    parts = [render(f, n, size).image_NCHW for f, n in zip(factors.split(64), nuisance.split(64), strict=True)]
    return as_saved(torch.cat(parts)), scenes.labels


def _read(labels: str | None, pairs: str | None, names: tuple[str, ...]) -> Labels:
    import dataclasses

    from gantk.errors import UsageError
    from gantk.ghfeat.labels import Labels, read_labels, read_pairs

    if labels is None and pairs is None:
        raise UsageError("Images alone say nothing to probe for: give --labels, --pairs, or both.")
    known = read_labels(labels, names) if labels is not None else Labels()
    return dataclasses.replace(known, pairs=read_pairs(pairs, names)) if pairs is not None else known


def _neighbours(run: Any, sets: Any, pixels: Any) -> None:
    """A few images with their nearest neighbours by all levels, for the page."""
    from gantk.ghfeat.edits import save_pictures
    from gantk.ghfeat.probes import neighbours

    everything = next(s for s in sets if s.kind == "all")
    found = neighbours(everything.values)[:6]
    rows = []
    for number, near in enumerate(found):
        rows.append(save_pictures(run, pixels[[number, *near.tolist()]], f"neighbours_{number}"))
    run.record("neighbours", rows)
