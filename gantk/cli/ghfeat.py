"""`gantk ghfeat`: an encoder of real images into a generator's styles, and what its codes can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gantk.cli.ghfeat_edit import edit, harmonize, mix
from gantk.cli.ghfeat_evaluate import evaluate
from gantk.cli.ghfeat_extract import extract
from gantk.cli.ghfeat_train import train
from gantk.cli.options import examples

if TYPE_CHECKING:
    from gantk.runs.run import Run


@click.group(
    epilog=examples(
        "gantk ghfeat extract demo render:0 render:1 -o runs/codes",
        "gantk ghfeat edit demo render:0 --direction time_of_day -o runs/dusk",
        "gantk ghfeat train demo --data renderer --config ghfeat-demo -o runs/encoder",
    ),
)
def command() -> None:
    """Hierarchical features of real images (GH-Feat): an encoder per generator, and what its codes can do."""


for child in (train, extract, mix, edit, harmonize, evaluate):
    command.add_command(child)


def finish(run: Run) -> None:
    """Turn the arrays of a run into its results and page, shards being joined."""
    from gantk.cli import ghfeat_extract

    if run.command == "ghfeat extract":
        ghfeat_extract.finish(run)
