"""`gantk ghfeat train`: an encoder for a generator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

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
    from gantk.ghfeat.encoder import EncoderConfig
    from gantk.ghfeat.settings import TrainSettings


@click.command(
    epilog=examples(
        "gantk ghfeat train demo --data renderer --config ghfeat-demo -o runs/encoder",
        "gantk ghfeat train ffhq256.pkl --data ffhq-r08.tfrecords --depth 50 --mirror 0.5 -o runs/encoder",
        "torchrun --nproc-per-node 8 -m gantk ghfeat train G.pkl --data images.zip --batch-size 96 -o runs/encoder",
    )
)
@model_argument()
@click.option(
    "--data",
    multiple=True,
    required=True,
    metavar="DATA",
    help="A folder, a list of images, a .zip, .tfrecords, renderer, or generator (its samples, of which the codes are "
    "known); several take turns.",
)
@click.option("--validation", metavar="DATA", default=None, help="Held-out images; default: part of the first --data.")
@click.option(
    "--validation-images", type=click.IntRange(2), default=200, show_default=True, help="Held-out images, at most."
)
@click.option(
    "--fit",
    type=click.Choice(["exact", "crop", "squash"]),
    default="exact",
    show_default=True,
    help="Images that are not square: refuse them, keep the middle, or squash them.",
)
@click.option(
    "--depth",
    type=click.Choice(["18", "34", "50", "101"]),
    default="50",
    show_default=True,
    help="Of the residual trunk.",
)
@click.option(
    "--width", type=click.IntRange(1), default=64, show_default=True, help="Channels of the stem; the rest follows."
)
@click.option(
    "--pyramid", type=click.IntRange(1), default=None, help="Channels of the pyramid; default: 8 times the width."
)
@click.option(
    "--rank", type=click.IntRange(0), default=0, show_default=True, help="Inner width of factorised heads; 0: dense."
)
@click.option(
    "--head-norm",
    type=click.Choice(["batch", "none"]),
    default="batch",
    show_default=True,
    help="After the heads; none suits small batches.",
)
@click.option("--size", type=click.IntRange(16), default=None, help="Pixels it reads; default: the generator's.")
@click.option(
    "--stem", type=click.Choice(["1", "2", "4"]), default=None, help="How far the stem shrinks; default: 4 if it fits."
)
@click.option("--images", type=click.IntRange(1), default=14_000_000, show_default=True, help="Seen until the end.")
@click.option("--batch-size", type=click.IntRange(1), default=12, show_default=True, help="Of all processes together.")
@click.option("--learning-rate", type=float, default=1e-4, show_default=True, help="Of Adam, at the beginning.")
@click.option(
    "--decay", type=float, default=0.8, show_default=True, help="The rate is multiplied by this 8 times in all."
)
@click.option(
    "--warm-up", type=click.IntRange(0), default=0, show_default=True, help="First this many samples, by their codes."
)
@click.option("--pixel", type=float, default=1.0, show_default=True, help="Weight of the squared error.")
@click.option(
    "--perception",
    type=TYPED,
    metavar="NAME",
    default="vgg16",
    show_default=True,
    help="vgg16, a predictor with feature maps (demo), or none.",
)
@click.option("--perceptual", type=float, default=5e-5, show_default=True, help="Weight of that distance.")
@click.option(
    "--recognition",
    type=float,
    default=0.0,
    show_default=True,
    help="Weight, within that distance, of the attributes its predictor reads.",
)
@click.option("--adversarial", type=float, default=0.08, show_default=True, help="Weight of the adversary; 0: none.")
@click.option(
    "--discriminator",
    metavar="FILE",
    default=None,
    help="A pickle with one, a bundled generator's name, or new; default: the model's.",
)
@click.option("--style", type=float, default=0.0, show_default=True, help="Weight of the codes where they are known.")
@click.option("--r1-gamma", type=float, default=10.0, show_default=True, help="Of the adversary's gradient penalty.")
@click.option("--mirror", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Chance of a flip.")
@click.option(
    "--fix-norms",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Share of the training after which batch statistics stay as they are.",
)
@click.option("--ema-images", type=float, default=10_000.0, show_default=True, help="Half-life of the average.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "float16", "bfloat16"]),
    default="float32",
    show_default=True,
    help="Of the networks; the heads and the losses stay in float32.",
)
@click.option("--compile", "compiled", is_flag=True, help="torch.compile the generator (needs a C++ compiler).")
@click.option("--half", is_flag=True, help="Store the encoder's matrices in float16.")
@click.option("--save-every", type=float, default=240.0, show_default=True, help="Seconds between checkpoints.")
@click.option("--minutes", type=float, default=None, help="Stop, with a checkpoint, after this long.")
@click.option(
    "--predictor", type=TYPED, metavar="NAME", default=None, help="Of attributes, for factor recovery; default: demo's."
)
@device_option()
@seed_option()
@output_dir_option(help="Run directory, needed; the same command continues what it holds.")
@overwrite_option()
def train(
    model: str,
    data: tuple[str, ...],
    validation: str | None,
    validation_images: int,
    fit: str,
    size: int | None,
    perception: str,
    discriminator: str | None,
    compiled: bool,
    half: bool,
    save_every: float,
    minutes: float | None,
    predictor: str | None,
    device: str,
    output_dir: str | None,
    overwrite: bool,
    **numbers: Any,
) -> None:
    """Train an encoder of real images into the styles of a generator.

    The defaults are the paper's. Killed or interrupted, the same command continues from its last checkpoint and takes
    the same steps as an uninterrupted one. Under torchrun the batch is split over the processes.
    """
    from gantk.cli.options import load_model
    from gantk.errors import UsageError
    from gantk.generators.devices import resolve_device
    from gantk.ghfeat.calibration import encoder_config
    from gantk.ghfeat.data import open_source
    from gantk.ghfeat.judges import load_discriminator
    from gantk.ghfeat.losses import load_perception
    from gantk.ghfeat.train_run import CHECKPOINT, Validation
    from gantk.ghfeat.train_run import train as run_training
    from gantk.ghfeat.training import Training
    from gantk.runs.run import Run
    from gantk.store.parallel import processes

    if output_dir is None:
        raise UsageError("Say where the encoder goes: give --output-dir.")
    settings, choices = _settings(numbers)
    arguments = {
        "model": model, "data": list(data), "validation": validation, "validation_images": validation_images,
        "fit": fit, "perception": perception, "discriminator": discriminator, **settings.to_dict(),
    }  # fmt: skip
    with processes(resolve_device(device)) as (rank, own_device):
        generator = load_model(model, own_device, "float32")
        config: EncoderConfig = encoder_config(generator, resolution=size, **choices)
        sources = [
            open_source(
                name, generator, config.resolution, settings.seed, fit, "train" if validation is None else "all"
            )
            for name in data
        ]
        held = open_source(
            validation or data[0], generator, config.resolution, settings.seed, fit,
            "held-out" if validation is None else "all",
        )  # fmt: skip
        feature = load_perception(perception, own_device, settings.recognition) if settings.perceptual else None
        plain = load_perception(perception, own_device) if settings.perceptual else None
        judge = load_discriminator(discriminator or model, generator) if settings.adversarial else None
        training = Training(settings, config, generator, sources, judge, feature, _painter(generator, compiled))
        check = Validation.of(held, validation_images, plain, _predictor(predictor, model, generator), own_device)
        meta = {"data": list(data), "settings": settings.to_dict(), "perception": perception}
        if rank:
            run_training(training, check, None, save_every, minutes)
            return
        with Run.begin(
            output_dir, "ghfeat train", {**arguments, "encoder": config.to_dict()}, settings.seed, own_device,
            overwrite=overwrite,
        ) as run:  # fmt: skip
            if overwrite:
                run.path(CHECKPOINT).unlink(missing_ok=True)
            done = run_training(training, check, run, save_every, minutes, half, meta)
            _report(run, done)


def _settings(numbers: dict[str, Any]) -> tuple[TrainSettings, dict[str, Any]]:
    """The numbers of the training, and those of the encoder."""
    from gantk.ghfeat.settings import TrainSettings

    choices = {name: numbers.pop(name) for name in ("width", "rank", "head_norm")}
    choices["depth"] = int(numbers.pop("depth"))
    stem, pyramid = numbers.pop("stem"), numbers.pop("pyramid")
    choices |= {"stem": int(stem)} if stem else {}
    choices |= {"pyramid": pyramid, "aligned": pyramid} if pyramid else {}
    return TrainSettings(batch=numbers.pop("batch_size"), **numbers), choices


def _painter(generator: Any, compiled: bool) -> Any:
    if not compiled:
        return None
    import torch

    return torch.compile(lambda styles: generator.synthesize(styles))


def _predictor(name: str | None, model: str, generator: Any) -> Any:
    from gantk.checkpoints.names import is_bundled
    from gantk.predictors.load import load_predictor

    if name is None and not is_bundled(model):
        return None
    return load_predictor(name or "demo", generator.device)


def _report(run: Any, done: bool) -> None:
    from gantk.cli.ghfeat_options import finish_page

    final = run.results["final"]
    state = "trained" if done else f"stopped after {run.results['reached']} images (the same command continues)"
    finish_page(
        run,
        f"{run.path('encoder.safetensors')}: {state}; held-out MSE {final['mse']:.4f}, SSIM {final['ssim']:.3f}, the "
        f"mean code's MSE {final['mean_code_mse']:.4f}",
    )
