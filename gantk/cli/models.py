"""gantk models: list, pull, inspect, convert and verify generators."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gantk.cli.numbers import number_option
from gantk.cli.options import TYPED, device_option, examples, model_argument, output_dir_option
from gantk.errors import GantkError, UsageError
from gantk.store.own_code import names_code
from gantk.store.progress import alive

if TYPE_CHECKING:
    from gantk.checkpoints.audit import Audit


set_option = click.option(
    "--set",
    "facts",
    multiple=True,
    metavar="KEY=VALUE",
    help="A fact that the file does not hold, such as label_dim=4 or fused=true; may be repeated.",
)


@click.group(
    "models",
    help="List, pull, inspect, convert and verify generators.",
    epilog=examples(
        "gantk models list", "gantk models pull stylegan_bedroom", "gantk models convert network.pkl out.safetensors"
    ),
)
def command() -> None:
    pass


@command.command(
    "list", epilog=examples("gantk models list", "gantk models list --family stylegan3", "gantk models list --all")
)
@click.option("--family", metavar="FAMILY", default=None, help="Only of this family, such as stylegan2.")
@click.option("--all", "everything", is_flag=True, help="Also boundaries, directions, encoders and predictors.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_models(family: str | None, everything: bool, as_json: bool) -> None:
    """List what can be used by name: bundled, pulled, and available to `gantk models pull`."""
    from gantk.cli.zoo_table import only_family, rows, show

    found = rows()
    if family is not None:
        found = only_family(found, family)
    shown = [row for row in found if everything or row["kind"] == "generator"]
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    show(shown)
    if len(shown) < len(found):
        click.echo(f"{len(found) - len(shown)} boundaries, directions and other files: --all", err=True)


@command.command(
    epilog=examples(
        "gantk models pull stylegan_bedroom",
        "gantk models pull 'stylegan_bedroom/*'",
        "gantk models pull hub:owner/name -o networks",
    )
)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@output_dir_option(help="Put the files here instead of into the user's folder, where they are found by name.")
@click.option(
    "--force", is_flag=True, help="Fetch files again that are there, and accept files whose hash gantk does not know."
)
def pull(names: tuple[str, ...], output_dir: str | None, force: bool) -> None:
    """Fetch public networks and directions by name, checked and resumable.

    NAME is from `gantk models list --all`, a pattern of such names, or hub:owner/name[/file] for the Hugging Face Hub.
    """
    from gantk.checkpoints.pull import pull as fetch
    from gantk.checkpoints.pull import select

    for name in dict.fromkeys(found for word in names for found in select(word)):
        for file in fetch(name, output_dir, force):
            size = file.path.stat().st_size
            state = "" if file.fresh else "already there, "
            click.echo(f"{name}: {file.path}, {state}{size:,} bytes, sha256 {file.sha256}")
            if file.recorded:
                text = f"warning: no sha256 is published for {file.path.name}; this one was recorded for later pulls"
                click.echo(text, err=True)


@command.command(
    epilog=examples(
        "gantk models info network.pkl", "gantk models info stylegan_bedroom", "gantk models info network.pkl --audit"
    )
)
@model_argument("file")
@set_option
@click.option("--force", is_flag=True, help="Take weights that are not finite, or a network without its mapping.")
@click.option("--audit", "auditing", is_flag=True, help="List what a pickle refers to, without loading it.")
@alive("models info")
def info(file: str, facts: tuple[str, ...], force: bool, auditing: bool) -> None:
    """Say what a checkpoint is: its format, family, sizes and layers.

    For a name of the zoo, say first where it comes from; it need not be pulled for that.
    """
    from gantk.cli.zoo_table import show_card

    if not auditing and show_card(file):
        return
    if auditing:
        from gantk.checkpoints.audit import audit

        _show_audit(file, audit(_path_of(file)))
        return

    from gantk.checkpoints.facts import split_facts
    from gantk.checkpoints.load import build_generator, find_model, load_generator
    from gantk.checkpoints.reading import read_checkpoint

    found, told = (None, None) if names_code(file) else find_model(file, split_facts(facts))
    checkpoint = read_checkpoint(found, told, force) if isinstance(found, Path) else None
    # facts have names of their own, which the types of the other keywords cannot say
    generator = build_generator(checkpoint) if checkpoint else load_generator(file, **(told or {}))  # type: ignore[arg-type]
    spec = generator.spec
    truncation = spec.truncation
    rows = {
        "file": str(found) if checkpoint is not None else f"{file} (made without a file)",
        "format": generator.source,
        "family": spec.family,
        "resolution": f"{spec.height} x {spec.width}, {_channels(spec.image_channels)}",
        "codes": f"z {spec.z_dim}, w {spec.w_dim}, {spec.num_layers} rows of wp",
        "labels": f"{spec.label_dim} classes" if spec.label_dim else "none",
        "truncation": "none" if truncation is None else f"psi {truncation.psi:g}, {truncation.layers or 'all'} rows",
        "parameters": f"{sum(parameter.numel() for parameter in generator.parameters()):,}",
    }
    for name, value in rows.items():
        click.echo(f"{name:<11} {value}")
    for note in checkpoint.notes if checkpoint is not None else ():
        click.echo(f"{'note':<11} {note}")
    if checkpoint is not None and checkpoint.assumed:
        click.echo(f"{'--set takes':<11} {', '.join(checkpoint.assumed)}: the file does not say them")
    if spec.class_names:
        click.echo(f"{'classes':<11} {', '.join(spec.class_names)}")
    click.echo(f"{'settings':<11}")
    for name, value in sorted((checkpoint.config if checkpoint is not None else {}).items()):
        click.echo(f"  {name} = {value}")
    click.echo("layers")
    for layer in generator.layers:
        row = "-" if layer.row is None else layer.row
        click.echo(f"  {layer.index:>2}  {layer.name:<16} {layer.channels:>4} channels, row {row}")


def _channels(count: int) -> str:
    return {1: "1 channel, grey", 3: "3 channels, RGB", 4: "4 channels, RGB and alpha"}.get(count, f"{count} channels")


def _path_of(file: str) -> str:
    """A file as it was given, or the one that a name stands for."""
    from gantk.checkpoints.load import find_model

    found, _ = find_model(file)
    return str(found) if isinstance(found, Path) else file


def _show_audit(file: str, report: Audit) -> None:
    click.echo(
        f"{file}: {report.container}, {report.opcodes:,} opcodes, {report.nested} nested streams; nothing was loaded"
    )
    for reference in report.references:
        verdict = "allowed  " if reference.allowed else "inert    " if reference.inert else "FORBIDDEN"
        click.echo(f"  {verdict} {reference.count:>6} x {reference.name}")
    if not report.references:
        click.echo("  it refers to nothing")
    if report.damage:
        click.echo(f"  {report.damage}")


@command.command(
    epilog=examples(
        "gantk models convert network.pkl network.safetensors", "gantk models convert G_ema.pth G.safetensors"
    )
)
@click.argument("file", metavar="FILE", type=TYPED)
@click.argument("out", metavar="OUT.safetensors")
@click.option(
    "--layout",
    type=click.Choice(["gantk", "rosinality", "genforce", "higan", "hammer", "nvidia", "onnx"]),
    default="gantk",
    show_default=True,
    help="Write for this program instead (a StyleGAN2, nvidia also a StyleGAN3; OUT is then its .pt or .pth), or write "
    "any family as NAME-mapping.onnx and NAME-synthesis.onnx (OUT is NAME.onnx).",
)
@set_option
@click.option("--half", is_flag=True, help="Store matrices and kernels in float16: half the size, rounded weights.")
@click.option(
    "--force",
    is_flag=True,
    help="Replace OUT; accept weights that are not finite; write a layout whose program clamps activations less.",
)
@alive("models convert")
def convert(file: str, out: str, layout: str, facts: tuple[str, ...], half: bool, force: bool) -> None:
    """Write a checkpoint of any known format as a gantk file, with a golden image to verify it by.

    With --layout, write it for one of the original programs.
    """
    from gantk.checkpoints.facts import split_facts
    from gantk.checkpoints.golden import render_golden
    from gantk.checkpoints.load import build_generator, find_model
    from gantk.checkpoints.native import write_checkpoint
    from gantk.checkpoints.reading import read_checkpoint
    from gantk.store.files import sha256_of

    if not out.endswith(".safetensors") and layout == "gantk":
        raise UsageError(f"OUT must end with .safetensors, not {out!r}")
    targets: tuple[str | Path, ...] = (out,)
    if layout == "onnx":
        from gantk.checkpoints.onnx_files import file_names, require_onnx

        targets = file_names(out)
        require_onnx()
    for target in targets:
        if Path(target).exists() and not force:
            raise GantkError(f"{target} exists; give --force to replace it")
    found, told = find_model(file, split_facts(facts))
    if not isinstance(found, Path):
        raise GantkError(f"{file} is made without a file, so there is nothing to convert")
    checkpoint = read_checkpoint(found, told, force)
    if half:
        rounded = {
            name: tensor.half().float() if tensor.ndim > 1 else tensor for name, tensor in checkpoint.state.items()
        }
        checkpoint = dataclasses.replace(checkpoint, state=rounded)
    generator = build_generator(checkpoint)
    if "w_avg" not in checkpoint.state and generator.spec.can_truncate:
        average = {"w_avg": generator.average_w().detach().cpu()}
        note = "w_avg is the mean of 4096 seeded codes, because the original file has none"
        checkpoint = dataclasses.replace(
            checkpoint, state={**checkpoint.state, **average}, notes=(*checkpoint.notes, note)
        )
    if layout == "onnx":
        from gantk.checkpoints.onnx_files import OPSET, write_onnx

        for written in write_onnx(generator, out, {"source": checkpoint.source, "file": found.name}):
            click.echo(
                f"{written.path}: opset {OPSET}, {written.size:,} bytes; in onnxruntime at most "
                f"{written.error:.1g} from gantk (limit {written.limit:.1g})"
            )
        for note in checkpoint.notes:
            click.echo(f"note: {note}", err=True)
        return
    if layout != "gantk":
        from gantk.checkpoints.export import export

        complete = dataclasses.replace(checkpoint, config=generator.config.to_dict())
        notes = export(out, complete, layout, force)
        click.echo(f"{out}: {checkpoint.family} from {checkpoint.source}, in the layout of {layout}")
        for note in notes:
            click.echo(f"note: {note}", err=True)
        return
    path = found if found.is_file() else None
    origin = {"origin": {"name": found.name, "sha256": sha256_of(path) if path else None}}
    checkpoint = dataclasses.replace(checkpoint, config=generator.config.to_dict())  # defaults written out
    digest = write_checkpoint(out, checkpoint, half=half, golden=render_golden(generator).to_dict(), **origin)
    click.echo(
        f"{out}: {checkpoint.family} from {checkpoint.source}, {Path(out).stat().st_size:,} bytes, sha256 {digest}"
    )
    for note in checkpoint.notes:
        click.echo(f"note: {note}", err=True)


@command.command(epilog=examples("gantk models verify network.safetensors", "gantk models verify demo"))
@model_argument()
@device_option()
@alive("models verify")
def verify(model: str, device: str) -> None:
    """Render a gantk file's golden image again and compare it with the one that was stored."""
    from gantk.checkpoints.golden import Golden, render_golden
    from gantk.checkpoints.load import build_generator, find_model
    from gantk.checkpoints.native import read
    from gantk.checkpoints.safetensors_header import is_native
    from gantk.store.files import open_bytes

    found, _ = find_model(model)
    if not isinstance(found, Path) or found.is_dir() or not is_native(open_bytes(found)):
        raise GantkError(f"{model} is no gantk file and has no golden image; make one with `gantk models convert`")
    checkpoint = read(found)
    if "golden" not in checkpoint.header:
        raise GantkError(f"{model} has no golden image in its header; convert the original checkpoint again")
    stored = Golden.from_dict(checkpoint.header["golden"])
    from gantk.generators.devices import resolve_device

    generator = build_generator(checkpoint).to(resolve_device(device))
    difference = stored.difference(render_golden(generator, stored.seed))
    if difference is not None:
        raise GantkError(f"{model} does not make the pictures it was converted with: they differ in {difference}")
    click.echo(f"{model}: the golden image is the same")


