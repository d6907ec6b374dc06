"""Options that the commands on encoded images share, and what they load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.ghfeat.files import EncoderFile
    from gantk.ghfeat.inputs import Images
    from gantk.ghfeat.pictures import Size
    from gantk.runs.run import Run

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def encoder_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--encoder --force --fit --skip-unreadable``."""
    options = (
        click.option(
            "--encoder",
            metavar="FILE",
            default=None,
            help="An encoder's file or GH-Feat pickle; default: the one in MODEL's pickle, or the one that ships.",
        ),
        click.option("--force", is_flag=True, help="Take an encoder that was trained for another generator."),
        click.option(
            "--fit",
            type=click.Choice(["exact", "crop", "squash"]),
            default="exact",
            show_default=True,
            help="Images that are not square: refuse them, keep the middle, or squash them.",
        ),
        click.option("--skip-unreadable", is_flag=True, help="Leave out images that cannot be read, and say so."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def rows_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--layers`` and ``--levels``."""
    function = click.option(
        "--levels", metavar="LIST", default=None, help="The same by GH-Feat's levels, from the finest: 0-3 are fine."
    )(function)
    return click.option(
        "--layers", metavar="LIST", default=None, help="Rows of wp, from the coarsest: 0-3 are coarse; default: all."
    )(function)


def open_encoder(model: str, encoder: str | None, generator: Generator, force: bool) -> EncoderFile:
    """The encoder that is meant.

    Raises:
        UsageError: none was given and none ships for the generator.
        GantkError: it cannot be read or belongs to another generator.
    """
    from pathlib import Path

    from gantk.ghfeat.files import load_encoder

    if encoder is None and Path(model).is_file():
        from gantk.checkpoints.load import open_networks
        from gantk.errors import GantkError, UsageError

        try:
            inside = "E" in open_networks(model)
        except GantkError:
            inside = False
        if not inside:
            raise UsageError(f"{model} has no encoder in it: give one with --encoder, or train one for it.")
    return load_encoder(encoder or model, generator, force, str(generator.device))


def open_images(images: Sequence[str], size: Size, fit: str, skip: bool = False, channels: int = 3) -> Images:
    """The images that arguments name; a few extra checks are done when they are read."""
    from gantk.ghfeat.inputs import Images

    return Images(list(images), size, fit, skip, channels)


def encoder_arguments(loaded: EncoderFile) -> dict[str, Any]:
    """What a run's manifest says about its encoder."""
    return {"encoder": loaded.name, "encoder_sha256": loaded.sha256}


def finish_page(run: Run, message: str) -> None:
    """Write the page of a run and say where it is."""
    from gantk.cli.originals import write_page
    from gantk.runs.run import file_stem

    write_page(run)
    click.echo(f"{message}; see {run.path(file_stem(run.command) + '.html')}")


def folder_of(output_dir: str | None, model: str, task: str) -> str:
    """The run directory: the one asked for, or MODEL_ghfeat_TASK."""
    from gantk.cli.originals import model_stem

    return output_dir or f"{model_stem(model)}_ghfeat_{task}"
