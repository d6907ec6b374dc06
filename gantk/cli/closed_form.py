"""What `gantk sefa` and `gantk ganspace` share: how many directions, their strips, their file and page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from gantk.generators.base import Generator

SHOWN = 5


def drawing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--num-directions --samples --step --start-distance --end-distance``, in SeFa's spellings too."""
    for option in reversed(
        (
            click.option(
                "--num-directions", "-K", "--num-semantics", "num_directions", type=click.IntRange(1), default=None,
                help="Directions to write; default: all.",
            ),
            click.option("--shown", type=click.IntRange(0), default=None, show_default="5", help="Directions drawn."),
            click.option(
                "--samples", "--num-samples", "samples", type=click.IntRange(1), default=3, show_default=True,
                help="Samples drawn with sliders.",
            ),
            click.option("--step", type=click.IntRange(3), default=9, show_default=True, help="Images per slider."),
            click.option("--distance", type=float, default=None, help="Of the sliders' ends; default: see the page."),
        )
    ):  # fmt: skip
        function = option(function)
    return function


def make(
    command: str,
    model: str,
    generator: Generator,
    vectors: npt.NDArray[np.float64],
    space: str,
    rows: tuple[int, ...],
    about: dict[str, Any],
    scores: dict[str, Any],
    truncation: str | None,
    precision: str,
    batch_size: int,
    seed: int,
    output_dir: str | None,
    overwrite: bool,
    drawing: dict[str, Any],
) -> None:
    """Write the directions, draw the first ones and render the page."""
    import numpy as np

    from gantk.cli.options import at_most
    from gantk.cli.originals import model_stem, write_page
    from gantk.codes.directions import Direction, save_direction
    from gantk.codes.latents import parse_truncation
    from gantk.codes.source import show_truncation, weights_checksum
    from gantk.comparators.strips import draw_strips
    from gantk.generators.probe import probe
    from gantk.runs.run import Run

    psi = parse_truncation(truncation, generator.spec)
    count = at_most("--num-directions", drawing["num_directions"], len(vectors), f"directions of {space}")
    shown = at_most("--shown", drawing["shown"], count, "directions", SHOWN)
    vectors = vectors[:count]
    every = rows == tuple(range(generator.spec.num_layers))
    deviations = scores.get("deviations")
    scales = [3.0] * len(vectors) if deviations is None else [float(2 * value) for value in deviations[:count]]
    if drawing["distance"] is not None:
        scales = [abs(float(drawing["distance"]))] * len(vectors)
    arguments = {
        "model": model,
        "weights": weights_checksum(generator),
        **about,
        **drawing,
        "shown": shown,
        "truncation": show_truncation(psi),
        "precision": precision,
        "batch_size": batch_size,
        "seed": seed,
    }
    folder = output_dir or f"{model_stem(model)}_{command}"
    with Run.begin(folder, command, arguments, seed, generator.device, overwrite=overwrite) as run:
        meta = {**about, "seed": seed, **{key: value[:count] for key, value in scores.items()}}
        layers = None if every or space == "z" else rows
        scale = float(np.median(scales[:8])) or 1.0
        rows_KD = vectors.astype(np.float32)
        direction = Direction(command, "direction", space, rows_KD, None, layers, scale, probe(generator), meta)
        save_direction(run.output(f"{command}.safetensors", "directions, strongest first"), direction)
        run.record("space", space)
        run.record("files", [f"{command}.safetensors"])
        run.record("count", len(vectors))
        for name, values in scores.items():
            run.record(name, values[:count])
        made = draw_strips(run, generator, direction, scales[:shown], psi, seed, drawing["samples"], drawing["step"])
        run.record("directions", made)
        write_page(run)
    click.echo(f"{len(vectors)} directions of {space}: {run.directory}")
