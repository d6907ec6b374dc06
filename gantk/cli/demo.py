"""`gantk demo`: the whole tour on the bundled generator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gantk.cli.options import TYPED, examples, output_dir_option, overwrite_option, seed_option
from gantk.errors import UsageError
from gantk.store.own_code import names_code, refuse_untyped
from gantk.store.progress import alive


@click.command(epilog=examples("gantk demo", "gantk demo --full -o runs/tour", "gantk demo --model demo-oracle"))
@output_dir_option("gantk-demo")
@click.option(
    "--model",
    default="demo",
    show_default=True,
    metavar="MODEL",
    help="A bundled generator; of demo-oracle the true factors are known exactly.",
)
@click.option(
    "--predictor", type=TYPED, default=None, metavar="NAME", help="What scores the images; default: as in synthesize."
)
@click.option("--full", is_flag=True, help="Take all factors and ten times the samples.")
@seed_option()
@overwrite_option()
@alive("demo")
def command(output_dir: str, model: str, predictor: str | None, full: bool, seed: int, overwrite: bool) -> None:
    """Run the whole tour: samples, boundaries, the rows that carry them, what they change, and a comparison with the
    truth.

    Open index.html in the output directory. Every step is a command with a page of its own, which ends with its
    command line.
    """
    from gantk.checkpoints.load import load_generator
    from gantk.runs.run import Run
    from gantk.runs.runner import finish
    from gantk.tour.itinerary import STEPS
    from gantk.tour.page import TOUR
    from gantk.tour.tour import Tour, take

    if names_code(model):
        raise UsageError(
            f"--model {model} is code, and the tour takes a bundled generator or a file, which each of its steps loads "
            f"again: `gantk atlas {model}` charts what a network of your own knows."
        )
    if predictor is not None:  # the steps' command lines name it
        refuse_untyped(predictor, f"The predictor {str(predictor)!r}")

    directory = Path(output_dir)
    again = ["--overwrite"] if overwrite else []

    def call(words: Sequence[str]) -> None:
        label = ["--label", "random"] if model in words and conditional and _takes_label(words) else []
        call_command([*words, *label, *again])

    def say(line: str) -> None:
        click.echo(line, err=True)

    conditional = load_generator(model).spec.label_dim > 0
    arguments = {"model": model, "predictor": predictor, "full": full, "seed": seed, "output_dir": output_dir}
    with Run.begin(directory, "demo", arguments, seed, overwrite=overwrite) as run:
        tour = Tour(directory, model, predictor, full, seed, call, say)
        take(tour, STEPS, run)
        finish(TOUR, run, tour.told)
    click.echo(f"Open {directory / 'index.html'}")


def _takes_label(words: Sequence[str]) -> bool:
    """Whether the command that `words` begin with draws samples of a class."""
    from gantk.cli.main import cli

    command: click.Command | None = cli
    for word in words:
        if not isinstance(command, click.Group):
            break
        command = command.get_command(click.Context(command), word)
    return command is not None and any("--label" in parameter.opts for parameter in command.params)


def call_command(words: Sequence[str]) -> None:
    """Run another command in this process; what it records is the line that would have been typed."""
    from gantk.cli.main import cli
    from gantk.store.command_line import command_line

    token = command_line.set(tuple(words))
    try:
        cli.main(args=list(words), prog_name="gantk", standalone_mode=False)
    except click.exceptions.Abort as error:  # Ctrl-C: the tour is interrupted, not failed
        raise KeyboardInterrupt from error
    finally:
        command_line.reset(token)
