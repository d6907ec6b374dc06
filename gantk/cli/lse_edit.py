"""`gantk lse edit`: strokes of classes and colours on an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gantk.cli.options import (
    device_option,
    examples,
    model_argument,
    output_dir_option,
    overwrite_option,
    precision_option,
    seed_option,
    truncation_option,
)

if TYPE_CHECKING:
    from gantk.lse.editing import Stroke
    from gantk.predictors.heads import Head


@click.command(
    epilog=examples(
        "gantk lse edit demo runs/lse/heads/LSE.safetensors --shape tree:50,36,7 -o runs/edited",
        "gantk lse edit demo runs/lse/heads/LSE.safetensors --index 3 --stroke stroke.png --rows shape",
        "gantk lse edit demo runs/lse/heads/LSE.safetensors --colour '#ffb060:0,0,64,16' --rows colour",
    )
)
@model_argument()
@click.argument("head", metavar="HEAD")
@click.option("--index", type=click.IntRange(0), default=0, show_default=True, help="Sample of the seed to edit.")
@click.option("--code", metavar="FILE.npy", default=None, help="A code wp [L, D] or [1, L, D] to edit instead.")
@click.option("--stroke", metavar="PNG", default=None, help="Label map of the stroke, 255 where nothing was painted.")
@click.option("--shape", "shapes", multiple=True, metavar="CLASS:X,Y,...",
              help="A box LEFT,TOP,RIGHT,BOTTOM or a disc X,Y,RADIUS of a class; repeated.")  # fmt: skip
@click.option("--colour", "colours", multiple=True, metavar="#RRGGBB:X,Y,...", help="The same of a colour; repeated.")
@click.option("--rows", type=click.Choice(["even", "coarse", "shape", "colour"]), default="even", show_default=True,
              help="Which rows of wp move, and how fast.")  # fmt: skip
@click.option("--steps", type=click.IntRange(1), default=60, show_default=True, help="Of Adam, at most.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=0.05, show_default=True,
              help="Of Adam, in deviations of w.")  # fmt: skip
@click.option("--preserve", type=click.FloatRange(0), default=20.0, show_default=True, help="The image outside.")
@click.option("--paper", is_flag=True, help="The released program: 50 steps of z per row, nothing preserved.")
@click.option("--frames", type=click.IntRange(2), default=9, show_default=True, help="Of the slider on the page.")
@click.option("--force", is_flag=True, help="Take a head of another generator with the same maps.")
@truncation_option()
@device_option()
@precision_option()
@seed_option()
@output_dir_option(made="edited")
@overwrite_option()
def edit(**options: Any) -> None:
    """Edit an image by strokes: "a tree here", "this sky more orange".

    What lies outside the strokes is preserved. The page shows the way from the image to the edited one.
    """
    from gantk.cli.options import load_model
    from gantk.cli.originals import model_stem, write_page
    from gantk.codes.latents import parse_truncation
    from gantk.codes.source import show_truncation, weights_checksum
    from gantk.lse.editing import EditSettings
    from gantk.lse.editing_results import record
    from gantk.lse.session import EditSession
    from gantk.predictors.head_files import load_head
    from gantk.runs.run import Run

    overwrite, device = options.pop("overwrite"), options.pop("device")
    folder = options.pop("output_dir") or f"{model_stem(options['model'])}_edited"
    generator = load_model(options["model"], device, options["precision"])
    head = load_head(options["head"], generator, options["force"])
    truncation = None if options["paper"] else parse_truncation(options["truncation"], generator.spec)
    options |= {"truncation": show_truncation(truncation), "shapes": list(options["shapes"])}
    options["colours"] = list(options["colours"])
    stroke = stroke_of(options, head)
    procedure = "paper" if options["paper"] else "gantk"
    settings = EditSettings(options["steps"], options["rate"], options["rows"], preserve=options["preserve"],
                            procedure=procedure)  # fmt: skip
    session = EditSession(generator, head, truncation)
    if options["code"] is not None:
        session.show(_code(options["code"], generator), about={"code": options["code"]})
    else:
        session.generate(options["seed"], options["index"])
    arguments = {**options, "identity": weights_checksum(generator)}
    with Run.begin(folder, "lse edit", arguments, options["seed"], generator.device, None, overwrite) as run:
        with run.timed("edit"):
            found = session.edit(stroke.label, stroke.colour, stroke.painted, settings)
        record(run, generator, head, stroke, found, options["frames"])
        session.export(run.output("session.zip", "image, labels and code"))
        before, after = found.followed
        if stroke.label is not None:
            click.echo(f"The stroke's classes: {before:.1%} of its pixels before, {after:.1%} after.")
        click.echo(f"Outside the strokes pixels changed by {found.changed:.3f} (RMS, of a range of 2).")
        write_page(run)
    click.echo(f"Edited: {run.directory}")


def stroke_of(options: dict[str, Any], head: Head) -> Stroke:
    """The strokes of the options, drawn."""
    import re

    import numpy as np

    from gantk.errors import UsageError
    from gantk.lse.editing import Stroke
    from gantk.lse.label_maps import draw, inside, read_label_map

    size, label = head.info.size, None
    if options["stroke"] is not None:
        label = read_label_map(options["stroke"], len(head.class_names), size)
    if options["shapes"]:
        label = draw(options["shapes"], head.class_names, size, label)
    colour = painted = None
    for text in options["colours"]:
        match = re.fullmatch(r"#([0-9a-fA-F]{6}):([-\d.,\s]+)", text.strip())
        numbers = [float(part) for part in match[2].split(",") if part.strip()] if match else []
        if match is None or len(numbers) not in (3, 4):
            raise UsageError(
                f"--colour {text!r} is not understood: write #rrggbb:LEFT,TOP,RIGHT,BOTTOM or #rrggbb:X,Y,RADIUS."
            )
        if colour is None or painted is None:
            colour, painted = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), bool)
        mask = inside(numbers, size, text)
        colour[mask], painted[mask] = np.frombuffer(bytes.fromhex(match[1]), np.uint8), True
    if label is None and colour is None:
        raise UsageError("There is no stroke: give --shape, --stroke or --colour.")
    return Stroke(label, colour, painted)


def _code(path: str, generator: Any) -> Any:
    import numpy as np
    import torch

    from gantk.codes.code_files import read_codes
    from gantk.errors import GantkError

    array = read_codes(path, generator.spec, "wp").codes
    wanted = (generator.spec.num_layers, generator.spec.wp_dim)
    if array.shape[-2:] != wanted or array.size != wanted[0] * wanted[1]:
        raise GantkError(f"{path} holds {array.shape} where one wp of {wanted} is expected.")
    return torch.from_numpy(array.reshape(1, *wanted).astype(np.float32)).to(generator.device)
