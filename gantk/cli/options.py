"""Options that several commands share, spelled the same everywhere, and ``--config``.

A command is `@click.command(...)` with these decorators; `--config` and `--debug` are added to every command by
`gantk.cli.main`. Underscores in option names are taken as dashes, so that the original programs' spellings work.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import click

from gantk.cli.numbers import number_option
from gantk.runs.options import LARGEST_SEED

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def normalize_token(token: str) -> str:
    """Take ``output_dir`` for ``output-dir``, and ``train_boundary`` for ``train-boundary``."""
    return token.replace("_", "-")


def examples(*lines: str) -> str:
    """Return an epilog (``@click.command(epilog=examples("gantk demo"))``) with command lines that can be pasted."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


class Typed(click.ParamType):
    """A text that may name code where it was typed on this command line; from a settings file it is a text like any."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if ctx is None or param is None or param.name is None:
            return str(value)
        from gantk.store.own_code import OwnCode

        typed = ctx.get_parameter_source(param.name) is click.core.ParameterSource.COMMANDLINE
        return OwnCode(value) if typed else str(value)


TYPED = Typed()


# --- shared arguments and options ----------------------------------------------------------------------------------


def model_argument(name: str = "model") -> Decorator:
    """MODEL: a zoo name, a checkpoint in any known format, or a gantk file."""
    return click.argument(name, metavar="MODEL", type=TYPED)


def output_dir_option(default: str | None = None, help: str = "Run directory; made when absent.") -> Decorator:
    """``--output-dir/-o`` -> `output_dir`, str or None."""
    return click.option("--output-dir", "-o", default=default, show_default=default is not None, help=help)


def seed_option() -> Decorator:
    return number_option("--seed", int, "Seed of all draws.", 0, least=0, most=LARGEST_SEED)


def device_option() -> Decorator:
    """``--device`` -> `device`: auto, cpu, cuda, cuda:1; resolve it with `resolve_device`."""
    return click.option(
        "--device",
        default="auto",
        show_default=True,
        help="Device: cpu, cuda, cuda:N; auto takes a GPU when there is one.",
    )


def precision_option() -> Decorator:
    kinds = click.Choice(["float32", "float16", "bfloat16"])
    return click.option(
        "--precision", type=kinds, default="float32", show_default=True, help="Precision of the generator."
    )


def overwrite_option() -> Decorator:
    return click.option(
        "--overwrite",
        is_flag=True,
        help="Forget an earlier run of this command in the directory instead of continuing it.",
    )


# --- --config ------------------------------------------------------------------------------------------------------


SETTINGS = "gantk.settings"  # in a context's meta, which subcommands share: the files read so far


def _configure(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if ctx.resilient_parsing or (value is None and SETTINGS not in ctx.meta):
        return
    from gantk.cli.settings import configure

    configure(ctx, value)


config_option = click.option(
    "--config",
    metavar="FILE.toml",
    is_eager=True,
    expose_value=False,
    callback=_configure,
    help="Defaults from a settings file, one table per command; the command line wins.",
)


def _first_paragraph(text: str | None) -> str:
    return " ".join(inspect.cleandoc(text or "").split("\n\n")[0].split())


def add_common_options(command: click.Command) -> click.Command:
    """Give a command, and the commands of a group, ``--config`` and ``--debug``; called once for each on loading."""
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            child = command.get_command(click.Context(command), name)
            if child is not None:
                child.short_help = child.short_help or _first_paragraph(child.help)  # click's own ends at 45 letters
                add_common_options(child)
    present = {parameter.name for parameter in command.params}
    if "config" not in present:
        config_option(command)
    if "debug" not in present:
        text = "Show a traceback when an error occurs."
        click.option("--debug", is_flag=True, expose_value=False, help=text)(command)
    return command
