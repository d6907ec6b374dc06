"""`gantk resefa jacobian`: Gram matrices of the image's derivative, over regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gantk.cli.options import (
    codes_options,
    examples,
    generator_options,
    label_option,
    layers_option,
    model_argument,
    run_options,
    truncation_option,
)
from gantk.cli.originals import accepted, accepted_flag

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.resefa.accumulate import Accumulated
    from gantk.resefa.regions import Labels, Regions
    from gantk.runs.run import Run

DEFAULT_NUM, LARGEST = 8, 256


@click.command(
    epilog=examples(
        "gantk resefa jacobian demo --layers 3-9 -o runs/world",
        "gantk resefa jacobian ffhq.pkl --region eyes --region mouth --layers 4-7 --num 16 -o runs/faces",
        "gantk resefa jacobian church.pkl --box tower=0.1,0.4,0.5,0.6 --space wp --layers 4-7 -o runs/tower",
        "gantk resefa jacobian demo --segmenter demo --region lamp=window,door --shard 0/4 -o runs/lamp",
        "gantk resefa jacobian ffhq.pkl --region mouth --space wp --leading 8 -o runs/mouth",
    )
)
@model_argument()
@click.option(
    "--num", "-N", "--nums", "num", type=click.IntRange(1), default=None,
    help=f"Samples that are pooled; default: {DEFAULT_NUM}, or all of FILE.",
)  # fmt: skip
@click.option(
    "--region", "regions", metavar="NAME[=CLASSES]", multiple=True,
    help="A published box (eyes, ffhq/mouth), a group of the bundled world's classes (house, sky, tree, ground), or "
    "classes by name or number; repeatable. Default for bundled models: all four groups.",
)  # fmt: skip
@click.option(
    "--box", "boxes", metavar="NAME=T,L,B,R", multiple=True, help="Edges in fractions of the image; repeatable."
)
@click.option("--mask", "masks", metavar="NAME=FILE", multiple=True, help="A picture, bright inside; repeatable.")
@click.option("--label-map", metavar="FILE", default=None, help="Labels of every pixel, [H, W] or one per sample.")
@click.option(
    "--segmenter", metavar="NAME", default=None,
    help="What sees classes: truth (demo-oracle), demo, a segmentation head, module:callable; default: the bundled one "
    "for bundled models.",
)  # fmt: skip
@click.option("--margin", type=float, default=None, help="Around a region, on neither side; of the side; default 1/64.")
@click.option(
    "--space", type=click.Choice(["z", "w", "wp", "class"]), default=None,
    help="What is differentiated; default: w, or z where no mapping network makes it.",
)  # fmt: skip
@click.option(
    "--part", type=click.Choice(["all", "z", "class"]), default="all", show_default=True,
    help="Of w or wp where z and the class are joined in it (BigGAN).",
)  # fmt: skip
@layers_option("Rows of wp to differentiate and later to edit: 4-7, layer names; default: all.")
@click.option(
    "--size", type=click.IntRange(1), default=None, help=f"Working size; default: the image's, at most {LARGEST}."
)
@click.option(
    "--channels", type=click.Choice(["rgb", "sum"]), default="rgb", show_default=True,
    help="Of the image: colours, or their sum (blind to hue).",
)  # fmt: skip
@click.option("--noise", type=click.Choice(["const", "none"]), default="const", show_default=True, help="Noise inputs.")
@click.option("--tangents", type=click.IntRange(1), default=None, help="Columns at once; default: by size and memory.")
@click.option("--per-sample", is_flag=True, help="Keep every sample's Gram matrices, not only their sum.")
@click.option(
    "--leading", type=click.IntRange(1), default=None, metavar="K",
    help="Write each region's K leading directions at once, without Gram matrices: for thousands of coordinates.",
)  # fmt: skip
@click.option("--preview", type=click.IntRange(0), default=4, show_default=True, help="Samples drawn on the page.")
@click.option(
    "--chunk", type=click.IntRange(1), default=None, help="Samples per chunk of the ledger; default: by number."
)
@click.option(
    "--compat", is_flag=True,
    help="As the released script: its z, no truncation, every row, decimation and channel sum above 256 pixels, no "
    "margin, each sample by itself.",
)  # fmt: skip
@label_option()
@codes_options("Codes to differentiate at (those of real images, say), not drawn ones.")
@truncation_option()
@generator_options()
@run_options(made="resefa")
@accepted_flag("--save-jpg", "--stylegan2", "--stylegan3")
@accepted("--job", "--img-size", "--w-dim", "--data-name", "--scale-stylegan2", "--cfg", "--randomize-noise", "--b")
def jacobian(
    model: str,
    num: int | None,
    regions: tuple[str, ...],
    boxes: tuple[str, ...],
    masks: tuple[str, ...],
    label_map: str | None,
    segmenter: str | None,
    margin: float | None,
    space: str | None,
    part: str,
    layers: str | None,
    size: int | None,
    channels: str,
    noise: str,
    tangents: int | None,
    per_sample: bool,
    leading: int | None,
    preview: int,
    chunk: int | None,
    compat: bool,
    label: str | None,
    latent_codes_path: str | None,
    latent_space_type: str,
    truncation: str | None,
    device: str,
    precision: str,
    batch_size: int,
    seed: int,
    output_dir: str | None,
    shard: str | None,
    overwrite: bool,
) -> None:
    """Add up what moving each coordinate changes in every region: the Gram matrices that directions come from.

    The derivative is taken forward, a few columns at a time, and never stored. The rows differentiated are the rows
    that the directions will move, so give the --layers you want to edit.
    """
    from pathlib import Path

    from gantk.checkpoints.names import is_bundled
    from gantk.cli.options import at_most, load_model
    from gantk.cli.originals import model_stem
    from gantk.codes.latents import parse_truncation
    from gantk.codes.source import CodeSource, show_truncation, weights_checksum
    from gantk.errors import UsageError
    from gantk.generators.rows import parse_layers
    from gantk.resefa.accumulate import JacobianPlan, accumulate, check_regions
    from gantk.resefa.compat import CODES, compat_codes, compat_output
    from gantk.resefa.find import find_leading
    from gantk.resefa.jacobian import Output
    from gantk.resefa.regions import DEFAULT_MARGIN, build_regions
    from gantk.resefa.variables import choose
    from gantk.runs.run import Run, parse_shard

    shard_part = parse_shard(shard)
    if leading is not None and (compat or not shard_part.is_whole):
        raise UsageError(
            "--leading solves as it goes, so it takes neither --compat nor --shard: leave one of them out."
        )
    generator = load_model(model, device, precision)
    spec = generator.spec
    folder = Path(output_dir or f"{model_stem(model)}_resefa")
    psi = None if compat else parse_truncation(truncation, spec)
    drawn = None
    if compat and latent_codes_path is None:
        drawn = compat_codes(num or 5, spec.z_dim, seed)
        latent_codes_path, latent_space_type = str(folder / CODES), "z"
    wanted = num or (DEFAULT_NUM if latent_codes_path is None else None)
    source = CodeSource(generator, wanted, seed, psi, latent_codes_path, latent_space_type, label, drawn)
    rows = parse_layers(layers, spec.num_layers, {each.name: each.row for each in generator.layers})
    variable = choose(generator, space, rows, part)
    if leading is not None:
        at_most("--leading", leading, variable.dim, "directions")
    output = Output(min(size or LARGEST, spec.resolution) if size is None else size, channels)
    if compat:
        output = compat_output(spec.resolution)
    output.check(spec.resolution)
    labels = _labels(segmenter, label_map, model, generator)
    if not (regions or boxes or masks) and is_bundled(model):
        from gantk.resefa.tables import WORLD

        regions = WORLD
    border = 0.0 if compat else DEFAULT_MARGIN if margin is None else margin
    found = build_regions(regions, boxes, masks, labels, spec.size, output.size, border)
    check_regions(source, found)
    plan = JacobianPlan(
        variable=variable,
        output=output,
        noise=noise,
        tangents=tangents,
        chunk=chunk or max(1, -(-source.total // 32)),
        per_sample=per_sample or compat,
        preview=preview,
    )
    arguments: dict[str, Any] = {
        "model": model,
        "weights": weights_checksum(generator),
        **source.arguments(),
        "regions": [each.text or each.name for each in found.items],
        "names": found.names,
        "asked": {"region": regions, "box": boxes, "mask": masks},
        "segmenter": segmenter,
        "label_map": label_map,
        "margin": border,
        "space": variable.space,
        "part": "class" if space == "class" else part,
        "layers": rows,
        "size": output.size,
        "channels": output.channels,
        "decimate": output.decimate,
        "noise": noise,
        "truncation": show_truncation(psi),
        "precision": precision,
        "seed": seed,
        "per_sample": plan.per_sample,
        "compat": compat,
        "leading": leading,
        "chunk": plan.chunk,
    }
    with Run.begin(folder, "resefa jacobian", arguments, seed, generator.device, shard_part, overwrite) as run:
        if drawn is not None:
            run.save_npy(CODES, drawn, "z as the released script draws it")
        run.record("layer_names", [f"{each.row}: {each.name}" for each in generator.layers if each.row in rows])
        run.record("resolution", spec.resolution)
        run.record("dim", variable.dim)
        if leading is None:
            accumulate(run, source, found, plan)
        else:
            find_leading(run, source, found, plan, leading)
        if shard_part.is_whole:
            finish(run)
    done = f"{source.total} sample{'' if source.total == 1 else 's'}, {variable.dim} coordinates: {run.directory}"
    click.echo(done if shard_part.is_whole else f"Shard {shard_part}: {run.directory}")


def finish(run: Run) -> None:
    """Record the results of a run whose arrays are whole, and write its page."""
    from gantk.cli.originals import write_page
    from gantk.resefa.summary import summarize_jacobian

    if run.manifest["arguments"].get("leading") is None:
        summarize_jacobian(run)
    write_page(run)


def regions_of(found: Accumulated, generator: Generator, model: str | None = None) -> Regions:
    """The regions of a finished run, for other samples of its generator."""
    from gantk.errors import UsageError
    from gantk.resefa.regions import build_regions

    made = found.arguments
    labels = _labels(made["segmenter"], made["label_map"], model or str(made["model"]), generator)
    if labels is not None and labels.maps is not None and labels.maps.ndim == 3:
        raise UsageError("The run's label maps are of its own samples, so nothing else can be measured: --held-out 0.")
    asked = made["asked"]
    size = int(made["size"])
    canvas, margin = generator.spec.size, float(made["margin"])
    return build_regions(asked["region"], asked["box"], asked["mask"], labels, canvas, size, margin)


def _labels(segmenter: str | None, label_map: str | None, model: str, generator: Generator) -> Labels | None:
    """Where classes come from: a label map, a segmenter that was named, or for bundled models the bundled one."""
    from pathlib import Path

    from gantk.checkpoints.names import is_bundled
    from gantk.cli.originals import predictor_for
    from gantk.errors import UsageError
    from gantk.resefa.regions import Labels, read_label_map

    if segmenter is not None and label_map is not None:
        raise UsageError("--segmenter and --label-map both say where the classes are: give one of them.")
    if label_map is not None:
        return Labels(maps=read_label_map(Path(label_map), generator.spec.size))
    if segmenter is None and not is_bundled(model):
        return None
    seer = predictor_for(segmenter, model, generator)
    if not seer.class_names:
        raise UsageError(f"The predictor {seer.name} sees no classes: choose another --segmenter.")
    return Labels(tuple(seer.class_names), seer)
