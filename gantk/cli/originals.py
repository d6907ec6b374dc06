"""What lets the original programs' command lines run: option names that need no action here, and default names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.predictors.base import Predictor
    from gantk.runs.run import Run

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def accepted(*names: str) -> Decorator:
    """Take options with a value that an original had and gantk has no use for; see docs/from-the-originals.md."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            function = click.option(name, expose_value=False, hidden=True)(function)
        return function

    return decorate


def accepted_flag(*names: str) -> Decorator:
    """Like `accepted`, for options without a value."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            function = click.option(name, is_flag=True, expose_value=False, hidden=True)(function)
        return function

    return decorate


def model_stem(model: str) -> str:
    """A name for default output directories: a zoo name, or a file's name without folder and suffix."""
    from pathlib import Path

    from gantk.checkpoints.facts import split_model

    return Path(split_model(model)[0]).stem or model


def predictor_for(name: str | None, model: str, generator: Generator) -> Predictor:
    """The predictor that ``--predictor`` names; see `gantk.predictors.defaults`."""
    from gantk.predictors import defaults

    return defaults.predictor_for(generator, name)


def write_page(run: Run) -> None:
    """Write the page of a run that is about to be complete: the manifest is saved as it will be, then rendered."""
    from gantk.reports import render

    run.manifest["state"] = "complete"
    run.clock()
    run.save()
    render(run.directory, run.command.replace(" ", "-"))
