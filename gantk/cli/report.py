"""`gantk report`: rebuild the pages of a run directory."""

from __future__ import annotations

import click

from gantk.cli.options import examples


@click.command(
    epilog=examples(
        "gantk report runs/rescore",
        "gantk report runs/all --command manipulate",
        "gantk report runs/rescore --figures figures --width 85",
    )
)
@click.argument("run", metavar="RUN")
@click.option("--command", "chosen", metavar="NAME", default=None, help="Only this command's page; default: all.")
@click.option(
    "--figures", metavar="DIR", default=None,
    help="Also write the page's figures (SVG, PNG, PDF) and tables (LaTeX, CSV, Markdown) into this directory.",
)  # fmt: skip
@click.option(
    "--width", metavar="MM", type=float, default=None, help="Width of SVG and PDF in millimetres.  [default: 160]"
)
def command(run: str, chosen: str | None, figures: str | None, width: float | None) -> None:
    """Rebuild the page of every command in a run directory, from its files alone.

    Needs neither the generator nor a GPU.
    """
    from gantk.errors import UsageError, suggestion
    from gantk.reports import render, render_index
    from gantk.runs.run import manifests

    commands = [manifest["command"] for manifest in manifests(run).values() if not manifest["arguments"].get("shard")]
    if not commands:
        raise UsageError(f"{run} holds only shards: join them with `gantk merge {run}` first.")
    if chosen is not None and chosen not in commands:
        raise UsageError(f"{run} holds no run of {chosen!r}.{suggestion(chosen, commands)}")
    names = [name for name in dict.fromkeys(commands) if chosen in (None, name)]
    if width is not None and figures is None:
        raise UsageError(f"--width {width:g} is the width of figures: give --figures DIR too.")
    if figures is not None:
        _write_figures(run, names, figures, width)
    for name in names:
        click.echo(str(render(run, name)))
    if chosen is None and (index := render_index(run)) is not None:
        click.echo(str(index))


def _write_figures(run: str, names: list[str], figures: str, width: float | None) -> None:
    """The figures of every page; those of several commands are in a folder each."""
    from pathlib import Path

    from gantk.reports.paper.files import COLUMN, write_figures
    from gantk.reports.paper.pdf import ABSENT, can_write_pdf
    from gantk.reports.render import page_of
    from gantk.runs.results import stem_of

    for name in names:
        folder = Path(figures) / stem_of(name) if len(names) > 1 else Path(figures)
        written = write_figures(page_of(run, name).sections, folder, COLUMN if width is None else width)
        click.echo(f"{folder}: {len(written)} files of figures and tables")
    if not can_write_pdf():
        click.echo(ABSENT, err=True)
