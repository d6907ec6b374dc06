"""`gantk resefa`: directions that change one region of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gantk.cli.options import examples
from gantk.cli.resefa_directions import directions
from gantk.cli.resefa_jacobian import jacobian

if TYPE_CHECKING:
    from gantk.runs.run import Run


@click.group(
    "resefa",
    help="Directions that change one region of the image and little else.",
    epilog=examples(
        "gantk resefa jacobian demo --region house --layers 3-9 -o runs/house",
        "gantk resefa directions runs/house",
    ),
)
def command() -> None:
    pass


for child in (jacobian, directions):
    command.add_command(child)


def finish(run: Run) -> None:
    """Turn the arrays of a run of either command into its results and page, shards being joined."""
    from gantk.cli import resefa_directions, resefa_jacobian

    {"resefa jacobian": resefa_jacobian, "resefa directions": resefa_directions}[run.command].finish(run)
