"""`gantk navigan hessian`: leading eigenvectors of the perceptual distance's Hessian in one convolution's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gantk.cli.navigan_subject import conv_option, metric_options, page_options, sample_options
from gantk.cli.options import examples, generator_options, model_argument, run_options

if TYPE_CHECKING:
    from gantk.cli.navigan_subject import Subject
    from gantk.navigan.metrics import Metric
    from gantk.navigan.search import Found
    from gantk.runs.run import Run

FILE = "eigenvectors.safetensors"
RESULTS = "navigan-hessian.results.json"
RULER = 8  # samples that recommended strengths are measured on


@click.command(
    epilog=examples(
        "gantk navigan hessian demo --conv 16x16/conv1 -k 16 -o runs/hessian",
        "gantk navigan hessian car.pkl --conv released:3 -k 64 -N 512 --metric lpips-vgg --block 8 -o runs/car",
        "gantk navigan hessian car.pkl --conv released:3 -k 64 -N 512 --shard 0/4 -o runs/car",
        "gantk navigan hessian streets.py:network --inputs labels.npy --conv model.12.conv1 --metric lpips-alex",
    )
)
@model_argument()
@conv_option()
@click.option("--num-eigenvectors", "-k", type=click.IntRange(1), default=16, show_default=True, help="How many.")
@sample_options(64)
@metric_options()
@click.option("--block", type=click.IntRange(1), default=None, help="Vectors per block; default: 2, on a GPU 8.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.003,
    show_default=True,
    help="Stop when all residuals are below this share of the k-th eigenvalue.",
)
@click.option("--max-products", type=click.IntRange(1), default=None, help="Stop there anyway; default: 20 k.")
@click.option("--patience", type=click.FloatRange(0), default=3600.0, show_default=True, help="Seconds between shards.")
@click.option("--compat", is_flag=True, help="The released estimator instead: differences, power iteration, deflation.")
@click.option("--max-iter", type=click.IntRange(1), default=20, show_default=True, help="Of --compat, per vector.")
@click.option("--epsilon", type=float, default=0.1, show_default=True, help="Of --compat, its difference's step.")
@page_options()
@generator_options(8)
@run_options(made="navigan")
def hessian(
    model: str,
    conv: str,
    num_eigenvectors: int,
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
    block: int | None,
    tolerance: float,
    max_products: int | None,
    patience: float,
    compat: bool,
    max_iter: int,
    epsilon: float,
    show: int | None,
    animations: tuple[str, ...],
    fps: float,
    device: str,
    precision: str,
    batch_size: int,
    seed: int,
    output_dir: str | None,
    shard: str | None,
    overwrite: bool,
) -> None:
    """Find the weight directions that change what a picture shows the most.

    Products with the Hessian are exact, and block Lanczos needs few of them. Killed, the same command continues after
    its last block. Shards divide the samples; start them together, with one output directory, then `gantk merge` it.
    """
    from gantk.cli.navigan_subject import SHOWN, check_animations, finish_page, metric_for, subject
    from gantk.cli.options import at_most
    from gantk.cli.originals import model_stem
    from gantk.errors import UsageError
    from gantk.navigan.search import SearchPlan, conclude
    from gantk.runs.run import Run, parse_shard

    part = parse_shard(shard)
    formats = check_animations(animations)
    about = subject(
        model, conv, device=device, precision=precision, num=num, seed=seed, codes=latent_codes_path,
        space=latent_space_type, inputs=inputs, label=label, truncation=truncation,
    )  # fmt: skip
    if num_eigenvectors > about.target.size:
        raise UsageError(
            f"{num_eigenvectors} eigenvectors were asked for, and the weight of {about.target.layer} has "
            f"{about.target.size} numbers: choose -k up to that."
        )
    if compat and not part.is_whole:
        raise UsageError("--compat cannot be divided into shards: leave --shard out.")
    show = at_most("--show", show, num_eigenvectors, "directions", SHOWN)
    measure = metric_for(metric, metric_kind, metric_size, model, about.target.weight.device, nearest=compat)
    width = block or (8 if about.target.weight.device.type == "cuda" else 2)
    plan = SearchPlan(num_eigenvectors, width, tolerance, max_products, seed, patience)
    arguments: dict[str, Any] = {
        **about.arguments,
        "k": num_eigenvectors,
        "metric": measure.name,
        "share": share,
        "batch_size": batch_size,
        "block": None if compat else width,
        "tolerance": None if compat else tolerance,
        "max_products": max_products,
        "estimator": f"released, {max_iter} steps of {epsilon:g}" if compat else "exact products, block Lanczos",
        "show": show,
        "animations": formats,
    }
    folder = output_dir or f"{model_stem(model)}_navigan"
    with Run.begin(folder, "navigan hessian", arguments, seed, about.target.weight.device, part, overwrite) as run:
        if not (run.resumed and run.path(FILE).is_file() and "eigenvalues" in run.results):
            if compat:
                released(run, about, measure, num_eigenvectors, batch_size, seed, max_iter, epsilon)
            else:
                exact(run, about, measure, plan, batch_size)
        elif not compat and part.index == 0:
            conclude(run, plan)  # a kill may have come between the results and this
        if part.index == 0:
            scale_and_show(run, about, measure, share, show)
            run.record("animation", {"formats": formats, "fps": fps})
        if part.index == 0 and not part.is_whole:
            from gantk.store.files import save_json

            save_json(run.output(RESULTS, "what the page shows, for the joined run"), run.results)
        if part.is_whole:
            finish_page(run)
    click.echo(f"{num_eigenvectors} eigenvectors: {run.directory}" if part.is_whole else f"Shard {part}: {folder}")


def exact(run: Run, about: Subject, metric: Metric, plan: Any, batch: int) -> None:
    """Search, save, and record what the page shows of it."""
    from gantk.navigan.curvature import Curvature
    from gantk.navigan.search import conclude, search

    curvature = Curvature(about.target, metric, about.codes, about.total, batch)
    with run.timed("search"):
        found = search(run, curvature, plan, lambda step: click.echo(_said(step, plan), err=True))
    if found is None:
        return
    pairs = found.pairs
    if not pairs.converged:
        click.echo(
            f"Warning: after {pairs.products} products the residual is {pairs.history[-1].residual:.2g} of the last "
            f"eigenvalue, not {plan.tolerance:g}: give more --max-products.",
            err=True,
        )
    _save(run, about, metric, pairs.vectors, pairs.values, {"residuals": pairs.residuals.tolist(), "seed": plan.seed})
    for key, value in results(found, plan.k).items():
        run.record(key, value)
    run.save()
    conclude(run, plan)


def results(found: Found, k: int) -> dict[str, Any]:
    """What the manifest keeps of a search."""
    pairs = found.pairs
    values = pairs.values
    return {
        "eigenvalues": values.tolist(),
        "residuals": pairs.residuals.tolist(),
        "ritz": pairs.ritz[: 3 * k].tolist(),
        "history": [[step.products, step.residual, step.angle] for step in pairs.history],
        "products": pairs.products,
        "converged": pairs.converged,
        "angle": pairs.angle,
        "trace": found.trace,
        "trace_error": found.trace_error,
        "captured": float(values.sum()) / found.trace if found.trace > 0 else None,
        "agreement": found.agreement,
    }


def released(
    run: Run, about: Subject, metric: Metric, k: int, batch: int, seed: int, steps: int, epsilon: float
) -> None:
    """The released estimator, a vector at a time; found ones are kept for a continued run."""
    import torch

    from gantk.navigan.curvature import Curvature
    from gantk.navigan.released import power_iteration
    from gantk.runs.run import progress
    from gantk.store.files import load_npy
    from gantk.store.seals import is_sound, save_sealed

    folder = run.directory / "chunks" / "navigan-hessian"
    known: list[Any] = []
    while is_sound(folder / f"vector.{len(known):04d}.npy", run.mark) and len(known) < k:
        known.append(torch.from_numpy(load_npy(folder / f"vector.{len(known):04d}.npy").copy()))
    curvature = Curvature(about.target, metric, about.codes, about.total, batch)
    known = [vector.to(about.target.weight) for vector in known]
    with run.timed("search"), progress(k - len(known), "eigenvectors") as bar:

        def keep(index: int, vector: Any) -> None:
            folder.mkdir(parents=True, exist_ok=True)
            save_sealed(folder / f"vector.{index:04d}.npy", vector.cpu().numpy(), run.mark)
            bar.update(1)

        vectors, norms = power_iteration(curvature, k, seed=seed, steps=steps, epsilon=epsilon, known=known, keep=keep)
    _save(run, about, metric, vectors, norms, {"seed": seed, "estimator": "released"})
    run.record("eigenvalues", norms.tolist())
    run.record("products", k * steps)
    for path in folder.glob("vector.*.npy"):
        path.unlink()


def _save(run: Run, about: Subject, metric: Metric, vectors: Any, values: Any, meta: dict[str, Any]) -> None:
    from gantk.navigan.bases import VectorBasis
    from gantk.navigan.directions import WeightDirections
    from gantk.navigan.files import save

    target = about.target
    directions = WeightDirections(
        f"{about.arguments['model']} {target.layer}",
        "hessian",
        target.layer,
        VectorBasis(vectors.view(-1, *target.shape)),
        identity=target.identity(),
        meta={
            "command": run.manifest["argv"],
            "metric": metric.name,
            "num": about.total,
            "eigenvalues": values.tolist(),
            **meta,
        },
    )
    save(run.output(FILE, "the eigenvectors, their eigenvalues and recommended strengths"), directions)


def scale_and_show(run: Run, about: Subject, metric: Metric, share: float, show: int, name: str = FILE) -> None:
    """Measure how far to go along each direction, put that into the file, and draw the page's pictures."""
    from gantk.navigan.files import load, save
    from gantk.navigan.pictures import show as draw
    from gantk.navigan.strength import measure
    from gantk.runs.run import progress

    directions = load(run.path(name))
    codes = about.codes(0, max(2, min(RULER, about.total)))
    count = len(directions)
    rows = range(min(show, count) if directions.kind == "svd" else count)  # an SVD has hundreds
    with run.timed("strengths"), progress(len(rows), "strengths") as bar:
        curves = measure(about.target, metric, codes, directions, rows, share, bar)
    if curves:  # of those that were not measured, the middle one
        middle = sorted(curve.scale for curve in curves.values())[len(curves) // 2]
        scales = tuple(curves[row].scale if row in curves else middle for row in range(count))
        directions = directions.replace(scales=scales)
        save(run.path(name), directions)
    with run.timed("pictures"), progress(min(show, count), "pictures") as bar:
        shown = draw(run, about.target, codes, directions, range(min(show, count)), curves, bar=bar)
    run.record("directions", shown)
    run.record("count", count)
    run.record("layer", about.target.layer)
    run.record("shape", list(about.target.shape))
    run.record("weight_length", float(about.target.weight.norm()))
    run.record("metric", metric.name)
    run.record("share", share)
    run.record("file", name)
    run.record(
        "curves",
        [{"row": row, "scale": c.scale, "strengths": c.strengths, "distances": c.distances, "reached": c.reached}
         for row, c in curves.items()],
    )  # fmt: skip


def _said(step: Any, plan: Any) -> str:
    text = f"{step.products} products: {len(step.eigenvalues)} of {plan.k} values"
    if step.residual < float("inf"):
        text += f", residual {step.residual:.2g} of the last (to {plan.tolerance:g}), angle below {step.angle:.2g} deg"
    return text