@command.command(
    epilog=examples("gantk models bench demo", "gantk models bench ffhq.pkl --batches 1,8,32 --device cuda -o bench")
)
@model_argument()
@device_option()
@click.option("--batches", default="1,4", metavar="LIST", show_default=True, help="Batch sizes to measure, in images.")
@click.option(
    "--precisions",
    default=None,
    metavar="LIST",
    help="Precisions to measure, of float32, float16, bfloat16; default: float32, on a GPU also float16 where the "
    "original allowed it.",
)
@number_option("--seconds", float, "Seconds of measuring for each figure.", 1.0, least=0.01, most=600)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@output_dir_option(help="Also write bench.html into this folder.")
@alive("models bench")
def bench(
    model: str, device: str, batches: str, precisions: str | None, seconds: float, as_json: bool, output_dir: str | None
) -> None:
    """Measure a generator on this machine: images per second and memory of forward passes, traces of all maps and
    tangents.

    A matrix product and a copy are measured on the same device, and each figure is also given as a share of them.
    """
    from gantk.checkpoints.load import load_generator
    from gantk.codes.numbering import parse_seeds
    from gantk.generators.base import PRECISIONS
    from gantk.generators.devices import resolve_device
    from gantk.speed.measuring import measure
    from gantk.speed.page import page
    from gantk.store.files import make_directory

    counts: tuple[int, ...] = ()
    with contextlib.suppress(UsageError):
        counts = parse_seeds(batches)
    if not counts or min(counts) < 1:
        raise click.BadParameter(f"{batches!r} is no list of batch sizes: write 1,4,8.", param_hint="--batches")
    chosen = None if precisions is None else tuple(word.strip() for word in precisions.split(","))
    for word in chosen or ():
        if word not in PRECISIONS:
            raise click.BadParameter(f"{word!r} is none of {', '.join(PRECISIONS)}.", param_hint="--precisions")
    generator = load_generator(model, device=resolve_device(device))
    if output_dir is not None:
        make_directory(Path(output_dir))
    speed = measure(generator, model, counts, chosen, seconds, show=True)
    if as_json:
        click.echo(json.dumps(speed.plain()))
    else:
        for line in speed.lines():
            click.echo(line)
    if output_dir is not None:
        path = page(speed).write(Path(output_dir) / "bench.html")
        click.echo(str(path), err=as_json)
