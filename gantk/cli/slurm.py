"""`gantk slurm`: write batch files for a cluster, submit them, and see how they are."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gantk.cli.options import examples
from gantk.cli.settings import read_config
from gantk.errors import GantkError, UsageError
from gantk.slurm.pipelines import PIPELINES

if TYPE_CHECKING:
    from gantk.runs.runner import Plan


HELP = f"""Write the batch files of a PIPELINE for a cluster with slurm.

PIPELINE is one of {", ".join(PIPELINES)}.

The files are plain text in OUTPUT-DIR/slurm. Jobs are arrays whose tasks are shards; each job waits for the one before
it. A job whose time is up is queued again and continues where it stopped. The page there shows the state of the chain.
"""


@click.command(
    help=HELP,
    epilog=examples(
        "gantk slurm synthesize --config church.toml",
        "gantk slurm higan --config church.toml --submit",
        "gantk slurm higan --config church.toml --status",
    ),
)
@click.argument("pipeline", type=click.Choice(list(PIPELINES)), metavar="PIPELINE")
@click.option(
    "--config",
    metavar="FILE.toml",
    required=True,
    help="Settings: the site, the model and the folder in [slurm], the commands' options in their own tables.",
)
@click.option(
    "--own-code",
    multiple=True,
    metavar="OPTION=FILE.py:NAME",
    help="Own code for an option of the jobs' commands, such as predictor=mine.py:score, which no settings file may "
    "name; may be repeated.",
)
@click.option(
    "--estimate",
    is_flag=True,
    help="Measure here for a few seconds how long each job would take, and ask for time and memory where the settings "
    "do not; without it what was measured before is taken, for the same command lines.",
)
@click.option("--submit", is_flag=True, help="Also hand them to sbatch, each job after the one before.")
@click.option("--status", is_flag=True, help="Write nothing new; ask the scheduler and make the chain's page again.")
def command(pipeline: str, config: str, own_code: tuple[str, ...], estimate: bool, submit: bool, status: bool) -> None:
    """Write, submit or look at the chain of a pipeline; `HELP` is what is said of it."""
    from gantk.runs.run import Run
    from gantk.runs.runner import finish
    from gantk.slurm.batch import batch_files, folder_of, submit_script
    from gantk.slurm.chain import ask_queue, kept_chain, refuse_if_queued, submit_chain, write_chain
    from gantk.slurm.estimates import estimated
    from gantk.slurm.page import CHAIN
    from gantk.slurm.settings import read_settings
    from gantk.store.command_line import typed
    from gantk.store.shipped import find_shipped

    code = dict(text.partition("=")[::2] for text in own_code)
    for name, value in code.items():
        if not name or not value:
            raise UsageError(f"--own-code {name or value} is not understood: write OPTION=FILE.py:NAME.")
    if submit and status:
        raise UsageError("--submit and --status exclude each other: submit first, then ask.")
    settings = read_config(config)
    chain = read_settings(pipeline, settings, config)
    if not status:
        chain = estimated(pipeline, chain, settings, (lambda words: _plan(config, words)) if estimate else None)
    folder = Path(folder_of(chain))
    kept = kept_chain(folder) if status else None
    if status and kept is None:
        raise UsageError(f"There is no chain in {folder}: write it with `gantk slurm {pipeline} --config {config}`.")
    if submit:
        refuse_if_queued(folder)
    arguments = {"pipeline": pipeline, "config": config, "settings": settings, "own_code": list(own_code)}
    with Run.begin(folder, CHAIN.name, arguments, overwrite=not status) as run:
        if kept is not None:
            result = ask_queue(kept)
        else:
            path = Path(config)
            source = path if path.is_file() else find_shipped("configs", config, (".toml",))
            files = batch_files(pipeline, chain, typed().replace(" --submit", ""), code)
            script = submit_script(pipeline, chain, files)
            result = write_chain(run, pipeline, chain, files, script, source.read_bytes())
            for job in result.jobs:
                click.echo(str(run.path(job.file)))
            if submit:
                result = submit_chain(run, result)
                for job in result.jobs:
                    click.echo(f"{job.name}: job {job.number}")
        finish(CHAIN, run, result)
    click.echo(str(folder / CHAIN.page_file))


def _plan(config: str, words: list[str]) -> Plan | None:
    """The plan of a job's command line; None, and a word on it, where it cannot be made yet."""
    from gantk.cli.main import cli
    from gantk.runs.runner import Plan

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            found = cli.main(["--config", config, *words, "--plan"], prog_name="gantk", standalone_mode=False)
    except (GantkError, click.ClickException) as error:
        click.echo(f"No estimate of `gantk {' '.join(words)}`: {error}", err=True)
        return None
    return found if isinstance(found, Plan) else None
