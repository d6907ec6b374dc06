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
    """The predictor that ``--predictor`` names, on the generator's device.

    "scene" is HiGAN's name for Places365, "truth" the exact factors of demo-oracle. By default the oracle is judged by
    the truth, the other bundled models by the bundled predictor, and any other by Places365.
    """
    from gantk.checkpoints.names import is_bundled
    from gantk.predictors.load import load_predictor

    if name is None:
        name = "truth" if model == "demo-oracle" else "demo" if is_bundled(model) else "places365"
    if name == "truth":
        from gantk.predictors.truth import ExactFactors

        return ExactFactors(generator)
    return load_predictor("places365" if name == "scene" else name, generator.device).eval()


def write_page(run: Run) -> None:
    """Write the page of a run that is about to be complete: the manifest is saved as it will be, then rendered."""
    from gantk.reports import render

    run.manifest["state"] = "complete"
    run.clock()
    run.save()
    render(run.directory, run.command.replace(" ", "-"))
