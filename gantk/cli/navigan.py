"""`gantk navigan`: directions in the space of one convolution's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gantk.cli.navigan_apply import apply
from gantk.cli.navigan_export import export
from gantk.cli.navigan_hessian import hessian
from gantk.cli.navigan_svd import svd
from gantk.cli.navigan_train import train
from gantk.cli.options import examples

if TYPE_CHECKING:
    from gantk.runs.run import Run


@click.group(
    "navigan",
    help="Directions in weight space: what one convolution can be made to do, and edits with it.",
    epilog=examples(
        "gantk navigan hessian demo --conv 16x16/conv1 -k 16 -o runs/hessian",
        "gantk navigan apply demo runs/hessian/eigenvectors.safetensors --rows 0-3 -o runs/edits",
        "gantk navigan train demo runs/hessian/eigenvectors.safetensors --steps 2000 -o runs/rectified",
    ),
)
def command() -> None:
    pass


for child in (hessian, svd, train, apply, export):
    command.add_command(child)


def finish(run: Run) -> None:
    """Animations and the page of a run whose results are whole, shards being joined."""
    from gantk.cli.navigan_subject import finish_page

    finish_page(run)
