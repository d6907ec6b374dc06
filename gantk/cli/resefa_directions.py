"""`gantk resefa directions`: from region Gram matrices to directions, their measures and their page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gantk.cli.options import TYPED, device_option, examples, layers_option, output_dir_option, overwrite_option

if TYPE_CHECKING:
    from gantk.runs.run import Run

DEFAULT_COUNT, DEFAULT_SHOWN = 32, 5


@click.command(
    epilog=examples(
        "gantk resefa directions runs/world",
        "gantk resefa directions runs/faces --region eyes --num-directions 8 --held-out 32",
        "gantk resefa directions runs/tower --layers 4-5 --space w -o runs/tower-w",
        "gantk resefa directions runs/compat --compat --full-rank",
    )
)
@click.argument("run_directory", metavar="RUN")
@click.option("--region", "regions", metavar="NAME", multiple=True, help="Of the run's regions; default: all.")
@click.option(
    "--num-directions", "-K", type=click.IntRange(1), default=None, help="Per region; default: 32 (all with --compat)."
)
@click.option("--tau", type=float, default=1e-3, show_default=True, help="Ridge of the background, times its trace.")
@layers_option("Of a run with --space wp: the rows that these directions move; default: the run's.")
@click.option(
    "--space", type=click.Choice(["w", "wp"]), default=None,
    help="Of a run with --space wp: wp, or one w for the rows; default: wp.",
)  # fmt: skip
@click.option(
    "--project", "low_rank", is_flag=True, help="LowRankGAN's robust PCA and projection instead of the quotient."
)
@click.option(
    "--held-out", type=click.IntRange(0), default=16, show_default=True,
    help="Fresh codes to measure on; 0: no measures and no pictures.",
)  # fmt: skip
@click.option("--shown", type=click.IntRange(1), default=None, show_default="5", help="Directions measured and drawn.")
@click.option("--samples", type=click.IntRange(1), default=3, show_default=True, help="Samples drawn with sliders.")
@click.option("--step", type=click.IntRange(3), default=9, show_default=True, help="Images per slider.")
@click.option(
    "--against", metavar="LIST", default="all", show_default=True,
    help="lowrankgan, sefa, ganspace, 'sefa chosen', 'ganspace chosen', random; comma-separated, all or none.",
)  # fmt: skip
@click.option("--compat", is_flag=True, help="Each sample's directions as the released script finds them, as .npy.")
@click.option("--full-rank", is_flag=True, help="With --compat: its ridge and float64.")
@click.option("--name", default="resefa", show_default=True, help="With --compat: in the file names.")
@click.option("--model", default=None, metavar="MODEL", help="The generator, where the run's is elsewhere now.")
@click.option(
    "--segmenter", type=TYPED, default=None, metavar="NAME", help="Of a run made with file.py:name, that name again."
)
@click.option("--seed", type=click.IntRange(0), default=None, help="Of the held-out codes; default: the run's plus 1.")
@click.option("--batch-size", type=click.IntRange(1), default=16, show_default=True, help="Images rendered at once.")
@device_option()
@output_dir_option(help="Where to write; default: the run's own directory.")
@overwrite_option()
def directions(
    run_directory: str,
    regions: tuple[str, ...],
    num_directions: int | None,
    tau: float,
    layers: str | None,
    space: str | None,
    low_rank: bool,
    held_out: int,
    shown: int | None,
    samples: int,
    step: int,
    against: str,
    compat: bool,
    full_rank: bool,
    name: str,
    model: str | None,
    segmenter: str | None,
    seed: int | None,
    batch_size: int,
    device: str,
    output_dir: str | None,
    overwrite: bool,
) -> None:
    """Find the directions that change a region most for what they change outside it.

    RUN is the output directory of `gantk resefa jacobian`. The directions are measured on codes that were not in it,
    beside SeFa, GANSpace, LowRankGAN and random ones, at the same change inside.
    """
    from gantk.cli.options import at_most, load_model
    from gantk.cli.resefa_jacobian import regions_of
    from gantk.codes.source import weights_checksum
    from gantk.errors import GantkError, UsageError
    from gantk.resefa.accumulate import read_accumulated
    from gantk.resefa.find import Search, find_directions, reduced_of, write_compat
    from gantk.resefa.rivals import available
    from gantk.runs.run import Run
    from gantk.store.own_code import ask_again

    found = read_accumulated(run_directory)
    made = found.arguments
    if held_out and not compat:
        recorded = {"arguments": made, "code": found.code}
        made |= ask_again(recorded, {"segmenter": segmenter}, f"The run {run_directory}", ("segmenter",))
    generator = load_model(model or str(made["model"]), device, str(made["precision"]))
    if weights_checksum(generator) != made["weights"]:
        raise GantkError(
            f"{run_directory} was made with another generator than {model or made['model']} is now: give --model."
        )
    known = list(made["names"])
    for region in regions:
        if region not in known:
            from gantk.errors import suggestion

            raise UsageError(f"The run has no region {region!r}.{suggestion(region, known)}")
    if (compat or full_rank) and not found.samples:
        raise UsageError("--compat needs each sample's Gram matrices: make the run with --compat or --per-sample.")
    dim = len(found.grams.total) if compat else reduced_of(found, generator, layers, space).variable.dim
    count = at_most("--num-directions", num_directions, dim, "directions", DEFAULT_COUNT)
    shown = at_most("--shown", shown, count, "directions", DEFAULT_SHOWN)
    search = Search(
        regions=regions or tuple(known),
        count=count,
        tau=tau,
        layers=layers,
        space=space,
        low_rank=low_rank,
        held_out=held_out,
        seed=int(made["seed"]) + 1 if seed is None else seed,
        shown=shown,
        samples=samples,
        steps=step,
        against=() if against == "none" else available(tuple(word.strip() for word in against.split(","))),
        batch_size=batch_size,
    )
    arguments: dict[str, Any] = {
        "jacobian": run_directory,
        "model": model or made["model"],
        "weights": made["weights"],
        "regions": search.regions,
        "num_directions": num_directions,
        "tau": tau,
        "layers": layers,
        "space": space,
        "project": low_rank,
        "held_out": held_out,
        "shown": shown,
        "samples": samples,
        "step": step,
        "against": list(search.against),
        "compat": compat,
        "full_rank": full_rank,
        "name": name,
        "seed": search.seed,
        "batch_size": batch_size,
        **({"segmenter": segmenter} if segmenter is not None else {}),
    }
    folder = output_dir or run_directory
    with Run.begin(folder, "resefa directions", arguments, search.seed, generator.device, overwrite=overwrite) as run:
        if compat:
            write_compat(run, found, search.regions, full_rank, tau, num_directions, name)
        else:
            seen = regions_of(found, generator, model) if held_out else None
            for line in find_directions(run, generator, found, search, seen):
                click.echo(line)
        finish(run)
    click.echo(f"Directions: {run.directory}")


def finish(run: Run) -> None:
    """Write the page of a run that is whole."""
    from gantk.cli.originals import write_page

    write_page(run)
