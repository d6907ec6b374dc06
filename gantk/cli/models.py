"""gantk models: list, inspect, convert and verify generators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gantk.cli.options import device_option, examples, model_argument, resolve_device

if TYPE_CHECKING:
    from gantk.checkpoints.audit import Audit


@click.group(
    "models",
    help="List, inspect, convert and verify generators.",
    epilog=examples("gantk models list", "gantk models convert network.pkl network.safetensors"),
)
def command() -> None:
    pass


@command.command("list", epilog=examples("gantk models list"))
@click.option("--all", "everything", is_flag=True, help="Also those that were not pulled yet.")
def list_models(everything: bool) -> None:
    """List the generators that can be used by name."""
    from gantk.checkpoints.names import ALIASES, bundled, module_exists
    from gantk.checkpoints.native import read_header

    short = {name: alias for alias, name in ALIASES.items()}
    rows = []
    for name, path in bundled().items():
        header = read_header(path) if path is not None else {}
        size = header.get("config", {}).get("resolution")
        also = f" (also: {short[name]})" if name in short else ""
        what = f"{header['family']}, {size} x {size}" if header else "made without a file"
        rows.append((name, f"bundled: {what}{also}"))
    if module_exists("gantk.generators.zoo"):
        from importlib import import_module

        rows += import_module("gantk.generators.zoo").listing(everything)
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        click.echo(f"{name:<{width}}  {text}")
    if not rows:
        click.echo("No generator is bundled with this installation; give a checkpoint's path instead.", err=True)


@command.command(epilog=examples("gantk models info network.pkl", "gantk models info network.pkl --audit"))
@model_argument("file")
@click.option("--audit", "auditing", is_flag=True, help="List what a pickle refers to, without loading it.")
def info(file: str, auditing: bool) -> None:
    """Say what a checkpoint is: its format, family, sizes and layers."""
    if auditing:
        from gantk.checkpoints.audit import audit

        _show_audit(file, audit(file))
        return
    from pathlib import Path

    from gantk.checkpoints.load import build_generator, read_checkpoint
    from gantk.checkpoints.names import locate

    found: Any = Path(file) if Path(file).exists() else locate(file)
    checkpoint = read_checkpoint(found) if isinstance(found, Path) else None
    generator = build_generator(checkpoint) if checkpoint is not None else found
    spec = generator.spec
    truncation = spec.truncation
    rows = {
        "file": str(found) if checkpoint is not None else f"{file} (made without a file)",
        "format": generator.source,
        "family": spec.family,
        "resolution": f"{spec.resolution} x {spec.resolution}, {spec.image_channels} channels",
        "codes": f"z {spec.z_dim}, w {spec.w_dim}, {spec.num_layers} rows of wp",
        "labels": f"{spec.label_dim} classes" if spec.label_dim else "none",
        "truncation": "none" if truncation is None else f"psi {truncation.psi:g}, {truncation.layers or 'all'} rows",
        "parameters": f"{sum(parameter.numel() for parameter in generator.parameters()):,}",
    }
    for name, value in rows.items():
        click.echo(f"{name:<11} {value}")
    for note in checkpoint.notes if checkpoint is not None else ():
        click.echo(f"{'note':<11} {note}")
    click.echo(f"{'settings':<11}")
    for name, value in sorted((checkpoint.config if checkpoint is not None else {}).items()):
        click.echo(f"  {name} = {value}")
    click.echo("layers")
    for layer in generator.layers:
        row = "-" if layer.row is None else layer.row
        click.echo(f"  {layer.index:>2}  {layer.name:<16} {layer.channels:>4} channels, row {row}")


def _show_audit(file: str, report: Audit) -> None:
    click.echo(
        f"{file}: {report.container}, {report.opcodes:,} opcodes, {report.nested} nested streams; nothing was loaded"
    )
    for reference in report.references:
        click.echo(f"  {'allowed  ' if reference.allowed else 'FORBIDDEN'} {reference.count:>6} x {reference.name}")
    if not report.references:
        click.echo("  it refers to nothing")
    if report.damage:
        click.echo(f"  {report.damage}")


@command.command(
    epilog=examples(
        "gantk models convert network.pkl network.safetensors", "gantk models convert G_ema.pth G.safetensors"
    )
)
@click.argument("file", metavar="FILE")
@click.argument("out", metavar="OUT.safetensors")
@click.option(
    "--layout",
    type=click.Choice(["gantk", "rosinality", "genforce", "higan"]),
    default="gantk",
    show_default=True,
    help="Write for this program instead (a StyleGAN2; OUT is then its .pt or .pth).",
)
@click.option("--half", is_flag=True, help="Store matrices and kernels in float16: half the size, rounded weights.")
@click.option("--force", is_flag=True, help="Replace OUT when it exists.")
def convert(file: str, out: str, layout: str, half: bool, force: bool) -> None:
    """Write a checkpoint of any known format as a gantk file, with a golden image to verify it by.

    With --layout, write it for one of the original programs.
    """
    import dataclasses
    import hashlib
    from pathlib import Path

    from gantk.checkpoints.golden import render_golden
    from gantk.checkpoints.load import build_generator, read_checkpoint
    from gantk.checkpoints.native import write_checkpoint
    from gantk.errors import GantkError, UsageError

    if not out.endswith(".safetensors") and layout == "gantk":
        raise UsageError(f"OUT must end with .safetensors, not {out!r}")
    if Path(out).exists() and not force:
        raise GantkError(f"{out} exists; give --force to replace it")
    checkpoint = read_checkpoint(file)
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
    if layout != "gantk":
        from gantk.checkpoints.export import export

        complete = dataclasses.replace(checkpoint, config=generator.config.to_dict())
        export(out, complete, layout)
        click.echo(f"{out}: {checkpoint.family} from {checkpoint.source}, in the layout of {layout}")
        return
    path = Path(file) if Path(file).is_file() else None
    origin = {
        "origin": {"name": Path(file).name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest() if path else None}
    }
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
def verify(model: str, device: str) -> None:
    """Render a gantk file's golden image again and compare it with the one that was stored."""
    from pathlib import Path

    from gantk.checkpoints.golden import Golden, render_golden
    from gantk.checkpoints.load import build_generator
    from gantk.checkpoints.names import locate
    from gantk.checkpoints.native import is_native, read
    from gantk.checkpoints.unpickle import open_bytes
    from gantk.errors import GantkError

    found: Any = Path(model) if Path(model).exists() else locate(model)
    if not isinstance(found, Path) or found.is_dir() or not is_native(open_bytes(found)):
        raise GantkError(f"{model} is no gantk file and has no golden image; make one with `gantk models convert`")
    checkpoint = read(found)
    if "golden" not in checkpoint.header:
        raise GantkError(f"{model} has no golden image in its header; convert the original checkpoint again")
    stored = Golden.from_dict(checkpoint.header["golden"])
    generator = build_generator(checkpoint).to(resolve_device(device))
    difference = stored.difference(render_golden(generator, stored.seed))
    if difference is not None:
        raise GantkError(f"{model} does not make the pictures it was converted with: they differ in {difference}")
    click.echo(f"{model}: the golden image is the same")
