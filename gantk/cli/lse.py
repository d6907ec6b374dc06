"""`gantk lse`: linear segmentation heads and what they make possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gantk.cli.lse_edit import edit
from gantk.cli.lse_evaluate import evaluate
from gantk.cli.lse_fewshot import fewshot
from gantk.cli.lse_sample import sample
from gantk.cli.lse_train import train
from gantk.cli.options import examples

if TYPE_CHECKING:
    from gantk.runs.run import Run


@click.group(
    "lse",
    help="Linear segmentation heads: where each class is, read from the generator's own maps.",
    epilog=examples(
        "gantk lse train demo --head LSE --head NSE-1 -o runs/lse",
        "gantk lse fewshot demo --shots 8 -o runs/fewshot",
        "gantk lse evaluate demo runs/lse --num 1000 -o runs/scores",
    ),
)
def command() -> None:
    pass


for child in (train, fewshot, evaluate, sample, edit):
    command.add_command(child)


def finish(run: Run) -> None:
    """Turn the arrays of a run of any of these commands into its results and page, shards being joined."""
    from gantk.cli import lse_evaluate, lse_fewshot, lse_sample, lse_train

    modules = {
        "lse train": lse_train,
        "lse fewshot": lse_fewshot,
        "lse evaluate": lse_evaluate,
        "lse sample": lse_sample,
    }
    modules[run.command].finish(run)
