"""`gantk ghfeat`: an encoder of real images into a generator's styles, and what its codes can do."""

from __future__ import annotations

import click

from gantk.cli.ghfeat_train import train
from gantk.cli.options import examples


@click.group(
    epilog=examples("gantk ghfeat train demo --data renderer -o runs/encoder"),
)
def command() -> None:
    """Hierarchical features of real images (GH-Feat): an encoder per generator, and what its codes can do."""


command.add_command(train)
