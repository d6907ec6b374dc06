"""`gantk navigan train`: directions in a basis, optimised until a network can tell them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gantk.cli.navigan_subject import conv_option, metric_options, page_options, sample_options
from gantk.cli.options import examples, generator_options, model_argument, output_dir_option, overwrite_option

if TYPE_CHECKING:
    from gantk.navigan.directions import WeightDirections
    from gantk.navigan.target import Target
    from gantk.navigan.training import Trainer
    from gantk.runs.run import Run

FILE, STATE = "directions.safetensors", "training.pt"


@click.command(
    epilog=examples(
        "gantk navigan train demo runs/hessian/eigenvectors.safetensors --steps 2000 -o runs/rectified",
        "gantk navigan train car.pkl eigenvectors_layer3_car.pt --directions 64 --shift-scale 60 --min-shift 15",
        "gantk navigan train demo svd --conv 16x16/conv1 --directions 16 --predictor lenet -o runs/svd-rectified",
    )
)
@model_argument()
@click.argument("basis", metavar="BASIS")
@conv_option(required=False)
@click.option("--directions", "-D", type=click.IntRange(2), default=None, help="To learn; default: 64, or the basis's.")
@click.option("--steps", type=click.IntRange(1), default=100_000, show_default=True, help="Of the optimisation.")
@click.option("--shift-scale", type=float, default=None, help="Largest strength; default: the basis's recommended one.")
@click.option("--min-shift", type=float, default=None, help="Least strength; default: a quarter of the largest.")
@click.option(
    "--shift-distribution",
    type=click.Choice(["uniform", "normal"]),
    default="uniform",
    show_default=True,
    help="Of strengths.",
)
@click.option("--label-weight", type=float, default=1.0, show_default=True, help="Of the directions' cross entropy.")
@click.option("--shift-weight", type=float, default=0.25, show_default=True, help="Of the strengths' mean error.")
@click.option("--raw-strength", is_flag=True, help="That error in raw strengths, as published, not over the scale.")
@click.option("--rate", type=float, default=1e-4, show_default=True, help="Of both Adams.")
@click.option(
    "--predictor",
    "shift_predictor",
    type=click.Choice(["resnet", "lenet"]),
    default="resnet",
    show_default=True,
    help="The shift predictor.",
)
@click.option("--predictor-size", type=click.IntRange(16), default=None, help="Side of the pictures it sees.")
@click.option(
    "--start",
    type=click.Choice(["random", "basis"]),
    default="random",
    show_default=True,
    help="Of the combinations.",
)
@click.option("--save-every", type=click.IntRange(1), default=1000, show_default=True, help="Steps between states.")
@click.option("--force", is_flag=True, help="Take a basis of another generator with the same shapes.")
@sample_options(64)
@metric_options()
@page_options()
@generator_options(32)
@output_dir_option(made="navigan")
@overwrite_option()
def train(
    model: str,
    basis: str,
    conv: str | None,
    directions: int | None,
    steps: int,
    shift_scale: float | None,
    min_shift: float | None,
    shift_distribution: str,
    label_weight: float,
    shift_weight: float,
    raw_strength: bool,
    rate: float,
    shift_predictor: str,
    predictor_size: int | None,
    start: str,
    save_every: int,
    force: bool,
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
    """Learn combinations of a basis whose effects a network can tell apart.

    BASIS is a file of weight directions (gantk's or released), or svd with --conv. Every step draws fresh samples;
    --num only says how many are shown and, of codes in a file, how many are used. Killed, the same command continues
    from its last state. Under torchrun the batch is divided among the processes.
    """
    from gantk.cli.navigan_subject import SHOWN, check_animations, metric_for, subject
    from gantk.cli.options import at_most
    from gantk.cli.originals import model_stem
    from gantk.errors import UsageError
    from gantk.navigan.training import TrainingPlan
    from gantk.store.parallel import processes

    formats = check_animations(animations)
    if basis == "svd" and conv is None:
        raise UsageError("The basis svd is of one convolution: give --conv.")
    found = None if basis == "svd" else read_basis(basis, conv)
    with processes(device if device != "auto" else "cuda") as (rank, own):
        place = own if device != "auto" or own != "cuda" else "auto"
        about = subject(
            model, found.layer if found is not None else str(conv), device=place, precision="float32", num=num,
            seed=seed, codes=latent_codes_path, space=latent_space_type, inputs=inputs, label=label,
            truncation=truncation,
        )  # fmt: skip
        base = svd_of(about.target, model) if found is None else found
        base.check(about.target, force)
        scale = shift_scale or default_scale(base, float(about.target.weight.norm()))
        plan = TrainingPlan(
            directions or min(64, max(2, len(base.basis))), scale, scale / 4 if min_shift is None else min_shift,
            steps, batch_size, shift_distribution == "normal", label_weight, shift_weight, raw_strength, rate,
            shift_predictor, predictor_size, start == "basis", seed=seed,
        )  # fmt: skip
        show = at_most("--show", show, plan.directions, "directions", SHOWN)
        measure = metric_for(metric, metric_kind, metric_size, model, about.target.weight.device)
        import dataclasses

        arguments: dict[str, Any] = {
            **about.arguments,
            "basis": basis,
            **{key: value for key, value in dataclasses.asdict(plan).items() if key != "steps"},
            "precision": precision,
            "metric": measure.name,
            "share": share,
            "show": show,
            "animations": formats,
        }
        folder = output_dir or f"{model_stem(model)}_navigan"
        job = Job(folder, arguments, about, base, plan, measure, precision, save_every, share, show, overwrite)
        if rank == 0:
            lead(job, {"formats": formats, "fps": fps})
        else:
            follow(job)
    if rank == 0:
        click.echo(f"{plan.directions} directions: {folder}")


def read_basis(path: str, conv: str | None) -> WeightDirections:
    """A basis from a file; learned directions serve with what they are made of."""
    from pathlib import Path

    from gantk.navigan.files import load
    from gantk.navigan.target import released_layer
    from gantk.store.shipped import find_shipped

    if not Path(path).suffix and not Path(path).exists():  # the name of one that ships
        path = str(find_shipped("directions", path, (".safetensors",)))
    named = released_layer(int(conv[9:])) if conv and conv.startswith("released:") else conv
    return load(path, named)


def svd_of(target: Target, model: str) -> WeightDirections:
    from gantk.navigan.bases import svd_basis
    from gantk.navigan.directions import WeightDirections

    basis, values = svd_basis(target.weight)
    meta = {"singular_values": values.tolist()}
    return WeightDirections(
        f"{model} {target.layer}", "svd", target.layer, basis, identity=target.identity(), meta=meta
    )


def default_scale(base: WeightDirections, length: float) -> float:
    """The middle of the recommended strengths; where there are none, a fifth of the weight's own length."""
    if base.scales is None:
        return 0.2 * length
    return float(sorted(base.scales)[len(base.scales) // 2])


class Job:
    """What every process of a training needs."""

    def __init__(
        self, folder: str, arguments: dict[str, Any], about: Any, base: Any, plan: Any, metric: Any, precision: str,
        save_every: int, share: float, show: int, overwrite: bool,
    ) -> None:  # fmt: skip
        self.folder, self.arguments, self.about, self.base, self.plan = folder, arguments, about, base, plan
        self.metric, self.precision, self.save_every = metric, precision, save_every
        self.share, self.show, self.overwrite = share, show, overwrite

    def trainer(self) -> Trainer:
        import torch

        from gantk.navigan.training import Rectifier, Trainer

        world, rank = 1, 0
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            world, rank = torch.distributed.get_world_size(), torch.distributed.get_rank()
        rectifier = Rectifier(self.about.target, self.base.basis, self.plan, self.about.channels)
        half = {"float32": None, "float16": torch.float16, "bfloat16": torch.bfloat16}[self.precision]
        return Trainer(rectifier, self.about.codes, rank, world, half)


def lead(job: Job, animation: dict[str, Any]) -> None:
    """The first process: trains, keeps states and curves, then measures and shows what was learnt."""
    from gantk.cli.navigan_hessian import scale_and_show
    from gantk.cli.navigan_subject import finish_page
    from gantk.navigan.files import save
    from gantk.runs.run import Run

    target = job.about.target
    with Run.begin(
        job.folder, "navigan train", job.arguments, job.plan.seed, target.weight.device, overwrite=job.overwrite
    ) as run:
        if job.overwrite:
            run.path(STATE).unlink(missing_ok=True)
        trainer = job.trainer()
        with run.timed("training"):
            log = steps(trainer, job, run)
        learned = job.base.replace(
            name=f"{job.arguments['model']} {target.layer}",
            kind="svd_rectification" if job.base.kind.startswith("svd") else "hessian_rectification",
            coefficients=trainer.rectifier.coefficients.detach().cpu(),
            scales=None,
            identity=target.identity(),
            meta={"command": run.manifest["argv"], "basis": job.arguments["basis"], "steps": job.plan.steps,
                  "accuracy": log[-1]["held_out"]},
        )  # fmt: skip
        save(run.output(FILE, "the learned directions"), learned)
        run.record("log", log)
        run.record("steps", job.plan.steps)
        run.record("held_out", log[-1]["held_out"])
        scale_and_show(run, job.about, job.metric, job.share, job.show, FILE)
        run.record("animation", animation)
        finish_page(run)


def follow(job: Job) -> None:
    """Another process of torchrun's: takes the same steps from the same state."""
    steps(job.trainer(), job, None)


def steps(trainer: Trainer, job: Job, run: Run | None) -> list[dict[str, Any]]:
    """All steps from the last state on; returns the log, a line for every tenth of `save_every`."""
    from pathlib import Path

    import torch

    from gantk.errors import GantkError
    from gantk.runs.run import progress
    from gantk.store.files import write_atomic

    plan, path = job.plan, Path(job.folder) / STATE
    first, log = 0, []
    state = None
    if path.is_file() and not job.overwrite:
        try:
            state = torch.load(path, map_location=trainer.device, weights_only=True)
            state["mark"]
        except Exception as error:  # torch.load raises what its parts raise
            raise GantkError(
                f"The state of training in {path} cannot be read ({error}): run with --overwrite."
            ) from error
    if state is not None and state["mark"] == _mark(job):
        trainer.load(state)
        first, log = int(state["step"]), list(state["log"])
    every = max(1, min(job.save_every, plan.steps) // 10)
    sums = [0.0, 0.0, 0.0, 0.0]
    bar: Any = progress(max(0, plan.steps - first), "train", unit="step") if run is not None else None
    for number in range(first, plan.steps):
        found = trainer.step(number)
        sums = [a + b for a, b in zip(sums, (*found, 1.0), strict=True)]
        if bar is not None:
            bar.update(1)
        if run is None:
            continue
        last = number + 1 == plan.steps
        if (number + 1) % every == 0 or last:
            line = dict(zip(("cross_entropy", "strength_error", "accuracy"), (s / sums[3] for s in sums), strict=False))
            line["step"] = number + 1
            if (number + 1) % job.save_every == 0 or last:
                line["held_out"] = trainer.held_out()
            log.append(line)
            sums = [0.0] * 4
        if (number + 1) % job.save_every == 0 or last:
            kept = {**trainer.state(), "step": number + 1, "log": log, "mark": _mark(job)}
            write_atomic(path, lambda file, kept=kept: torch.save(kept, file))  # type: ignore[misc]
    if bar is not None:
        bar.close()
    if run is not None:
        run.output(STATE, "to train on from: give more --steps")
    if log and "held_out" not in log[-1]:
        log[-1]["held_out"] = trainer.held_out()
    return log


def _mark(job: Job) -> str:
    import json

    from gantk.store.files import to_json

    return json.dumps(to_json({k: v for k, v in job.arguments.items() if k not in ("show", "animations", "share")}))
