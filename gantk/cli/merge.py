"""`gantk merge`: join the shards of a run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from gantk.cli.options import TYPED, examples, output_dir_option
from gantk.runs.table import find_task, is_task
from gantk.store.progress import alive

if TYPE_CHECKING:
    from gantk.runs.run import Run


@click.command(
    epilog=examples(
        "gantk synthesize demo --num 1000 --shard 0/2 -o runs/samples",
        "gantk synthesize demo --num 1000 --shard 1/2 -o runs/samples",
        "gantk merge runs/samples",
        "gantk merge part0 part1 part2 -o runs/whole",
    )
)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@output_dir_option(help="Run directory of the whole; default: the first RUN.")
@click.option(
    "--predictor",
    type=TYPED,
    default=None,
    metavar="CODE",
    help="Predictor of the run, where it was code of your own (file.py:name).",
)
@click.option("--segmenter", type=TYPED, default=None, metavar="CODE", help="The same for the run's --segmenter.")
@click.option("--teacher", type=TYPED, default=None, metavar="CODE", help="The same for the run's --teacher.")
@click.option("--judge", type=TYPED, default=None, metavar="CODE", help="The same for the run's --judge.")
@alive("merge")
def command(runs: tuple[str, ...], output_dir: str | None, **own_code: str | None) -> None:
    """Join the shards in one or several run directories into the run they are parts of.

    All shards must be complete. The result has the same bytes as the run without --shard. Code that a run names is
    never run: where a run was made with code of your own, name it here again.
    """
    from gantk.runs.merging import merge_runs

    for name, manifest in merge_runs(runs, output_dir, finish_of, own_code).items():
        click.echo(f"{name}: {manifest}")


def finish_of(command: str) -> Callable[[Run], None] | None:
    """What turns the joined arrays of a command such as "rescore" into its results; None where it is no task."""
    from gantk.runs.runner import conclude

    return partial(conclude, find_task(command)) if is_task(command) else None
