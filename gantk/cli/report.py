"""`gantk report`: rebuild the pages of a run directory."""

from __future__ import annotations

from pathlib import Path

import click

from gantk.cli.options import examples
from gantk.errors import UsageError, suggestion
from gantk.store.progress import alive


@click.command(
    epilog=examples(
        "gantk report runs/rescore",
        "gantk report runs/all --command manipulate",
        "gantk report runs/rescore --figures paper",
    )
)
@click.argument("run", metavar="RUN")
@click.option("--command", "chosen", metavar="NAME", default=None, help="Command whose page is made; default: all.")
@click.option(
    "--figures",
    metavar="DIR",
    default=None,
    help="Directory into which all figures and tables are written, as PNG, SVG, PDF, LaTeX, CSV and Markdown.",
)
@click.option(
    "--width",
    metavar="LENGTH",
    default="84mm",
    show_default=True,
    help="Width of SVG and PDF in mm or inches (in).",
)
@alive("report")
def command(run: str, chosen: str | None, figures: str | None, width: str) -> None:
    """Rebuild the page of every command in a run directory, from its files alone.

    Needs neither the generator nor a GPU.
    """
    from gantk.reports import render, render_index
    from gantk.reports.export import export, read_width
    from gantk.reports.pdf import ABSENT, can_write_pdf
    from gantk.reports.render import page_for
    from gantk.runs.manifest import manifests
    from gantk.runs.reporting import read_from

    width_mm = read_width(width)
    commands = [manifest["command"] for manifest in manifests(run).values() if not manifest["arguments"].get("shard")]
    if not commands:
        raise UsageError(f"{run} holds only shards: join them with `gantk merge {run}` first.")
    if chosen is not None and chosen not in commands:
        raise UsageError(f"{run} holds no run of {chosen!r}.{suggestion(chosen, commands)}")
    for name in dict.fromkeys(commands):
        if chosen in (None, name):
            click.echo(str(render(run, name)))
            if figures is not None:
                with read_from(f"gantk {name}", Path(run)):
                    made = export(page_for(run, name), figures, "-".join(name.split()), width_mm)
                for path in made:
                    click.echo(str(path))
    if figures is not None and not can_write_pdf():
        click.echo(ABSENT, err=True)
    if chosen is None and (index := render_index(run)) is not None:
        click.echo(str(index))
