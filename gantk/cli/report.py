"""`gantk report`: rebuild the pages of a run directory."""

from __future__ import annotations

import click

from gantk.cli.options import examples


@click.command(epilog=examples("gantk report runs/rescore", "gantk report runs/all --command manipulate"))
@click.argument("run", metavar="RUN")
@click.option("--command", "chosen", metavar="NAME", default=None, help="Command whose page is made; default: all.")
def command(run: str, chosen: str | None) -> None:
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
    for name in dict.fromkeys(commands):
        if chosen in (None, name):
            click.echo(str(render(run, name)))
    if chosen is None and (index := render_index(run)) is not None:
        click.echo(str(index))
