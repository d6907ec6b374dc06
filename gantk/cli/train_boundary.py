"""`gantk train-boundary`: the latent direction of an attribute, from scored samples."""

from __future__ import annotations

from typing import Any

import click

from gantk.cli.options import (
    device_option,
    examples,
    layers_option,
    load_model,
    output_dir_option,
    resolve_device,
    seed_option,
)
from gantk.cli.originals import write_page

SOLVER_NAMES = ("ridge", "newton", "svc", "logistic")  # as gantk.higan.solvers has them, which imports numpy


@click.command(
    epilog=examples(
        "gantk train-boundary runs/samples/w.npy runs/samples/attribute.npy -o runs/boundaries",
        "gantk train-boundary w.npy attribute.npy --score-name wood --score-name glossy --condition glossy",
        "gantk train-boundary z.npy labels.csv --labels --solver newton",
        "gantk train-boundary w.npy attribute.npy --score-name wood --solver svc --compat --seed 123",
    )
)
@click.argument("latents", metavar="LATENTS")
@click.argument("scores", metavar="SCORES")
@click.option(
    "--score-name", metavar="NAME", multiple=True, help="Score to use; may be repeated. Default: all of the file."
)
@output_dir_option("results")
@click.option(
    "--boundary-type",
    "-T",
    type=click.Choice(["linear"]),
    default="linear",
    show_default=True,
    help="Kind of boundary.",
)
@click.option(
    "--chosen-num-or-ratio",
    "-N",
    type=float,
    default=2000,
    show_default=True,
    help="Samples from each end of the scores: above 1 a count, up to 1 a share.",
)
@click.option("--split-ratio", "-r", type=float, default=0.7, show_default=True, help="Share of them for training.")
@click.option("--invalid-value", "-v", type=float, default=None, help="Leave out samples with this score.")
@click.option(
    "--verbose-test/--quick-test",
    "-V/-q",
    default=True,
    show_default="verbose",
    help="Test on the samples between the ends too (one more pass over the latents).",
)
@click.option("--save-name", default="boundary.npy", show_default=True, help="Files are named NAME_SAVE-NAME.")
@click.option("--logfile-name", default=None, help="Default: the save name with .log.")
@click.option("--solver", type=click.Choice(SOLVER_NAMES), default=None, help="Default: ridge; svc is the original's.")
@click.option(
    "--regularization",
    "-C",
    "c",
    type=click.FloatRange(0, min_open=True),
    default=None,
    help="Inverse strength of the regularisation; default: 1 for svc and newton, chosen by validation for the others.",
)
@click.option("--latent-space-type", type=click.Choice(["z", "w", "wp"]), default=None, help="Default: by file name.")
@layers_option("Rows of wp to train, such as 0-3,7; default: all.")
@click.option(
    "--per-layer/--shared",
    default=True,
    show_default="per-layer",
    help="For wp: a boundary for each row, or one for all rows.",
)
@click.option(
    "--condition",
    metavar="NAME",
    multiple=True,
    help="Project this out of the boundaries: a score of this run, or a direction by file or name. May be repeated.",
)
@click.option("--labels", is_flag=True, help="The scores are 0 and 1; all samples are used.")
@click.option(
    "--resamples", type=click.IntRange(0), default=5, show_default=True, help="Further splits to measure stability on."
)
@click.option(
    "--refit/--no-refit", default=None, help="End with a fit on training and validation samples; default: but for svc."
)
@click.option("--compat", is_flag=True, help="Draw the split as the original does after numpy.random.seed(SEED).")
@click.option(
    "--model", metavar="MODEL", default=None, help="The generator the latents are of, noted in the boundaries."
)
@seed_option()
@device_option()
def command(**options: Any) -> None:
    """Find the latent direction of each score in SCORES (.npy, .npz, .csv) from the codes in LATENTS (.npy).

    Leaves each boundary as a gantk file and as the original's .npy with a card, a list for `gantk rescore`, a log and a
    page that says how far each can be trusted.
    """
    from gantk.higan.boundary import train_boundaries
    from gantk.higan.boundary_inputs import read_codes, read_conditions, read_layers, space_of
    from gantk.higan.boundary_results import file_base, write_boundaries
    from gantk.higan.scores import read_scores
    from gantk.runs.run import Run, write_atomic

    codes = read_codes(options["latents"])
    space = space_of(codes, options["latents"], options["latent_space_type"])
    layers = read_layers(options["layers"], codes)
    names = [*options["score_name"], *options["condition"]] if options["score_name"] else []
    score_file = read_scores(options["scores"], names)
    score_file.check_length(len(codes), options["latents"])
    wanted = list(options["score_name"])
    if wanted:  # a condition that is a score of the file needs its boundary too
        wanted += [name for name in options["condition"] if name in score_file.columns]
    scores = score_file.choose(wanted)
    shared = codes.ndim == 3 and not options["per_layer"]
    shape = codes.shape[-1:] if shared else codes.shape[1:]
    conditions = read_conditions(options["condition"], scores, shape, "w" if shared else space)
    settings = _settings(options)
    log_name = options["logfile_name"] or f"{file_base(None, options['save_name'])}.log"
    probe = _probe(options["model"], settings.device)
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        click.echo(line, err=True)

    # Nothing is written before all input was found good. There is nothing to continue either: the directory may hold
    # boundaries of other scores, which stay.
    results = train_boundaries(codes, scores, settings, layers, shared, conditions, report)
    arguments = {**options, "solver": settings.solver, "refit": settings.refit, "latent_space_type": space}
    with Run.begin(
        options["output_dir"],
        "train-boundary",
        arguments,
        seed=settings.seed,
        device=settings.device,
        overwrite=True,
    ) as run:
        prefixed = score_file.named or bool(options["score_name"]) or len(scores) > 1
        write_boundaries(run, results, scores, space, settings, options["save_name"], prefixed, probe)
        write_atomic(run.output(log_name, "log"), "\n".join([str(run.manifest["argv"]), *lines]) + "\n")
        write_page(run)
    click.echo(str(run.path("train-boundary.html")))


def _settings(options: dict[str, Any]) -> Any:
    from gantk.higan.boundary import Settings
    from gantk.higan.solvers import DEFAULT_SOLVER

    solver = options["solver"] or DEFAULT_SOLVER
    return Settings(
        solver=solver,
        chosen=options["chosen_num_or_ratio"],
        split_ratio=options["split_ratio"],
        invalid_value=options["invalid_value"],
        labels=options["labels"],
        seed=options["seed"],
        compat=options["compat"],
        C=options["c"],
        resamples=options["resamples"],
        refit=solver != "svc" if options["refit"] is None else options["refit"],
        middle=options["verbose_test"],
        device=resolve_device(options["device"]) if solver in ("newton", "ridge") else "cpu",
    )


def _probe(model: str | None, device: str) -> Any:
    """The probe of the generator the latents are of; None where it was not named."""
    if model is None:
        return None
    from gantk.generators.probe import probe

    return probe(load_model(model, device))
